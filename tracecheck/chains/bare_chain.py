"""A chain of bare columns (`chains.bare`): one chain, or many alike at once, whatever stands for their values."""

from collections.abc import Callable, Iterator, Mapping
from itertools import count, islice
from typing import Any

from tracecheck.chains.bare import HOP_NAMES, HOP_VALUES, SPAN_NAMES, SPAN_VALUES, Bare, BareChains
from tracecheck.chains.load import in_order
from tracecheck.model import (
    Chain,
    ChainSummary,
    Edge,
    Event,
    Evidence,
    Hop,
    MessageIdentity,
    Messaging,
    Operation,
    Outcome,
    Span,
    SpanBrief,
    SpanKind,
    StatusCode,
)
from tracecheck.store.attributes import from_json

Take = Callable[[int], Any]
"""What stands for a value or a name, by its position."""

Key = tuple[Any, Any]


class NotReadError(TypeError):
    """Something was asked of a bare chain that it was built without. It has to be loaded whole."""


class _NotRead:
    """Stands for what was left out, and refuses every question."""

    def __getattr__(self, name: str) -> Any:
        raise NotReadError(name)

    def _refuse(self, *_: object) -> Any:
        raise NotReadError("left out of a bare chain")

    __bool__ = __len__ = __iter__ = __contains__ = __getitem__ = __str__ = __format__ = _refuse
    __eq__ = __lt__ = __gt__ = __hash__ = _refuse


NOT_READ: Any = _NotRead()


def chain_of(read: BareChains, bare: Bare, value: Take, name: Take) -> tuple[Chain, frozenset[Key]]:
    """The chain with these values and names, and the keys of its own spans, which others beside it do not have.

    Hops are in the order of a loaded chain; spans and edges in that of the pattern. What was not read raises
    `NotReadError` when it is asked for.
    """
    return _Builder(read, bare, value, name).chain()


class _Builder:
    """Walks a chain in the order in which its pattern was written, and takes values and names as it goes."""

    def __init__(self, read: BareChains, bare: Bare, value: Take, name: Take) -> None:
        self._read = read
        self._bare = bare
        self._name = name
        self._pattern = iter(bare.pattern)
        self._values = map(value, count())

    def chain(self) -> tuple[Chain, frozenset[Key]]:
        chain_id = next(self._values)
        findings = next(self._pattern)
        correlation_id, run_id = self._names(2)
        spans: list[Span] = []
        edges: list[Edge] = []
        hops: list[Hop] = []
        own: frozenset[Key] = frozenset()
        for number in self._bare.numbers:
            (a, b), (c, d) = self._read.spans.place(number), self._read.hops.place(number)
            of_spans, of_hops = list(islice(self._pattern, b - a)), list(islice(self._pattern, d - c))
            spans += (self._span(self._read.spans.told(pattern), edges) for pattern in of_spans)
            own = own or frozenset(span.key for span in spans)
            hops += sorted((self._hop(self._read.hops.told(pattern), chain_id) for pattern in of_hops), key=in_order)
        edges += map(self._edge, self._bare.edges)
        summary = ChainSummary(
            chain_id=chain_id,
            trace_ids=NOT_READ,
            correlation_id=correlation_id,
            run_id=run_id,
            origin=NOT_READ,
            start_unix_nano=NOT_READ,
            duration_ns=NOT_READ,
            spans=NOT_READ,
            hops=NOT_READ,
            findings=findings,
        )
        chain = Chain(
            summary=summary,
            spans=tuple(spans),
            edges=tuple(edges),
            hops=tuple(hops),
            feeds=NOT_READ,
            correlation_ids=NOT_READ,
            run_ids=NOT_READ,
        )
        return chain, own

    def _names(self, many: int) -> list[Any]:
        return [None if place < 0 else self._name(place) for place in islice(self._pattern, many)]

    def _take(self, many: int) -> Iterator[Any]:
        return islice(self._values, many)

    def _span(self, told: Mapping[str, Any], edges: list[Edge]) -> Span:
        start, end, instance, partition, offset, recorded = self._take(len(SPAN_VALUES))
        trace_id, span_id, parent_id, correlation_id, key, event_id, retry_of = self._names(len(SPAN_NAMES))
        if told["is_told"]:
            edges.append(_parent(trace_id, span_id, parent_id))
        messaging = Messaging(
            system=told["system"],
            operation=Operation(told["operation"]) if told["operation"] else None,
            destination=told["destination"],
            consumer_group=told["consumer_group"],
            identity=MessageIdentity(partition=partition, offset=offset, message_id=NOT_READ),
            key=key,
            event_id=event_id,
            batch_count=told["batch_count"],
            record_time_unix_nano=recorded,
            attempt=told["attempt"],
            retry_of=retry_of,
            tombstone=told["tombstone"],
        )
        return Span(
            trace_id=trace_id,
            span_id=span_id,
            parent_span_id=parent_id,
            name=told["name"],
            kind=SpanKind(told["kind"]),
            start_unix_nano=start,
            end_unix_nano=end,
            status=StatusCode(told["status_code"]),
            status_message=told["status_message"] or "",
            trace_state=NOT_READ,
            flags=told["flags"],
            attributes=NOT_READ,
            links=(NOT_READ,) if told["has_links"] else (),
            events=tuple(
                Event(time_unix_nano=NOT_READ, name=event["name"], attributes=_attributes(event["attributes"]))
                for event in told["told_events"] or ()
            ),
            resource=NOT_READ,
            service=told["service"],
            instance=instance,
            host=NOT_READ,
            correlation_id=correlation_id,
            run_id=NOT_READ,
            messaging=messaging,
        )

    def _hop(self, told: Mapping[str, Any], chain_id: Any) -> Hop:
        partition, offset, transit, processing, succeeded, *sides = self._take(len(HOP_VALUES))
        briefs = told["briefs"]
        starts, ends = list(self._take(len(briefs))), list(self._take(len(briefs)))
        producer_trace, producer, consumer_trace, consumer = self._names(len(HOP_NAMES))
        traces, ids = self._names(len(briefs)), self._names(len(briefs))
        place = {"destination": told["destination"], "partition": partition, "offset": offset}
        at_consumer = place | {"consumer_group": told["consumer_group"], "consumes": True}
        return Hop(
            chain_id=chain_id,
            system=told["system"],
            destination=told["destination"],
            consumer_group=told["consumer_group"],
            partition=partition,
            offset=offset,
            message_id=NOT_READ,
            producer=_side(told, "producer", (producer_trace, producer, *sides[:2]), place),
            consumer=_side(told, "consumer", (consumer_trace, consumer, *sides[2:]), at_consumer),
            evidence=Evidence(told["evidence"]) if told["evidence"] else None,
            context=told["context"],
            transit_ns=transit,
            consumer_instant=told["consumer_instant"],
            processing_ns=processing,
            succeeded_after_ns=succeeded,
            attempts=told["attempts"],
            outcome=Outcome(told["outcome"]),
            findings=tuple(told["findings"]),
            attempt_spans=tuple(
                SpanBrief(
                    trace_id=trace, span_id=span, start_unix_nano=start, end_unix_nano=end, **brief, **at_consumer
                )
                for brief, trace, span, start, end in zip(briefs, traces, ids, starts, ends, strict=True)
            ),
        )

    def _edge(self, bare: tuple[Any, ...]) -> Edge:
        pattern, *places = bare
        told = self._read.edges.told(pattern)
        trace_id, span_id, cause_trace_id, cause_span_id = map(self._name, places)
        return Edge(
            trace_id=trace_id,
            span_id=span_id,
            cause_trace_id=cause_trace_id,
            cause_span_id=cause_span_id,
            evidence=Evidence(told["evidence"]),
            via=told["via"],
            is_message=told["is_message"],
        )


def _parent(trace_id: Any, span_id: Any, parent_id: Any) -> Edge:
    return Edge(
        trace_id=trace_id,
        span_id=span_id,
        cause_trace_id=trace_id,
        cause_span_id=parent_id,
        evidence=Evidence.CONTEXT,
        via="parent",
        is_message=False,
    )


def _side(told: Mapping[str, Any], side: str, own: tuple[Any, ...], place: Mapping[str, Any]) -> SpanBrief | None:
    trace_id, span_id, start, end = own
    if span_id is None:
        return None
    return SpanBrief(
        trace_id=trace_id,
        span_id=span_id,
        service=told[f"{side}_service"],
        name=told[f"{side}_name"],
        start_unix_nano=start,
        end_unix_nano=end,
        error=told[f"{side}_error"],
        **place,
    )


def _attributes(written: str | None) -> Mapping[str, Any]:
    read = from_json(written or "{}")
    assert isinstance(read, dict)
    return read
