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
