"""A chain put together from spans in a few plain lines, without a store: for rules that are tried on many stories.

Everything becomes one chain. Causes are parents and links, else the position of the message, else its correlation id.
"""

from collections import defaultdict
from collections.abc import Sequence

from tracecheck.check.index import brief_of
from tracecheck.model import (
    Chain,
    ChainSummary,
    Edge,
    Evidence,
    Hop,
    Operation,
    Origin,
    Outcome,
    Span,
    SpanBrief,
)

_CONSUMES = (Operation.PROCESS, Operation.RECEIVE)


def assembled(spans: Sequence[Span]) -> Chain:
    """One chain of all these spans, which may be given in any order."""
    ordered = tuple(sorted(spans, key=lambda span: (span.start_unix_nano, span.trace_id, span.span_id)))
    by_key = {span.key: span for span in ordered}
    edges = [edge for span in ordered for edge in _edges(span, by_key)]
    first = ordered[0]
    run_ids = tuple(sorted({span.run_id for span in ordered if span.run_id}))
    correlation_ids = tuple(sorted({span.correlation_id for span in ordered if span.correlation_id}))
    hops = _hops(ordered, edges, by_key)
    summary = ChainSummary(
        chain_id=f"{first.trace_id}:{first.span_id}",
        trace_ids=tuple(sorted({span.trace_id for span in ordered})),
        correlation_id=first.correlation_id,
        run_id=first.run_id,
        origin=Origin(
            trace_id=first.trace_id,
            span_id=first.span_id,
            service=first.service,
            name=first.name,
            cause_absent=bool(first.parent_span_id),
        ),
        start_unix_nano=first.start_unix_nano,
        duration_ns=max(span.end_unix_nano for span in ordered) - first.start_unix_nano,
        spans=len(ordered),
        hops=len(hops),
    )
    return Chain(
        summary=summary,
        spans=ordered,
        edges=tuple(edges),
        hops=hops,
        correlation_ids=correlation_ids,
        run_ids=run_ids,
    )


def _edges(span: Span, by_key: dict[tuple[str, str], Span]) -> list[Edge]:
    stated = [((span.trace_id, span.parent_span_id), "parent")] if span.parent_span_id else []
    stated += [((link.trace_id, link.span_id), "link") for link in span.links]
    found = {cause: via for cause, via in reversed(stated) if cause in by_key and cause != span.key}
    edges = [_edge(span, by_key[cause], Evidence.CONTEXT, via) for cause, via in found.items()]
    if _does(span, *_CONSUMES) and not any(edge.is_message for edge in edges):
        edges += _weaker(span, by_key)
    return edges


def _weaker(span: Span, by_key: dict[tuple[str, str], Span]) -> list[Edge]:
    assert span.messaging is not None
    sends = [one for one in by_key.values() if _does(one, Operation.SEND)]
    same = [one for one in sends if one.messaging and one.messaging.destination == span.messaging.destination]
    position = span.messaging.identity
    if position.offset is not None:
        for one in same:
            if one.messaging and one.messaging.identity == position:
                return [_edge(span, one, Evidence.IDENTITY, "identity")]
    correlated = [one for one in same if one.correlation_id and one.correlation_id == span.correlation_id]
    earlier = [one for one in correlated if one.start_unix_nano <= span.start_unix_nano]
    return [_edge(span, earlier[-1], Evidence.CORRELATION, "correlation")] if earlier else []


def _edge(effect: Span, cause: Span, evidence: Evidence, via: str) -> Edge:
    return Edge(
        trace_id=effect.trace_id,
        span_id=effect.span_id,
        cause_trace_id=cause.trace_id,
        cause_span_id=cause.span_id,
        evidence=evidence,
        via=via,
        is_message=_does(effect, *_CONSUMES) and _does(cause, Operation.SEND),
    )


def _hops(ordered: Sequence[Span], edges: Sequence[Edge], by_key: dict[tuple[str, str], Span]) -> tuple[Hop, ...]:
    attempts: dict[tuple[tuple[str, str] | None, str], list[tuple[Span, Evidence | None]]] = defaultdict(list)
    seen: set[tuple[str, str]] = set()
    for edge in edges:
        if edge.is_message:
            span = by_key[edge.effect]
            attempts[edge.cause, _group(span)].append((span, edge.evidence))
            seen.add(span.key)
    for span in ordered:
        if _does(span, *_CONSUMES) and span.key not in seen:
            attempts[None, f"{_group(span)} {span.key}"].append((span, None))
    hops = [_hop(by_key.get(cause) if cause else None, tried) for (cause, _), tried in attempts.items()]
    heard = {cause for cause, _ in attempts}
    return (*hops, *(_hop(span, []) for span in ordered if _does(span, Operation.SEND) and span.key not in heard))


def _hop(producer: Span | None, tried: Sequence[tuple[Span, Evidence | None]]) -> Hop:
    briefs = sorted((brief_of(span) for span, _ in tried), key=lambda brief: brief.start_unix_nano)
    good = next((brief for brief in briefs if brief.error is None), None)
    decided: SpanBrief | None = good or (briefs[-1] if briefs else None)
    any_span = producer or tried[0][0]
    assert any_span.messaging is not None
    outcome = Outcome.UNDELIVERED if decided is None else Outcome.DELIVERED if good else Outcome.FAILED
    return Hop(
        chain_id="",
        system=any_span.messaging.system,
        destination=any_span.messaging.destination,
        consumer_group=decided.consumer_group if decided else None,
        partition=any_span.messaging.identity.partition,
        offset=any_span.messaging.identity.offset,
        message_id=None,
        producer=brief_of(producer) if producer else None,
        consumer=decided,
        evidence=min((one for _, one in tried if one), key=lambda one: one.rank, default=None),
        context=None,
        transit_ns=briefs[0].start_unix_nano - producer.end_unix_nano if producer and briefs else None,
        consumer_instant="process_start" if decided else None,
        processing_ns=decided.end_unix_nano - decided.start_unix_nano if decided else None,
        succeeded_after_ns=None,
        attempts=len(briefs),
        outcome=outcome if producer or not decided else Outcome.ORIGIN_UNKNOWN,
        attempt_spans=tuple(briefs),
    )


def _does(span: Span, *operations: Operation) -> bool:
    return span.messaging is not None and span.messaging.operation in operations


def _group(span: Span) -> str:
    return (span.messaging.consumer_group if span.messaging else None) or span.service
