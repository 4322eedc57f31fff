"""What a span says about a message, as `semconv.spans.messaging_of`."""

from tracecheck.receiver import _nocython as cython
from tracecheck.receiver.columns.attributes import Attributes
from tracecheck.receiver.columns.ground import Ground
from tracecheck.receiver.columns.lists import Longs
from tracecheck.receiver.columns.memory import Bytes
from tracecheck.receiver.columns.named import Named
from tracecheck.receiver.columns.operations import Operations
from tracecheck.receiver.columns.text import Text
from tracecheck.receiver.columns.vocabulary import (
    CREATE,
    FIRST_PREFIX,
    OF_MESSAGING,
    PROCESS,
    RECEIVE,
    SEND,
    T_DESTINATION,
    T_PEER,
    T_QUEUE_ADDRESS,
    T_ROUTING_KEY,
    T_SYSTEM,
    W_RABBITMQ,
    W_SQS,
    Vocabulary,
)

SERVER = cython.declare(cython.int, 2)
PRODUCER = cython.declare(cython.int, 4)
CONSUMER = cython.declare(cython.int, 5)


@cython.final
@cython.cclass
class Meaning:
    """What a span says about a message, as `semconv.spans.messaging_of`."""

    work: Bytes
    text: Text
    words: Vocabulary
    attributes: Attributes
    named: Named
    operations: Operations
    name_start: cython.Py_ssize_t
    name_length: cython.Py_ssize_t
    given: cython.bint
    system: cython.Py_ssize_t
    system_length: cython.Py_ssize_t
    operation: cython.int
    destination: cython.Py_ssize_t
    destination_length: cython.Py_ssize_t
    link_facts: Longs

    def __init__(self, ground: Ground, attributes: Attributes, named: Named, operations: Operations) -> None:
        self.work, self.text, self.words = ground.work, ground.text, ground.words
        self.attributes, self.named, self.operations = attributes, named, operations
        self.link_facts = Longs()

    @cython.cfunc
    @cython.nogil
    def find(self, kind: cython.int, name: cython.Py_ssize_t, name_length: cython.Py_ssize_t) -> cython.int:
        """What the span says about a message, as `semconv.spans.messaging_of`."""
        by_kind: cython.bint = kind == PRODUCER or kind == CONSUMER
        stated: cython.int
        operation: cython.int
        self.given = False
        self.system_length = self.destination_length = -1
        self.operation = 0
        if not by_kind and not self.attributes.flags & OF_MESSAGING:
            return 0
        self.find_system(by_kind)
        stated = self.operations.stated()
        if not by_kind and self.system_length < 0 and not stated:
            self.named.first_text(0, T_DESTINATION)
            if self.text.length < 0:
                return 0
        self.given = True
        self.name_start = name
        self.name_length = name_length
        operation = stated
        if not stated:
            self.operations.split_name(name, name_length)
            operation = self.operations.found
        if kind == PRODUCER:
            if not stated and operation != CREATE and operation != SEND:
                operation = SEND
        elif kind == CONSUMER:
            if operation == CREATE or operation == SEND:
                operation = RECEIVE
            elif not operation:
                operation = PROCESS
        elif kind == SERVER and not operation and self.system_length > 0:
            self.named.first_text(0, T_DESTINATION)
            if self.text.length > 0:
                operation = PROCESS
        self.operation = operation
        return self.find_destination()

    @cython.cfunc
    @cython.nogil
    def find_system(self, by_kind: cython.bint) -> cython.int:
        found: cython.Py_ssize_t
        at: cython.Py_ssize_t
        bit: cython.longlong = FIRST_PREFIX
        self.named.first_text(0, T_SYSTEM)
        if self.text.length > 0:
            self.text.lower(self.text.start, self.text.length)
            self.system = self.text.start
            self.system_length = self.text.length
            return self.meant_system()
        self.system_length = -1
        for at in range(0, self.words.prefixes.size, 4):
            if self.words.prefixes.view[at + 3] and self.attributes.flags & bit:
                self.system = self.words.prefixes.view[at + 2]
                self.system_length = self.words.prefixes.view[at + 3]
                return 0
            bit = bit << 1
        if by_kind:
            self.named.first_text(0, T_PEER)
            if self.text.length > 0:
                self.text.lower(self.text.start, self.text.length)
                found = self.words.systems.find(self.text.start, self.text.length)
                if found:
                    self.system = self.words.systems.words.view[found]
                    self.system_length = self.words.systems.words.view[found + 1]
        return 0

    @cython.cfunc
    @cython.nogil
    def meant_system(self) -> cython.int:
        found: cython.Py_ssize_t = self.words.systems.find(self.system, self.system_length)
        if found:
            self.system = self.words.systems.words.view[found]
            self.system_length = self.words.systems.words.view[found + 1]
        return 0

    @cython.cfunc
    @cython.nogil
    def find_destination(self) -> cython.int:
        self.named.first_text(0, T_DESTINATION)
        if self.text.length > 0 and not self.words.no_destinations.find(self.text.start, self.text.length):
            if (self.operation == CREATE or self.operation == SEND) and self.words.matches(
                W_RABBITMQ, self.system, self.system_length
            ):
                self.without_routing_key()
            return self.keep_destination()
        self.named.first_text(0, T_ROUTING_KEY)
        if self.text.length < 0 and self.words.matches(W_SQS, self.system, self.system_length):
            self.queue_of_address()
        if self.text.length < 0:
            self.agreed_by_links()
        if self.text.length < 0:
            self.operations.split_name(self.name_start, self.name_length)
            self.text.start = self.operations.start
            self.text.length = self.operations.length
        if self.text.length < 0 and self.system_length < 0:
            self.named.first_text(0, T_PEER)
        return self.keep_destination()

    @cython.cfunc
    @cython.nogil
    def keep_destination(self) -> cython.int:
        self.destination = self.text.start
        self.destination_length = self.text.length
        return 0

    @cython.cfunc
    @cython.nogil
    def without_routing_key(self) -> cython.int:
        """The exchange of `exchange,routing_key`, or the key where there is no exchange."""
        at: cython.Py_ssize_t = self.text.start
        stop: cython.Py_ssize_t = self.text.start + self.text.length
        while at < stop and self.work.view[at] != 0x2C:
            at += 1
        if at < stop:
            if at > self.text.start:
                self.text.length = at - self.text.start
            elif stop - at > 1:
                self.text.start = at + 1
                self.text.length = stop - at - 1
        return 0

    @cython.cfunc
    @cython.nogil
    def queue_of_address(self) -> cython.int:
        """The last part of an SQS queue's address (`text`)."""
        at: cython.Py_ssize_t
        stop: cython.Py_ssize_t
        self.named.first_text(0, T_QUEUE_ADDRESS)
        if self.text.length < 0:
            return 0
        stop = self.text.start + self.text.length
        while stop > self.text.start and self.work.view[stop - 1] == 0x2F:
            stop -= 1
        at = stop
        while at > self.text.start and self.work.view[at - 1] != 0x2F:
            at -= 1
        self.text.start = at
        self.text.length = stop - at if stop > at else -1
        return 0

    @cython.cfunc
    @cython.nogil
    def agreed_by_links(self) -> cython.int:
        """The destination that all links name, if they do (`text`)."""
        at: cython.Py_ssize_t
        self.text.length = -1
        if self.link_facts.size == 0:
            return 0
        for at in range(4, self.link_facts.size, 4):
            if self.link_facts.view[at + 1] != self.link_facts.view[1] or not self.work.equal(
                self.link_facts.view[at], self.link_facts.view[0], self.link_facts.view[1]
            ):
                return 0
        self.text.start = self.link_facts.view[0]
        self.text.length = self.link_facts.view[1]
        return 0
