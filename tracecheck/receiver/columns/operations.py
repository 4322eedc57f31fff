"""What a span does, by an attribute or by its name."""

from tracecheck.receiver import _nocython as cython
from tracecheck.receiver.columns.ground import Ground
from tracecheck.receiver.columns.memory import Bytes
from tracecheck.receiver.columns.named import Named
from tracecheck.receiver.columns.text import Text
from tracecheck.receiver.columns.vocabulary import T_OPERATION, W_APPLY_ASYNC, W_RUN, Vocabulary

LONGEST_WORD = cython.declare(cython.int, 64)  # bytes; every word of the tables is below a quarter of it


@cython.final
@cython.cclass
class Operations:
    """What a span does, by an attribute or by its name."""

    work: Bytes
    text: Text
    words: Vocabulary
    named: Named
    found: cython.int
    start: cython.Py_ssize_t
    length: cython.Py_ssize_t

    def __init__(self, ground: Ground, named: Named) -> None:
        self.work, self.text, self.words = ground.work, ground.text, ground.words
        self.named = named

    @cython.cfunc
    @cython.nogil
    def operation_of(self, start: cython.Py_ssize_t, length: cython.Py_ssize_t) -> cython.int:
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
        self.text.lower(start, length)
        found = self.words.operations.find(self.text.start, self.text.length)
        return self.words.operations.words.view[found] if found else 0

    @cython.cfunc
    @cython.nogil
    def split_name(self, start: cython.Py_ssize_t, length: cython.Py_ssize_t) -> cython.int:
        """Operation and destination by a span's name."""
        stop: cython.Py_ssize_t = start + length
        at: cython.Py_ssize_t = stop
        self.length = -1
        while at > start and self.work.view[at - 1] != 0x20:
            at -= 1
        self.found = self.operation_of(at, stop - at)
        if self.found:
            return self.keep_destination(start, at - 1 - start)
        at = start
        while at < stop and self.work.view[at] != 0x20:
            at += 1
        self.found = self.operation_of(start, at - start)
        if self.found:
            return self.keep_destination(at + 1, stop - at - 1)
        at = start
        while at < stop and self.work.view[at] != 0x2F:
            at += 1
        if at < stop and (
            self.words.matches(W_RUN, start, at - start) or self.words.matches(W_APPLY_ASYNC, start, at - start)
        ):
            self.found = self.operation_of(start, at - start)
            return self.keep_destination(at + 1, stop - at - 1)
        return 0

    @cython.cfunc
    @cython.nogil
    def keep_destination(self, start: cython.Py_ssize_t, length: cython.Py_ssize_t) -> cython.int:
        if length > 0 and not self.words.no_destinations.find(start, length):
            self.start = start
            self.length = length
        return 0

    @cython.cfunc
    @cython.nogil
    def stated(self) -> cython.int:
        slot: cython.Py_ssize_t
        found: cython.int
        for slot in range(self.words.tables.view[T_OPERATION], self.words.tables.view[T_OPERATION + 1]):
            if self.named.places.view[slot] >= 0:
                self.named.text_of(self.named.places.view[slot])
                found = self.operation_of(self.text.start, self.text.length)
                if found:
                    return found
        return 0
