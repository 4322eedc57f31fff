"""What tells a message from others: `semconv.spans._identity` and `_event_id`."""

from tracecheck.receiver import _nocython as cython
from tracecheck.receiver.columns.bits import INT64_LIMIT
from tracecheck.receiver.columns.ground import Ground
from tracecheck.receiver.columns.meaning import Meaning
from tracecheck.receiver.columns.memory import Bytes
from tracecheck.receiver.columns.named import Named
from tracecheck.receiver.columns.positions import Positions
from tracecheck.receiver.columns.text import Text
from tracecheck.receiver.columns.vocabulary import T_EVENT_ID, T_MESSAGE_ID, T_OFFSET, T_PARTITION, W_KAFKA, Vocabulary


@cython.final
@cython.cclass
class Identity:
    """What tells a message from others: `semconv.spans._identity` and `_event_id`."""

    work: Bytes
    text: Text
    words: Vocabulary
    named: Named
    positions: Positions
    meaning: Meaning
    partition: cython.Py_ssize_t
    partition_length: cython.Py_ssize_t
    offset: cython.longlong
    offset_given: cython.bint
    message: cython.Py_ssize_t
    message_length: cython.Py_ssize_t

    def __init__(self, ground: Ground, named: Named, positions: Positions, meaning: Meaning) -> None:
        self.work, self.text, self.words = ground.work, ground.text, ground.words
        self.named, self.positions, self.meaning = named, positions, meaning

    @cython.cfunc
    @cython.nogil
    def find(
        self, slots: cython.Py_ssize_t, destination: cython.Py_ssize_t, destination_length: cython.Py_ssize_t
    ) -> cython.int:
        """What tells the message from others, as `semconv.spans._identity`."""
        kafka: cython.bint = self.words.matches(W_KAFKA, self.meaning.system, self.meaning.system_length)
        self.named.first_id(slots, T_PARTITION)
        self.partition = self.text.start
        self.partition_length = self.text.length
        self.named.first_natural(slots, T_OFFSET, INT64_LIMIT)
        self.offset = self.named.number
        self.offset_given = self.named.given
        self.named.first_id(slots, T_MESSAGE_ID)
        self.message = self.text.start
        self.message_length = self.text.length
        if self.text.length < 0 or not (kafka or self.meaning.system_length < 0):
            return 0
        if not self.positions.matches(self.message, self.message_length):
            return 0
        if destination_length < 0:
            if not kafka:
                return 0
        elif destination_length != self.positions.topic or not self.work.equal(
            self.message, destination, destination_length
        ):
            return 0
        if self.partition_length < 0:
            self.partition = self.positions.partition
            self.partition_length = self.positions.partition_length
        if not self.offset_given:
            self.offset = self.positions.offset
            self.offset_given = True
        return 0

    @cython.cfunc
    @cython.nogil
    def find_event_id(self) -> cython.int:
        """The span's event id (`text`), as `semconv.spans._event_id`; after `_identity`."""
        self.named.first_id(0, T_EVENT_ID)
        if self.text.length > 0 or not self.words.own_id_missing.find(self.meaning.system, self.meaning.system_length):
            return 0
        if self.message_length > 0 and not self.positions.is_made_up(self.message, self.message_length):
            self.text.start = self.message
            self.text.length = self.message_length
        return 0
