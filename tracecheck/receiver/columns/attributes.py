"""The attributes of whatever is at hand, as items: unique by key, cut to size."""

from tracecheck.receiver import _nocython as cython
from tracecheck.receiver.columns.bits import INT64_LIMIT
from tracecheck.receiver.columns.faults import CUT_BYTES, CUT_TEXT, KEY_INDEX, REPEATED_KEY, SURPLUS
from tracecheck.receiver.columns.ground import Ground
from tracecheck.receiver.columns.items import Items
from tracecheck.receiver.columns.json_text import Json
from tracecheck.receiver.columns.keys import Keys
from tracecheck.receiver.columns.limits import Limits
from tracecheck.receiver.columns.lists import Longs
from tracecheck.receiver.columns.memory import Bytes
from tracecheck.receiver.columns.text import Text
from tracecheck.receiver.columns.values import ARRAY, BYTES, JSON, MAP, STRING, Pair, Value


@cython.final
@cython.cclass
class Attributes:
    """The attributes of whatever is at hand, as items: unique by key, cut to size."""

    items: Items
    counts: Longs
    work: Bytes
    text: Text
    keys: Keys
    pair: Pair
    value: Value
    json: Json
    limits: Limits
    pairs: Longs
    flags: cython.longlong
    dropped: cython.longlong

    def __init__(self, ground: Ground, keys: Keys, json: Json, limits: Limits) -> None:
        self.items, self.counts, self.work, self.text = ground.items, ground.counts, ground.work, ground.text
        self.pair, self.value = ground.pair, ground.value
        self.keys, self.json, self.limits = keys, json, limits
        self.pairs = Longs()

    @cython.cfunc
    @cython.nogil
    def fill(self, place: cython.Py_ssize_t) -> cython.int:
        """Gives an item the value just read; arrays and maps are written out."""
        texts: cython.longlong
        octets: cython.longlong
        if self.value.kind == ARRAY or self.value.kind == MAP:
            self.items.raw.view[place] = -1
            if self.value.kind == ARRAY:
                self.items.raw.view[place] = self.value.a
                self.items.raw_end.view[place] = self.value.a + self.value.b
            texts = self.counts.view[CUT_TEXT]
            octets = self.counts.view[CUT_BYTES]
            self.json.put_container(self.value.kind == MAP, self.value.a, self.value.a + self.value.b, 1)
            self.text.take()
            self.value.kind = JSON
            self.value.a = self.text.start
            self.value.b = self.text.length
            # What was cut counts once the attribute is kept.
            self.items.cut_texts.view[place] = self.counts.view[CUT_TEXT] - texts
            self.items.cut_bytes.view[place] = self.counts.view[CUT_BYTES] - octets
            self.counts.view[CUT_TEXT] = texts
            self.counts.view[CUT_BYTES] = octets
        self.items.kind.view[place] = self.value.kind
        self.items.a.view[place] = self.value.a
        self.items.b.view[place] = self.value.b
        return 0

    @cython.cfunc
    @cython.nogil
    def read(self, first_pair: cython.Py_ssize_t, of_span: cython.bint, limited: cython.bint) -> cython.int:
        """Makes items of the pairs from `first_pair` on, and forgets the pairs. `of_span` says what keys to expect.
        `dropped` is how many were over the limit, `flags` what is true of any key."""
        base: cython.Py_ssize_t = self.items.size
        place: cython.Py_ssize_t
        pair: cython.Py_ssize_t
        key: cython.longlong
        over: cython.bint = False
        self.json.limit = self.limits.value_bytes if limited else INT64_LIMIT
        self.keys.stamp += 1
        self.keys.last = 0 if of_span else 1
        self.flags = 0
        self.dropped = 0
        for pair in range(first_pair, self.pairs.size, 2):
            self.pair.read(self.pairs.view[pair], self.pairs.view[pair + 1])
            if self.pair.length == 0 and self.pair.index:
                self.counts.increase(KEY_INDEX)
                continue
            self.keys.find(self.pair.start, self.pair.length)
            key = self.keys.found
            self.value.read(self.pair.value_start, self.pair.value_stop)
            if self.keys.seen.view[key] == self.keys.stamp:
                place = self.keys.item.view[key]
                self.counts.increase(REPEATED_KEY)
            else:
                place = self.items.size
                self.keys.seen.view[key] = self.keys.stamp
                self.keys.item.view[key] = place
                self.items.add(key, self.keys.found_start, self.keys.found_length)
            self.fill(place)
            if (
                self.keys.found_length > self.limits.name_bytes
                or self.value.b > self.limits.value_bytes
                or self.value.kind == JSON
            ):
                over = True
        self.pairs.size = first_pair
        if limited and (over or self.items.size - base > self.limits.attributes):
            self.cut(base)
        for place in range(base, self.items.size):
            self.flags |= self.keys.flags.view[self.items.key.view[place]]
        return 0

    @cython.cfunc
    @cython.nogil
    def cut(self, base: cython.Py_ssize_t) -> cython.int:
        """Cuts the items from `base` on to size, as `limits` does."""
        place: cython.Py_ssize_t
        recut: cython.bint = False
        surplus: cython.longlong = self.items.size - base - self.limits.attributes
        if surplus > 0:
            self.dropped = surplus
            self.counts.view[SURPLUS] += surplus
            self.items.shrink(base + self.limits.attributes)
        for place in range(base, self.items.size):
            if self.items.kind.view[place] == JSON:
                self.counts.view[CUT_TEXT] += self.items.cut_texts.view[place]
                self.counts.view[CUT_BYTES] += self.items.cut_bytes.view[place]
            if self.items.key_length.view[place] > self.limits.name_bytes:
                self.items.key_length.view[place] = self.work.cut(
                    self.items.key_start.view[place], self.limits.name_bytes
                )
                self.counts.increase(CUT_TEXT)
                recut = True
            if self.items.b.view[place] > self.limits.value_bytes:
                if self.items.kind.view[place] == STRING:
                    self.items.b.view[place] = self.work.cut(self.items.a.view[place], self.limits.value_bytes)
                    self.counts.increase(CUT_TEXT)
                elif self.items.kind.view[place] == BYTES:
                    self.items.b.view[place] = self.limits.value_bytes
                    self.counts.increase(CUT_BYTES)
        if recut:
            self.join_equal_keys(base)
        return 0

    @cython.cfunc
    @cython.nogil
    def join_equal_keys(self, base: cython.Py_ssize_t) -> cython.int:
        """Keys may have become equal by being cut: the last one's value stands in the first one's place."""
        place: cython.Py_ssize_t
        kept: cython.Py_ssize_t = base
        self.keys.stamp += 1
        for place in range(base, self.items.size):
            self.keys.find(self.items.key_start.view[place], self.items.key_length.view[place])
            if self.keys.seen.view[self.keys.found] == self.keys.stamp:
                self.items.replace(self.keys.item.view[self.keys.found], place)
                continue
            self.keys.seen.view[self.keys.found] = self.keys.stamp
            self.keys.item.view[self.keys.found] = kept
            self.items.key.view[kept] = self.keys.found
            self.items.key_start.view[kept] = self.items.key_start.view[place]
            self.items.key_length.view[kept] = self.items.key_length.view[place]
            if kept != place:
                self.items.replace(kept, place)
            kept += 1
        return self.items.shrink(kept)
