"""Growing lists of numbers and of booleans."""

from tracecheck.receiver import _nocython as cython
from tracecheck.receiver.columns.memory import Column

if cython.compiled:
    from cython.cimports.libc.string import memset


@cython.final
@cython.cclass
class Ints(Column):
    """32-bit integers, signed or not: the bits count."""

    view: cython.int[::1]

    def __init__(self, *first: int) -> None:
        self.bits = 32
        self.data = bytearray(4 * 1024)
        self.view = memoryview(self.data).cast("i")
        self.size = 0
        for value in first:
            self.put(value)

    def grow(self) -> None:
        """Twice the room."""
        self.data = twice(self.data)
        self.view = memoryview(self.data).cast("i")

    @cython.cfunc
    @cython.inline
    @cython.nogil
    def put(self, value: cython.int) -> cython.int:
        if self.size == self.view.shape[0]:
            with cython.gil:
                self.grow()
        self.view[self.size] = value
        self.size += 1
        return 0


@cython.final
@cython.cclass
class Longs(Column):
    """64-bit integers, signed or not: the bits count."""

    view: cython.longlong[::1]

    def __init__(self, capacity: int = 1024) -> None:
        self.bits = 64
        self.data = bytearray(8 * capacity)
        self.view = memoryview(self.data).cast("q")
        self.size = 0

    def grow(self) -> None:
        """Twice the room."""
        self.data = twice(self.data)
        self.view = memoryview(self.data).cast("q")

    @cython.cfunc
    @cython.inline
    @cython.nogil
    def put(self, value: cython.longlong) -> cython.int:
        if self.size == self.view.shape[0]:
            with cython.gil:
                self.grow()
        self.view[self.size] = value
        self.size += 1
        return 0

    @cython.cfunc
    @cython.inline
    @cython.nogil
    def put_range(self, start: cython.Py_ssize_t, stop: cython.Py_ssize_t) -> cython.int:
        self.put(start)
        return self.put(stop)

    @cython.cfunc
    @cython.nogil
    def unset(self, first: cython.Py_ssize_t, count: cython.Py_ssize_t) -> cython.int:
        """Makes so many numbers -1."""
        touched: cython.longlong
        place: cython.Py_ssize_t
        if cython.compiled:
            if count > 0:
                touched = self.view[first] + self.view[first + count - 1]
                memset(cython.address(self.view[first]), 255, 8 * count)
        else:
            for place in range(first, first + count):
                self.view[place] = -1
        return 0

    @cython.cfunc
    @cython.nogil
    def increase(self, place: cython.int) -> cython.int:
        """Counts one more."""
        self.view[place] += 1
        return 0


@cython.final
@cython.cclass
class Bits(Column):
    """Booleans, or which cells of a column are not NULL."""

    view: cython.uchar[::1]

    def __init__(self) -> None:
        self.bits = 1
        self.data = bytearray(512)
        self.view = memoryview(self.data)
        self.size = 0

    def grow(self) -> None:
        """Twice the room."""
        self.data = twice(self.data)
        self.view = memoryview(self.data)

    @cython.cfunc
    @cython.inline
    @cython.nogil
    def put(self, value: cython.bint) -> cython.int:
        place: cython.Py_ssize_t = self.size >> 3
        bit: cython.int = 1 << (self.size & 7)
        if place == self.view.shape[0]:
            with cython.gil:
                self.grow()
        if value:
            self.view[place] = self.view[place] | bit
        else:
            self.view[place] = self.view[place] & (255 - bit)
        self.size += 1
        return 0


def twice(data: bytearray) -> bytearray:
    """The same in memory of twice the size. Who holds the old memory keeps it as it is."""
    bigger = bytearray(2 * len(data))
    bigger[: len(data)] = data
    return bigger
