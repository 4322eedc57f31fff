"""The attributes of a span as key lists beside value lists, as `store.attributes.pack` writes them."""

from tracecheck.receiver import _nocython as cython
from tracecheck.receiver.columns.ground import Ground
from tracecheck.receiver.columns.items import Items
from tracecheck.receiver.columns.json_text import Json
from tracecheck.receiver.columns.keys import Keys
from tracecheck.receiver.columns.memory import Bytes
from tracecheck.receiver.columns.rows import SpanColumns
from tracecheck.receiver.columns.values import BOOL, BYTES, DOUBLE, INT, JSON, STRING
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

    def __init__(self, ground: Ground, keys: Keys, json: Json, columns: SpanColumns) -> None:
        self.items, self.out, self.words, self.writer = ground.items, ground.out, ground.words, ground.writer
        self.keys, self.json, self.columns = keys, json, columns

    @cython.cfunc
    @cython.nogil
    def put(self) -> cython.int:
        """The items as key lists beside value lists (`store.attributes.pack`)."""
        item: cython.Py_ssize_t
        kind: cython.longlong
        a: cython.longlong
        b: cython.longlong
        size: cython.Py_ssize_t = self.items.size
        before: cython.Py_ssize_t = self.columns.attr_texts.ends.size
        ints_before: cython.Py_ssize_t = self.columns.attr_numbers.size
        key: cython.longlong
        hashed: cython.ulonglong = 0
        ints_hashed: cython.ulonglong = 0
        for item in range(size):
            key = self.items.key.view[item]
            if self.keys.flags.view[key] & IS_ODD:
                self.items.add(key, 0, 0)
                self.items.key_start.view[self.items.size - 1] = self.items.key_start.view[item]
                self.items.key_length.view[self.items.size - 1] = self.items.key_length.view[item]
                self.items.replace(self.items.size - 1, item)
                continue
            kind = self.items.kind.view[item]
            a = self.items.a.view[item]
            b = self.items.b.view[item]
            if kind == INT:
                ints_hashed = 31 * ints_hashed + key
                if self.columns.attr_numbers.size > ints_before:
                    self.columns.attr_int_keys.text.put(0x1F)
                self.columns.attr_int_keys.text.copy(self.items.key_start.view[item], self.items.key_length.view[item])
                self.columns.attr_numbers.put(a)
                continue
            hashed = 31 * hashed + key
            if self.columns.attr_texts.ends.size > before:
                self.columns.attr_keys.text.put(0x1F)
            self.columns.attr_keys.text.copy(self.items.key_start.view[item], self.items.key_length.view[item])
            if kind == STRING:
                self.columns.attr_texts.put(a, b)
                continue
            self.columns.attr_keys.text.put(0x1E)
            if kind == BOOL:
                self.columns.attr_keys.text.put(0x62)
                self.json.put_scalar(BOOL, a, b)
            elif kind == DOUBLE:
                self.columns.attr_keys.text.put(0x64)
                self.writer.put_double(a)
            elif kind == BYTES:
                self.columns.attr_keys.text.put(0x79)
                self.writer.put_base64(a, b)
            elif kind == JSON:
                self.columns.attr_keys.text.put(0x6A)
                self.columns.attr_texts.put(a, b)
                continue
            else:
                self.columns.attr_keys.text.put(0x65)
            self.columns.attr_texts.move(self.out)
        if self.items.size > size:
            if self.columns.attr_texts.ends.size > before:
                self.columns.attr_keys.text.put(0x1F)
            self.columns.attr_keys.text.copy(self.words.start.view[W_ODD_KEYS], self.words.length.view[W_ODD_KEYS])
            self.columns.attr_keys.text.put(0x1E)
            self.columns.attr_keys.text.put(0x6A)
            self.json.put_items(size)
            self.columns.attr_texts.move(self.out)
            self.items.shrink(size)
        self.columns.attr_keys.close(hashed, self.columns.attr_texts.ends.size > before)
        self.columns.attr_vals.given.put(self.columns.attr_texts.ends.size > before)
        self.columns.attr_vals.ends.put(self.columns.attr_texts.ends.size - 1)
        self.columns.attr_int_keys.close(ints_hashed, self.columns.attr_numbers.size > ints_before)
        self.columns.attr_ints.given.put(self.columns.attr_numbers.size > ints_before)
        return self.columns.attr_ints.ends.put(self.columns.attr_numbers.size)
