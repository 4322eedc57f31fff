"""One KeyValue: where its key is, and where its value."""

from tracecheck.receiver import _nocython as cython
from tracecheck.receiver.columns.bits import signed_32
from tracecheck.receiver.columns.faults import VALUE_INDEX, require_first
from tracecheck.receiver.columns.lists import Longs
from tracecheck.receiver.columns.memory import Bytes
from tracecheck.receiver.columns.text import Text
from tracecheck.receiver.columns.wire import Wire

# Kinds of values.
EMPTY = cython.declare(cython.int, 0)
STRING = cython.declare(cython.int, 1)
BOOL = cython.declare(cython.int, 2)
INT = cython.declare(cython.int, 3)
DOUBLE = cython.declare(cython.int, 4)
BYTES = cython.declare(cython.int, 5)
ARRAY = cython.declare(cython.int, 6)
MAP = cython.declare(cython.int, 7)
JSON = cython.declare(cython.int, 8)  # an array or map, written out already
KINDS = cython.declare(cython.int, 9)


@cython.final
@cython.cclass
class Pair:
    """One KeyValue: where its key is, and where its value."""

    work: Bytes
    wire: Wire
    start: cython.Py_ssize_t
    length: cython.Py_ssize_t
    value_start: cython.Py_ssize_t
    value_stop: cython.Py_ssize_t
    index: cython.longlong

    def __init__(self, work: Bytes, wire: Wire) -> None:
        self.work, self.wire = work, wire

    @cython.cfunc
    @cython.nogil
    def read(self, start: cython.Py_ssize_t, stop: cython.Py_ssize_t) -> cython.int:
        """One KeyValue: where key and value are."""
        length: cython.Py_ssize_t
        value: cython.Py_ssize_t
        self.index = 0
        if stop - start >= 4 and self.work.view[start] == 0x0A:  # key and value, both short, as nearly always
            length = self.work.view[start + 1]
            value = start + length + 4
            if length < 0x80 and value <= stop and self.work.view[value - 2] == 0x12:
                if self.work.view[value - 1] < 0x80 and value + self.work.view[value - 1] == stop:
                    self.start = start + 2
                    self.length = length
                    self.value_start = value
                    self.value_stop = stop
                    return 0
        self.start = start
        self.length = 0
        self.value_start = -1
        self.value_stop = -1
        self.wire.at = start
        while self.wire.at < stop:
            self.wire.next(stop)
            if self.wire.tag == 0x0A:
                self.start = self.wire.start
                self.length = self.wire.stop - self.wire.start
            elif self.wire.tag == 0x12:
                require_first(self.value_start)
                self.value_start = self.wire.start
                self.value_stop = self.wire.stop
            elif self.wire.tag == 0x18:
                self.index = signed_32(self.wire.number)
        return 0


@cython.final
@cython.cclass
class Value:
    """One AnyValue: its kind, and its number, or where its text is."""

    work: Bytes
    counts: Longs
    wire: Wire
    text: Text
    kind: cython.int
    a: cython.longlong
    b: cython.longlong

    def __init__(self, work: Bytes, counts: Longs, wire: Wire, text: Text) -> None:
        self.work, self.counts, self.wire, self.text = work, counts, wire, text

    @cython.cfunc
    @cython.nogil
    def read(self, start: cython.Py_ssize_t, stop: cython.Py_ssize_t) -> cython.int:
        """One AnyValue: its kind, and its number or where its text is. Of several members the last counts."""
        nested: cython.Py_ssize_t = -1
        by_index: cython.bint = False
        if stop - start >= 2 and self.work.view[start] == 0x0A and self.work.view[start + 1] == stop - start - 2:
            if stop - start < 0x80:  # a short text, as mostly
                self.kind = STRING
                self.text.mend(start + 2, stop)
                self.a = self.text.start
                self.b = self.text.length
                return 0
        if stop - start >= 2 and self.work.view[start] == 0x18:  # a whole number and nothing else
            self.wire.at = start + 1
            self.wire.varint(stop, 10)
            if self.wire.at == stop:
                self.kind = INT
                self.a = self.wire.number
                self.b = 0
                return 0
        self.kind = EMPTY
        self.a = 0
        self.b = 0
        self.wire.at = start
        while self.wire.at < stop:
            self.wire.next(stop)
            if self.wire.tag == 0x0A or self.wire.tag == 0x3A:
                self.kind = STRING if self.wire.tag == 0x0A else BYTES
                self.a = self.wire.start
                self.b = self.wire.stop - self.wire.start
            elif self.wire.tag == 0x10:
                self.kind = BOOL
                self.a = 1 if self.wire.number != 0 else 0
            elif self.wire.tag == 0x18:
                self.kind = INT
                self.a = self.wire.number
            elif self.wire.tag == 0x21:
                self.kind = DOUBLE
                self.a = self.wire.number
            elif self.wire.tag == 0x2A or self.wire.tag == 0x32:
                require_first(nested)
                nested = self.wire.start
                self.kind = ARRAY if self.wire.tag == 0x2A else MAP
                self.a = self.wire.start
                self.b = self.wire.stop - self.wire.start
            elif self.wire.tag == 0x40:
                self.kind = EMPTY
            else:
                continue
            by_index = self.wire.tag == 0x40
        if by_index:
            self.counts.increase(VALUE_INDEX)
        elif self.kind == STRING and self.b:
            self.text.mend(self.a, self.a + self.b)
            self.a = self.text.start
            self.b = self.text.length
        return 0
