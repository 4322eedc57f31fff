"""The attributes at hand that `semconv.names` names, and what they hold: `semconv.values`."""

from tracecheck.receiver import _nocython as cython
from tracecheck.receiver.columns.attributes import Attributes
from tracecheck.receiver.columns.bits import INT64_LIMIT, double
from tracecheck.receiver.columns.faults import BAD_UTF8, VALUE_INDEX
from tracecheck.receiver.columns.ground import Ground
from tracecheck.receiver.columns.items import Items
from tracecheck.receiver.columns.json_text import Json
from tracecheck.receiver.columns.keys import Keys
from tracecheck.receiver.columns.lists import Longs
from tracecheck.receiver.columns.memory import Bytes
from tracecheck.receiver.columns.text import Text
from tracecheck.receiver.columns.values import ARRAY, BOOL, BYTES, DOUBLE, INT, JSON, MAP, STRING, Value
from tracecheck.receiver.columns.vocabulary import HAS_SLOT, W_TRUE, Vocabulary
from tracecheck.receiver.columns.wire import Wire
from tracecheck.receiver.columns.writer import Writer
from tracecheck.semconv.values import LONGEST_ID

LONGEST = cython.declare(cython.int, LONGEST_ID)


@cython.final
@cython.cclass
class Named:
    """The attributes at hand that `semconv.names` names, and what they hold: `semconv.values`."""

    items: Items
    work: Bytes
    counts: Longs
    wire: Wire
    text: Text
    words: Vocabulary
    writer: Writer
    keys: Keys
    value: Value
    json: Json
    attributes: Attributes
    places: Longs
    given: cython.bint
    number: cython.longlong

    def __init__(self, ground: Ground, keys: Keys, json: Json, attributes: Attributes) -> None:
        self.items, self.work, self.counts, self.wire = ground.items, ground.work, ground.counts, ground.wire
        self.text, self.words, self.writer, self.value = ground.text, ground.words, ground.writer, ground.value
        self.keys, self.json, self.attributes = keys, json, attributes
        self.places = Longs()
        for _ in range(3 * self.words.names):  # of the span, the link and the resource at hand
            self.places.put(-1)

    @cython.cfunc
    @cython.nogil
    def note(self, slots: cython.Py_ssize_t, first: cython.Py_ssize_t, last: cython.Py_ssize_t) -> cython.int:
        """Lets the slots know of these items and no others."""
        place: cython.Py_ssize_t
        slot: cython.longlong
        self.places.unset(slots, self.words.names)
        if not self.attributes.flags & HAS_SLOT:
            return 0
        for place in range(first, last):
            slot = self.keys.slot.view[self.items.key.view[place]]
            if slot >= 0:
                self.places.view[slots + slot] = place
        return 0

    @cython.cfunc
    @cython.nogil
    def first_text(self, slots: cython.Py_ssize_t, table: cython.int) -> cython.int:
        """The first of the named attributes that holds a non-empty text (`text`)."""
        slot: cython.Py_ssize_t
        for slot in range(slots + self.words.tables.view[table], slots + self.words.tables.view[table + 1]):
            if self.places.view[slot] >= 0:
                self.text_of(self.places.view[slot])
                if self.text.length > 0:
                    return 0
        self.text.length = -1
        return 0

    @cython.cfunc
    @cython.nogil
    def first_id(self, slots: cython.Py_ssize_t, table: cython.int) -> cython.int:
        """As `_first_text`; of more than `LONGEST_ID` characters only the digest."""
        at: cython.Py_ssize_t
        characters: cython.Py_ssize_t = 0
        self.first_text(slots, table)
        if self.text.length > LONGEST:
            for at in range(self.text.start, self.text.start + self.text.length):
                if self.work.view[at] & 0xC0 != 0x80:
                    characters += 1
            if characters > LONGEST:
                with cython.gil:
                    self.text.digest()
        return 0

    @cython.cfunc
    @cython.nogil
    def text_of(self, item: cython.Py_ssize_t) -> cython.int:
        """Text of one item, or none (`values.text`)."""
        kind: cython.longlong = self.items.kind.view[item]
        if kind == JSON:
            self.text.length = -1
            if self.items.raw.view[item] >= 0:
                self.text_of_one(self.items.raw.view[item], self.items.raw_end.view[item])
            return 0
        return self.scalar_text(kind, self.items.a.view[item], self.items.b.view[item])

    @cython.cfunc
    @cython.nogil
    def text_of_one(self, start: cython.Py_ssize_t, stop: cython.Py_ssize_t) -> cython.int:
        """Text of an array's only element."""
        first: cython.Py_ssize_t = -1
        end: cython.Py_ssize_t = -1
        mended: cython.longlong = self.counts.view[BAD_UTF8]
        by_index: cython.longlong = self.counts.view[VALUE_INDEX]
        self.wire.at = start
        while self.wire.at < stop:
            self.wire.next(stop)
            if self.wire.tag == 0x0A:
                if first >= 0:
                    return 0
                first = self.wire.start
                end = self.wire.stop
        if first < 0:
            return 0
        self.value.read(first, end)
        self.counts.view[BAD_UTF8] = mended  # both were counted when the array was written out
        self.counts.view[VALUE_INDEX] = by_index
        if self.value.kind == STRING and self.value.b > self.json.limit:
            self.value.b = self.work.cut(self.value.a, self.json.limit)
        elif self.value.kind == BYTES and self.value.b > self.json.limit:
            self.value.b = self.json.limit
        if self.value.kind == ARRAY or self.value.kind == MAP:
            self.text.length = -1
            return 0
        return self.scalar_text(self.value.kind, self.value.a, self.value.b)

    @cython.cfunc
    @cython.nogil
    def scalar_text(self, kind: cython.longlong, a: cython.longlong, b: cython.longlong) -> cython.int:
        at: cython.Py_ssize_t
        self.text.start = a
        self.text.length = b
        if kind == STRING:
            if b >= 2 and self.work.view[a] == 0x22 and self.work.view[a + b - 1] == 0x22:
                self.text.start = a + 1
                self.text.length = b - 2
        elif kind == BYTES:
            if b > 0 and not self.work.is_utf8(a, a + b):
                for at in range(a, a + b):
                    self.writer.put_hex(self.work.view[at])
                self.text.take()
        elif kind == INT:
            self.writer.put_int(a)
            self.text.take()
        elif kind == DOUBLE:
            with cython.gil:
                self.append_double(double(a))
        else:
            self.text.length = -1
        if self.text.length == 0:
            self.text.length = -1
        return 0

    def append_double(self, value: float) -> None:
        whole = value.is_integer() and abs(value) <= 2**64
        self.text.append((str(int(value)) if whole else str(value)).encode())

    @cython.cfunc
    @cython.nogil
    def first_natural(self, slots: cython.Py_ssize_t, table: cython.int, largest: cython.longlong) -> cython.int:
        """The first of the named attributes that holds an integer from 0 to `largest` (`number`)."""
        slot: cython.Py_ssize_t
        self.given = False
        self.number = 0
        for slot in range(slots + self.words.tables.view[table], slots + self.words.tables.view[table + 1]):
            if self.places.view[slot] >= 0:
                self.natural(self.places.view[slot])
                if self.given and self.number <= largest:
                    return 0
                self.given = False
                self.number = 0
        return 0

    @cython.cfunc
    @cython.nogil
    def natural(self, item: cython.Py_ssize_t) -> cython.int:
        kind: cython.longlong = self.items.kind.view[item]
        a: cython.longlong = self.items.a.view[item]
        b: cython.longlong = self.items.b.view[item]
        at: cython.Py_ssize_t
        digit: cython.int
        value: cython.double
        self.given = False
        if kind == INT:
            self.given = a >= 0
            self.number = a
        elif kind == DOUBLE:
            value = double(a)
            if 0 <= value < 9223372036854775808.0:
                self.number = cython.cast(cython.longlong, value) if cython.compiled else int(value)
                self.given = self.number == value
        elif kind == STRING and 0 < b <= 19:
            self.number = 0
            for at in range(a, a + b):
                digit = self.work.view[at] - 0x30
                if digit < 0 or digit > 9 or self.number > (INT64_LIMIT - digit) // 10:
                    return 0
                self.number = 10 * self.number + digit
            self.given = True
        return 0

    @cython.cfunc
    @cython.nogil
    def any_true(self, slots: cython.Py_ssize_t, table: cython.int) -> cython.int:
        slot: cython.Py_ssize_t
        item: cython.Py_ssize_t
        for slot in range(slots + self.words.tables.view[table], slots + self.words.tables.view[table + 1]):
            item = self.places.view[slot]
            if item < 0:
                continue
            if self.items.kind.view[item] == BOOL and self.items.a.view[item]:
                return 1
            if self.items.kind.view[item] == STRING and self.items.b.view[item] == 4:
                self.text.lower(self.items.a.view[item], 4)
                if self.words.matches(W_TRUE, self.text.start, self.text.length):
                    return 1
        return 0
