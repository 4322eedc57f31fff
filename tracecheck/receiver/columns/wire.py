"""One field of a message after the other, from the bytes in `work`."""

from tracecheck.receiver import _nocython as cython
from tracecheck.receiver.columns.bits import LITTLE_ENDIAN, signed
from tracecheck.receiver.columns.faults import DAMAGED, refuse
from tracecheck.receiver.columns.memory import Bytes


@cython.final
@cython.cclass
class Wire:
    """One field of a message after the other, from the bytes in `work`."""

    work: Bytes
    at: cython.Py_ssize_t
    tag: cython.uint
    number: cython.longlong
    start: cython.Py_ssize_t
    stop: cython.Py_ssize_t

    def __init__(self, work: Bytes) -> None:
        self.work = work

    @cython.cfunc
    @cython.nogil
    def varint(self, end: cython.Py_ssize_t, most: cython.int) -> cython.int:
        """Reads a number of at most so many bytes; bits over 64 are dropped, as protobuf does."""
        value: cython.ulonglong = 0
        byte: cython.ulonglong
        shift: cython.int = 0
        while True:
            if self.at >= end or shift >= 7 * most:
                return refuse(DAMAGED)
            byte = self.work.view[self.at]
            self.at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
        self.number = signed(value)
        return 0

    @cython.cfunc
    @cython.nogil
    def fixed(self, size: cython.int, end: cython.Py_ssize_t) -> cython.int:
        value: cython.ulonglong = 0
        byte: cython.ulonglong
        place: cython.int
        if end - self.at < size:
            return refuse(DAMAGED)
        if LITTLE_ENDIAN and size == 8:
            self.work.load(self.at)
            self.number = self.work.loaded
            self.at += 8
            return 0
        for place in range(size):
            byte = self.work.view[self.at + place]
            value |= byte << (8 * place)
        self.at += size
        self.number = signed(value)
        return 0

    @cython.cfunc
    @cython.nogil
    def next(self, end: cython.Py_ssize_t) -> cython.int:
        """Reads one whole field: its `tag`, and its `number`, or its content from `start` to `stop`."""
        byte: cython.int = self.work.view[self.at]
        wire: cython.int
        length: cython.longlong
        if byte < 0x80:
            self.at += 1
            self.tag = byte
        else:
            self.varint(end, 5)
            if self.number >> 32:
                return refuse(DAMAGED)
            self.tag = self.number
        if self.tag < 8:
            return refuse(DAMAGED)
        wire = self.tag & 7
        if wire == 2:
            if self.at < end and self.work.view[self.at] < 0x80:
                length = self.work.view[self.at]
                self.at += 1
            else:
                self.varint(end, 5)
                length = self.number
            if length > end - self.at:
                return refuse(DAMAGED)
            self.start = self.at
            self.at += length
            self.stop = self.at
        elif wire == 0:
            self.varint(end, 10)
        elif wire == 1:
            self.fixed(8, end)
        elif wire == 5:
            self.fixed(4, end)
        else:
            return refuse(DAMAGED)
        return 0

    @cython.cfunc
    @cython.nogil
    def read_id(self, start: cython.Py_ssize_t) -> cython.int:
        """A span id as the number that its hex text is (`number`)."""
        value: cython.ulonglong = 0
        byte: cython.ulonglong
        place: cython.int
        for place in range(8):
            byte = self.work.view[start + place]
            value = (value << 8) | byte
        self.number = signed(value)
        return 0
