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

    A text follows from numbers, so that one that is known is never written. One whose numbers hash like those of a
    later one may be forgotten and kept again; so no text costs more than one comparison.
    """

    kept: Texts
    text: Bytes
    which: Ints
    given: Bits
    recent: Ints
    numbers: Ints
    ends: Ints
    place: cython.Py_ssize_t

    def __init__(self, work: Bytes) -> None:
        self.kept = Texts(work)
        self.kept.ends.put(0)  # the first one is empty, for NULL to point to
        self.text = self.kept.text
        self.which = Ints()
        self.given = Bits()
        self.recent = Ints(*[0] * RECENT)
        self.numbers = Ints()
        self.ends = Ints(0, 0)

    @cython.cfunc
    @cython.nogil
    def put_known(self, numbers: Ints) -> cython.int:
        """One cell: the text that follows from these numbers, or NULL if there are none. Returns 0 if it is not known:
        then it must be put into `text` and told to `close`."""
        at: cython.Py_ssize_t
        known: cython.Py_ssize_t = 0
        first: cython.Py_ssize_t
        hashed: cython.ulonglong = 0
        if numbers.size:
            for at in range(numbers.size):
                hashed = 31 * hashed + numbers.view[at]
            self.place = (hashed ^ (hashed >> 10)) & (RECENT - 1)
            known = self.recent.view[self.place]
            if known >= self.ends.size - 1:  # it has been taken back
                return 0
            first = self.ends.view[known]
            if self.ends.view[known + 1] - first != numbers.size:
                return 0
            for at in range(numbers.size):
                if self.numbers.view[first + at] != numbers.view[at]:
                    return 0
        self.given.put(known > 0)
        self.which.put(known)
        return 1

    @cython.cfunc
    @cython.nogil
    def close(self, numbers: Ints) -> cython.int:
        """Ends one cell: what was put into `text` since `put_known` did not know it."""
        at: cython.Py_ssize_t
        last: cython.int = self.ends.size - 1
        if self.text.size > INT32_LIMIT:
            return refuse(TOO_MUCH)
        self.kept.ends.put(self.text.size)
        for at in range(numbers.size):
            self.numbers.put(numbers.view[at])
        self.ends.put(self.numbers.size)
        self.recent.view[self.place] = last
        self.given.put(True)
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
