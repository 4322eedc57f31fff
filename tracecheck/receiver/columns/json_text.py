"""Attribute values as JSON text, as `store.attributes.to_json` writes them."""

from tracecheck.receiver import _nocython as cython
from tracecheck.receiver.columns.bits import double
from tracecheck.receiver.columns.faults import CUT_BYTES, CUT_TEXT, KEY_INDEX, MAX_DEPTH, REPEATED_KEY, TOO_DEEP, refuse
from tracecheck.receiver.columns.ground import Ground
from tracecheck.receiver.columns.items import Items, Sorted
from tracecheck.receiver.columns.lists import Longs
from tracecheck.receiver.columns.memory import Bytes
from tracecheck.receiver.columns.text import Text
from tracecheck.receiver.columns.values import ARRAY, BOOL, BYTES, DOUBLE, INT, JSON, MAP, STRING, Pair, Value
from tracecheck.receiver.columns.vocabulary import (
    W_BYTES,
    W_DOUBLE,
    W_FALSE,
    W_MAP,
    W_NO_MAP,
    W_NULL,
    W_TRUE,
    Vocabulary,
)
from tracecheck.receiver.columns.wire import Wire
from tracecheck.receiver.columns.writer import Writer


@cython.final
@cython.cclass
class Json:
    """Attribute values as JSON text, as `store.attributes.to_json` writes them."""

    items: Items
    out: Bytes
    counts: Longs
    work: Bytes
    wire: Wire
    text: Text
    words: Vocabulary
    writer: Writer
    pair: Pair
    value: Value
    by_key: Sorted
    limit: cython.longlong
    next: Longs
    last: Longs
    first: Longs
    is_map: Longs
    tagged: Longs
    undo: Longs
    written: Longs

    def __init__(self, ground: Ground, by_key: Sorted) -> None:
        self.items, self.out, self.counts, self.work = ground.items, ground.out, ground.counts, ground.work
        self.wire, self.text, self.words, self.writer = ground.wire, ground.text, ground.words, ground.writer
        self.pair, self.value = ground.pair, ground.value
        self.by_key = by_key
        self.next, self.last, self.first, self.is_map, self.tagged = Longs(), Longs(), Longs(), Longs(), Longs()
        self.undo, self.written = Longs(), Longs()

    @cython.cfunc
    @cython.nogil
    def put_items(self, base: cython.Py_ssize_t) -> cython.int:
        """The items from `base` on as a JSON map, to the end of `out`."""
        if self.items.size == base:
            return self.words.put(W_NO_MAP)
        self.open_map(0, base)
        return self.write(0)

    @cython.cfunc
    @cython.nogil
    def put_container(
        self, is_map: cython.bint, start: cython.Py_ssize_t, stop: cython.Py_ssize_t, depth: cython.int
    ) -> cython.int:
        """An array or map that nests at this depth as JSON, to the end of `out`."""
        base: cython.Py_ssize_t = self.items.size
        self.open(is_map, start, stop, depth)
        self.write(depth)
        return self.items.shrink(base)

    @cython.cfunc
    @cython.nogil
    def open(
        self, is_map: cython.bint, start: cython.Py_ssize_t, stop: cython.Py_ssize_t, level: cython.int
    ) -> cython.int:
        """Begins a container. Frames are numbered by depth, so that no level above the limit exists."""
        base: cython.Py_ssize_t = self.items.size
        at: cython.Py_ssize_t
        if not is_map:
            self.frame(level, base, start, stop, 0)
            return self.out.put(0x5B)
        at = start
        while at < stop:
            self.wire.at = at
            self.wire.next(stop)
            at = self.wire.at
            if self.wire.tag != 0x0A:
                continue
            if level == MAX_DEPTH:
                return refuse(TOO_DEEP)
            self.pair.read(self.wire.start, self.wire.stop)
            if self.pair.length == 0 and self.pair.index:
                self.counts.increase(KEY_INDEX)
                continue
            self.text.mend(self.pair.start, self.pair.start + self.pair.length)
            self.items.add(-1, self.text.start, self.text.length)
            self.value.read(self.pair.value_start, self.pair.value_stop)
            self.items.kind.view[self.items.size - 1] = self.value.kind
            self.items.a.view[self.items.size - 1] = self.value.a
            self.items.b.view[self.items.size - 1] = self.value.b
        return self.open_map(level, base)

    @cython.cfunc
    @cython.nogil
    def open_map(self, level: cython.int, base: cython.Py_ssize_t) -> cython.int:
        """Sorts the items from `base` on, mutes what a later one replaces, and begins the map."""
        size: cython.Py_ssize_t = self.items.size
        place: cython.Py_ssize_t
        item: cython.Py_ssize_t
        later: cython.Py_ssize_t
        kept: cython.Py_ssize_t = size - base
        tagged: cython.bint = False
        self.by_key.sort(base)
        for place in range(base, size - 1):
            item = self.by_key.order.view[place]
            later = self.by_key.order.view[place + 1]
            if self.items.key_length.view[item] == self.items.key_length.view[later] and self.work.equal(
                self.items.key_start.view[item],
                self.items.key_start.view[later],
                self.items.key_length.view[item],
            ):
                self.by_key.muted.view[item] = 1
                kept -= 1
                self.counts.increase(REPEATED_KEY)
        if kept == 1:
            item = self.by_key.order.view[size - 1]
            tagged = self.items.key_length.view[item] > 0 and self.work.view[self.items.key_start.view[item]] == 0x24
        if tagged:
            self.words.put(W_MAP)
        self.frame(level, base, base, size, 1)
        self.tagged.view[level] = tagged
        return self.out.put(0x7B)

    @cython.cfunc
    @cython.nogil
    def frame(
        self,
        level: cython.int,
        base: cython.Py_ssize_t,
        first: cython.Py_ssize_t,
        last: cython.Py_ssize_t,
        is_map: cython.int,
    ) -> cython.int:
        while self.next.size <= level:
            self.next.put(0)
            self.last.put(0)
            self.first.put(0)
            self.is_map.put(0)
            self.tagged.put(0)
            self.undo.put(-1)
            self.written.put(0)
        self.next.view[level] = first
        self.last.view[level] = last
        self.first.view[level] = base
        self.is_map.view[level] = is_map
        self.tagged.view[level] = 0
        self.undo.view[level] = -1
        self.written.view[level] = 0
        return 0

    @cython.cfunc
    @cython.nogil
    def write(self, root: cython.int) -> cython.int:
        """Writes the container that was opened at this level, and all inside it."""
        level: cython.int = root
        muted: cython.int = -1  # the outermost level that nobody will read
        texts: cython.longlong = 0
        octets: cython.longlong = 0
        item: cython.Py_ssize_t
        kind: cython.int
        a: cython.longlong
        b: cython.longlong
        while True:
            if self.undo.view[level] >= 0:
                self.out.size = self.undo.view[level]
                self.undo.view[level] = -1
                if muted == level:  # what was not kept was not cut either
                    self.counts.view[CUT_TEXT] = texts
                    self.counts.view[CUT_BYTES] = octets
                    muted = -1
            if self.next.view[level] >= self.last.view[level]:
                self.out.put(0x7D if self.is_map.view[level] else 0x5D)
                if self.tagged.view[level]:
                    self.out.put(0x7D)
                if level == root:
                    return 0
                self.items.shrink(self.first.view[level])
                level -= 1
                continue
            if self.is_map.view[level]:
                item = self.by_key.order.view[self.next.view[level]]
                self.next.view[level] += 1
                kind = self.items.kind.view[item]
                a = self.items.a.view[item]
                b = self.items.b.view[item]
                if self.by_key.muted.view[item]:
                    if kind != ARRAY and kind != MAP:
                        continue
                    # Nobody will read it, but what is wrong inside it counts.
                    self.undo.view[level] = self.out.size
                    if muted < 0:
                        muted = level
                        texts = self.counts.view[CUT_TEXT]
                        octets = self.counts.view[CUT_BYTES]
                else:
                    if self.written.view[level]:
                        self.out.put(0x2C)
                    self.written.view[level] = 1
                    self.writer.put_string(self.items.key_start.view[item], self.items.key_length.view[item])
                    self.out.put(0x3A)
            else:
                self.wire.at = self.next.view[level]
                self.wire.next(self.last.view[level])
                self.next.view[level] = self.wire.at
                if self.wire.tag != 0x0A:
                    continue
                if level == MAX_DEPTH:
                    return refuse(TOO_DEEP)
                if self.written.view[level]:
                    self.out.put(0x2C)
                self.written.view[level] = 1
                self.value.read(self.wire.start, self.wire.stop)
                kind = self.value.kind
                a = self.value.a
                b = self.value.b
            if kind == ARRAY or kind == MAP:
                level += 1
                self.open(kind == MAP, a, a + b, level)
            else:
                self.put_scalar(kind, a, b)

    @cython.cfunc
    @cython.nogil
    def put_scalar(self, kind: cython.int, a: cython.longlong, b: cython.longlong) -> cython.int:
        """A value as `store.attributes.to_json` writes it, cut to size."""
        value: cython.double
        if kind == JSON:
            return self.out.copy(a, b)
        if kind == STRING:
            if b > self.limit:
                b = self.work.cut(a, self.limit)
                self.counts.increase(CUT_TEXT)
            return self.writer.put_string(a, b)
        if kind == INT:
            return self.writer.put_int(a)
        if kind == BOOL:
            return self.words.put(W_TRUE if a else W_FALSE)
        if kind == DOUBLE:
            value = double(a)
            if value - value == 0:
                return self.writer.put_double(a)
            self.words.put(W_DOUBLE)
            self.writer.put_double(a)
            self.out.put(0x22)
            return self.out.put(0x7D)
        if kind == BYTES:
            if b > self.limit:
                b = self.limit
                self.counts.increase(CUT_BYTES)
            self.words.put(W_BYTES)
            self.writer.put_base64(a, b)
            self.out.put(0x22)
            return self.out.put(0x7D)
        return self.words.put(W_NULL)

    @cython.cfunc
    @cython.nogil
    def put_text(self, start: cython.Py_ssize_t, stop: cython.Py_ssize_t) -> cython.int:
        self.text.mend(start, stop)
        return self.writer.put_string(self.text.start, self.text.length)
