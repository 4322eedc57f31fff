"""One span: looked through first, written once its ids are known to be good."""

from tracecheck.receiver import _nocython as cython
from tracecheck.receiver.columns.attributes import Attributes
from tracecheck.receiver.columns.bits import INT64_LIMIT, signed_32
from tracecheck.receiver.columns.canonical import Canonical
from tracecheck.receiver.columns.events import Events
from tracecheck.receiver.columns.faults import (
    BAD_KIND,
    BAD_PARENT,
    BAD_SPAN_ID,
    BAD_STATUS,
    BAD_TRACE_ID,
    CUT_TEXT,
    require_first,
)
from tracecheck.receiver.columns.ground import Ground
from tracecheck.receiver.columns.items import Items
from tracecheck.receiver.columns.keys import MOST_KEYS, Keys
from tracecheck.receiver.columns.limits import Limits, total_dropped
from tracecheck.receiver.columns.links import Links
from tracecheck.receiver.columns.lists import Longs
from tracecheck.receiver.columns.meaning import CONSUMER, Meaning
from tracecheck.receiver.columns.memory import Bytes
from tracecheck.receiver.columns.named import Named
from tracecheck.receiver.columns.packed import Packed
from tracecheck.receiver.columns.resources import Resources
from tracecheck.receiver.columns.rows import SpanColumns
from tracecheck.receiver.columns.text import Text
from tracecheck.receiver.columns.wire import Wire


@cython.final
@cython.cclass
class Spans:
    """One span: looked through first, written once its ids are known to be good."""

    ground: Ground
    work: Bytes
    counts: Longs
    items: Items
    wire: Wire
    text: Text
    keys: Keys
    attributes: Attributes
    limits: Limits
    named: Named
    meaning: Meaning
    resources: Resources
    links: Links
    events: Events
    packed: Packed
    canonical: Canonical
    columns: SpanColumns
    rows: cython.Py_ssize_t
    links_at: Longs
    events_at: Longs

    def __init__(
        self,
        ground: Ground,
        keys: Keys,
        attributes: Attributes,
        limits: Limits,
        named: Named,
        meaning: Meaning,
        resources: Resources,
        links: Links,
        events: Events,
        packed: Packed,
        canonical: Canonical,
        columns: SpanColumns,
    ) -> None:
        self.ground = ground
        self.work, self.counts, self.items, self.wire = ground.work, ground.counts, ground.items, ground.wire
        self.text = ground.text
        self.keys, self.attributes, self.limits, self.named = keys, attributes, limits, named
        self.meaning, self.resources, self.links, self.events = meaning, resources, links, events
        self.packed, self.canonical, self.columns = packed, canonical, columns
        self.links_at, self.events_at = Longs(), Longs()

    @cython.cfunc
    @cython.nogil
    def put(self, begin: cython.Py_ssize_t, end: cython.Py_ssize_t) -> cython.int:
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
        self.attributes.pairs.size = self.links_at.size = self.events_at.size = self.meaning.link_facts.size = 0
        self.wire.at = begin
        while self.wire.at < end:
            self.wire.next(end)
            if self.wire.tag == 0x4A:
                self.attributes.pairs.put_range(self.wire.start, self.wire.stop)
            elif self.wire.tag == 0x0A:
                trace = self.wire.start
                trace_length = self.wire.stop - self.wire.start
            elif self.wire.tag == 0x12:
                span = self.wire.start
                span_length = self.wire.stop - self.wire.start
            elif self.wire.tag == 0x1A:
                state = self.wire.start
                state_stop = self.wire.stop
            elif self.wire.tag == 0x22:
                parent = self.wire.start
                parent_length = self.wire.stop - self.wire.start
            elif self.wire.tag == 0x2A:
                name = self.wire.start
                name_stop = self.wire.stop
            elif self.wire.tag == 0x30:
                kind = signed_32(self.wire.number)
            elif self.wire.tag == 0x39:
                started = self.wire.number
            elif self.wire.tag == 0x41:
                ended = self.wire.number
            elif self.wire.tag == 0x50:
                dropped = self.wire.number
            elif self.wire.tag == 0x5A:
                self.events_at.put_range(self.wire.start, self.wire.stop)
            elif self.wire.tag == 0x60:
                dropped_events = self.wire.number
            elif self.wire.tag == 0x6A:
                self.links_at.put_range(self.wire.start, self.wire.stop)
            elif self.wire.tag == 0x70:
                dropped_links = self.wire.number
            elif self.wire.tag == 0x7A:
                require_first(status)
                status = self.wire.start
                status_stop = self.wire.stop
            elif self.wire.tag == 0x85:
                flags = self.wire.number
        if trace_length != 16 or self.work.is_zero(trace, 16):
            return self.counts.increase(BAD_TRACE_ID)
        if span_length != 8 or self.work.is_zero(span, 8):
            return self.counts.increase(BAD_SPAN_ID)
        if kind < 0 or kind > CONSUMER:
            self.counts.increase(BAD_KIND)
            kind = 0
        self.attributes.read(0, True, True)
        self.named.note(0, 0, self.items.size)
        self.columns.dropped_attributes_count.put(total_dropped(dropped, self.attributes.dropped))
        self.packed.put()
        of_keys = self.attributes.flags  # links have keys of their own
        for at in range(0, self.links_at.size, 2):
            self.links.put(self.links_at.view[at], self.links_at.view[at + 1])
        self.attributes.flags = of_keys
        self.limits.read_name(name, name_stop)
        self.columns.name.put(self.text.start, self.text.length)
        self.meaning.find(kind, self.text.start, self.text.length)
        self.links.identify()
        self.canonical.put()
        for at in range(0, self.events_at.size, 2):
            self.events.put(self.events_at.view[at], self.events_at.view[at + 1])
        self.columns.links.put(self.links.columns.span_id.size)
        self.columns.events.put(self.events.columns.time_unix_nano.size)
        self.columns.dropped_links_count.put(total_dropped(dropped_links, 0))
        self.columns.dropped_events_count.put(total_dropped(dropped_events, 0))
        self.columns.trace_id.copy(trace, 16)
        self.wire.read_id(span)
        self.columns.span_id.put(self.wire.number)
        if parent_length == 8 and not self.work.is_zero(parent, 8):
            self.wire.read_id(parent)
            self.columns.parent_span_id.numbers.put(self.wire.number)
            self.columns.parent_span_id.given.put(True)
        else:
            self.columns.parent_span_id.put(0, False)
            if parent_length != 8 and parent_length > 0:
                self.counts.increase(BAD_PARENT)
        self.text.mend_or_none(state, state_stop)
        self.columns.trace_state.put(self.text.start, self.text.length)
        self.columns.flags.put(signed_32(flags))
        self.columns.kind.put(kind)
        self.columns.start_unix_nano.put(started if started >= 0 else INT64_LIMIT)
        self.columns.start_raw_unix_nano.put(started, started < 0)
        self.columns.end_unix_nano.put(ended if ended >= 0 else INT64_LIMIT)
        self.columns.end_raw_unix_nano.put(ended, ended < 0)
        self.columns.time_overflow.put(started < 0 or ended < 0)
        self.put_status(status, status_stop)
        self.put_resource()
        self.rows += 1
        self.items.shrink(0)
        self.work.size = self.ground.floor
        if self.keys.start.size > MOST_KEYS:
            with cython.gil:
                self.keys.forget()
        return 0

    @cython.cfunc
    @cython.nogil
    def put_status(self, start: cython.Py_ssize_t, stop: cython.Py_ssize_t) -> cython.int:
        code: cython.int = 0
        message: cython.Py_ssize_t = start
        message_stop: cython.Py_ssize_t = start
        self.wire.at = start
        while self.wire.at < stop:
            self.wire.next(stop)
            if self.wire.tag == 0x12:
                message = self.wire.start
                message_stop = self.wire.stop
            elif self.wire.tag == 0x18:
                code = signed_32(self.wire.number)
        if code < 0 or code > 2:
            self.counts.increase(BAD_STATUS)
            code = 0
        self.columns.status_code.put(code)
        if message_stop <= message:
            return self.columns.status_message.close(False)
        self.text.mend(message, message_stop)
        if self.text.length > self.limits.value_bytes:
            self.text.length = self.work.cut(self.text.start, self.limits.value_bytes)
            self.counts.increase(CUT_TEXT)
        return self.columns.status_message.put(self.text.start, self.text.length if self.text.length else -1)

    @cython.cfunc
    @cython.nogil
    def put_resource(self) -> cython.int:
        self.columns.resource_index.put(self.resources.index)
        self.columns.instance_given.put(self.resources.instance_length >= 0)
        return self.columns.host_given.put(self.resources.host_length >= 0)
