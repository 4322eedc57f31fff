# cython: language_level=3, boundscheck=True, wraparound=False, cdivision=True, initializedcheck=False
"""OTLP protobuf bytes straight to the columns of `span_rows`, canonical ones included.

This file is compiled when tracecheck is installed (Cython, pure Python mode). Where that is impossible it runs as it
is, with equal results. It says the same as `decode_protobuf`, `limits`, `semconv.canonical` and `store.rows` say
together, span by span in Python; a property test holds it to them.

How to read it. One buffer, `work`, holds words that are always needed, then the request, then whatever text is made
from it; any text is a place and a length in there, a length of -1 is None. A message is walked field by field with
`_next`. A span is looked through once for its ids and where its parts lie; only then its attributes become *items*,
from these the canonical columns follow, and the row is written. Nothing recurses: nested values keep frames of their
own. What is wrong inside a span is counted (`counts`), what is wrong with the request raises `DecodeError`, and then
every column goes back to where the request began.

Safety. All memory is reached through views that check every index. The few routines that copy or compare whole ranges
first read the last byte of both ranges through such a view. Hashes of keys are SipHash-1-3 under a seed of this
process, so that no sender can make keys collide.
"""

from __future__ import annotations

import hashlib
import secrets
import sys

from tracecheck.errors import DecodeError
from tracecheck.model import Operation
from tracecheck.receiver.decoded import MAX_VALUE_DEPTH
from tracecheck.semconv import names
from tracecheck.semconv.spans import POSITION_ID, POSITION_LIKE
from tracecheck.semconv.values import LONGEST_ID
from tracecheck.store.attributes import ODD_KEYS

try:
    import cython
except ImportError:
    from tracecheck.receiver import _nocython as cython

if cython.compiled:
    from cython.cimports.cpython.conversion import PyOS_double_to_string
    from cython.cimports.cpython.mem import PyMem_Free
    from cython.cimports.libc.string import memcmp, memcpy, strlen
else:
    import struct

FORM = "compiled" if cython.compiled else "python"
SOURCE_HASH = "@source-hash@"

# What is counted, by place in `counts`.
BAD_TRACE_ID = cython.declare(cython.int, 0)
BAD_SPAN_ID = cython.declare(cython.int, 1)
BAD_UTF8 = cython.declare(cython.int, 2)
BAD_PARENT = cython.declare(cython.int, 3)
BAD_LINK = cython.declare(cython.int, 4)
BAD_KIND = cython.declare(cython.int, 5)
BAD_STATUS = cython.declare(cython.int, 6)
KEY_INDEX = cython.declare(cython.int, 7)
VALUE_INDEX = cython.declare(cython.int, 8)
REPEATED_KEY = cython.declare(cython.int, 9)
SURPLUS = cython.declare(cython.int, 10)
CUT_TEXT = cython.declare(cython.int, 11)
CUT_BYTES = cython.declare(cython.int, 12)
KINDS_OF_COUNTS = 13

# Kinds of attribute values.
EMPTY = cython.declare(cython.int, 0)
STRING = cython.declare(cython.int, 1)
BOOL = cython.declare(cython.int, 2)
INT = cython.declare(cython.int, 3)
DOUBLE = cython.declare(cython.int, 4)
BYTES = cython.declare(cython.int, 5)
ARRAY = cython.declare(cython.int, 6)
MAP = cython.declare(cython.int, 7)
JSON = cython.declare(cython.int, 8)  # an array or map, written out already

# Tables of semconv.names, in the order of `_TABLES`.
T_SERVICE = cython.declare(cython.int, 0)
T_INSTANCE = cython.declare(cython.int, 1)
T_HOST = cython.declare(cython.int, 2)
T_RUN_ID = cython.declare(cython.int, 3)
T_CORRELATION_ID = cython.declare(cython.int, 4)
T_SYSTEM = cython.declare(cython.int, 5)
T_OPERATION = cython.declare(cython.int, 6)
T_DESTINATION = cython.declare(cython.int, 7)
T_ROUTING_KEY = cython.declare(cython.int, 8)
T_PARTITION = cython.declare(cython.int, 9)
T_OFFSET = cython.declare(cython.int, 10)
T_MESSAGE_ID = cython.declare(cython.int, 11)
T_EVENT_ID = cython.declare(cython.int, 12)
T_GROUP = cython.declare(cython.int, 13)
T_KEY = cython.declare(cython.int, 14)
T_TOMBSTONE = cython.declare(cython.int, 15)
T_BATCH_COUNT = cython.declare(cython.int, 16)
T_RECORD_TIME = cython.declare(cython.int, 17)
T_ATTEMPT = cython.declare(cython.int, 18)
T_RETRY_OF = cython.declare(cython.int, 19)
T_PEER = cython.declare(cython.int, 20)

_TABLES = (
    names.SERVICE,
    names.INSTANCE,
    names.HOST,
    names.RUN_ID,
    names.CORRELATION_ID,
    names.SYSTEM,
    names.OPERATION,
    names.DESTINATION,
    names.ROUTING_KEY,
    names.PARTITION,
    names.OFFSET,
    names.MESSAGE_ID,
    names.EVENT_ID,
    names.CONSUMER_GROUP,
    names.KEY,
    names.TOMBSTONE,
    names.BATCH_COUNT,
    names.RECORD_TIME,
    names.ATTEMPT,
    names.RETRY_OF,
    names.PEER,
)

# Words that `work` begins with.
W_KAFKA = cython.declare(cython.int, 0)
W_RABBITMQ = cython.declare(cython.int, 1)
W_UNKNOWN_SERVICE = cython.declare(cython.int, 2)
W_TRUE = cython.declare(cython.int, 3)
W_FALSE = cython.declare(cython.int, 4)
W_NULL = cython.declare(cython.int, 5)
W_BYTES = cython.declare(cython.int, 6)
W_DOUBLE = cython.declare(cython.int, 7)
W_MAP = cython.declare(cython.int, 8)
W_ATTRIBUTES = cython.declare(cython.int, 9)
W_DROPPED = cython.declare(cython.int, 10)
W_SCHEMA_URL = cython.declare(cython.int, 11)
W_SCOPE = cython.declare(cython.int, 12)
W_NAME = cython.declare(cython.int, 13)
W_SCOPE_SCHEMA_URL = cython.declare(cython.int, 14)
W_VERSION = cython.declare(cython.int, 15)
W_ODD_KEYS = cython.declare(cython.int, 16)
W_SHA256 = cython.declare(cython.int, 17)
W_RUN = cython.declare(cython.int, 18)
W_APPLY_ASYNC = cython.declare(cython.int, 19)
W_NO_MAP = cython.declare(cython.int, 20)

_WORDS = (
    "kafka",
    "rabbitmq",
    names.UNKNOWN_SERVICE,
    "true",
    "false",
    "null",
    '{"$bytes":"',
    '{"$double":"',
    '{"$map":',
    '{"attributes":',
    ',"dropped_attributes_count":',
    ',"entity_refs":[],"schema_url":',
    ',"scope":{"attributes":',
    ',"name":',
    ',"schema_url":',
    ',"version":',
    ODD_KEYS,
    "sha256:",
    "run",
    "apply_async",
    "{}",
)

_OPERATIONS = tuple(Operation)
CREATE = cython.declare(cython.int, 1)
SEND = cython.declare(cython.int, 2)
RECEIVE = cython.declare(cython.int, 3)
PROCESS = cython.declare(cython.int, 4)
OPERATION_NAMES = tuple(each.value for each in _OPERATIONS)

PRODUCER = cython.declare(cython.int, 4)
CONSUMER = cython.declare(cython.int, 5)

HAS_SLOT = cython.declare(cython.int, 1 << 20)  # a key of a table
OF_MESSAGING = cython.declare(cython.int, 1)  # a key below one of names.MESSAGING_PREFIXES
IS_ODD = cython.declare(cython.int, 2)  # a key that cannot stand in a key list
FIRST_PREFIX = cython.declare(cython.int, 4)  # and its doubles: a key below one of names.SYSTEM_BY_PREFIX

MAX_DEPTH = cython.declare(cython.int, MAX_VALUE_DEPTH)
LONGEST = cython.declare(cython.int, LONGEST_ID)
LONGEST_WORD = cython.declare(cython.int, 64)  # bytes; every word of the tables is below a quarter of it
MOST_KEYS = cython.declare(cython.int, 65_536)
INT32_LIMIT = cython.declare(cython.longlong, 2**31 - 1)
UINT32_LIMIT = cython.declare(cython.longlong, 2**32 - 1)
LITTLE_ENDIAN = cython.declare(cython.bint, sys.byteorder == "little")
MOST_KEPT_BYTES = cython.declare(cython.longlong, 8 << 20)
INT64_LIMIT = cython.declare(cython.longlong, 2**63 - 1)

HIGH_BITS = cython.declare(cython.ulonglong, 0x8080_8080_8080_8080)
SIP_0 = cython.declare(cython.ulonglong, 0x736F_6D65_7073_6575)
SIP_1 = cython.declare(cython.ulonglong, 0x646F_7261_6E64_6F6D)
SIP_2 = cython.declare(cython.ulonglong, 0x6C79_6765_6E65_7261)
SIP_3 = cython.declare(cython.ulonglong, 0x7465_6462_7974_6573)

DAMAGED = cython.declare(cython.int, 0)
TOO_DEEP = cython.declare(cython.int, 1)
TOO_MUCH = cython.declare(cython.int, 2)
_REFUSALS = (
    "the body is no OTLP trace request: it is damaged, or nests too deeply",
    f"an attribute value nests deeper than {MAX_VALUE_DEPTH} levels",
    "the request unfolds into more than 2 GiB of one column; send fewer spans in one request",
)


class Irregular(Exception):
    """A part that may occur once occurs twice, which protobuf merges. The runtime's own encoding is regular."""


_SEED = secrets.randbits(64), secrets.randbits(64)


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def _signed(value: cython.ulonglong) -> cython.longlong:
    """The same 64 bits as a signed number."""
    if cython.compiled:
        return value
    else:
        value &= (1 << 64) - 1
        return value - (1 << 64) if value >> 63 else value


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def _signed_32(value: cython.longlong) -> cython.int:
    """The lowest 32 bits as a signed number."""
    if cython.compiled:
        return value
    else:
        value &= 0xFFFF_FFFF
        return value - (1 << 32) if value >> 31 else value


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def _double(bits: cython.longlong) -> cython.double:
    value: cython.double = 0.0
    if cython.compiled:
        memcpy(cython.address(value), cython.address(bits), 8)
    else:
        value = struct.unpack("d", struct.pack("q", bits))[0]
    return value


# --- growing columns --------------------------------------------------------------------------------------------------


@cython.final
@cython.cclass
class Bytes:
    """Bytes that grow at their end. `source` is where `copy` takes from: the decoder's `work`, for all others.

    `copy`, `equal`, `is_after`, `load`, `after_ascii` and `hash` are all that touches memory other than through a view.
    """

    data: bytearray
    view: cython.uchar[::1]
    size: cython.Py_ssize_t
    source: Bytes
    loaded: cython.longlong
    seed_0: cython.ulonglong
    seed_1: cython.ulonglong

    def __init__(self, source: Bytes | None = None) -> None:
        self.source = self if source is None else source
        self.loaded, self.seed_0, self.seed_1 = 0, _SEED[0], _SEED[1]
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
    @cython.exceptval(-1, check=False)
    def room(self, more: cython.Py_ssize_t) -> cython.int:
        if self.size + more > self.view.shape[0]:
            with cython.gil:
                self.grow(more)
        return 0

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def put(self, value: cython.int) -> cython.int:
        self.room(1)
        self.view[self.size] = value
        self.size += 1
        return 0

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def copy(self, start: cython.Py_ssize_t, length: cython.Py_ssize_t) -> cython.int:
        """Copies a range of the source to the end."""
        touched: cython.int
        if length <= 0:
            return 0
        self.room(length)
        if cython.compiled:
            touched = self.source.view[start] + self.source.view[start + length - 1] + self.view[self.size + length - 1]
            memcpy(cython.address(self.view[self.size]), cython.address(self.source.view[start]), length)
        else:
            self.view[self.size : self.size + length] = self.source.view[start : start + length]
        self.size += length
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
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
    @cython.exceptval(-1, check=False)
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
    @cython.exceptval(-1, check=False)
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
    @cython.exceptval(-1, check=False)
    def after_ascii(self, start: cython.Py_ssize_t, stop: cython.Py_ssize_t) -> cython.Py_ssize_t:
        """Where the first bytes above 127 may be: at most seven bytes before them."""
        word: cython.ulonglong = 0
        touched: cython.int
        if cython.compiled:
            if stop - start >= 8:
                touched = self.view[stop - 1]
            while stop - start >= 8:
                memcpy(cython.address(word), cython.address(self.view[start]), 8)
                if word & HIGH_BITS:
                    break
                start += 8
        elif bytes(self.view[start:stop]).isascii():
            return stop
        return start

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
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
    @cython.exceptval(-1, check=False)
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
    @cython.exceptval(-1, check=False)
    def cut(self, start: cython.Py_ssize_t, limit: cython.Py_ssize_t) -> cython.Py_ssize_t:
        """How many bytes of a longer text make the longest text within the limit."""
        while limit > 0 and self.view[start + limit] & 0xC0 == 0x80:
            limit -= 1
        return limit

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
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
    @cython.exceptval(-1, check=False)
    def is_ascii(self, start: cython.Py_ssize_t, length: cython.Py_ssize_t) -> cython.int:
        at: cython.Py_ssize_t
        for at in range(start, start + length):
            if self.view[at] >= 0x80:
                return 0
        return 1

    def finished(self) -> memoryview:
        return memoryview(self.data)[: self.size]


@cython.final
@cython.cclass
class Ints:
    """32-bit integers, signed or not: the bits count."""

    data: object
    view: cython.int[::1]
    size: cython.Py_ssize_t

    def __init__(self, *first: int) -> None:
        self.data = bytearray(4 * 1024)
        self.view = memoryview(self.data).cast("i")
        self.size = 0
        for value in first:
            self.put(value)

    def grow(self) -> None:
        bigger = bytearray(2 * len(self.data))
        bigger[: len(self.data)] = self.data
        self.data = bigger
        self.view = memoryview(bigger).cast("i")

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def put(self, value: cython.int) -> cython.int:
        if self.size == self.view.shape[0]:
            with cython.gil:
                self.grow()
        self.view[self.size] = value
        self.size += 1
        return 0

    def finished(self) -> memoryview:
        return memoryview(self.data)[: 4 * self.size]


@cython.final
@cython.cclass
class Longs:
    """64-bit integers, signed or not: the bits count."""

    data: object
    view: cython.longlong[::1]
    size: cython.Py_ssize_t

    def __init__(self, capacity: int = 1024) -> None:
        self.data = bytearray(8 * capacity)
        self.view = memoryview(self.data).cast("q")
        self.size = 0

    def grow(self) -> None:
        bigger = bytearray(2 * len(self.data))
        bigger[: len(self.data)] = self.data
        self.data = bigger
        self.view = memoryview(bigger).cast("q")

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def put(self, value: cython.longlong) -> cython.int:
        if self.size == self.view.shape[0]:
            with cython.gil:
                self.grow()
        self.view[self.size] = value
        self.size += 1
        return 0

    def finished(self) -> memoryview:
        return memoryview(self.data)[: 8 * self.size]


@cython.final
@cython.cclass
class Bits:
    """Booleans, or which cells of a column are not NULL."""

    data: bytearray
    view: cython.uchar[::1]
    size: cython.Py_ssize_t

    def __init__(self) -> None:
        self.data = bytearray(512)
        self.view = memoryview(self.data)
        self.size = 0

    def grow(self) -> None:
        bigger = bytearray(2 * len(self.data))
        bigger[: len(self.data)] = self.data
        self.data = bigger
        self.view = memoryview(bigger)

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(-1, check=False)
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

    def finished(self) -> memoryview:
        return memoryview(self.data)[: (self.size + 7) >> 3]


@cython.final
@cython.cclass
class Texts:
    """Texts, or NULL."""

    ends: Ints
    text: Bytes
    given: Bits
    out: Bytes

    def __init__(self, work: Bytes, out: Bytes) -> None:
        self.ends = Ints(0)
        self.text = Bytes(work)
        self.given = Bits()
        self.out = out

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def put(self, start: cython.Py_ssize_t, length: cython.Py_ssize_t) -> cython.int:
        """One cell: a range of `work`; a length below 0 is NULL."""
        self.text.copy(start, length)
        return self.close(length >= 0)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def put_out(self) -> cython.int:
        """What was written to `out`, as one cell."""
        touched: cython.int
        length: cython.Py_ssize_t = self.out.size
        self.out.size = 0
        if length:
            self.text.room(length)
            if cython.compiled:
                touched = self.out.view[length - 1] + self.text.view[self.text.size + length - 1]
                memcpy(cython.address(self.text.view[self.text.size]), cython.address(self.out.view[0]), length)
            else:
                self.text.view[self.text.size : self.text.size + length] = self.out.view[:length]
            self.text.size += length
        return self.close(True)

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def close(self, given: cython.bint) -> cython.int:
        """Ends one cell: what was put into `text` since the last one, or NULL."""
        if self.text.size > INT32_LIMIT:
            with cython.gil:
                raise DecodeError(_REFUSALS[TOO_MUCH])
        self.ends.put(self.text.size)
        self.given.put(given)
        return 0


@cython.final
@cython.cclass
class Words:
    """Words of `work` and what each means, which are words as well, or numbers."""

    words: Longs
    work: Bytes

    def __init__(self, work: Bytes) -> None:
        self.words = Longs()
        self.work = work

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def find(self, start: cython.Py_ssize_t, length: cython.Py_ssize_t) -> cython.Py_ssize_t:
        """Where in `words` it stands what the text means; 0 is nowhere."""
        at: cython.Py_ssize_t
        for at in range(0, self.words.size, 4):
            if self.words.view[at + 1] == length and self.work.equal(self.words.view[at], start, length):
                return at + 2
        return 0


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
    @cython.exceptval(-1, check=False)
    def put(self, value: cython.longlong, given: cython.bint) -> cython.int:
        self.numbers.put(value)
        self.given.put(given)
        return 0


@cython.final
@cython.cclass
class Items:
    """Attributes of one span, link, event, resource or map: where the key is, and what the value is.

    `a` is a number, the bits of a double, or where the value's text begins; `b` is that text's length. `raw` is where
    a written-out array came from. `order` is for maps, whose keys are sorted; `muted` marks what a later one replaces.
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
    @cython.exceptval(-1, check=False)
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
    @cython.exceptval(-1, check=False)
    def shrink(self, size: cython.Py_ssize_t) -> cython.int:
        self.size = size
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
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


# --- the decoder ------------------------------------------------------------------------------------------------------


@cython.final
@cython.cclass
class Decoder:
    """Takes requests with `add` and holds their spans as columns, until `reset`. One thread at a time."""

    rows: cython.Py_ssize_t
    most_attributes: cython.longlong
    most_value_bytes: cython.longlong
    most_name_bytes: cython.longlong
    counts: Longs
    # reading
    work: Bytes
    out: Bytes  # where JSON and digits are written, until `_take` moves them to the end of `work`
    body: cython.Py_ssize_t  # where a request begins in `work`
    floor: cython.Py_ssize_t  # end of what outlives the span at hand
    at: cython.Py_ssize_t
    tag: cython.uint
    number: cython.longlong
    start: cython.Py_ssize_t
    stop: cython.Py_ssize_t
    t_start: cython.Py_ssize_t
    t_length: cython.Py_ssize_t
    p_start: cython.Py_ssize_t
    p_length: cython.Py_ssize_t
    p_value: cython.Py_ssize_t
    p_stop: cython.Py_ssize_t
    p_index: cython.longlong
    v_kind: cython.int
    v_a: cython.longlong
    v_b: cython.longlong
    n_given: cython.bint
    n_value: cython.longlong
    # words
    word_start: Longs
    word_length: Longs
    tables: Longs
    slots: Longs
    slot_count: cython.Py_ssize_t
    system_words: Words
    operation_words: Words
    no_destinations: Words
    prefixes: Longs
    own_id_missing: Words
    # keys known
    buckets: Longs
    key_text: Bytes
    key_start: Longs
    key_length: Longs
    key_slot: Longs
    key_flags: Longs
    key_next: Longs
    key_seen: Longs
    key_item: Longs
    last_key: cython.longlong
    k: cython.longlong
    k_start: cython.Py_ssize_t
    k_length: cython.Py_ssize_t
    stamp: cython.longlong
    # attributes at hand
    items: Items
    pairs: Longs
    links: Longs
    events: Longs
    flags: cython.longlong
    dropped: cython.longlong
    limit: cython.longlong
    order: Longs
    spare: Longs
    muted: Longs
    f_next: Longs
    f_last: Longs
    f_first: Longs
    f_map: Longs
    f_tag: Longs
    f_undo: Longs
    f_written: Longs
    # the resource and scope at hand
    r_json: cython.Py_ssize_t
    r_json_length: cython.Py_ssize_t
    r_dropped: cython.longlong
    r_schema: cython.Py_ssize_t
    r_schema_length: cython.Py_ssize_t
    r_service: cython.Py_ssize_t
    r_service_length: cython.Py_ssize_t
    r_instance: cython.Py_ssize_t
    r_instance_length: cython.Py_ssize_t
    r_host: cython.Py_ssize_t
    r_host_length: cython.Py_ssize_t
    r_run: cython.Py_ssize_t
    r_run_length: cython.Py_ssize_t
    resource_index: cython.longlong
    # what the span at hand means
    position_topic: cython.Py_ssize_t
    position_partition: cython.Py_ssize_t
    position_partition_length: cython.Py_ssize_t
    position_offset: cython.longlong
    n_start: cython.Py_ssize_t
    n_length: cython.Py_ssize_t
    split_operation: cython.int
    split_start: cython.Py_ssize_t
    split_length: cython.Py_ssize_t
    m_given: cython.bint
    m_system: cython.Py_ssize_t
    m_system_length: cython.Py_ssize_t
    m_operation: cython.int
    m_destination: cython.Py_ssize_t
    m_destination_length: cython.Py_ssize_t
    i_partition: cython.Py_ssize_t
    i_partition_length: cython.Py_ssize_t
    i_offset: cython.longlong
    i_offset_given: cython.bint
    i_message: cython.Py_ssize_t
    i_message_length: cython.Py_ssize_t
    link_facts: Longs
    # columns
    c_trace_id: Bytes
    c_span_id: Longs
    c_parent: Numbers
    c_trace_state: Texts
    c_flags: Ints
    c_name: Texts
    c_kind: Bytes
    c_start: Longs
    c_end: Longs
    c_overflow: Bits
    c_start_raw: Numbers
    c_end_raw: Numbers
    c_status: Bytes
    c_status_message: Texts
    c_resource_index: Ints
    c_instance_given: Bits
    c_host_given: Bits
    c_resource: Texts
    c_service: Texts
    c_instance: Texts
    c_host: Texts
    c_correlation: Texts
    c_run: Texts
    c_system: Texts
    c_operation: Bytes
    c_operation_given: Bits
    c_destination: Texts
    c_group: Texts
    c_partition: Texts
    c_offset: Numbers
    c_message_id: Texts
    c_key: Texts
    c_event_id: Texts
    c_batch_count: Ints
    c_batch_given: Bits
    c_record_time: Numbers
    c_attempt: Ints
    c_attempt_given: Bits
    c_retry_of: Texts
    c_tombstone: Bits
    c_attr_keys: Texts
    c_attr_ends: Ints
    c_attr_given: Bits
    c_attr_vals: Texts
    c_attr_int_keys: Texts
    c_int_ends: Ints
    c_int_given: Bits
    c_ints: Longs
    c_dropped_attributes: Ints
    c_dropped_links: Ints
    c_dropped_events: Ints
    c_link_ends: Ints
    l_trace_id: Bytes
    l_span_id: Longs
    l_trace_state: Texts
    l_flags: Ints
    l_partition: Texts
    l_offset: Numbers
    l_message_id: Texts
    l_attributes: Texts
    l_dropped: Ints
    c_event_ends: Ints
    e_time: Longs
    e_name: Texts
    e_attributes: Texts
    e_dropped: Ints
    all_bytes: list
    all_ints: list
    all_longs: list
    all_bits: list
    _empty: object

    def __init__(self, attributes: int, value_bytes: int, name_bytes: int) -> None:
        """The limits are those of `SpanLimits`."""
        self.most_attributes, self.most_value_bytes, self.most_name_bytes = attributes, value_bytes, name_bytes
        self.counts = Longs()
        for _ in range(KINDS_OF_COUNTS):
            self.counts.put(0)
        self.items, self.pairs, self.links, self.events = Items(), Longs(), Longs(), Longs()
        self.order, self.spare, self.muted, self.link_facts = Longs(), Longs(), Longs(), Longs()
        self.f_next, self.f_last, self.f_first, self.f_map = Longs(), Longs(), Longs(), Longs()
        self.f_tag, self.f_undo, self.f_written = Longs(), Longs(), Longs()
        self._forget_all()
        self.work = Bytes()
        self.out = Bytes(self.work)
        self._learn_words()
        self._forget_keys()
        self._new_columns()

    def _forget_all(self) -> None:
        """What a compiled class begins with anyway."""
        self.rows = self.at = self.tag = self.number = self.start = self.stop = self.t_start = self.t_length = 0
        self.p_start = self.p_length = self.p_value = self.p_stop = self.p_index = self.v_kind = self.v_a = 0
        self.v_b = self.n_given = self.n_value = self.last_key = self.k = self.k_start = self.k_length = 0
        self.stamp = self.flags = self.dropped = self.limit = self.r_json = self.r_json_length = 0
        self.r_dropped = self.r_schema = self.r_schema_length = self.r_service = self.r_service_length = 0
        self.r_instance = self.r_instance_length = self.r_host = self.r_host_length = self.r_run = 0
        self.r_run_length = self.resource_index = self.position_topic = self.position_partition = 0
        self.position_partition_length = self.position_offset = self.n_start = self.n_length = self.split_operation = (
            self.split_start
        ) = 0
        self.split_length = self.m_given = self.m_system = self.m_system_length = self.m_operation = 0
        self.m_destination = self.m_destination_length = self.i_partition = self.i_partition_length = 0
        self.i_offset = self.i_offset_given = self.i_message = self.i_message_length = 0

    # --- words and keys

    def _learn_words(self) -> None:
        self.word_start, self.word_length, self.tables = Longs(), Longs(), Longs()
        self.system_words, self.operation_words = Words(self.work), Words(self.work)
        self.no_destinations, self.own_id_missing, self.prefixes = Words(self.work), Words(self.work), Longs()
        for word in _WORDS:
            self._learn(word)
            self.word_start.put(self.t_start)
            self.word_length.put(self.t_length)
        for written, meant in names.SYSTEM_WORDS.items():
            self._learn_pair(self.system_words.words, written, meant)
        for written, operation in names.OPERATION_WORDS.items():
            self._learn(written)
            self._note_word(self.operation_words.words)
            self.operation_words.words.put(_OPERATIONS.index(operation) + 1)
            self.operation_words.words.put(0)
        for word in names.NO_DESTINATION:
            self._learn_pair(self.no_destinations.words, word, "")
        for word in names.WITHOUT_OWN_MESSAGE_ID:
            self._learn_pair(self.own_id_missing.words, word, "")
        for prefix, system in names.SYSTEM_BY_PREFIX.items():
            self._learn_pair(self.prefixes, prefix, system)
        for prefix in names.MESSAGING_PREFIXES:
            self._learn_pair(self.prefixes, prefix, "")
        self.slot_count = 0
        for table in _TABLES:
            self.tables.put(self.slot_count)
            self.slot_count += len(table)
        self.tables.put(self.slot_count)
        self.slots = Longs()
        for _ in range(3 * self.slot_count):  # of the span, the link and the resource at hand
            self.slots.put(-1)
        self.body = self.floor = self.work.size

    def _learn(self, word: str) -> None:
        self._append(word.encode())

    def _learn_pair(self, table: Longs, word: str, meant: str) -> None:
        self._learn(word)
        self._note_word(table)
        self._learn(meant)
        self._note_word(table)

    def _note_word(self, table: Longs) -> None:
        table.put(self.t_start)
        table.put(self.t_length)

    def _append(self, text: bytes) -> None:
        """Text at the end of `work`, from Python."""
        self.work.room(len(text))
        self.work.data[self.work.size : self.work.size + len(text)] = text
        self.t_start = self.work.size
        self.t_length = len(text)
        self.work.size += len(text)

    def _read(self, start: int, length: int) -> bytes:
        return bytes(memoryview(self.work.data)[start : start + length])

    def _forget_keys(self) -> None:
        """Knows the names of `semconv.names` and no other key."""
        self.buckets, self.key_text = Longs(), Bytes(self.work)
        for _ in range(1024):
            self.buckets.put(0)
        self.key_start, self.key_length, self.key_slot = Longs(), Longs(), Longs()
        self.key_flags, self.key_next, self.key_seen, self.key_item = Longs(), Longs(), Longs(), Longs()
        self._new_key(0, 0, 0)  # stands before the first key of a span
        self._new_key(0, 0, 0)  # and of anything else
        size, slot = self.work.size, 0
        for table in _TABLES:
            for name in table:
                self._append(name.encode())
                self._key(self.t_start, self.t_length)
                if self.key_slot.view[self.k] >= 0:
                    raise ValueError(f"{name} stands in two tables of semconv.names, which the decoder cannot follow")
                self.key_slot.view[self.k] = slot
                self.key_flags.view[self.k] |= HAS_SLOT
                slot += 1
        self.work.size = size
        self.last_key = 0

    def _more_buckets(self) -> None:
        """Twice the places; at most half of them are ever taken."""
        at: cython.Py_ssize_t
        key: cython.Py_ssize_t
        mask: cython.longlong = 2 * self.buckets.size - 1
        self.buckets = Longs(2 * self.buckets.size)
        for _ in range(mask + 1):
            self.buckets.put(0)
        for key in range(2, self.key_start.size):
            at = self.key_text.hash(self.key_start.view[key], self.key_length.view[key]) & mask
            while self.buckets.view[at]:
                at = (at + 1) & mask
            self.buckets.view[at] = key + 1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _new_key(self, start: cython.Py_ssize_t, length: cython.Py_ssize_t, flags: cython.longlong) -> cython.int:
        self.key_start.put(self.key_text.size)
        self.key_length.put(length)
        self.key_slot.put(-1)
        self.key_flags.put(flags)
        self.key_next.put(-1)
        self.key_seen.put(-1)
        self.key_item.put(-1)
        return self.key_text.copy(start, length)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _key(self, start: cython.Py_ssize_t, length: cython.Py_ssize_t) -> cython.int:
        """Which key this is, as `k`; mended (`k_start`, `k_length`) and learnt if it is new.

        The key that followed last time is tried first.
        """
        at: cython.Py_ssize_t
        mask: cython.longlong
        guess: cython.longlong = self.key_next.view[self.last_key]
        self.k_start = start
        self.k_length = length
        if (
            guess >= 0
            and self.key_length.view[guess] == length
            and self.key_text.equal(self.key_start.view[guess], start, length)
        ):
            self.k = self.last_key = guess
            return 0
        if not self._find_key(start, length):
            self._text(start, start + length)
            self.k_start = self.t_start
            self.k_length = self.t_length
            if self.t_start == start or not self._find_key(self.t_start, self.t_length):
                start = self.t_start
                length = self.t_length
                if 2 * self.key_start.size >= self.buckets.size:
                    with cython.gil:
                        self._more_buckets()
                mask = self.buckets.size - 1
                at = self.work.hash(start, length) & mask
                while self.buckets.view[at]:
                    at = (at + 1) & mask
                self.k = self.key_start.size
                self._new_key(start, length, self._flags_of(start, length))
                self.buckets.view[at] = self.k + 1
        self.key_next.view[self.last_key] = self.k
        self.last_key = self.k
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _find_key(self, start: cython.Py_ssize_t, length: cython.Py_ssize_t) -> cython.int:
        mask: cython.longlong = self.buckets.size - 1
        at: cython.Py_ssize_t = self.work.hash(start, length) & mask
        key: cython.longlong = self.buckets.view[at] - 1
        while key >= 0:
            if self.key_length.view[key] == length and self.key_text.equal(self.key_start.view[key], start, length):
                self.k = key
                return 1
            at = (at + 1) & mask
            key = self.buckets.view[at] - 1
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _flags_of(self, start: cython.Py_ssize_t, length: cython.Py_ssize_t) -> cython.longlong:
        flags: cython.longlong = 0
        at: cython.Py_ssize_t
        byte: cython.int
        bit: cython.longlong = FIRST_PREFIX
        for at in range(0, self.prefixes.size, 4):
            if length >= self.prefixes.view[at + 1] and self.work.equal(
                self.prefixes.view[at], start, self.prefixes.view[at + 1]
            ):
                flags |= bit if self.prefixes.view[at + 3] else OF_MESSAGING
            bit = bit << 1
        for at in range(start, start + length):
            byte = self.work.view[at]
            if byte == 0x1E or byte == 0x1F:
                flags |= IS_ODD
        if length == self.word_length.view[W_ODD_KEYS] and self.work.equal(
            self.word_start.view[W_ODD_KEYS], start, length
        ):
            flags |= IS_ODD
        return flags

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _take(self) -> cython.int:
        """Moves what was written to `out` to the end of `work`: `t_start` and `t_length`."""
        touched: cython.int
        length: cython.Py_ssize_t = self.out.size
        self.out.size = 0
        self.t_start = self.work.size
        self.t_length = length
        if length:
            self.work.room(length)
            if cython.compiled:
                touched = self.out.view[length - 1] + self.work.view[self.work.size + length - 1]
                memcpy(cython.address(self.work.view[self.work.size]), cython.address(self.out.view[0]), length)
            else:
                self.work.view[self.work.size : self.work.size + length] = self.out.view[:length]
            self.work.size += length
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _put_double(self, bits: cython.longlong) -> cython.int:
        """A double as Python writes it."""
        value: cython.double = 0.0
        if cython.compiled:
            memcpy(cython.address(value), cython.address(bits), 8)
            if -1e15 < value < 1e15 and bits != 0 and value != 0.0:
                whole: cython.longlong = cython.cast(cython.longlong, value)
                if whole == value:
                    self._put_int(whole)
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
            for byte in repr(_double(bits)).encode():
                self.out.put(byte)
        return 0

    # --- the wire

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _refuse(self, why: cython.int) -> cython.int:
        with cython.gil:
            raise DecodeError(_REFUSALS[why])

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _once(self, seen: cython.Py_ssize_t) -> cython.int:
        """A message that protobuf would merge with an earlier one is left to the runtime."""
        if seen >= 0:
            with cython.gil:
                raise Irregular
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _count(self, what: cython.int) -> cython.int:
        self.counts.view[what] += 1
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _varint(self, end: cython.Py_ssize_t, most: cython.int) -> cython.int:
        """Reads a number of at most so many bytes; bits over 64 are dropped, as protobuf does."""
        value: cython.ulonglong = 0
        byte: cython.ulonglong
        shift: cython.int = 0
        while True:
            if self.at >= end or shift >= 7 * most:
                return self._refuse(DAMAGED)
            byte = self.work.view[self.at]
            self.at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
        self.number = _signed(value)
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _fixed(self, size: cython.int, end: cython.Py_ssize_t) -> cython.int:
        value: cython.ulonglong = 0
        byte: cython.ulonglong
        place: cython.int
        if end - self.at < size:
            return self._refuse(DAMAGED)
        if LITTLE_ENDIAN and size == 8:
            self.work.load(self.at)
            self.number = self.work.loaded
            self.at += 8
            return 0
        for place in range(size):
            byte = self.work.view[self.at + place]
            value |= byte << (8 * place)
        self.at += size
        self.number = _signed(value)
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _next(self, end: cython.Py_ssize_t) -> cython.int:
        """Reads one whole field: its `tag`, and its `number`, or its content from `start` to `stop`."""
        byte: cython.int = self.work.view[self.at]
        wire: cython.int
        length: cython.longlong
        if byte < 0x80:
            self.at += 1
            self.tag = byte
        else:
            self._varint(end, 5)
            if self.number >> 32:
                return self._refuse(DAMAGED)
            self.tag = self.number
        if self.tag < 8:
            return self._refuse(DAMAGED)
        wire = self.tag & 7
        if wire == 2:
            if self.at < end and self.work.view[self.at] < 0x80:
                length = self.work.view[self.at]
                self.at += 1
            else:
                self._varint(end, 5)
                length = self.number
            if length > end - self.at:
                return self._refuse(DAMAGED)
            self.start = self.at
            self.at += length
            self.stop = self.at
        elif wire == 0:
            self._varint(end, 10)
        elif wire == 1:
            self._fixed(8, end)
        elif wire == 5:
            self._fixed(4, end)
        else:
            return self._refuse(DAMAGED)
        return 0

    # --- text

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _text(self, start: cython.Py_ssize_t, stop: cython.Py_ssize_t) -> cython.int:
        """The text as it is, or a mended copy, as `t_start` and `t_length`."""
        if self.work.is_utf8(start, stop):
            self.t_start = start
            self.t_length = stop - start
            return 0
        self._count(BAD_UTF8)
        with cython.gil:
            self._append(self._read(start, stop - start).decode(errors="replace").encode())
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _word(self, word: cython.int) -> cython.int:
        """A word to the end of `out`."""
        return self.out.copy(self.word_start.view[word], self.word_length.view[word])

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _is_word(self, word: cython.int, start: cython.Py_ssize_t, length: cython.Py_ssize_t) -> cython.int:
        return length == self.word_length.view[word] and self.work.equal(self.word_start.view[word], start, length)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _put_int(self, value: cython.longlong) -> cython.int:
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
    @cython.exceptval(-1, check=False)
    def _put_base64(self, start: cython.Py_ssize_t, length: cython.Py_ssize_t) -> cython.int:
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
    @cython.exceptval(-1, check=False)
    def _put_string(self, start: cython.Py_ssize_t, length: cython.Py_ssize_t) -> cython.int:
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
                    self._put_hex(byte)
            at += 1
        self.out.copy(done, at - done)
        return self.out.put(0x22)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _put_hex(self, byte: cython.int) -> cython.int:
        high: cython.int = byte >> 4
        low: cython.int = byte & 15
        self.out.put(high + (0x30 if high < 10 else 0x57))
        return self.out.put(low + (0x30 if low < 10 else 0x57))

    # --- attributes

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _pair(self, start: cython.Py_ssize_t, stop: cython.Py_ssize_t) -> cython.int:
        """One KeyValue: where key and value are (`p_*`)."""
        length: cython.Py_ssize_t
        value: cython.Py_ssize_t
        self.p_index = 0
        if stop - start >= 4 and self.work.view[start] == 0x0A:  # key and value, both short, as nearly always
            length = self.work.view[start + 1]
            value = start + length + 4
            if length < 0x80 and value <= stop and self.work.view[value - 2] == 0x12:
                if self.work.view[value - 1] < 0x80 and value + self.work.view[value - 1] == stop:
                    self.p_start = start + 2
                    self.p_length = length
                    self.p_value = value
                    self.p_stop = stop
                    return 0
        self.p_start = start
        self.p_length = 0
        self.p_value = -1
        self.p_stop = -1
        self.at = start
        while self.at < stop:
            self._next(stop)
            if self.tag == 0x0A:
                self.p_start = self.start
                self.p_length = self.stop - self.start
            elif self.tag == 0x12:
                self._once(self.p_value)
                self.p_value = self.start
                self.p_stop = self.stop
            elif self.tag == 0x18:
                self.p_index = _signed_32(self.number)
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _value(self, start: cython.Py_ssize_t, stop: cython.Py_ssize_t) -> cython.int:
        """One AnyValue: its kind, and its number or where its text is (`v_*`). Of several members the last counts."""
        nested: cython.Py_ssize_t = -1
        by_index: cython.bint = False
        if stop - start >= 2 and self.work.view[start] == 0x0A and self.work.view[start + 1] == stop - start - 2:
            if stop - start < 0x80:  # a short text, as mostly
                self.v_kind = STRING
                self._text(start + 2, stop)
                self.v_a = self.t_start
                self.v_b = self.t_length
                return 0
        self.v_kind = EMPTY
        self.v_a = 0
        self.v_b = 0
        self.at = start
        while self.at < stop:
            self._next(stop)
            if self.tag == 0x0A or self.tag == 0x3A:
                self.v_kind = STRING if self.tag == 0x0A else BYTES
                self.v_a = self.start
                self.v_b = self.stop - self.start
            elif self.tag == 0x10:
                self.v_kind = BOOL
                self.v_a = 1 if self.number != 0 else 0
            elif self.tag == 0x18:
                self.v_kind = INT
                self.v_a = self.number
            elif self.tag == 0x21:
                self.v_kind = DOUBLE
                self.v_a = self.number
            elif self.tag == 0x2A or self.tag == 0x32:
                self._once(nested)
                nested = self.start
                self.v_kind = ARRAY if self.tag == 0x2A else MAP
                self.v_a = self.start
                self.v_b = self.stop - self.start
            elif self.tag == 0x40:
                self.v_kind = EMPTY
            else:
                continue
            by_index = self.tag == 0x40
        if by_index:
            self._count(VALUE_INDEX)
        elif self.v_kind == STRING and self.v_b:
            self._text(self.v_a, self.v_a + self.v_b)
            self.v_a = self.t_start
            self.v_b = self.t_length
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _item(self, place: cython.Py_ssize_t) -> cython.int:
        """Gives an item the value just read; arrays and maps are written out."""
        texts: cython.longlong
        octets: cython.longlong
        self.items.raw.view[place] = -1
        self.items.cut_texts.view[place] = 0
        self.items.cut_bytes.view[place] = 0
        if self.v_kind == ARRAY or self.v_kind == MAP:
            if self.v_kind == ARRAY:
                self.items.raw.view[place] = self.v_a
                self.items.raw_end.view[place] = self.v_a + self.v_b
            texts = self.counts.view[CUT_TEXT]
            octets = self.counts.view[CUT_BYTES]
            self._container(self.v_kind == MAP, self.v_a, self.v_a + self.v_b, 1)
            self._take()
            self.v_kind = JSON
            self.v_a = self.t_start
            self.v_b = self.t_length
            # What was cut counts once the attribute is kept.
            self.items.cut_texts.view[place] = self.counts.view[CUT_TEXT] - texts
            self.items.cut_bytes.view[place] = self.counts.view[CUT_BYTES] - octets
            self.counts.view[CUT_TEXT] = texts
            self.counts.view[CUT_BYTES] = octets
        self.items.kind.view[place] = self.v_kind
        self.items.a.view[place] = self.v_a
        self.items.b.view[place] = self.v_b
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _attributes(self, first_pair: cython.Py_ssize_t, of_span: cython.bint, limited: cython.bint) -> cython.int:
        """Makes items of the pairs from `first_pair` on, and forgets the pairs. `of_span` says what keys to expect.
        `dropped` is how many were over the limit, `flags` what is true of any key."""
        base: cython.Py_ssize_t = self.items.size
        place: cython.Py_ssize_t
        pair: cython.Py_ssize_t
        key: cython.longlong
        over: cython.bint = False
        self.limit = self.most_value_bytes if limited else INT64_LIMIT
        self.stamp += 1
        self.last_key = 0 if of_span else 1
        self.flags = 0
        self.dropped = 0
        for pair in range(first_pair, self.pairs.size, 2):
            self._pair(self.pairs.view[pair], self.pairs.view[pair + 1])
            if self.p_length == 0 and self.p_index:
                self._count(KEY_INDEX)
                continue
            self._key(self.p_start, self.p_length)
            key = self.k
            self._value(self.p_value, self.p_stop)
            if self.key_seen.view[key] == self.stamp:
                place = self.key_item.view[key]
                self._count(REPEATED_KEY)
            else:
                place = self.items.size
                self.key_seen.view[key] = self.stamp
                self.key_item.view[key] = place
                self.items.add(key, self.k_start, self.k_length)
            self._item(place)
            if self.k_length > self.most_name_bytes or self.v_b > self.most_value_bytes or self.v_kind == JSON:
                over = True
        self.pairs.size = first_pair
        if limited and (over or self.items.size - base > self.most_attributes):
            self._limit(base)
        for place in range(base, self.items.size):
            self.flags |= self.key_flags.view[self.items.key.view[place]]
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _limit(self, base: cython.Py_ssize_t) -> cython.int:
        """Cuts the items from `base` on to size, as `limits` does."""
        place: cython.Py_ssize_t
        recut: cython.bint = False
        surplus: cython.longlong = self.items.size - base - self.most_attributes
        if surplus > 0:
            self.dropped = surplus
            self.counts.view[SURPLUS] += surplus
            self.items.shrink(base + self.most_attributes)
        for place in range(base, self.items.size):
            self.counts.view[CUT_TEXT] += self.items.cut_texts.view[place]
            self.counts.view[CUT_BYTES] += self.items.cut_bytes.view[place]
            if self.items.key_length.view[place] > self.most_name_bytes:
                self.items.key_length.view[place] = self.work.cut(
                    self.items.key_start.view[place], self.most_name_bytes
                )
                self._count(CUT_TEXT)
                recut = True
            if self.items.b.view[place] > self.most_value_bytes:
                if self.items.kind.view[place] == STRING:
                    self.items.b.view[place] = self.work.cut(self.items.a.view[place], self.most_value_bytes)
                    self._count(CUT_TEXT)
                elif self.items.kind.view[place] == BYTES:
                    self.items.b.view[place] = self.most_value_bytes
                    self._count(CUT_BYTES)
        if recut:
            self._join_equal_keys(base)
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _join_equal_keys(self, base: cython.Py_ssize_t) -> cython.int:
        """Keys may have become equal by being cut: the last one's value stands in the first one's place."""
        place: cython.Py_ssize_t
        kept: cython.Py_ssize_t = base
        self.stamp += 1
        for place in range(base, self.items.size):
            self._key(self.items.key_start.view[place], self.items.key_length.view[place])
            if self.key_seen.view[self.k] == self.stamp:
                self.items.replace(self.key_item.view[self.k], place)
                continue
            self.key_seen.view[self.k] = self.stamp
            self.key_item.view[self.k] = kept
            self.items.key.view[kept] = self.k
            self.items.key_start.view[kept] = self.items.key_start.view[place]
            self.items.key_length.view[kept] = self.items.key_length.view[place]
            if kept != place:
                self.items.replace(kept, place)
            kept += 1
        return self.items.shrink(kept)

    # --- JSON

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _items_json(self, base: cython.Py_ssize_t) -> cython.int:
        """The items from `base` on as a JSON map, to the end of `out`."""
        if self.items.size == base:
            return self._word(W_NO_MAP)
        self._open_map(0, base)
        return self._write(0)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _container(
        self, is_map: cython.bint, start: cython.Py_ssize_t, stop: cython.Py_ssize_t, depth: cython.int
    ) -> cython.int:
        """An array or map that nests at this depth as JSON, to the end of `out`."""
        base: cython.Py_ssize_t = self.items.size
        self._open(is_map, start, stop, depth)
        self._write(depth)
        return self.items.shrink(base)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _open(
        self, is_map: cython.bint, start: cython.Py_ssize_t, stop: cython.Py_ssize_t, level: cython.int
    ) -> cython.int:
        """Begins a container. Frames are numbered by depth, so that no level above the limit exists."""
        base: cython.Py_ssize_t = self.items.size
        at: cython.Py_ssize_t
        if not is_map:
            self._frame(level, base, start, stop, 0)
            return self.out.put(0x5B)
        at = start
        while at < stop:
            self.at = at
            self._next(stop)
            at = self.at
            if self.tag != 0x0A:
                continue
            if level == MAX_DEPTH:
                return self._refuse(TOO_DEEP)
            self._pair(self.start, self.stop)
            if self.p_length == 0 and self.p_index:
                self._count(KEY_INDEX)
                continue
            self._text(self.p_start, self.p_start + self.p_length)
            self.items.add(-1, self.t_start, self.t_length)
            self._value(self.p_value, self.p_stop)
            self.items.kind.view[self.items.size - 1] = self.v_kind
            self.items.a.view[self.items.size - 1] = self.v_a
            self.items.b.view[self.items.size - 1] = self.v_b
        return self._open_map(level, base)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _open_map(self, level: cython.int, base: cython.Py_ssize_t) -> cython.int:
        """Sorts the items from `base` on, mutes what a later one replaces, and begins the map."""
        size: cython.Py_ssize_t = self.items.size
        place: cython.Py_ssize_t
        item: cython.Py_ssize_t
        later: cython.Py_ssize_t
        kept: cython.Py_ssize_t = size - base
        tagged: cython.bint = False
        self._sort(base)
        for place in range(base, size - 1):
            item = self.order.view[place]
            later = self.order.view[place + 1]
            if self.items.key_length.view[item] == self.items.key_length.view[later] and self.work.equal(
                self.items.key_start.view[item],
                self.items.key_start.view[later],
                self.items.key_length.view[item],
            ):
                self.muted.view[item] = 1
                kept -= 1
                self._count(REPEATED_KEY)
        if kept == 1:
            item = self.order.view[size - 1]
            tagged = self.items.key_length.view[item] > 0 and self.work.view[self.items.key_start.view[item]] == 0x24
        if tagged:
            self._word(W_MAP)
        self._frame(level, base, base, size, 1)
        self.f_tag.view[level] = tagged
        return self.out.put(0x7B)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _frame(
        self,
        level: cython.int,
        base: cython.Py_ssize_t,
        first: cython.Py_ssize_t,
        last: cython.Py_ssize_t,
        is_map: cython.int,
    ) -> cython.int:
        while self.f_next.size <= level:
            self.f_next.put(0)
            self.f_last.put(0)
            self.f_first.put(0)
            self.f_map.put(0)
            self.f_tag.put(0)
            self.f_undo.put(-1)
            self.f_written.put(0)
        self.f_next.view[level] = first
        self.f_last.view[level] = last
        self.f_first.view[level] = base
        self.f_map.view[level] = is_map
        self.f_tag.view[level] = 0
        self.f_undo.view[level] = -1
        self.f_written.view[level] = 0
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _write(self, root: cython.int) -> cython.int:
        """Writes the container that was opened at this level, and all inside it."""
        level: cython.int = root
        item: cython.Py_ssize_t
        kind: cython.int
        a: cython.longlong
        b: cython.longlong
        while True:
            if self.f_undo.view[level] >= 0:
                self.out.size = self.f_undo.view[level]
                self.f_undo.view[level] = -1
            if self.f_next.view[level] >= self.f_last.view[level]:
                self.out.put(0x7D if self.f_map.view[level] else 0x5D)
                if self.f_tag.view[level]:
                    self.out.put(0x7D)
                if level == root:
                    return 0
                self.items.shrink(self.f_first.view[level])
                level -= 1
                continue
            if self.f_map.view[level]:
                item = self.order.view[self.f_next.view[level]]
                self.f_next.view[level] += 1
                kind = self.items.kind.view[item]
                a = self.items.a.view[item]
                b = self.items.b.view[item]
                if self.muted.view[item]:
                    if kind != ARRAY and kind != MAP:
                        continue
                    # Nobody will read it, but what is wrong inside it counts.
                    self.f_undo.view[level] = self.out.size
                else:
                    if self.f_written.view[level]:
                        self.out.put(0x2C)
                    self.f_written.view[level] = 1
                    self._put_string(self.items.key_start.view[item], self.items.key_length.view[item])
                    self.out.put(0x3A)
            else:
                self.at = self.f_next.view[level]
                self._next(self.f_last.view[level])
                self.f_next.view[level] = self.at
                if self.tag != 0x0A:
                    continue
                if level == MAX_DEPTH:
                    return self._refuse(TOO_DEEP)
                if self.f_written.view[level]:
                    self.out.put(0x2C)
                self.f_written.view[level] = 1
                self._value(self.start, self.stop)
                kind = self.v_kind
                a = self.v_a
                b = self.v_b
            if kind == ARRAY or kind == MAP:
                level += 1
                self._open(kind == MAP, a, a + b, level)
            else:
                self._put_scalar(kind, a, b)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _put_scalar(self, kind: cython.int, a: cython.longlong, b: cython.longlong) -> cython.int:
        """A value as `store.attributes.to_json` writes it, cut to size."""
        value: cython.double
        if kind == JSON:
            return self.out.copy(a, b)
        if kind == STRING:
            if b > self.limit:
                b = self.work.cut(a, self.limit)
                self._count(CUT_TEXT)
            return self._put_string(a, b)
        if kind == INT:
            return self._put_int(a)
        if kind == BOOL:
            return self._word(W_TRUE if a else W_FALSE)
        if kind == DOUBLE:
            value = _double(a)
            if value - value == 0:
                return self._put_double(a)
            self._word(W_DOUBLE)
            self._put_double(a)
            self.out.put(0x22)
            return self.out.put(0x7D)
        if kind == BYTES:
            if b > self.limit:
                b = self.limit
                self._count(CUT_BYTES)
            self._word(W_BYTES)
            self._put_base64(a, b)
            self.out.put(0x22)
            return self.out.put(0x7D)
        return self._word(W_NULL)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _sort(self, base: cython.Py_ssize_t) -> cython.int:
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
            if place > base and self._keys_after(place - 1, place):
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
                        left < middle and not self._keys_after(self.order.view[left], self.order.view[right])
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
    @cython.exceptval(-1, check=False)
    def _keys_after(self, one: cython.Py_ssize_t, other: cython.Py_ssize_t) -> cython.int:
        return self.work.is_after(
            self.items.key_start.view[one],
            self.items.key_length.view[one],
            self.items.key_start.view[other],
            self.items.key_length.view[other],
        )

    # --- attribute values as text and numbers (semconv.values)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _first_text(self, slots: cython.Py_ssize_t, table: cython.int) -> cython.int:
        """The first of the named attributes that holds a non-empty text (`t_*`)."""
        slot: cython.Py_ssize_t
        for slot in range(slots + self.tables.view[table], slots + self.tables.view[table + 1]):
            if self.slots.view[slot] >= 0:
                self._text_of(self.slots.view[slot])
                if self.t_length > 0:
                    return 0
        self.t_length = -1
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _first_id(self, slots: cython.Py_ssize_t, table: cython.int) -> cython.int:
        """As `_first_text`; of more than `LONGEST_ID` characters only the digest."""
        at: cython.Py_ssize_t
        characters: cython.Py_ssize_t = 0
        self._first_text(slots, table)
        if self.t_length > LONGEST:
            for at in range(self.t_start, self.t_start + self.t_length):
                if self.work.view[at] & 0xC0 != 0x80:
                    characters += 1
            if characters > LONGEST:
                with cython.gil:
                    self._digest()
        return 0

    def _digest(self) -> None:
        digest = hashlib.sha256(self._read(self.t_start, self.t_length)).hexdigest()
        self._append(f"sha256:{digest}".encode())

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _text_of(self, item: cython.Py_ssize_t) -> cython.int:
        """Text of one item, or none (`values.text`)."""
        kind: cython.longlong = self.items.kind.view[item]
        if kind == JSON:
            self.t_length = -1
            if self.items.raw.view[item] >= 0:
                self._text_of_one(self.items.raw.view[item], self.items.raw_end.view[item])
            return 0
        return self._scalar_text(kind, self.items.a.view[item], self.items.b.view[item])

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _text_of_one(self, start: cython.Py_ssize_t, stop: cython.Py_ssize_t) -> cython.int:
        """Text of an array's only element."""
        first: cython.Py_ssize_t = -1
        end: cython.Py_ssize_t = -1
        mended: cython.longlong = self.counts.view[BAD_UTF8]
        by_index: cython.longlong = self.counts.view[VALUE_INDEX]
        self.at = start
        while self.at < stop:
            self._next(stop)
            if self.tag == 0x0A:
                if first >= 0:
                    return 0
                first = self.start
                end = self.stop
        if first < 0:
            return 0
        self._value(first, end)
        self.counts.view[BAD_UTF8] = mended  # both were counted when the array was written out
        self.counts.view[VALUE_INDEX] = by_index
        if self.v_kind == STRING and self.v_b > self.limit:
            self.v_b = self.work.cut(self.v_a, self.limit)
        elif self.v_kind == BYTES and self.v_b > self.limit:
            self.v_b = self.limit
        if self.v_kind == ARRAY or self.v_kind == MAP:
            self.t_length = -1
            return 0
        return self._scalar_text(self.v_kind, self.v_a, self.v_b)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _scalar_text(self, kind: cython.longlong, a: cython.longlong, b: cython.longlong) -> cython.int:
        at: cython.Py_ssize_t
        self.t_start = a
        self.t_length = b
        if kind == STRING:
            if b >= 2 and self.work.view[a] == 0x22 and self.work.view[a + b - 1] == 0x22:
                self.t_start = a + 1
                self.t_length = b - 2
        elif kind == BYTES:
            if b > 0 and not self.work.is_utf8(a, a + b):
                for at in range(a, a + b):
                    self._put_hex(self.work.view[at])
                self._take()
        elif kind == INT:
            self._put_int(a)
            self._take()
        elif kind == DOUBLE:
            with cython.gil:
                self._append_double(_double(a))
        else:
            self.t_length = -1
        if self.t_length == 0:
            self.t_length = -1
        return 0

    def _append_double(self, value: float) -> None:
        whole = value.is_integer() and abs(value) <= 2**64
        self._append((str(int(value)) if whole else str(value)).encode())

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _first_natural(self, slots: cython.Py_ssize_t, table: cython.int, largest: cython.longlong) -> cython.int:
        """The first of the named attributes that holds an integer from 0 to `largest` (`n_*`)."""
        slot: cython.Py_ssize_t
        self.n_given = False
        self.n_value = 0
        for slot in range(slots + self.tables.view[table], slots + self.tables.view[table + 1]):
            if self.slots.view[slot] >= 0:
                self._natural(self.slots.view[slot])
                if self.n_given and self.n_value <= largest:
                    return 0
                self.n_given = False
                self.n_value = 0
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _natural(self, item: cython.Py_ssize_t) -> cython.int:
        kind: cython.longlong = self.items.kind.view[item]
        a: cython.longlong = self.items.a.view[item]
        b: cython.longlong = self.items.b.view[item]
        at: cython.Py_ssize_t
        digit: cython.int
        value: cython.double
        self.n_given = False
        if kind == INT:
            self.n_given = a >= 0
            self.n_value = a
        elif kind == DOUBLE:
            value = _double(a)
            if 0 <= value < 9223372036854775808.0:
                self.n_value = cython.cast(cython.longlong, value) if cython.compiled else int(value)
                self.n_given = self.n_value == value
        elif kind == STRING and 0 < b <= 19:
            self.n_value = 0
            for at in range(a, a + b):
                digit = self.work.view[at] - 0x30
                if digit < 0 or digit > 9 or self.n_value > (INT64_LIMIT - digit) // 10:
                    return 0
                self.n_value = 10 * self.n_value + digit
            self.n_given = True
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _any_true(self, slots: cython.Py_ssize_t, table: cython.int) -> cython.int:
        slot: cython.Py_ssize_t
        item: cython.Py_ssize_t
        for slot in range(slots + self.tables.view[table], slots + self.tables.view[table + 1]):
            item = self.slots.view[slot]
            if item < 0:
                continue
            if self.items.kind.view[item] == BOOL and self.items.a.view[item]:
                return 1
            if self.items.kind.view[item] == STRING and self.items.b.view[item] == 4:
                self._lower(self.items.a.view[item], 4)
                if self._is_word(W_TRUE, self.t_start, self.t_length):
                    return 1
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _lower(self, start: cython.Py_ssize_t, length: cython.Py_ssize_t) -> cython.int:
        """The text in lower case (`t_*`)."""
        at: cython.Py_ssize_t
        byte: cython.int
        upper: cython.bint = False
        self.t_start = start
        self.t_length = length
        for at in range(start, start + length):
            byte = self.work.view[at]
            if byte >= 0x80:
                with cython.gil:
                    self._append(self._read(start, length).decode().lower().encode())
                return 0
            if 0x41 <= byte <= 0x5A:
                upper = True
        if upper:
            self.work.copy(start, length)
            self.t_start = self.work.size - length
            for at in range(self.t_start, self.work.size):
                byte = self.work.view[at]
                if 0x41 <= byte <= 0x5A:
                    self.work.view[at] = byte + 0x20
        return 0

    # --- meaning (semconv.spans)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _operation_of(self, start: cython.Py_ssize_t, length: cython.Py_ssize_t) -> cython.int:
        """What a word says a span does; 0 if it is no such word."""
        found: cython.Py_ssize_t
        at: cython.Py_ssize_t = start
        if length <= 0 or length > LONGEST_WORD:
            return 0
        while at < start + length:  # the words are ASCII, and so in lower case is the Kelvin sign, but nothing else
            if self.work.view[at] < 0x80:
                at += 1
            elif at + 2 < start + length and self.work.view[at] == 0xE2 and self.work.view[at + 1] == 0x84:
                if self.work.view[at + 2] != 0xAA:
                    return 0
                at += 3
            else:
                return 0
        self._lower(start, length)
        found = self.operation_words.find(self.t_start, self.t_length)
        return self.operation_words.words.view[found] if found else 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _split_name(self, start: cython.Py_ssize_t, length: cython.Py_ssize_t) -> cython.int:
        """Operation and destination by a span's name (`split_*`)."""
        stop: cython.Py_ssize_t = start + length
        at: cython.Py_ssize_t = stop
        self.split_length = -1
        while at > start and self.work.view[at - 1] != 0x20:
            at -= 1
        self.split_operation = self._operation_of(at, stop - at)
        if self.split_operation:
            return self._named(start, at - 1 - start)
        at = start
        while at < stop and self.work.view[at] != 0x20:
            at += 1
        self.split_operation = self._operation_of(start, at - start)
        if self.split_operation:
            return self._named(at + 1, stop - at - 1)
        at = start
        while at < stop and self.work.view[at] != 0x2F:
            at += 1
        if at < stop and (self._is_word(W_RUN, start, at - start) or self._is_word(W_APPLY_ASYNC, start, at - start)):
            self.split_operation = self._operation_of(start, at - start)
            return self._named(at + 1, stop - at - 1)
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _named(self, start: cython.Py_ssize_t, length: cython.Py_ssize_t) -> cython.int:
        if length > 0 and not self.no_destinations.find(start, length):
            self.split_start = start
            self.split_length = length
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _find_system(self, by_kind: cython.bint) -> cython.int:
        found: cython.Py_ssize_t
        at: cython.Py_ssize_t
        bit: cython.longlong = FIRST_PREFIX
        self._first_text(0, T_SYSTEM)
        if self.t_length > 0:
            self._lower(self.t_start, self.t_length)
            self.m_system = self.t_start
            self.m_system_length = self.t_length
            return self._meant_system()
        self.m_system_length = -1
        for at in range(0, self.prefixes.size, 4):
            if self.prefixes.view[at + 3] and self.flags & bit:
                self.m_system = self.prefixes.view[at + 2]
                self.m_system_length = self.prefixes.view[at + 3]
                return 0
            bit = bit << 1
        if by_kind:
            self._first_text(0, T_PEER)
            if self.t_length > 0:
                self._lower(self.t_start, self.t_length)
                found = self.system_words.find(self.t_start, self.t_length)
                if found:
                    self.m_system = self.system_words.words.view[found]
                    self.m_system_length = self.system_words.words.view[found + 1]
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _meant_system(self) -> cython.int:
        found: cython.Py_ssize_t = self.system_words.find(self.m_system, self.m_system_length)
        if found:
            self.m_system = self.system_words.words.view[found]
            self.m_system_length = self.system_words.words.view[found + 1]
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _stated_operation(self) -> cython.int:
        slot: cython.Py_ssize_t
        found: cython.int
        for slot in range(self.tables.view[T_OPERATION], self.tables.view[T_OPERATION + 1]):
            if self.slots.view[slot] >= 0:
                self._text_of(self.slots.view[slot])
                found = self._operation_of(self.t_start, self.t_length)
                if found:
                    return found
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _messaging(self, kind: cython.int, name: cython.Py_ssize_t, name_length: cython.Py_ssize_t) -> cython.int:
        """What the span says about a message (`m_*`), as `semconv.spans.messaging_of`."""
        by_kind: cython.bint = kind == PRODUCER or kind == CONSUMER
        stated: cython.int
        operation: cython.int
        self.m_given = False
        self.m_system_length = self.m_destination_length = -1
        self.m_operation = 0
        if not by_kind and not self.flags & OF_MESSAGING:
            return 0
        self._find_system(by_kind)
        stated = self._stated_operation()
        if not by_kind and self.m_system_length < 0 and not stated:
            self._first_text(0, T_DESTINATION)
            if self.t_length < 0:
                return 0
        self.m_given = True
        self.n_start = name
        self.n_length = name_length
        operation = stated
        if not stated:
            self._split_name(name, name_length)
            operation = self.split_operation
        if kind == PRODUCER:
            if not stated and operation != CREATE and operation != SEND:
                operation = SEND
        elif kind == CONSUMER:
            if operation == CREATE or operation == SEND:
                operation = RECEIVE
            elif not operation:
                operation = PROCESS
        self.m_operation = operation
        return self._find_destination()

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _find_destination(self) -> cython.int:
        self._first_text(0, T_DESTINATION)
        if self.t_length > 0 and not self.no_destinations.find(self.t_start, self.t_length):
            if (self.m_operation == CREATE or self.m_operation == SEND) and self._is_word(
                W_RABBITMQ, self.m_system, self.m_system_length
            ):
                self._without_routing_key()
            return self._is_destination()
        self._first_text(0, T_ROUTING_KEY)
        if self.t_length < 0:
            self._agreed_by_links()
        if self.t_length < 0:
            self._split_name(self.n_start, self.n_length)
            self.t_start = self.split_start
            self.t_length = self.split_length
        if self.t_length < 0 and self.m_system_length < 0:
            self._first_text(0, T_PEER)
        return self._is_destination()

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _is_destination(self) -> cython.int:
        self.m_destination = self.t_start
        self.m_destination_length = self.t_length
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _without_routing_key(self) -> cython.int:
        """The exchange of `exchange,routing_key`, or the key where there is no exchange."""
        at: cython.Py_ssize_t = self.t_start
        stop: cython.Py_ssize_t = self.t_start + self.t_length
        while at < stop and self.work.view[at] != 0x2C:
            at += 1
        if at < stop:
            if at > self.t_start:
                self.t_length = at - self.t_start
            elif stop - at > 1:
                self.t_start = at + 1
                self.t_length = stop - at - 1
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _agreed_by_links(self) -> cython.int:
        """The destination that all links name, if they do (`t_*`)."""
        at: cython.Py_ssize_t
        self.t_length = -1
        if self.link_facts.size == 0:
            return 0
        for at in range(4, self.link_facts.size, 4):
            if self.link_facts.view[at + 1] != self.link_facts.view[1] or not self.work.equal(
                self.link_facts.view[at], self.link_facts.view[0], self.link_facts.view[1]
            ):
                return 0
        self.t_start = self.link_facts.view[0]
        self.t_length = self.link_facts.view[1]
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _identity(
        self, slots: cython.Py_ssize_t, destination: cython.Py_ssize_t, destination_length: cython.Py_ssize_t
    ) -> cython.int:
        """What tells the message from others (`i_*`), as `semconv.spans._identity`."""
        kafka: cython.bint = self._is_word(W_KAFKA, self.m_system, self.m_system_length)
        self._first_id(slots, T_PARTITION)
        self.i_partition = self.t_start
        self.i_partition_length = self.t_length
        self._first_natural(slots, T_OFFSET, INT64_LIMIT)
        self.i_offset = self.n_value
        self.i_offset_given = self.n_given
        self._first_id(slots, T_MESSAGE_ID)
        self.i_message = self.t_start
        self.i_message_length = self.t_length
        if self.t_length < 0 or not (kafka or self.m_system_length < 0):
            return 0
        if not self._is_position(self.i_message, self.i_message_length):
            return 0
        if destination_length < 0:
            if not kafka:
                return 0
        elif destination_length != self.position_topic or not self.work.equal(
            self.i_message, destination, destination_length
        ):
            return 0
        if self.i_partition_length < 0:
            self.i_partition = self.position_partition
            self.i_partition_length = self.position_partition_length
        if not self.i_offset_given:
            self.i_offset = self.position_offset
            self.i_offset_given = True
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _is_position(self, start: cython.Py_ssize_t, length: cython.Py_ssize_t) -> cython.int:
        """Whether the text is `topic.partition.offset` (`position_*`): `POSITION_ID`, done here for plain digits."""
        at: cython.Py_ssize_t = start + length
        dot: cython.Py_ssize_t
        if not self.work.is_ascii(start, length):
            with cython.gil:
                return self._is_wide_position(start, length)
        while at > start and 0x30 <= self.work.view[at - 1] <= 0x39:
            at -= 1
        dot = at - 1
        if start + length - at < 1 or start + length - at > 18 or dot < start or self.work.view[dot] != 0x2E:
            return 0
        at = dot
        while at > start and 0x30 <= self.work.view[at - 1] <= 0x39:
            at -= 1
        if dot - at < 1 or dot - at > 10 or at - 1 <= start or self.work.view[at - 1] != 0x2E:
            return 0
        self.position_topic = at - 1 - start
        self.position_partition = at
        self.position_partition_length = dot - at
        self.position_offset = 0
        for at in range(dot + 1, start + length):
            self.position_offset = 10 * self.position_offset + self.work.view[at] - 0x30
        return 1

    def _is_wide_position(self, start: int, length: int) -> int:
        """The same where there may be digits of other scripts."""
        found = POSITION_ID.fullmatch(self._read(start, length).decode())
        if found is None:
            return 0
        self.position_topic = len(found["topic"].encode())
        self.position_partition = start + self.position_topic + 1
        self.position_partition_length = len(found["partition"].encode())
        self.position_offset = int(found["offset"])
        return 1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _is_made_up(self, start: cython.Py_ssize_t, length: cython.Py_ssize_t) -> cython.int:
        """Whether the text is `POSITION_ID` or `POSITION_LIKE`."""
        at: cython.Py_ssize_t
        digits: cython.Py_ssize_t = 0
        dashes: cython.Py_ssize_t = 0
        if self._is_position(start, length):
            return 1
        if not self.work.is_ascii(start, length):
            with cython.gil:
                return POSITION_LIKE.fullmatch(self._read(start, length).decode()) is not None
        for at in range(start, start + length):
            if self.work.view[at] == 0x2D:
                if digits == 0:
                    return 0
                dashes += 1
                digits = 0
            elif 0x30 <= self.work.view[at] <= 0x39:
                digits += 1
            else:
                return 0
        return 1 <= dashes <= 2 and digits >= 10

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _find_event_id(self) -> cython.int:
        """The span's event id (`t_*`), as `semconv.spans._event_id`; after `_identity`."""
        self._first_id(0, T_EVENT_ID)
        if self.t_length > 0 or not self.own_id_missing.find(self.m_system, self.m_system_length):
            return 0
        if self.i_message_length > 0 and not self._is_made_up(self.i_message, self.i_message_length):
            self.t_start = self.i_message
            self.t_length = self.i_message_length
        return 0

    # --- rows

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _text_or_none(self, start: cython.Py_ssize_t, stop: cython.Py_ssize_t) -> cython.int:
        """Text as received; empty is none."""
        if stop > start:
            return self._text(start, stop)
        self.t_length = -1
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _name(self, start: cython.Py_ssize_t, stop: cython.Py_ssize_t) -> cython.int:
        """A name, cut to size."""
        self._text(start, stop)
        if self.t_length > self.most_name_bytes:
            self.t_length = self.work.cut(self.t_start, self.most_name_bytes)
            self._count(CUT_TEXT)
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _count_dropped(self, sent: cython.longlong) -> cython.int:
        """A dropped count as sent, and what was dropped here (`n_value`)."""
        sent = (sent & UINT32_LIMIT) + self.dropped
        self.n_value = sent if sent < UINT32_LIMIT else UINT32_LIMIT
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _span_id(self, start: cython.Py_ssize_t) -> cython.int:
        """A span id as the number that its hex text is (`number`)."""
        value: cython.ulonglong = 0
        byte: cython.ulonglong
        place: cython.int
        for place in range(8):
            byte = self.work.view[start + place]
            value = (value << 8) | byte
        self.number = _signed(value)
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _put_attributes(self) -> cython.int:
        """The items as key lists beside value lists (`store.attributes.pack`)."""
        item: cython.Py_ssize_t
        kind: cython.longlong
        a: cython.longlong
        b: cython.longlong
        size: cython.Py_ssize_t = self.items.size
        before: cython.Py_ssize_t = self.c_attr_vals.ends.size
        ints_before: cython.Py_ssize_t = self.c_ints.size
        for item in range(size):
            if self.key_flags.view[self.items.key.view[item]] & IS_ODD:
                self.items.add(self.items.key.view[item], 0, 0)
                self.items.key_start.view[self.items.size - 1] = self.items.key_start.view[item]
                self.items.key_length.view[self.items.size - 1] = self.items.key_length.view[item]
                self.items.replace(self.items.size - 1, item)
                continue
            kind = self.items.kind.view[item]
            a = self.items.a.view[item]
            b = self.items.b.view[item]
            if kind == INT:
                if self.c_ints.size > ints_before:
                    self.c_attr_int_keys.text.put(0x1F)
                self.c_attr_int_keys.text.copy(self.items.key_start.view[item], self.items.key_length.view[item])
                self.c_ints.put(a)
                continue
            if self.c_attr_vals.ends.size > before:
                self.c_attr_keys.text.put(0x1F)
            self.c_attr_keys.text.copy(self.items.key_start.view[item], self.items.key_length.view[item])
            if kind == STRING:
                self.c_attr_vals.put(a, b)
                continue
            self.c_attr_keys.text.put(0x1E)
            if kind == BOOL:
                self.c_attr_keys.text.put(0x62)
                self._put_scalar(BOOL, a, b)
            elif kind == DOUBLE:
                self.c_attr_keys.text.put(0x64)
                self._put_double(a)
            elif kind == BYTES:
                self.c_attr_keys.text.put(0x79)
                self._put_base64(a, b)
            elif kind == JSON:
                self.c_attr_keys.text.put(0x6A)
                self.c_attr_vals.put(a, b)
                continue
            else:
                self.c_attr_keys.text.put(0x65)
            self.c_attr_vals.put_out()
        if self.items.size > size:
            if self.c_attr_vals.ends.size > before:
                self.c_attr_keys.text.put(0x1F)
            self.c_attr_keys.text.copy(self.word_start.view[W_ODD_KEYS], self.word_length.view[W_ODD_KEYS])
            self.c_attr_keys.text.put(0x1E)
            self.c_attr_keys.text.put(0x6A)
            self._items_json(size)
            self.c_attr_vals.put_out()
            self.items.shrink(size)
        self.c_attr_keys.close(self.c_attr_vals.ends.size > before)
        self.c_attr_given.put(self.c_attr_vals.ends.size > before)
        self.c_attr_ends.put(self.c_attr_vals.ends.size - 1)
        self.c_attr_int_keys.close(self.c_ints.size > ints_before)
        self.c_int_given.put(self.c_ints.size > ints_before)
        return self.c_int_ends.put(self.c_ints.size)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _note_slots(self, slots: cython.Py_ssize_t, first: cython.Py_ssize_t, last: cython.Py_ssize_t) -> cython.int:
        """Lets the slots know of these items and no others."""
        place: cython.Py_ssize_t
        slot: cython.longlong
        for place in range(slots, slots + self.slot_count):
            self.slots.view[place] = -1
        if not self.flags & HAS_SLOT:
            return 0
        for place in range(first, last):
            slot = self.key_slot.view[self.items.key.view[place]]
            if slot >= 0:
                self.slots.view[slots + slot] = place
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _link(self, start: cython.Py_ssize_t, stop: cython.Py_ssize_t) -> cython.int:
        """One link, but for its identity, which the span's meaning decides."""
        trace: cython.Py_ssize_t = -1
        trace_length: cython.Py_ssize_t = 0
        span: cython.Py_ssize_t = -1
        span_length: cython.Py_ssize_t = 0
        state: cython.Py_ssize_t = 0
        state_stop: cython.Py_ssize_t = 0
        flags: cython.longlong = 0
        dropped: cython.longlong = 0
        first: cython.Py_ssize_t = self.pairs.size
        base: cython.Py_ssize_t = self.items.size
        self.at = start
        while self.at < stop:
            self._next(stop)
            if self.tag == 0x0A:
                trace = self.start
                trace_length = self.stop - self.start
            elif self.tag == 0x12:
                span = self.start
                span_length = self.stop - self.start
            elif self.tag == 0x1A:
                state = self.start
                state_stop = self.stop
            elif self.tag == 0x22:
                self.pairs.put(self.start)
                self.pairs.put(self.stop)
            elif self.tag == 0x28:
                dropped = self.number
            elif self.tag == 0x35:
                flags = self.number
        if trace_length != 16 or span_length != 8 or self.work.is_zero(trace, 16) or self.work.is_zero(span, 8):
            self.pairs.size = first
            return self._count(BAD_LINK)
        self._attributes(first, False, True)
        self._note_slots(self.slot_count, base, self.items.size)
        self.l_trace_id.copy(trace, 16)
        self._span_id(span)
        self.l_span_id.put(self.number)
        self._text_or_none(state, state_stop)
        self.l_trace_state.put(self.t_start, self.t_length)
        self.l_flags.put(_signed_32(flags))
        self._items_json(base)
        self.l_attributes.put_out()
        self._count_dropped(dropped)
        self.l_dropped.put(_signed_32(self.n_value))
        self._first_text(self.slot_count, T_DESTINATION)
        self.link_facts.put(self.t_start)
        self.link_facts.put(self.t_length)
        self.link_facts.put(base)
        return self.link_facts.put(self.items.size)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _identify_links(self) -> cython.int:
        at: cython.Py_ssize_t
        for at in range(0, self.link_facts.size, 4):
            self.flags = HAS_SLOT  # perhaps
            self._note_slots(self.slot_count, self.link_facts.view[at + 2], self.link_facts.view[at + 3])
            if self.link_facts.view[at + 1] < 0:
                self._identity(self.slot_count, self.m_destination, self.m_destination_length)
            else:
                self._identity(self.slot_count, self.link_facts.view[at], self.link_facts.view[at + 1])
            self.l_partition.put(self.i_partition, self.i_partition_length)
            self.l_offset.put(self.i_offset, self.i_offset_given)
            if self.i_message_length < 0:
                self._first_id(self.slot_count, T_EVENT_ID)
                self.l_message_id.put(self.t_start, self.t_length)
            else:
                self.l_message_id.put(self.i_message, self.i_message_length)
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _event(self, start: cython.Py_ssize_t, stop: cython.Py_ssize_t) -> cython.int:
        name: cython.Py_ssize_t = start
        name_stop: cython.Py_ssize_t = start
        time: cython.longlong = 0
        dropped: cython.longlong = 0
        base: cython.Py_ssize_t = self.items.size
        self.pairs.size = 0
        self.at = start
        while self.at < stop:
            self._next(stop)
            if self.tag == 0x09:
                time = self.number
            elif self.tag == 0x12:
                name = self.start
                name_stop = self.stop
            elif self.tag == 0x1A:
                self.pairs.put(self.start)
                self.pairs.put(self.stop)
            elif self.tag == 0x20:
                dropped = self.number
        self.dropped = 0
        if self.pairs.size:
            self._attributes(0, False, True)
        self.e_time.put(time)
        self._name(name, name_stop)
        self.e_name.put(self.t_start, self.t_length)
        self._items_json(base)
        self.e_attributes.put_out()
        self._count_dropped(dropped)
        self.e_dropped.put(_signed_32(self.n_value))
        return self.items.shrink(base)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _span(self, begin: cython.Py_ssize_t, end: cython.Py_ssize_t) -> cython.int:
        """One span: looked through first, written once its ids are known to be good."""
        trace: cython.Py_ssize_t = begin
        trace_length: cython.Py_ssize_t = 0
        span: cython.Py_ssize_t = begin
        span_length: cython.Py_ssize_t = 0
        parent: cython.Py_ssize_t = begin
        parent_length: cython.Py_ssize_t = 0
        state: cython.Py_ssize_t = begin
        state_stop: cython.Py_ssize_t = begin
        name: cython.Py_ssize_t = begin
        name_stop: cython.Py_ssize_t = begin
        status: cython.Py_ssize_t = -1
        status_stop: cython.Py_ssize_t = -1
        kind: cython.int = 0
        flags: cython.longlong = 0
        started: cython.longlong = 0
        ended: cython.longlong = 0
        dropped: cython.longlong = 0
        dropped_events: cython.longlong = 0
        dropped_links: cython.longlong = 0
        of_keys: cython.longlong
        at: cython.Py_ssize_t
        self.pairs.size = self.links.size = self.events.size = self.link_facts.size = 0
        self.at = begin
        while self.at < end:
            self._next(end)
            if self.tag == 0x4A:
                self.pairs.put(self.start)
                self.pairs.put(self.stop)
            elif self.tag == 0x0A:
                trace = self.start
                trace_length = self.stop - self.start
            elif self.tag == 0x12:
                span = self.start
                span_length = self.stop - self.start
            elif self.tag == 0x1A:
                state = self.start
                state_stop = self.stop
            elif self.tag == 0x22:
                parent = self.start
                parent_length = self.stop - self.start
            elif self.tag == 0x2A:
                name = self.start
                name_stop = self.stop
            elif self.tag == 0x30:
                kind = _signed_32(self.number)
            elif self.tag == 0x39:
                started = self.number
            elif self.tag == 0x41:
                ended = self.number
            elif self.tag == 0x50:
                dropped = self.number
            elif self.tag == 0x5A:
                self.events.put(self.start)
                self.events.put(self.stop)
            elif self.tag == 0x60:
                dropped_events = self.number
            elif self.tag == 0x6A:
                self.links.put(self.start)
                self.links.put(self.stop)
            elif self.tag == 0x70:
                dropped_links = self.number
            elif self.tag == 0x7A:
                self._once(status)
                status = self.start
                status_stop = self.stop
            elif self.tag == 0x85:
                flags = self.number
        if trace_length != 16 or self.work.is_zero(trace, 16):
            return self._count(BAD_TRACE_ID)
        if span_length != 8 or self.work.is_zero(span, 8):
            return self._count(BAD_SPAN_ID)
        if kind < 0 or kind > CONSUMER:
            self._count(BAD_KIND)
            kind = 0
        self._attributes(0, True, True)
        self._note_slots(0, 0, self.items.size)
        self._count_dropped(dropped)
        self.c_dropped_attributes.put(_signed_32(self.n_value))
        self._put_attributes()
        of_keys = self.flags  # links have keys of their own
        for at in range(0, self.links.size, 2):
            self._link(self.links.view[at], self.links.view[at + 1])
        self.flags = of_keys
        self._name(name, name_stop)
        self.c_name.put(self.t_start, self.t_length)
        self._messaging(kind, self.t_start, self.t_length)
        self._identify_links()
        self._put_meaning()
        for at in range(0, self.events.size, 2):
            self._event(self.events.view[at], self.events.view[at + 1])
        self.c_link_ends.put(self.l_span_id.size)
        self.c_event_ends.put(self.e_time.size)
        self.dropped = 0
        self._count_dropped(dropped_links)
        self.c_dropped_links.put(_signed_32(self.n_value))
        self._count_dropped(dropped_events)
        self.c_dropped_events.put(_signed_32(self.n_value))
        self.c_trace_id.copy(trace, 16)
        self._span_id(span)
        self.c_span_id.put(self.number)
        if parent_length == 8 and not self.work.is_zero(parent, 8):
            self._span_id(parent)
            self.c_parent.numbers.put(self.number)
            self.c_parent.given.put(True)
        else:
            self.c_parent.put(0, False)
            if parent_length != 8 and parent_length > 0:
                self._count(BAD_PARENT)
        self._text_or_none(state, state_stop)
        self.c_trace_state.put(self.t_start, self.t_length)
        self.c_flags.put(_signed_32(flags))
        self.c_kind.put(kind)
        self.c_start.put(started if started >= 0 else INT64_LIMIT)
        self.c_start_raw.put(started, started < 0)
        self.c_end.put(ended if ended >= 0 else INT64_LIMIT)
        self.c_end_raw.put(ended, ended < 0)
        self.c_overflow.put(started < 0 or ended < 0)
        self._put_status(status, status_stop)
        self._put_resource()
        self.rows += 1
        self.items.shrink(0)
        self.work.size = self.floor
        if self.key_start.size > MOST_KEYS:
            with cython.gil:
                self._forget_keys()
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _put_status(self, start: cython.Py_ssize_t, stop: cython.Py_ssize_t) -> cython.int:
        code: cython.int = 0
        message: cython.Py_ssize_t = start
        message_stop: cython.Py_ssize_t = start
        self.at = start
        while self.at < stop:
            self._next(stop)
            if self.tag == 0x12:
                message = self.start
                message_stop = self.stop
            elif self.tag == 0x18:
                code = _signed_32(self.number)
        if code < 0 or code > 2:
            self._count(BAD_STATUS)
            code = 0
        self.c_status.put(code)
        if message_stop <= message:
            return self.c_status_message.close(False)
        self._text(message, message_stop)
        if self.t_length > self.most_value_bytes:
            self.t_length = self.work.cut(self.t_start, self.most_value_bytes)
            self._count(CUT_TEXT)
        return self.c_status_message.put(self.t_start, self.t_length if self.t_length else -1)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _put_meaning(self) -> cython.int:
        """The canonical columns of the span at hand."""
        self._first_id(0, T_CORRELATION_ID)
        self.c_correlation.put(self.t_start, self.t_length)
        self._first_id(0, T_RUN_ID)
        if self.t_length < 0:
            self.t_start = self.r_run
            self.t_length = self.r_run_length
        self.c_run.put(self.t_start, self.t_length)
        if not self.m_given:
            return self._put_no_messaging()
        self.c_system.put(self.m_system, self.m_system_length)
        self.c_operation.put(self.m_operation - 1 if self.m_operation else 0)
        self.c_operation_given.put(self.m_operation > 0)
        self.c_destination.put(self.m_destination, self.m_destination_length)
        self._first_text(0, T_GROUP)
        self.c_group.put(self.t_start, self.t_length)
        self._identity(0, self.m_destination, self.m_destination_length)
        self.c_partition.put(self.i_partition, self.i_partition_length)
        self.c_offset.put(self.i_offset, self.i_offset_given)
        self._find_event_id()
        self.c_event_id.put(self.t_start, self.t_length)
        if self.i_message_length > 0:
            self.c_message_id.put(self.i_message, self.i_message_length)
        else:
            self.c_message_id.put(self.t_start, self.t_length)
        self._first_text(0, T_KEY)
        self.c_key.put(self.t_start, self.t_length)
        self._first_natural(0, T_BATCH_COUNT, INT32_LIMIT)
        self.c_batch_count.put(self.n_value)
        self.c_batch_given.put(self.n_given)
        self._first_natural(0, T_RECORD_TIME, INT64_LIMIT)
        self.c_record_time.put(self.n_value, self.n_given)
        self._first_natural(0, T_ATTEMPT, INT32_LIMIT)
        self.c_attempt.put(self.n_value)
        self.c_attempt_given.put(self.n_given)
        self._first_id(0, T_RETRY_OF)
        self.c_retry_of.put(self.t_start, self.t_length)
        return self.c_tombstone.put(self._any_true(0, T_TOMBSTONE))

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _put_no_messaging(self) -> cython.int:
        self.c_system.close(False)
        self.c_operation.put(0)
        self.c_operation_given.put(False)
        self.c_destination.close(False)
        self.c_group.close(False)
        self.c_partition.close(False)
        self.c_offset.put(0, False)
        self.c_event_id.close(False)
        self.c_message_id.close(False)
        self.c_key.close(False)
        self.c_batch_count.put(0)
        self.c_batch_given.put(False)
        self.c_record_time.put(0, False)
        self.c_attempt.put(0)
        self.c_attempt_given.put(False)
        self.c_retry_of.close(False)
        return self.c_tombstone.put(False)

    # --- resources and scopes

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _put_resource(self) -> cython.int:
        self.c_resource_index.put(self.resource_index)
        self.c_instance_given.put(self.r_instance_length >= 0)
        return self.c_host_given.put(self.r_host_length >= 0)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _request(self, begin: cython.Py_ssize_t, end: cython.Py_ssize_t) -> cython.int:
        at: cython.Py_ssize_t = begin
        while at < end:
            self.at = at
            self._next(end)
            at = self.at
            if self.tag == 0x0A:
                self._resource_spans(self.start, self.stop)
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _resource_spans(self, begin: cython.Py_ssize_t, end: cython.Py_ssize_t) -> cython.int:
        resource: cython.Py_ssize_t = -1
        resource_stop: cython.Py_ssize_t = -1
        schema: cython.Py_ssize_t = begin
        schema_stop: cython.Py_ssize_t = begin
        floor: cython.Py_ssize_t = self.floor
        at: cython.Py_ssize_t
        self.at = begin
        while self.at < end:
            self._next(end)
            if self.tag == 0x0A:
                self._once(resource)
                resource = self.start
                resource_stop = self.stop
            elif self.tag == 0x1A:
                schema = self.start
                schema_stop = self.stop
        self._resource(resource, resource_stop, schema, schema_stop)
        self.floor = self.work.size
        at = begin
        while at < end:
            self.at = at
            self._next(end)
            at = self.at
            if self.tag == 0x12:
                self._scope_spans(self.start, self.stop)
        self.floor = floor
        self.work.size = floor
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _resource(
        self,
        begin: cython.Py_ssize_t,
        end: cython.Py_ssize_t,
        schema: cython.Py_ssize_t,
        schema_stop: cython.Py_ssize_t,
    ) -> cython.int:
        """The resource's attributes as JSON, and the columns that follow from it (`r_*`)."""
        slots: cython.Py_ssize_t = 2 * self.slot_count
        service: cython.longlong
        self.pairs.size = 0
        self.r_dropped = 0
        self.at = begin
        while self.at < end:
            self._next(end)
            if self.tag == 0x0A:
                self.pairs.put(self.start)
                self.pairs.put(self.stop)
            elif self.tag == 0x10:
                self.r_dropped = self.number & UINT32_LIMIT
        self._attributes(0, False, False)
        self._note_slots(slots, 0, self.items.size)
        self._items_json(0)
        self._take()
        self.r_json = self.t_start
        self.r_json_length = self.t_length
        service = self.slots.view[slots + self.tables.view[T_SERVICE]]
        self.r_service = self.word_start.view[W_UNKNOWN_SERVICE]
        self.r_service_length = self.word_length.view[W_UNKNOWN_SERVICE]
        if service >= 0 and self.items.kind.view[service] == STRING and self.items.b.view[service]:
            self.r_service = self.items.a.view[service]
            self.r_service_length = self.items.b.view[service]
        self._first_id(slots, T_INSTANCE)
        self.r_instance = self.t_start
        self.r_instance_length = self.t_length
        self._first_id(slots, T_HOST)
        self.r_host = self.t_start
        self.r_host_length = self.t_length
        self._first_id(slots, T_RUN_ID)
        self.r_run = self.t_start
        self.r_run_length = self.t_length
        self._text(schema, schema_stop)
        self.r_schema = self.t_start
        self.r_schema_length = self.t_length
        return self.items.shrink(0)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _scope_spans(self, begin: cython.Py_ssize_t, end: cython.Py_ssize_t) -> cython.int:
        scope: cython.Py_ssize_t = -1
        scope_stop: cython.Py_ssize_t = -1
        schema: cython.Py_ssize_t = begin
        schema_stop: cython.Py_ssize_t = begin
        floor: cython.Py_ssize_t = self.floor
        at: cython.Py_ssize_t
        self.at = begin
        while self.at < end:
            self._next(end)
            if self.tag == 0x0A:
                self._once(scope)
                scope = self.start
                scope_stop = self.stop
            elif self.tag == 0x1A:
                schema = self.start
                schema_stop = self.stop
        self._scope(scope, scope_stop, schema, schema_stop)
        self.floor = self.work.size
        at = begin
        while at < end:
            self.at = at
            self._next(end)
            at = self.at
            if self.tag == 0x12:
                self._span(self.start, self.stop)
        self.floor = floor
        self.work.size = floor
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _scope(
        self,
        begin: cython.Py_ssize_t,
        end: cython.Py_ssize_t,
        schema: cython.Py_ssize_t,
        schema_stop: cython.Py_ssize_t,
    ) -> cython.int:
        """Writes the text of the resource column, and one more entry of its dictionary unless the last one is equal."""
        name: cython.Py_ssize_t = 0
        name_stop: cython.Py_ssize_t = 0
        version: cython.Py_ssize_t = 0
        version_stop: cython.Py_ssize_t = 0
        dropped: cython.longlong = 0
        last: cython.Py_ssize_t
        self.pairs.size = 0
        self.at = begin
        while self.at < end:
            self._next(end)
            if self.tag == 0x0A:
                name = self.start
                name_stop = self.stop
            elif self.tag == 0x12:
                version = self.start
                version_stop = self.stop
            elif self.tag == 0x1A:
                self.pairs.put(self.start)
                self.pairs.put(self.stop)
            elif self.tag == 0x20:
                dropped = self.number & UINT32_LIMIT
        self._attributes(0, False, False)
        self._word(W_ATTRIBUTES)
        self.out.copy(self.r_json, self.r_json_length)
        self._word(W_DROPPED)
        self._put_int(self.r_dropped)
        self._word(W_SCHEMA_URL)
        self._put_string(self.r_schema, self.r_schema_length)
        self._word(W_SCOPE)
        self._items_json(0)
        self.items.shrink(0)
        self._word(W_DROPPED)
        self._put_int(dropped)
        self._word(W_NAME)
        self._put_json_text(name, name_stop)
        self._word(W_SCOPE_SCHEMA_URL)
        self._put_json_text(schema, schema_stop)
        self._word(W_VERSION)
        self._put_json_text(version, version_stop)
        self.out.put(0x7D)
        self.out.put(0x7D)
        self._take()
        last = self.c_resource.given.size
        if last:
            at: cython.Py_ssize_t = self.c_resource.ends.view[last - 1]
            if self.c_resource.ends.view[last] - at == self.t_length and self.c_resource.text.equal(
                at, self.t_start, self.t_length
            ):
                self.resource_index = last - 1
                return 0
        self.resource_index = last
        self.c_resource.put(self.t_start, self.t_length)
        self.c_service.put(self.r_service, self.r_service_length)
        self.c_instance.put(self.r_instance, self.r_instance_length)
        return self.c_host.put(self.r_host, self.r_host_length)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=False)
    def _put_json_text(self, start: cython.Py_ssize_t, stop: cython.Py_ssize_t) -> cython.int:
        self._text(start, stop)
        return self._put_string(self.t_start, self.t_length)

    # --- for Python

    def add(self, body: bytes) -> None:
        """Takes in the spans of one request; `counted` says what was wrong inside it.

        Raises `DecodeError` where it is no request, `Irregular` where the runtime must encode it anew first. Nothing
        of it stays then.
        """
        end: cython.Py_ssize_t = self.body + len(body)
        marks = self._sizes()
        rows = self.rows
        for place in range(KINDS_OF_COUNTS):
            self.counts.view[place] = 0
        self.items.shrink(0)
        self.out.size = 0
        self.work.size = self.body
        self.work.room(len(body))
        self.work.data[self.body : end] = body
        self.work.size = self.floor = end
        try:
            with cython.nogil:
                self._request(self.body, end)
        except BaseException:
            self._go_back(marks)
            self.rows = rows
            raise
        finally:
            self.floor = self.work.size = self.body
            if len(self.work.data) > MOST_KEPT_BYTES:
                self._shrink_work()

    def counted(self) -> list[int]:
        """How often each thing was wrong in the last request, in the order of the constants at the top."""
        return [self.counts.view[place] for place in range(KINDS_OF_COUNTS)]

    def held(self) -> int:
        """Rows held."""
        return self.rows

    def reset(self) -> None:
        """Forgets all rows and keeps the memory. Only once nobody looks at the columns any more."""
        self._go_back(self._empty)
        self.rows = 0

    def _shrink_work(self) -> None:
        known = self._read(0, self.body)
        self.work.renew(1 << 20)
        self.out.renew(4096)
        self._append(known)

    def _new_columns(self) -> None:
        self.all_bytes, self.all_ints, self.all_longs, self.all_bits = [], [], [], []
        self.c_trace_id, self.c_kind, self.c_status = self._bytes(), self._bytes(), self._bytes()
        self.c_operation, self.l_trace_id = self._bytes(), self._bytes()
        self.c_span_id, self.c_start, self.c_end = self._longs(), self._longs(), self._longs()
        self.c_ints, self.l_span_id, self.e_time = self._longs(), self._longs(), self._longs()
        self.c_parent, self.c_start_raw, self.c_end_raw = self._numbers(), self._numbers(), self._numbers()
        self.c_offset, self.c_record_time, self.l_offset = self._numbers(), self._numbers(), self._numbers()
        self.c_flags, self.c_resource_index, self.c_batch_count = self._ints(), self._ints(), self._ints()
        self.c_attempt, self.c_dropped_attributes, self.c_dropped_links = self._ints(), self._ints(), self._ints()
        self.c_dropped_events, self.l_flags = self._ints(), self._ints()
        self.l_dropped, self.e_dropped = self._ints(), self._ints()
        self.c_attr_ends, self.c_int_ends = self._ints(0), self._ints(0)
        self.c_link_ends, self.c_event_ends = self._ints(0), self._ints(0)
        self.c_overflow, self.c_tombstone, self.c_operation_given = self._bits(), self._bits(), self._bits()
        self.c_instance_given, self.c_host_given, self.c_batch_given = self._bits(), self._bits(), self._bits()
        self.c_attempt_given, self.c_attr_given, self.c_int_given = self._bits(), self._bits(), self._bits()
        self.c_trace_state, self.c_name, self.c_status_message = self._texts(), self._texts(), self._texts()
        self.c_resource, self.c_service, self.c_instance = self._texts(), self._texts(), self._texts()
        self.c_host, self.c_correlation, self.c_run = self._texts(), self._texts(), self._texts()
        self.c_system, self.c_destination, self.c_group = self._texts(), self._texts(), self._texts()
        self.c_partition, self.c_message_id, self.c_key = self._texts(), self._texts(), self._texts()
        self.c_event_id, self.c_retry_of, self.c_attr_keys = self._texts(), self._texts(), self._texts()
        self.c_attr_vals, self.c_attr_int_keys = self._texts(), self._texts()
        self.l_trace_state, self.l_partition, self.l_message_id = self._texts(), self._texts(), self._texts()
        self.l_attributes, self.e_name, self.e_attributes = self._texts(), self._texts(), self._texts()
        self.rows = 0
        self._empty = self._sizes()

    def _bytes(self) -> Bytes:
        column = Bytes(self.work)
        self.all_bytes.append(column)
        return column

    def _ints(self, *first: int) -> Ints:
        column = Ints(*first)
        self.all_ints.append(column)
        return column

    def _longs(self) -> Longs:
        column = Longs()
        self.all_longs.append(column)
        return column

    def _bits(self) -> Bits:
        column = Bits()
        self.all_bits.append(column)
        return column

    def _texts(self) -> Texts:
        column: Texts = Texts(self.work, self.out)
        self.all_ints.append(column.ends)
        self.all_bytes.append(column.text)
        self.all_bits.append(column.given)
        return column

    def _numbers(self) -> Numbers:
        column: Numbers = Numbers()
        self.all_longs.append(column.numbers)
        self.all_bits.append(column.given)
        return column

    def _sizes(self) -> list[list[int]]:
        """How far every column reaches."""
        octets: Bytes
        ints: Ints
        longs: Longs
        bits: Bits
        sizes = [[], [], [], []]
        for octets in self.all_bytes:
            sizes[0].append(octets.size)
        for ints in self.all_ints:
            sizes[1].append(ints.size)
        for longs in self.all_longs:
            sizes[2].append(longs.size)
        for bits in self.all_bits:
            sizes[3].append(bits.size)
        return sizes

    def _go_back(self, sizes: list[list[int]]) -> None:
        octets: Bytes
        ints: Ints
        longs: Longs
        bits: Bits
        size: cython.Py_ssize_t
        for octets, size in zip(self.all_bytes, sizes[0], strict=True):
            octets.size = size
        for ints, size in zip(self.all_ints, sizes[1], strict=True):
            ints.size = size
        for longs, size in zip(self.all_longs, sizes[2], strict=True):
            longs.size = size
        for bits, size in zip(self.all_bits, sizes[3], strict=True):
            bits.size = size

    def columns(self) -> dict[str, tuple[memoryview, ...]]:
        """Every column's buffers by name: (validity, values), or (validity, ends, text). They are the decoder's own
        memory and change with the next `add`."""
        whole = {
            "trace_id": self.c_trace_id.finished(),
            "span_id": self.c_span_id.finished(),
            "flags": self.c_flags.finished(),
            "kind": self.c_kind.finished(),
            "start_unix_nano": self.c_start.finished(),
            "end_unix_nano": self.c_end.finished(),
            "time_overflow": self.c_overflow.finished(),
            "status_code": self.c_status.finished(),
            "tombstone": self.c_tombstone.finished(),
            "dropped_attributes_count": self.c_dropped_attributes.finished(),
            "dropped_links_count": self.c_dropped_links.finished(),
            "dropped_events_count": self.c_dropped_events.finished(),
            "links.trace_id": self.l_trace_id.finished(),
            "links.span_id": self.l_span_id.finished(),
            "links.flags": self.l_flags.finished(),
            "links.dropped_attributes_count": self.l_dropped.finished(),
            "events.time_unix_nano": self.e_time.finished(),
            "events.dropped_attributes_count": self.e_dropped.finished(),
            "resource_index": self.c_resource_index.finished(),
        }
        return {
            **{name: (None, values) for name, values in whole.items()},
            "parent_span_id": self._number_buffers(self.c_parent),
            "start_raw_unix_nano": self._number_buffers(self.c_start_raw),
            "end_raw_unix_nano": self._number_buffers(self.c_end_raw),
            "message_offset": self._number_buffers(self.c_offset),
            "record_time_unix_nano": self._number_buffers(self.c_record_time),
            "links.message_offset": self._number_buffers(self.l_offset),
            "batch_count": (self.c_batch_given.finished(), self.c_batch_count.finished()),
            "attempt": (self.c_attempt_given.finished(), self.c_attempt.finished()),
            "operation": (self.c_operation_given.finished(), self.c_operation.finished()),
            "instance_given": (self.c_instance_given.finished(),),
            "host_given": (self.c_host_given.finished(),),
            "trace_state": self._text_buffers(self.c_trace_state),
            "name": self._text_buffers(self.c_name),
            "status_message": self._text_buffers(self.c_status_message),
            "resource": self._text_buffers(self.c_resource),
            "service": self._text_buffers(self.c_service),
            "instance": self._text_buffers(self.c_instance),
            "host": self._text_buffers(self.c_host),
            "correlation_id": self._text_buffers(self.c_correlation),
            "run_id": self._text_buffers(self.c_run),
            "system": self._text_buffers(self.c_system),
            "destination": self._text_buffers(self.c_destination),
            "consumer_group": self._text_buffers(self.c_group),
            "partition_id": self._text_buffers(self.c_partition),
            "message_id": self._text_buffers(self.c_message_id),
            "message_key": self._text_buffers(self.c_key),
            "event_id": self._text_buffers(self.c_event_id),
            "retry_of": self._text_buffers(self.c_retry_of),
            "attr_keys": self._text_buffers(self.c_attr_keys),
            "attr_vals": (self.c_attr_given.finished(), self.c_attr_ends.finished()),
            "attr_vals.text": self._text_buffers(self.c_attr_vals),
            "attr_int_keys": self._text_buffers(self.c_attr_int_keys),
            "attr_ints": (self.c_int_given.finished(), self.c_int_ends.finished()),
            "attr_ints.number": (None, self.c_ints.finished()),
            "links": (None, self.c_link_ends.finished()),
            "links.trace_state": self._text_buffers(self.l_trace_state),
            "links.partition_id": self._text_buffers(self.l_partition),
            "links.message_id": self._text_buffers(self.l_message_id),
            "links.attributes": self._text_buffers(self.l_attributes),
            "events": (None, self.c_event_ends.finished()),
            "events.name": self._text_buffers(self.e_name),
            "events.attributes": self._text_buffers(self.e_attributes),
        }

    def _number_buffers(self, column: Numbers) -> tuple[memoryview, ...]:
        return column.given.finished(), column.numbers.finished()

    def _text_buffers(self, column: Texts) -> tuple[memoryview, ...]:
        return column.given.finished(), column.ends.finished(), column.text.finished()
