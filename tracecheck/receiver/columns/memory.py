"""Memory that grows at its end, and the few routines that copy or compare whole ranges of it.

All other memory is reached through views that check every index. These routines first read the last byte of both ranges
through such a view.
"""

from __future__ import annotations  # the view names its own class

import secrets
import struct

from tracecheck.receiver import _nocython as cython
from tracecheck.receiver.columns.bits import INT64_LIMIT

if cython.compiled:
    from cython.cimports.libc.string import memcmp, memcpy

HIGH_BITS = cython.declare(cython.ulonglong, 0x8080_8080_8080_8080)
SIP_0 = cython.declare(cython.ulonglong, 0x736F_6D65_7073_6575)
SIP_1 = cython.declare(cython.ulonglong, 0x646F_7261_6E64_6F6D)
SIP_2 = cython.declare(cython.ulonglong, 0x6C79_6765_6E65_7261)
SIP_3 = cython.declare(cython.ulonglong, 0x7465_6462_7974_6573)
SEED = secrets.randbits(64), secrets.randbits(64)


@cython.cclass
class Column:
    """What grows at its end, and can be set back to where it was. `bits` is how many one element takes."""

    data: bytearray
    size: cython.Py_ssize_t
    bits: cython.int

    def finished(self) -> memoryview:
        """The memory in use. It changes with whatever is put next."""
        return memoryview(self.data)[: (self.size * self.bits + 7) >> 3]


@cython.final
@cython.cclass
class Bytes(Column):
    """Bytes. `source` is where `copy` takes from: the decoder's `work`, for all others."""

    view: cython.uchar[::1]
    source: Bytes
    loaded: cython.longlong
    seed_0: cython.ulonglong
    seed_1: cython.ulonglong

    def __init__(self, source: Bytes | None = None) -> None:
        self.bits = 8
        self.source = self if source is None else source
        self.loaded, self.seed_0, self.seed_1 = 0, SEED[0], SEED[1]
        self.renew(4096)

    def renew(self, capacity: int) -> None:
        """Begins anew in memory of its own."""
        self.data = bytearray(capacity)
        self.view = memoryview(self.data)
        self.size = 0

    def grow(self, more: int) -> None:
        """Makes room for so many bytes more. Who holds the old memory keeps it as it is."""
        bigger = bytearray(max(2 * len(self.data), self.size + more))
        bigger[: self.size] = memoryview(self.data)[: self.size]
        self.data = bigger
        self.view = memoryview(bigger)

    @cython.cfunc
    @cython.inline
    @cython.nogil
    def room(self, more: cython.Py_ssize_t) -> cython.int:
        if self.size + more > self.view.shape[0]:
            with cython.gil:
                self.grow(more)
        return 0

    @cython.cfunc
    @cython.inline
    @cython.nogil
    def put(self, value: cython.int) -> cython.int:
        self.room(1)
        self.view[self.size] = value
        self.size += 1
        return 0

    @cython.cfunc
    @cython.inline
    @cython.nogil
    def copy(self, start: cython.Py_ssize_t, length: cython.Py_ssize_t) -> cython.int:
        """Copies a range of the source to the end."""
        touched: cython.int
        if length <= 0:
            return 0
        self.room(length)
        if cython.compiled:
            touched = self.source.view[start + length - 1] + self.view[self.size + length - 1]
            memcpy(cython.address(self.view[self.size]), cython.address(self.source.view[start]), length)
        else:
            self.view[self.size : self.size + length] = self.source.view[start : start + length]
        self.size += length
        return 0

    @cython.cfunc
    @cython.nogil
    def move(self, other: Bytes) -> cython.int:
        """Copies all that another one holds to the end, and empties that one."""
        touched: cython.int
        length: cython.Py_ssize_t = other.size
        other.size = 0
        if length:
            self.room(length)
            if cython.compiled:
                touched = other.view[length - 1] + self.view[self.size + length - 1]
                memcpy(cython.address(self.view[self.size]), cython.address(other.view[0]), length)
            else:
                self.view[self.size : self.size + length] = other.view[:length]
            self.size += length
        return 0

    @cython.cfunc
    @cython.nogil
    def equal(self, at: cython.Py_ssize_t, start: cython.Py_ssize_t, length: cython.Py_ssize_t) -> cython.int:
        """Whether a range and one of the source are equal."""
        touched: cython.int
        if length <= 0:
            return 1
        if cython.compiled:
            touched = self.source.view[start + length - 1] + self.view[at + length - 1]
            return memcmp(cython.address(self.view[at]), cython.address(self.source.view[start]), length) == 0
        else:
            return int(self.view[at : at + length] == self.source.view[start : start + length])

    @cython.cfunc
    @cython.nogil
    def is_after(
        self,
        one: cython.Py_ssize_t,
        length: cython.Py_ssize_t,
        other: cython.Py_ssize_t,
        other_length: cython.Py_ssize_t,
    ) -> cython.int:
        """Whether one range sorts after another. UTF-8 sorts as its code points do."""
        touched: cython.int
        found: cython.int = 0
        shared: cython.Py_ssize_t = length if length < other_length else other_length
        if cython.compiled:
            if shared > 0:
                touched = self.view[one + shared - 1] + self.view[other + shared - 1]
                found = memcmp(cython.address(self.view[one]), cython.address(self.view[other]), shared)
        else:
            left, right = bytes(self.view[one : one + shared]), bytes(self.view[other : other + shared])
            found = (left > right) - (left < right)
        return found > 0 or (found == 0 and length > other_length)

    @cython.cfunc
    @cython.nogil
    def load(self, at: cython.Py_ssize_t) -> cython.int:
        """Eight bytes as a number, as this machine orders them (`loaded`)."""
        touched: cython.int
        if cython.compiled:
            touched = self.view[at] + self.view[at + 7]
            memcpy(cython.address(self.loaded), cython.address(self.view[at]), 8)
        else:
            self.loaded = struct.unpack_from("q", self.view, at)[0]
        return 0

    @cython.cfunc
    @cython.nogil
    def after_ascii(self, start: cython.Py_ssize_t, stop: cython.Py_ssize_t) -> cython.Py_ssize_t:
        """Where the first bytes above 127 may be: at most seven bytes before them."""
        word: cython.ulonglong = 0
        touched: cython.int
        if cython.compiled:
            if stop - start < 8:
                return start
            touched = self.view[stop - 1]
            while stop - start >= 8:
                memcpy(cython.address(word), cython.address(self.view[start]), 8)
                if word & HIGH_BITS:
                    return start
                start += 8
            memcpy(cython.address(word), cython.address(self.view[stop - 8]), 8)
            return start if word & HIGH_BITS else stop
        elif bytes(self.view[start:stop]).isascii():
            return stop
        return start

    @cython.cfunc
    @cython.nogil
    def hash(self, start: cython.Py_ssize_t, length: cython.Py_ssize_t) -> cython.longlong:
        """SipHash-1-3 (Aumasson and Bernstein); where not compiled Python's own, which is seeded as well."""
        if cython.compiled:
            v0: cython.ulonglong = self.seed_0 ^ SIP_0
            v1: cython.ulonglong = self.seed_1 ^ SIP_1
            v2: cython.ulonglong = self.seed_0 ^ SIP_2
            v3: cython.ulonglong = self.seed_1 ^ SIP_3
            word: cython.ulonglong = 0
            last: cython.ulonglong = length
            at: cython.Py_ssize_t = start
            stop: cython.Py_ssize_t = start + length
            rounds: cython.int
            step: cython.int
            touched: cython.int
            last = last << 56
            if length > 0:
                touched = self.view[start] + self.view[stop - 1]
            while True:
                rounds = 1
                if stop - at >= 8:
                    memcpy(cython.address(word), cython.address(self.view[at]), 8)
                    at += 8
                elif at <= stop:
                    word = 0
                    if stop > at:
                        memcpy(cython.address(word), cython.address(self.view[at]), stop - at)
                    word |= last
                    at = stop + 1
                else:
                    word = 0
                    v2 ^= 255
                    rounds = 3
                v3 ^= word
                for step in range(rounds):
                    v0 += v1
                    v1 = (v1 << 13) | (v1 >> 51)
                    v1 ^= v0
                    v0 = (v0 << 32) | (v0 >> 32)
                    v2 += v3
                    v3 = (v3 << 16) | (v3 >> 48)
                    v3 ^= v2
                    v0 += v3
                    v3 = (v3 << 21) | (v3 >> 43)
                    v3 ^= v0
                    v2 += v1
                    v1 = (v1 << 17) | (v1 >> 47)
                    v1 ^= v2
                    v2 = (v2 << 32) | (v2 >> 32)
                v0 ^= word
                if rounds == 3:
                    return (v0 ^ v1 ^ v2 ^ v3) >> 1
        else:
            return hash(bytes(self.view[start : start + length])) & INT64_LIMIT

    @cython.cfunc
    @cython.nogil
    def is_utf8(self, start: cython.Py_ssize_t, stop: cython.Py_ssize_t) -> cython.int:
        """As Python decides it: no overlong forms, no surrogates, nothing over U+10FFFF."""
        at: cython.Py_ssize_t = self.after_ascii(start, stop)
        first: cython.int
        second: cython.int
        more: cython.int
        least: cython.int
        most: cython.int
        while at < stop:
            first = self.view[at]
            at += 1
            if first < 0x80:
                continue
            least = 0x80
            most = 0xBF
            if 0xC2 <= first <= 0xDF:
                more = 1
            elif 0xE0 <= first <= 0xEF:
                more = 2
                if first == 0xE0:
                    least = 0xA0
                elif first == 0xED:
                    most = 0x9F
            elif 0xF0 <= first <= 0xF4:
                more = 3
                if first == 0xF0:
                    least = 0x90
                elif first == 0xF4:
                    most = 0x8F
            else:
                return 0
            if stop - at < more:
                return 0
            second = self.view[at]
            if second < least or second > most:
                return 0
            at += 1
            while more > 1:
                if self.view[at] & 0xC0 != 0x80:
                    return 0
                at += 1
                more -= 1
        return 1

    @cython.cfunc
    @cython.nogil
    def cut(self, start: cython.Py_ssize_t, limit: cython.Py_ssize_t) -> cython.Py_ssize_t:
        """How many bytes of a longer text make the longest text within the limit."""
        while limit > 0 and self.view[start + limit] & 0xC0 == 0x80:
            limit -= 1
        return limit

    @cython.cfunc
    @cython.nogil
    def is_zero(self, start: cython.Py_ssize_t, length: cython.Py_ssize_t) -> cython.int:
        at: cython.Py_ssize_t
        while length >= 8:
            self.load(start)
            if self.loaded:
                return 0
            start += 8
            length -= 8
        for at in range(start, start + length):
            if self.view[at]:
                return 0
        return 1

    @cython.cfunc
    @cython.nogil
    def is_ascii(self, start: cython.Py_ssize_t, length: cython.Py_ssize_t) -> cython.int:
        at: cython.Py_ssize_t
        for at in range(self.after_ascii(start, start + length), start + length):
            if self.view[at] >= 0x80:
                return 0
        return 1
