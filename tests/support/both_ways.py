"""From bytes to rows both ways: through the decoder of columns, and through spans in Python. Equal, or a test fails."""

from collections.abc import Callable

import pyarrow as pa
import pytest

from tracecheck import semconv
from tracecheck.model import Span
from tracecheck.receiver import decode_columns, decode_protobuf
from tracecheck.receiver.columns import decoder, faults
from tracecheck.receiver.decode_columns import Batch, Taken
from tracecheck.receiver.encode_protobuf import encode_protobuf
from tracecheck.receiver.limits import SpanLimits, limited
from tracecheck.store.rows import span_table

SCHEMA = span_table([]).schema


class SourceBatch(Batch):
    """A batch over the sources as they lie there, never compiled."""

    def __init__(self, limits: SpanLimits | None = None) -> None:
        super().__init__(limits)
        limits = limits or SpanLimits()
        self._decoder = decoder.Decoder(limits.attributes, limits.value_bytes, limits.name_bytes)

    def take(self, body: bytes) -> Taken:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(decode_columns, "Irregular", faults.Irregular)
            return super().take(body)


Form = Callable[[SpanLimits | None], Batch]
FORMS = [pytest.param(Batch, id="installed"), pytest.param(SourceBatch, id="source")]


def by_columns(body: bytes, limits: SpanLimits, form: Form = Batch) -> tuple[pa.Table, Taken]:
    """Rows and counts of one request, decoded to columns."""
    batch = form(limits)
    taken = batch.take(body)
    return plain(batch.table()), taken


def by_python(body: bytes, limits: SpanLimits) -> tuple[pa.Table, Taken]:
    """Rows and counts of one request, decoded to spans."""
    decoded = limited(decode_protobuf(body), limits)
    rows = span_table([semconv.canonical(span) for span in decoded.spans])
    counts = {name: getattr(decoded, name) for name in ("rejected", "repaired", "reasons")}
    return rows, Taken(rows=rows.num_rows, **counts)


def assert_same(body: bytes, limits: SpanLimits, form: Form = Batch) -> None:
    """The request gives equal rows and counts both ways."""
    rows, taken = by_columns(body, limits, form)
    expected, counted = by_python(body, limits)
    assert_equal_tables(rows, expected)
    assert (taken.rows, taken.rejected, taken.repaired) == (counted.rows, counted.rejected, counted.repaired)
    assert sorted(taken.reasons) == sorted(counted.reasons)


def assert_equal_tables(rows: pa.Table, expected: pa.Table) -> None:
    """Equal to the bit: no column holds a float, so that nothing is unequal to itself."""
    rows.validate(full=True)
    if not rows.equals(expected):
        for name in SCHEMA.names:
            assert rows[name].to_pylist() == expected[name].to_pylist(), name
        raise AssertionError("the tables differ in a way that lists do not show")


def plain(table: pa.Table) -> pa.Table:
    """The same table with dictionaries written out."""
    columns = [
        column.cast(field.type) if pa.types.is_dictionary(column.type) else column
        for column, field in zip(table.columns, SCHEMA, strict=True)
    ]
    return pa.table(columns, schema=SCHEMA).combine_chunks()


def canonical(span: Span) -> Span:
    """`semconv.canonical`; what a sender can send of the span is held to the decoder of columns as well."""
    try:
        body = encode_protobuf([span])
    except ValueError:  # an integer over 64 bits, a lone surrogate
        pass
    else:
        assert_same(body, SpanLimits())
    return semconv.canonical(span)
