"""Every attribute key seen so far, by number, with what is known about it."""

from tracecheck.receiver import _nocython as cython
from tracecheck.receiver.columns.ground import Ground
from tracecheck.receiver.columns.lists import Longs
from tracecheck.receiver.columns.memory import Bytes
from tracecheck.receiver.columns.text import Text
from tracecheck.receiver.columns.vocabulary import (
    FIRST_PREFIX,
    HAS_SLOT,
    IS_ODD,
    OF_MESSAGING,
    TABLES,
    W_ODD_KEYS,
    Vocabulary,
)

MOST_KEYS = cython.declare(cython.int, 65_536)


@cython.final
@cython.cclass
class Keys:
    """Every attribute key seen so far, by number, with what is known about it.

    All numbers are given anew when they are `forgotten`, which is counted.
    """

    work: Bytes
    text: Text
    words: Vocabulary
    buckets: Longs
    text_of_keys: Bytes
    start: Longs
    length: Longs
    slot: Longs
    flags: Longs
    next: Longs
    next_else: Longs
    seen: Longs
    item: Longs
    last: cython.longlong
    found: cython.longlong
    found_start: cython.Py_ssize_t
    found_length: cython.Py_ssize_t
    stamp: cython.longlong
    forgotten: cython.int

    def __init__(self, ground: Ground) -> None:
        self.work, self.text, self.words = ground.work, ground.text, ground.words
        self.forget()

    def forget(self) -> None:
        """Knows the names of `semconv.names` and no other key."""
        self.buckets, self.text_of_keys = Longs(), Bytes(self.work)
        for _ in range(1024):
            self.buckets.put(0)
        self.start, self.length, self.slot = Longs(), Longs(), Longs()
        self.flags, self.seen, self.item = Longs(), Longs(), Longs()
        self.next, self.next_else = Longs(), Longs()
        self.forgotten += 1
        self.learn(0, 0, 0)  # stands before the first key of a span
        self.learn(0, 0, 0)  # and of anything else
        size, slot = self.work.size, 0
        for table in TABLES:
            for name in table:
                self.text.append(name.encode())
                self.find(self.text.start, self.text.length)
                if self.slot.view[self.found] >= 0:
                    raise ValueError(f"{name} stands in two tables of semconv.names, which the decoder cannot follow")
                self.slot.view[self.found] = slot
                self.flags.view[self.found] |= HAS_SLOT
                slot += 1
        self.work.size = size
        self.last = 0

    def more_buckets(self) -> None:
        """Twice the places; at most half of them are ever taken."""
        at: cython.Py_ssize_t
        key: cython.Py_ssize_t
        mask: cython.longlong = 2 * self.buckets.size - 1
        self.buckets = Longs(2 * self.buckets.size)
        for _ in range(mask + 1):
            self.buckets.put(0)
        for key in range(2, self.start.size):
            at = self.text_of_keys.hash(self.start.view[key], self.length.view[key]) & mask
            while self.buckets.view[at]:
                at = (at + 1) & mask
            self.buckets.view[at] = key + 1

    @cython.cfunc
    @cython.nogil
    def learn(self, start: cython.Py_ssize_t, length: cython.Py_ssize_t, flags: cython.longlong) -> cython.int:
        self.start.put(self.text_of_keys.size)
        self.length.put(length)
        self.slot.put(-1)
        self.flags.put(flags)
        self.next.put(-1)
        self.next_else.put(-1)
        self.seen.put(-1)
        self.item.put(-1)
        return self.text_of_keys.copy(start, length)

    @cython.cfunc
    @cython.nogil
    def find(self, start: cython.Py_ssize_t, length: cython.Py_ssize_t) -> cython.int:
        """Which key this is, as `found`; mended (`found_start`, `found_length`) and learnt if it is new.

        The two keys that followed last are tried first.
        """
        at: cython.Py_ssize_t
        mask: cython.longlong
        self.found_start = start
        self.found_length = length
        if self.follows(self.next.view[self.last], start, length):
            return 0
        if self.follows(self.next_else.view[self.last], start, length):
            return 0
        if not self.look_up(start, length):
            self.text.mend(start, start + length)
            self.found_start = self.text.start
            self.found_length = self.text.length
            if self.text.start == start or not self.look_up(self.text.start, self.text.length):
                start = self.text.start
                length = self.text.length
                if 2 * self.start.size >= self.buckets.size:
                    with cython.gil:
                        self.more_buckets()
                mask = self.buckets.size - 1
                at = self.work.hash(start, length) & mask
                while self.buckets.view[at]:
                    at = (at + 1) & mask
                self.found = self.start.size
                self.learn(start, length, self.flags_of(start, length))
                self.buckets.view[at] = self.found + 1
        self.next_else.view[self.last] = self.next.view[self.last]
        self.next.view[self.last] = self.found
        self.last = self.found
        return 0

    @cython.cfunc
    @cython.inline
    @cython.nogil
    def follows(self, guess: cython.longlong, start: cython.Py_ssize_t, length: cython.Py_ssize_t) -> cython.int:
        """Whether it is the guessed key, which is the one at hand then."""
        if guess < 0 or self.length.view[guess] != length:
            return 0
        if not self.text_of_keys.equal(self.start.view[guess], start, length):
            return 0
        self.found = self.last = guess
        return 1

    @cython.cfunc
    @cython.nogil
    def look_up(self, start: cython.Py_ssize_t, length: cython.Py_ssize_t) -> cython.int:
        mask: cython.longlong = self.buckets.size - 1
        at: cython.Py_ssize_t = self.work.hash(start, length) & mask
        key: cython.longlong = self.buckets.view[at] - 1
        while key >= 0:
            if self.length.view[key] == length and self.text_of_keys.equal(self.start.view[key], start, length):
                self.found = key
                return 1
            at = (at + 1) & mask
            key = self.buckets.view[at] - 1
        return 0

    @cython.cfunc
    @cython.nogil
    def flags_of(self, start: cython.Py_ssize_t, length: cython.Py_ssize_t) -> cython.longlong:
        flags: cython.longlong = 0
        at: cython.Py_ssize_t
        byte: cython.int
        bit: cython.longlong = FIRST_PREFIX
        for at in range(0, self.words.prefixes.size, 4):
            if length >= self.words.prefixes.view[at + 1] and self.work.equal(
                self.words.prefixes.view[at], start, self.words.prefixes.view[at + 1]
            ):
                flags |= bit if self.words.prefixes.view[at + 3] else OF_MESSAGING
            bit = bit << 1
        for at in range(start, start + length):
            byte = self.work.view[at]
            if byte == 0x1E or byte == 0x1F:
                flags |= IS_ODD
        if length == self.words.length.view[W_ODD_KEYS] and self.work.equal(
            self.words.start.view[W_ODD_KEYS], start, length
        ):
            flags |= IS_ODD
        return flags
