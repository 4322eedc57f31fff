"""Writes numbers, base64 and JSON strings to the end of `out`."""

from tracecheck.receiver import _nocython as cython
from tracecheck.receiver.columns.bits import double
from tracecheck.receiver.columns.memory import Bytes

if cython.compiled:
    from cython.cimports.cpython.conversion import PyOS_double_to_string
    from cython.cimports.cpython.mem import PyMem_Free
    from cython.cimports.libc.string import memcpy, strlen


@cython.final
@cython.cclass
class Writer:
    """Writes numbers, base64 and JSON strings to the end of `out`."""

    out: Bytes
    work: Bytes

    def __init__(self, out: Bytes, work: Bytes) -> None:
        self.out, self.work = out, work

    @cython.cfunc
    @cython.nogil
    def put_int(self, value: cython.longlong) -> cython.int:
        """Decimal digits to the end of `out`."""
        size: cython.int = 1
        rest: cython.ulonglong
        place: cython.Py_ssize_t
        if value < 0:
            self.out.put(0x2D)
            rest = -(value + 1)
            rest += 1
        else:
            rest = value
        scan: cython.ulonglong = rest // 10
        while scan:
            size += 1
            scan = scan // 10
        self.out.room(size)
        place = self.out.size + size
        self.out.size = place
        while size:
            place -= 1
            self.out.view[place] = 0x30 + rest % 10
            rest = rest // 10
            size -= 1
        return 0

    @cython.cfunc
    @cython.nogil
    def put_base64(self, start: cython.Py_ssize_t, length: cython.Py_ssize_t) -> cython.int:
        at: cython.Py_ssize_t = start
        stop: cython.Py_ssize_t = start + length
        group: cython.int
        place: cython.int
        six: cython.int
        have: cython.int
        while at < stop:
            have = 3 if stop - at >= 3 else stop - at
            group = self.work.view[at] << 16
            if have > 1:
                group |= self.work.view[at + 1] << 8
            if have > 2:
                group |= self.work.view[at + 2]
            at += have
            for place in range(4):
                six = (group >> (18 - 6 * place)) & 63
                if place > have:
                    six = 0x3D
                elif six < 26:
                    six += 0x41
                elif six < 52:
                    six += 0x61 - 26
                elif six < 62:
                    six += 0x30 - 52
                else:
                    six = 0x2B if six == 62 else 0x2F
                self.out.put(six)
        return 0

    @cython.cfunc
    @cython.nogil
    def put_string(self, start: cython.Py_ssize_t, length: cython.Py_ssize_t) -> cython.int:
        """A JSON string, escaped as Python's `json` does without `ensure_ascii`."""
        at: cython.Py_ssize_t = start
        done: cython.Py_ssize_t = start
        byte: cython.int
        short: cython.int
        self.out.put(0x22)
        while at < start + length:
            byte = self.work.view[at]
            if byte < 0x20 or byte == 0x22 or byte == 0x5C:
                self.out.copy(done, at - done)
                done = at + 1
                self.out.put(0x5C)
                if byte >= 0x20:
                    short = byte
                elif byte == 0x0A:
                    short = 0x6E
                elif byte == 0x0D:
                    short = 0x72
                elif byte == 0x09:
                    short = 0x74
                elif byte == 0x0C:
                    short = 0x66
                elif byte == 0x08:
                    short = 0x62
                else:
                    short = 0x75
                self.out.put(short)
                if short == 0x75:
                    self.out.put(0x30)
                    self.out.put(0x30)
                    self.put_hex(byte)
            at += 1
        self.out.copy(done, at - done)
        return self.out.put(0x22)

    @cython.cfunc
    @cython.nogil
    def put_hex(self, byte: cython.int) -> cython.int:
        high: cython.int = byte >> 4
        low: cython.int = byte & 15
        self.out.put(high + (0x30 if high < 10 else 0x57))
        return self.out.put(low + (0x30 if low < 10 else 0x57))

    @cython.cfunc
    @cython.nogil
    def put_double(self, bits: cython.longlong) -> cython.int:
        """A double as Python writes it."""
        value: cython.double = 0.0
        if cython.compiled:
            memcpy(cython.address(value), cython.address(bits), 8)
            if -1e15 < value < 1e15 and bits != 0 and value != 0.0:
                whole: cython.longlong = cython.cast(cython.longlong, value)
                if whole == value:
                    self.put_int(whole)
                    self.out.put(0x2E)
                    return self.out.put(0x30)
            with cython.gil:
                written: cython.p_char = PyOS_double_to_string(value, b"r", 0, 2, cython.NULL)
                length: cython.Py_ssize_t = strlen(written)
                try:
                    self.out.room(length)
                    memcpy(cython.address(self.out.view[self.out.size]), written, length)
                finally:
                    PyMem_Free(written)
                self.out.size += length
        else:
            for byte in repr(double(bits)).encode():
                self.out.put(byte)
        return 0
