"""The links of the span at hand."""

from tracecheck.receiver import _nocython as cython
from tracecheck.receiver.columns.attributes import Attributes
from tracecheck.receiver.columns.bits import signed_32
from tracecheck.receiver.columns.faults import BAD_LINK
from tracecheck.receiver.columns.ground import Ground
from tracecheck.receiver.columns.identity import Identity
from tracecheck.receiver.columns.items import Items
from tracecheck.receiver.columns.json_text import Json
from tracecheck.receiver.columns.limits import total_dropped
from tracecheck.receiver.columns.lists import Longs
from tracecheck.receiver.columns.meaning import Meaning
from tracecheck.receiver.columns.memory import Bytes
from tracecheck.receiver.columns.named import Named
from tracecheck.receiver.columns.rows import LinkColumns
from tracecheck.receiver.columns.text import Text
from tracecheck.receiver.columns.vocabulary import HAS_SLOT, T_DESTINATION, T_EVENT_ID, Vocabulary
from tracecheck.receiver.columns.wire import Wire


@cython.final
@cython.cclass
class Links:
    """The links of the span at hand."""

    items: Items
    out: Bytes
    work: Bytes
    counts: Longs
    wire: Wire
    text: Text
    words: Vocabulary
    json: Json
    attributes: Attributes
    named: Named
    identity: Identity
    meaning: Meaning
    columns: LinkColumns

    def __init__(
        self,
        ground: Ground,
        json: Json,
        attributes: Attributes,
        named: Named,
        identity: Identity,
        meaning: Meaning,
        columns: LinkColumns,
    ) -> None:
        self.items, self.out, self.work, self.counts = ground.items, ground.out, ground.work, ground.counts
        self.wire, self.text, self.words = ground.wire, ground.text, ground.words
        self.json, self.attributes, self.named, self.identity = json, attributes, named, identity
        self.meaning, self.columns = meaning, columns

    @cython.cfunc
    @cython.nogil
    def put(self, start: cython.Py_ssize_t, stop: cython.Py_ssize_t) -> cython.int:
        """One link, but for its identity, which the span's meaning decides."""
        trace: cython.Py_ssize_t = -1
        trace_length: cython.Py_ssize_t = 0
        span: cython.Py_ssize_t = -1
        span_length: cython.Py_ssize_t = 0
        state: cython.Py_ssize_t = 0
        state_stop: cython.Py_ssize_t = 0
        flags: cython.longlong = 0
        dropped: cython.longlong = 0
        first: cython.Py_ssize_t = self.attributes.pairs.size
        base: cython.Py_ssize_t = self.items.size
        self.wire.at = start
        while self.wire.at < stop:
            self.wire.next(stop)
            if self.wire.tag == 0x0A:
                trace = self.wire.start
                trace_length = self.wire.stop - self.wire.start
            elif self.wire.tag == 0x12:
                span = self.wire.start
                span_length = self.wire.stop - self.wire.start
            elif self.wire.tag == 0x1A:
                state = self.wire.start
                state_stop = self.wire.stop
            elif self.wire.tag == 0x22:
                self.attributes.pairs.put_range(self.wire.start, self.wire.stop)
            elif self.wire.tag == 0x28:
                dropped = self.wire.number
            elif self.wire.tag == 0x35:
                flags = self.wire.number
        if trace_length != 16 or span_length != 8 or self.work.is_zero(trace, 16) or self.work.is_zero(span, 8):
            self.attributes.pairs.size = first
            return self.counts.increase(BAD_LINK)
        self.attributes.read(first, False, True)
        self.named.note(self.words.names, base, self.items.size)
        self.columns.trace_id.copy(trace, 16)
        self.wire.read_id(span)
        self.columns.span_id.put(self.wire.number)
        self.text.mend_or_none(state, state_stop)
        self.columns.trace_state.put(self.text.start, self.text.length)
        self.columns.flags.put(signed_32(flags))
        if self.items.size > base:
            self.json.put_items(base)
            self.columns.attributes.move(self.out)
        else:
            self.columns.attributes.close(False)
        self.columns.dropped_attributes_count.put(total_dropped(dropped, self.attributes.dropped))
        self.named.first_text(self.words.names, T_DESTINATION)
        self.meaning.link_facts.put(self.text.start)
        self.meaning.link_facts.put(self.text.length)
        self.meaning.link_facts.put(base)
        return self.meaning.link_facts.put(self.items.size)

    @cython.cfunc
    @cython.nogil
    def identify(self) -> cython.int:
        at: cython.Py_ssize_t
        for at in range(0, self.meaning.link_facts.size, 4):
            self.attributes.flags = HAS_SLOT  # perhaps
            self.named.note(
                self.words.names, self.meaning.link_facts.view[at + 2], self.meaning.link_facts.view[at + 3]
            )
            if self.meaning.link_facts.view[at + 1] < 0:
                self.identity.find(self.words.names, self.meaning.destination, self.meaning.destination_length)
            else:
                self.identity.find(
                    self.words.names, self.meaning.link_facts.view[at], self.meaning.link_facts.view[at + 1]
                )
            self.columns.partition_id.put(self.identity.partition, self.identity.partition_length)
            self.columns.message_offset.put(self.identity.offset, self.identity.offset_given)
            if self.identity.message_length < 0:
                self.named.first_id(self.words.names, T_EVENT_ID)
                self.columns.message_id.put(self.text.start, self.text.length)
            else:
                self.columns.message_id.put(self.identity.message, self.identity.message_length)
        return 0
