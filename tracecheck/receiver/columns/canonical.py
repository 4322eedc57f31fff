"""Writes the canonical columns of the span at hand."""

from tracecheck.receiver import _nocython as cython
from tracecheck.receiver.columns.bits import INT32_LIMIT, INT64_LIMIT
from tracecheck.receiver.columns.ground import Ground
from tracecheck.receiver.columns.identity import Identity
from tracecheck.receiver.columns.meaning import Meaning
from tracecheck.receiver.columns.named import Named
from tracecheck.receiver.columns.resources import Resources
from tracecheck.receiver.columns.rows import SpanColumns
from tracecheck.receiver.columns.text import Text
from tracecheck.receiver.columns.vocabulary import (
    T_ATTEMPT,
    T_BATCH_COUNT,
    T_CORRELATION_ID,
    T_GROUP,
    T_KEY,
    T_RECORD_TIME,
    T_RETRY_OF,
    T_RUN_ID,
    T_TOMBSTONE,
)


@cython.final
@cython.cclass
class Canonical:
    """Writes the canonical columns of the span at hand."""

    text: Text
    named: Named
    identity: Identity
    meaning: Meaning
    resources: Resources
    columns: SpanColumns

    def __init__(
        self,
        ground: Ground,
        named: Named,
        identity: Identity,
        meaning: Meaning,
        resources: Resources,
        columns: SpanColumns,
    ) -> None:
        self.text = ground.text
        self.named, self.identity, self.meaning, self.resources = named, identity, meaning, resources
        self.columns = columns

    @cython.cfunc
    @cython.nogil
    def put(self) -> cython.int:
        """The canonical columns of the span at hand."""
        self.named.first_id(0, T_CORRELATION_ID)
        self.columns.correlation_id.put(self.text.start, self.text.length)
        self.named.first_id(0, T_RUN_ID)
        if self.text.length < 0:
            self.text.start = self.resources.run
            self.text.length = self.resources.run_length
        self.columns.run_id.put(self.text.start, self.text.length)
        if not self.meaning.given:
            return self.put_nothing()
        self.columns.system.put(self.meaning.system, self.meaning.system_length)
        self.columns.operation.put(self.meaning.operation - 1, self.meaning.operation > 0)
        self.columns.destination.put(self.meaning.destination, self.meaning.destination_length)
        self.named.first_text(0, T_GROUP)
        self.columns.consumer_group.put(self.text.start, self.text.length)
        self.identity.find(0, self.meaning.destination, self.meaning.destination_length)
        self.columns.partition_id.put(self.identity.partition, self.identity.partition_length)
        self.columns.message_offset.put(self.identity.offset, self.identity.offset_given)
        self.identity.find_event_id()
        self.columns.event_id.put(self.text.start, self.text.length)
        if self.identity.message_length > 0:
            self.columns.message_id.put(self.identity.message, self.identity.message_length)
        else:
            self.columns.message_id.put(self.text.start, self.text.length)
        self.named.first_text(0, T_KEY)
        self.columns.message_key.put(self.text.start, self.text.length)
        self.named.first_natural(0, T_BATCH_COUNT, INT32_LIMIT)
        self.columns.batch_count.put(self.named.number, self.named.given)
        self.named.first_natural(0, T_RECORD_TIME, INT64_LIMIT)
        self.columns.record_time_unix_nano.put(self.named.number, self.named.given)
        self.named.first_natural(0, T_ATTEMPT, INT32_LIMIT)
        self.columns.attempt.put(self.named.number, self.named.given)
        self.named.first_id(0, T_RETRY_OF)
        self.columns.retry_of.put(self.text.start, self.text.length)
        return self.columns.tombstone.put(self.named.any_true(0, T_TOMBSTONE))

    @cython.cfunc
    @cython.nogil
    def put_nothing(self) -> cython.int:
        self.columns.system.close(False)
        self.columns.operation.put(0, False)
        self.columns.destination.close(False)
        self.columns.consumer_group.close(False)
        self.columns.partition_id.close(False)
        self.columns.message_offset.put(0, False)
        self.columns.event_id.close(False)
        self.columns.message_id.close(False)
        self.columns.message_key.close(False)
        self.columns.batch_count.put(0, False)
        self.columns.record_time_unix_nano.put(0, False)
        self.columns.attempt.put(0, False)
        self.columns.retry_of.close(False)
        return self.columns.tombstone.put(False)
