"""The decoder's columns as an Arrow table of `span_rows`, without copying them."""

from collections.abc import Callable
from typing import Any

import pyarrow as pa

from tracecheck.store.rows import span_table

Buffers = tuple[memoryview | None, ...]
Array = Any  # pyarrow has no types

_SCHEMA = span_table([]).schema
_OF_RESOURCE = ("service", "instance", "host", "resource")


def arrow_rows(columns: dict[str, Buffers], rows: int, operations: tuple[str, ...]) -> pa.Table:
    """The table of the `rows` that a decoder's `columns()` hold. It looks into the decoder's memory: use it up, or copy
    it, before the decoder goes on.

    What follows from the resource is written once per resource and only pointed to by the rows, as key lists are.
    """
    build = _Builder(columns, rows, operations)
    return pa.table([build.column(field) for field in _SCHEMA], names=_SCHEMA.names)


class _Builder:
    def __init__(self, columns: dict[str, Buffers], rows: int, operations: tuple[str, ...]) -> None:
        self._columns = columns
        self._rows = rows
        self._special: dict[str, Callable[[], Array]] = {
            "operation": lambda: self._operation(operations),
            "attr_keys": lambda: self._repeated("attr_keys"),
            "attr_int_keys": lambda: self._repeated("attr_int_keys"),
            "attr_vals": lambda: self._list("attr_vals", pa.string(), "attr_vals.text"),
            "attr_ints": lambda: self._list("attr_ints", pa.int64(), "attr_ints.number"),
            "links": lambda: self._structs("links"),
            "events": lambda: self._structs("events"),
            **{name: lambda name=name: self._of_resource(name) for name in _OF_RESOURCE},  # type: ignore[misc]
        }

    def column(self, field: pa.Field) -> Array:
        special = self._special.get(field.name)
        return special() if special else self._plain(field.name, field.type, self._rows)

    def _plain(self, name: str, kind: pa.DataType, size: int) -> Array:
        if kind == pa.uuid():
            return pa.ExtensionArray.from_storage(kind, self._plain(name, pa.binary(16), size))
        return pa.Array.from_buffers(kind, size, [_buffer(each) for each in self._columns[name]])

    def _operation(self, operations: tuple[str, ...]) -> Array:
        return pa.DictionaryArray.from_arrays(self._plain("operation", pa.int32(), self._rows), pa.array(operations))

    def _of_resource(self, name: str) -> Array:
        given = self._columns.get(f"{name}_given", (None, None))[1]
        indices = pa.Array.from_buffers(
            pa.int32(), self._rows, [_buffer(given), _buffer(self._columns["resource_index"][1])]
        )
        return pa.DictionaryArray.from_arrays(indices, self._texts(name))

    def _repeated(self, name: str) -> Array:
        return pa.DictionaryArray.from_arrays(self._plain(name, pa.int32(), self._rows), self._texts(f"{name}.kept"))

    def _texts(self, name: str) -> Array:
        _, ends, text = self._columns[name]
        size = len(ends or b"") // 4 - 1
        return pa.Array.from_buffers(pa.string(), size, [None, _buffer(ends), _buffer(text)])

    def _list(self, name: str, kind: pa.DataType, elements: str) -> Array:
        return self._listed(name, self._plain(elements, kind, self._size(name)))

    def _structs(self, name: str) -> Array:
        fields = _SCHEMA.field(name).type.value_type.fields
        size = self._size(name)
        children = [self._plain(f"{name}.{field.name}", field.type, size) for field in fields]
        return self._listed(name, pa.StructArray.from_arrays(children, fields=fields))

    def _listed(self, name: str, elements: Array) -> Array:
        buffers = [_buffer(each) for each in self._columns[name]]
        return pa.Array.from_buffers(pa.list_(elements.type), self._rows, buffers, children=[elements])

    def _size(self, name: str) -> int:
        ends = self._columns[name][1]
        return 0 if ends is None else int(ends.cast("i")[-1])


def _buffer(memory: memoryview | None) -> pa.Buffer | None:
    return None if memory is None else pa.py_buffer(memory)
