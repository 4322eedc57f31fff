"""Columns of cells that may be NULL."""

from tracecheck.receiver import _nocython as cython
from tracecheck.receiver.columns.bits import INT32_LIMIT
from tracecheck.receiver.columns.faults import TOO_MUCH, refuse
from tracecheck.receiver.columns.lists import Bits, Ints, Longs
from tracecheck.receiver.columns.memory import Bytes


@cython.final
@cython.cclass
class Texts:
    """Texts, or NULL."""

    ends: Ints
    text: Bytes
    given: Bits

    def __init__(self, work: Bytes) -> None:
        self.ends = Ints(0)
        self.text = Bytes(work)
        self.given = Bits()

    @cython.cfunc
    @cython.inline
    @cython.nogil
    def put(self, start: cython.Py_ssize_t, length: cython.Py_ssize_t) -> cython.int:
        """One cell: a range of `work`; a length below 0 is NULL."""
        self.text.copy(start, length)
        return self.close(length >= 0)

    @cython.cfunc
    @cython.nogil
    def move(self, out: Bytes) -> cython.int:
        """One cell: all that `out` holds, which is empty then."""
        self.text.move(out)
        return self.close(True)

    @cython.cfunc
    @cython.inline
    @cython.nogil
    def close(self, given: cython.bint) -> cython.int:
        """Ends one cell: what was put into `text` since the last one, or NULL."""
        if self.text.size > INT32_LIMIT:
            return refuse(TOO_MUCH)
        self.ends.put(self.text.size)
        return self.given.put(given)


RECENT = cython.declare(cython.int, 1024)


@cython.final
@cython.cclass
class Repeated:
    """Texts of which most have been there before, or NULL: each is kept once, and the cells say which one it is.

    One that hashes like a later one may be forgotten and kept again; so no text costs more than one comparison.
    """

    kept: Texts
    text: Bytes
    which: Ints
    given: Bits
    recent: Ints

    def __init__(self, work: Bytes) -> None:
        self.kept = Texts(work)
        self.kept.ends.put(0)  # the first one is empty, for NULL to point to
        self.text = self.kept.text
        self.which = Ints()
        self.given = Bits()
        self.recent = Ints(*[0] * RECENT)

    @cython.cfunc
    @cython.nogil
    def close(self, hashed: cython.ulonglong, given: cython.bint) -> cython.int:
        """Ends one cell: what was put into `text` since the last one, which hashes so, or NULL."""
        last: cython.Py_ssize_t = self.kept.ends.size - 1
        start: cython.Py_ssize_t = self.kept.ends.view[last]
        length: cython.Py_ssize_t = self.text.size - start
        place: cython.Py_ssize_t = (hashed ^ (hashed >> 10)) & (RECENT - 1)
        known: cython.Py_ssize_t = self.recent.view[place]
        self.given.put(given)
        if not given:
            return self.which.put(0)
        # What was kept may have been taken back since.
        if known < last and self.kept.ends.view[known + 1] - self.kept.ends.view[known] == length:
            if self.text.repeats(self.kept.ends.view[known], start, length):
                self.text.size = start
                return self.which.put(known)
        if self.text.size > INT32_LIMIT:
            return refuse(TOO_MUCH)
        self.kept.ends.put(self.text.size)
        self.recent.view[place] = last
        return self.which.put(last)


@cython.final
@cython.cclass
class Numbers:
    """64-bit integers, or NULL."""

    numbers: Longs
    given: Bits

    def __init__(self) -> None:
        self.numbers = Longs()
        self.given = Bits()

    @cython.cfunc
    @cython.inline
    @cython.nogil
    def put(self, value: cython.longlong, given: cython.bint) -> cython.int:
        self.numbers.put(value)
        return self.given.put(given)


@cython.final
@cython.cclass
class SmallNumbers:
    """32-bit integers, or NULL."""

    numbers: Ints
    given: Bits

    def __init__(self) -> None:
        self.numbers = Ints()
        self.given = Bits()

    @cython.cfunc
    @cython.inline
    @cython.nogil
    def put(self, value: cython.int, given: cython.bint) -> cython.int:
        self.numbers.put(value)
        return self.given.put(given)


@cython.final
@cython.cclass
class Lists:
    """Where the lists of a column end among their elements, or NULL."""

    ends: Ints
    given: Bits

    def __init__(self) -> None:
        self.ends = Ints(0)
        self.given = Bits()

    @cython.cfunc
    @cython.inline
    @cython.nogil
    def put(self, end: cython.int, given: cython.bint) -> cython.int:
        self.ends.put(end)
        return self.given.put(given)
