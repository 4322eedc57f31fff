"""The attributes of a span as key lists beside value lists, as `store.attributes.pack` writes them."""

from tracecheck.receiver import _nocython as cython
from tracecheck.receiver.columns.ground import Ground
from tracecheck.receiver.columns.items import Items
from tracecheck.receiver.columns.json_text import Json
from tracecheck.receiver.columns.keys import Keys
from tracecheck.receiver.columns.lists import Ints
from tracecheck.receiver.columns.memory import Bytes
from tracecheck.receiver.columns.rows import SpanColumns
from tracecheck.receiver.columns.values import BOOL, BYTES, DOUBLE, INT, JSON, KINDS, STRING
from tracecheck.receiver.columns.vocabulary import IS_ODD, W_ODD_KEYS, Vocabulary
from tracecheck.receiver.columns.writer import Writer


@cython.final
@cython.cclass
class Packed:
    """The attributes of a span as key lists beside value lists, as `store.attributes.pack` writes them."""

    items: Items
    out: Bytes
    words: Vocabulary
    writer: Writer
    keys: Keys
    json: Json
    columns: SpanColumns
    of_texts: Ints
    of_ints: Ints

    def __init__(self, ground: Ground, keys: Keys, json: Json, columns: SpanColumns) -> None:
        self.items, self.out, self.words, self.writer = ground.items, ground.out, ground.words, ground.writer
        self.keys, self.json, self.columns = keys, json, columns
        self.of_texts, self.of_ints = Ints(), Ints()  # what the key lists follow from

    @cython.cfunc
    @cython.nogil
    def put(self) -> cython.int:
        """The items as key lists beside value lists (`store.attributes.pack`)."""
        item: cython.Py_ssize_t
        kind: cython.longlong
        key: cython.longlong
        size: cython.Py_ssize_t = self.items.size
        self.of_texts.size = self.of_ints.size = 0
        for item in range(size):
            key = self.items.key.view[item]
            kind = self.items.kind.view[item]
            if self.keys.flags.view[key] & IS_ODD:
                self.items.add(key, 0, 0)
                self.items.key_start.view[self.items.size - 1] = self.items.key_start.view[item]
                self.items.key_length.view[self.items.size - 1] = self.items.key_length.view[item]
                self.items.replace(self.items.size - 1, item)
            elif kind == INT:
                self.of_ints.put(key)
                self.columns.attr_numbers.put(self.items.a.view[item])
            else:
                self.of_texts.put(key * KINDS + kind)
                self.put_text(kind, self.items.a.view[item], self.items.b.view[item])
        if self.items.size > size:
            self.of_texts.put(-1)
            self.json.put_items(size)
            self.columns.attr_texts.move(self.out)
            self.items.shrink(size)
        self.columns.attr_vals.put(self.columns.attr_texts.ends.size - 1, self.of_texts.size > 0)
        self.columns.attr_ints.put(self.columns.attr_numbers.size, self.of_ints.size > 0)
        if self.of_texts.size:
            self.of_texts.put(self.keys.forgotten)
        if self.of_ints.size:
            self.of_ints.put(self.keys.forgotten)
        if not self.columns.attr_keys.put_known(self.of_texts):
            self.put_keys()
        if not self.columns.attr_int_keys.put_known(self.of_ints):
            self.put_int_keys()
        return 0

    @cython.cfunc
    @cython.inline
    @cython.nogil
    def put_text(self, kind: cython.longlong, a: cython.longlong, b: cython.longlong) -> cython.int:
        """A value as text."""
        if kind == STRING or kind == JSON:
            return self.columns.attr_texts.put(a, b)
        if kind == BOOL:
            self.json.put_scalar(BOOL, a, b)
        elif kind == DOUBLE:
            self.writer.put_double(a)
        elif kind == BYTES:
            self.writer.put_base64(a, b)
        return self.columns.attr_texts.move(self.out)

    @cython.cfunc
    @cython.nogil
    def put_keys(self) -> cython.int:
        """The keys of the values that are texts, with what each text stands for."""
        item: cython.Py_ssize_t
        at: cython.Py_ssize_t = 0
        kind: cython.longlong
        for item in range(self.items.size):
            kind = self.items.kind.view[item]
            if kind == INT or self.keys.flags.view[self.items.key.view[item]] & IS_ODD:
                continue
            if at:
                self.columns.attr_keys.text.put(0x1F)
            at += 1
            self.columns.attr_keys.text.copy(self.items.key_start.view[item], self.items.key_length.view[item])
            if kind != STRING:
                self.columns.attr_keys.text.put(0x1E)
            if kind == BOOL:
                self.columns.attr_keys.text.put(0x62)
            elif kind == DOUBLE:
                self.columns.attr_keys.text.put(0x64)
            elif kind == BYTES:
                self.columns.attr_keys.text.put(0x79)
            elif kind == JSON:
                self.columns.attr_keys.text.put(0x6A)
            elif kind != STRING:
                self.columns.attr_keys.text.put(0x65)
        if at < self.of_texts.size - 1:  # there are odd keys
            if at:
                self.columns.attr_keys.text.put(0x1F)
            self.columns.attr_keys.text.copy(self.words.start.view[W_ODD_KEYS], self.words.length.view[W_ODD_KEYS])
            self.columns.attr_keys.text.put(0x1E)
            self.columns.attr_keys.text.put(0x6A)
        return self.columns.attr_keys.close(self.of_texts)

    @cython.cfunc
    @cython.nogil
    def put_int_keys(self) -> cython.int:
        """The keys of the values that are whole numbers."""
        item: cython.Py_ssize_t
        at: cython.Py_ssize_t = 0
        for item in range(self.items.size):
            if self.items.kind.view[item] != INT or self.keys.flags.view[self.items.key.view[item]] & IS_ODD:
                continue
            if at:
                self.columns.attr_int_keys.text.put(0x1F)
            at += 1
            self.columns.attr_int_keys.text.copy(self.items.key_start.view[item], self.items.key_length.view[item])
        return self.columns.attr_int_keys.close(self.of_ints)
