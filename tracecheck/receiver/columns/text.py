"""The text at hand: a place and a length in `work`. A length of -1 is none."""

import hashlib

from tracecheck.receiver import _nocython as cython
from tracecheck.receiver.columns.faults import BAD_UTF8
from tracecheck.receiver.columns.lists import Longs
from tracecheck.receiver.columns.memory import Bytes


@cython.final
@cython.cclass
class Text:
    """The text at hand: a place and a length in `work`. A length of -1 is none."""

    work: Bytes
    counts: Longs
    out: Bytes
    start: cython.Py_ssize_t
    length: cython.Py_ssize_t

    def __init__(self, work: Bytes, counts: Longs, out: Bytes) -> None:
        self.work, self.counts, self.out = work, counts, out

    @cython.cfunc
    @cython.nogil
    def mend(self, start: cython.Py_ssize_t, stop: cython.Py_ssize_t) -> cython.int:
        """The text as it is, or a mended copy, as `start` and `length`."""
        if self.work.is_utf8(start, stop):
            self.start = start
            self.length = stop - start
            return 0
        self.counts.increase(BAD_UTF8)
        with cython.gil:
            self.append(self.read(start, stop - start).decode(errors="replace").encode())
        return 0

    @cython.cfunc
    @cython.nogil
    def mend_or_none(self, start: cython.Py_ssize_t, stop: cython.Py_ssize_t) -> cython.int:
        """Text as received; empty is none."""
        if stop > start:
            return self.mend(start, stop)
        self.length = -1
        return 0

    @cython.cfunc
    @cython.nogil
    def take(self) -> cython.int:
        """Moves what was written to `out` to the end of `work`: `start` and `length`."""
        self.start = self.work.size
        self.length = self.out.size
        return self.work.move(self.out)

    def append(self, text: bytes) -> None:
        """Text at the end of `work`, from Python."""
        self.work.room(len(text))
        self.work.data[self.work.size : self.work.size + len(text)] = text
        self.start = self.work.size
        self.length = len(text)
        self.work.size += len(text)

    def read(self, start: int, length: int) -> bytes:
        """Bytes of `work`, for Python."""
        return bytes(memoryview(self.work.data)[start : start + length])

    @cython.cfunc
    @cython.nogil
    def lower(self, start: cython.Py_ssize_t, length: cython.Py_ssize_t) -> cython.int:
        """The text in lower case."""
        at: cython.Py_ssize_t
        byte: cython.int
        upper: cython.bint = False
        self.start = start
        self.length = length
        for at in range(start, start + length):
            byte = self.work.view[at]
            if byte >= 0x80:
                with cython.gil:
                    self.append(self.read(start, length).decode().lower().encode())
                return 0
            if 0x41 <= byte <= 0x5A:
                upper = True
        if upper:
            self.work.copy(start, length)
            self.start = self.work.size - length
            for at in range(self.start, self.work.size):
                byte = self.work.view[at]
                if 0x41 <= byte <= 0x5A:
                    self.work.view[at] = byte + 0x20
        return 0

    def digest(self) -> None:
        """The digest of the text in its place, as `semconv.values` writes it."""
        digest = hashlib.sha256(self.read(self.start, self.length)).hexdigest()
        self.append(f"sha256:{digest}".encode())
