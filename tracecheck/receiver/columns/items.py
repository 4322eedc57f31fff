"""Attributes at hand, decoded but not yet written, and their order by key."""

from tracecheck.receiver import _nocython as cython
from tracecheck.receiver.columns.lists import Longs
from tracecheck.receiver.columns.memory import Bytes


@cython.final
@cython.cclass
class Items:
    """Attributes of one span, link, event, resource or map: where the key is, and what the value is.

    `a` is a number, the bits of a double, or where the value's text begins; `b` is that text's length. Of arrays and
    maps that are written out, and of no others: `raw` is where an array came from (-1: a map), `cut_texts` and
    `cut_bytes` how much of it was cut.
    """

    size: cython.Py_ssize_t
    key: Longs
    key_start: Longs
    key_length: Longs
    kind: Longs
    a: Longs
    b: Longs
    raw: Longs
    raw_end: Longs
    cut_texts: Longs
    cut_bytes: Longs

    def __init__(self) -> None:
        self.size = 0
        self.key, self.key_start, self.key_length = Longs(), Longs(), Longs()
        self.kind, self.a, self.b = Longs(), Longs(), Longs()
        self.raw, self.raw_end = Longs(), Longs()
        self.cut_texts, self.cut_bytes = Longs(), Longs()

    @cython.cfunc
    @cython.inline
    @cython.nogil
    def add(self, key: cython.longlong, key_start: cython.Py_ssize_t, key_length: cython.Py_ssize_t) -> cython.int:
        """A new item, whose value follows."""
        place: cython.Py_ssize_t = self.size
        if place == self.key.view.shape[0]:
            with cython.gil:
                self.grow()
        self.key.view[place] = key
        self.key_start.view[place] = key_start
        self.key_length.view[place] = key_length
        self.size = place + 1
        return 0

    def grow(self) -> None:
        """Twice the room."""
        column: Longs
        for column in (
            self.key,
            self.key_start,
            self.key_length,
            self.kind,
            self.a,
            self.b,
            self.raw,
            self.raw_end,
            self.cut_texts,
            self.cut_bytes,
        ):
            column.grow()

    @cython.cfunc
    @cython.inline
    @cython.nogil
    def shrink(self, size: cython.Py_ssize_t) -> cython.int:
        self.size = size
        return 0

    @cython.cfunc
    @cython.nogil
    def replace(self, place: cython.Py_ssize_t, by: cython.Py_ssize_t) -> cython.int:
        """Gives the item at `place` the value of the one at `by`."""
        self.kind.view[place] = self.kind.view[by]
        self.a.view[place] = self.a.view[by]
        self.b.view[place] = self.b.view[by]
        self.raw.view[place] = self.raw.view[by]
        self.raw_end.view[place] = self.raw_end.view[by]
        self.cut_texts.view[place] = self.cut_texts.view[by]
        self.cut_bytes.view[place] = self.cut_bytes.view[by]
        return 0


@cython.final
@cython.cclass
class Sorted:
    """The order of a map's items by key."""

    work: Bytes
    items: Items
    order: Longs
    spare: Longs
    muted: Longs

    def __init__(self, work: Bytes, items: Items) -> None:
        self.items, self.work = items, work
        self.order, self.spare, self.muted = Longs(), Longs(), Longs()

    @cython.cfunc
    @cython.nogil
    def sort(self, base: cython.Py_ssize_t) -> cython.int:
        """Order of the items from `base` on by key, equal keys as they came: runs of doubling length are merged."""
        size: cython.Py_ssize_t = self.items.size
        place: cython.Py_ssize_t
        left: cython.Py_ssize_t
        right: cython.Py_ssize_t
        middle: cython.Py_ssize_t
        end: cython.Py_ssize_t
        run: cython.Py_ssize_t = 1
        sorted_already: cython.bint = True
        while self.order.size < size:
            self.order.put(0)
            self.spare.put(0)
            self.muted.put(0)
        for place in range(base, size):
            self.order.view[place] = place
            self.muted.view[place] = 0
            if place > base and self.is_after(place - 1, place):
                sorted_already = False
        if sorted_already:
            return 0
        while run < size - base:
            place = base
            while place < size:
                left = place
                middle = min(place + run, size)
                right = middle
                end = min(place + 2 * run, size)
                while place < end:
                    if right >= end or (
                        left < middle and not self.is_after(self.order.view[left], self.order.view[right])
                    ):
                        self.spare.view[place] = self.order.view[left]
                        left += 1
                    else:
                        self.spare.view[place] = self.order.view[right]
                        right += 1
                    place += 1
            for place in range(base, size):
                self.order.view[place] = self.spare.view[place]
            run = 2 * run
        return 0

    @cython.cfunc
    @cython.nogil
    def is_after(self, one: cython.Py_ssize_t, other: cython.Py_ssize_t) -> cython.int:
        return self.work.is_after(
            self.items.key_start.view[one],
            self.items.key_length.view[one],
            self.items.key_start.view[other],
            self.items.key_length.view[other],
        )
