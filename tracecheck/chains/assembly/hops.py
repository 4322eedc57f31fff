"""Hops: every delivery, every message nobody is seen to handle, every consumer without a message (`90` to `92`)."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from tracecheck.chains.assembly.deliveries import Deliveries, Delivery, Ghost
from tracecheck.chains.assembly.edges import CONTEXT, CORRELATION, IDENTITY, Edges
from tracecheck.chains.assembly.facts import NEVER, Facts, Said
from tracecheck.chains.assembly.parts import Parts
from tracecheck.chains.assembly.unknown import unknown_of
from tracecheck.model import Evidence, Hop, Outcome, Span, SpanBrief, SpanKind

EVIDENCE = {CONTEXT: Evidence.CONTEXT, IDENTITY: Evidence.IDENTITY, CORRELATION: Evidence.CORRELATION}

_PUSHED = (SpanKind.SERVER, SpanKind.CONSUMER)
"""A receive span of one of these begins when the message is there; any other is a poll, which may wait for it."""

NEVER_ARRIVED = "span never arrived"


@dataclass(slots=True)
class _Half:
    """A hop before it is a value: its message (None: unknown), its attempts, and what only some kinds of it know."""

    origin: int
    message: Said | None
    attempts: list[Said]
    outcome: Outcome
    group: str | None = None
    delivery: Delivery | None = None
    context: str | None = None
    ghosts: tuple[SpanBrief, ...] = ()


@dataclass(slots=True)
class _Doubts:
    """What speaks against believing a hop, by span."""

    conflicting: set[int]
    ambiguous: set[int]
    twice: set[int]
    orphans: set[int]


def hops_of(
    facts: Facts, edges: Edges, deliveries: Deliveries, parts: Parts, chain_ids: dict[int, str]
) -> dict[int, list[Hop]]:
    """Hops by the origin of their chain."""
    around = {parent for n in edges.unclear if (parent := facts.parent[n]) is not None}
    doubts = _Doubts(
        conflicting={n for n, span in enumerate(facts.spans) if span.conflicting},
        ambiguous=around,
        twice=_sent_twice(edges),
        orphans=set(deliveries.orphans),
    )
    wrapping = {
        above
        for n, above in enumerate(facts.parent)
        if above in facts.consumers and _start(facts.spans[n]) < _end(facts.spans[above])
    }
    found: dict[int, list[Hop]] = defaultdict(list)
    for half in (
        *_delivered(edges, deliveries, parts),
        *_unhandled(edges, deliveries, parts),
        *_unknown(facts, edges, parts),
    ):
        found[half.origin].append(_hop(half, chain_ids[half.origin], edges, parts, doubts, wrapping))
    return found


def _delivered(edges: Edges, deliveries: Deliveries, parts: Parts) -> Iterable[_Half]:
    ghosts: dict[tuple[int, str, str | None], list[SpanBrief]] = defaultdict(list)
    for ghost in deliveries.ghosts.values():
        if ghost.group is not None and ghost.service is not None:
            ghosts[ghost.message, ghost.part, ghost.group].append(_ghost(ghost))
    for key, delivery in deliveries.of.items():
        message = edges.messages[delivery.message]
        yield _Half(
            origin=parts.origin[message.n],
            message=message,
            attempts=[one.said for one in delivery.attempts],
            outcome=Outcome.FAILED if delivery.first_success is None else Outcome.DELIVERED,
            group=_most(one.said.group for one in delivery.attempts),
            delivery=delivery,
            context=delivery.context,
            ghosts=tuple(ghosts.get(key, ())),
        )


def _unhandled(edges: Edges, deliveries: Deliveries, parts: Parts) -> Iterable[_Half]:
    services: dict[int, set[str | None]] = defaultdict(set)
    spans: dict[tuple[int, str], list[SpanBrief]] = defaultdict(list)
    for ghost in deliveries.ghosts.values():
        if ghost.group is None:
            services[ghost.message].add(ghost.service)
            if ghost.service is not None:
                spans[ghost.message, ghost.service].append(_ghost(ghost))
    for n, message in edges.messages.items():
        if n in deliveries.by_message:
            continue
        origin = parts.origin[n]
        if n not in services:
            yield _Half(origin=origin, message=message, attempts=[], outcome=Outcome.UNDELIVERED)
            continue
        for service in sorted(filter(None, services[n])) or (None,):
            seen = () if service is None else tuple(spans[n, service])
            yield _Half(origin=origin, message=message, attempts=[], outcome=Outcome.UNOBSERVED, ghosts=seen)


def _unknown(facts: Facts, edges: Edges, parts: Parts) -> Iterable[_Half]:
    for one in unknown_of(facts, edges, parts):
        yield _Half(
            origin=one.origin,
            message=None,
            attempts=one.attempts,
            outcome=Outcome.ORIGIN_UNKNOWN,
            group=_most(said.group for said in one.attempts),
            context=one.context,
        )


def _sent_twice(edges: Edges) -> set[int]:
    """Sends of an event id that was sent before without failing, unless they say they are a retry."""
    sent: dict[tuple[object, ...], int] = defaultdict(int)
    twice: set[int] = set()
    for n, message in edges.messages.items():
        if message.id is None:
            continue
        key = (message.system, message.destination, message.span.run_id, message.id)
        if sent[key] and message.retry_of is None and not _resends(edges, n, message.id):
            twice.add(n)
        sent[key] += not message.failed
    return twice


def _resends(edges: Edges, n: int, name: str) -> bool:
    owner = edges.owner(n)
    return owner is not None and any(edges.messages[edge.message].id == name for edge in edges.of.get(owner, ()))


def _most(values: Iterable[str | None]) -> str | None:
    return max((value for value in values if value is not None), default=None)


def _hop(half: _Half, chain_id: str, edges: Edges, parts: Parts, doubts: _Doubts, wrapping: set[int]) -> Hop:
    message, delivery = half.message, half.delivery
    first = half.attempts[0] if half.attempts else None
    success = next((said for said in half.attempts if not said.failed), None)
    decided = success or (half.attempts[-1] if half.attempts else None)
    place = _place(half, first)
    handled = None if decided is None else _handled(decided, wrapping)
    sent_end = None if message is None else _end(message.span)
    instant, named = _instant(first)
    at_consumer = {**place, "consumer_group": half.group, "consumes": True}
    attempts = sorted(
        [_brief(said.span, said.error, at_consumer) for said in half.attempts]
        + [replace(ghost, **at_consumer) for ghost in half.ghosts],
        key=lambda brief: (brief.start_unix_nano, brief.trace_id, brief.span_id),
    )
    return Hop(
        chain_id=chain_id,
        system=_first(message, first, "system"),
        destination=place["destination"],
        consumer_group=half.group,
        partition=place["partition"],
        offset=place["offset"],
        message_id=_known(half, "message_id"),
        producer=None if message is None else _brief(message.span, message.error, place),
        consumer=None if decided is None else _brief(decided.span, decided.error, at_consumer),
        evidence=EVIDENCE[delivery.evidence] if delivery else None,
        context=half.context,
        transit_ns=None if instant is None or sent_end is None else instant - sent_end,
        consumer_instant=named,
        processing_ns=None if handled is None else handled[1] - handled[0],
        succeeded_after_ns=None if handled is None or success is None or sent_end is None else handled[1] - sent_end,
        attempts=len(attempts),
        outcome=half.outcome,
        findings=_findings(half, edges, parts, doubts),
        attempt_spans=tuple(attempts),
    )


def _handled(decided: Said, wrapping: set[int]) -> tuple[int, int] | None:
    """From when to when the message was handled: a process span, what follows a receive span, or one that wraps it."""
    if decided.handler is not None:
        return decided.handler.start_unix_nano, decided.handler.end_unix_nano
    wraps = decided.span.kind in _PUSHED and decided.n in wrapping
    return (_start(decided.span), _end(decided.span)) if decided.role == "process" or wraps else None


def _place(half: _Half, first: Said | None) -> dict[str, Any]:
    """Where it was sent to, as far as the message says, else its attempts."""
    return {
        "destination": _first(half.message, first, "destination"),
        "partition": _known(half, "partition"),
        "offset": _known(half, "offset"),
    }


def _first(message: Said | None, first: Said | None, name: str) -> Any:
    values = (getattr(said, name) for said in (message, first) if said is not None)
    return next((value for value in values if value is not None), None)


def _known(half: _Half, name: str) -> Any:
    """What the message says, else the greatest that an attempt says of it."""
    if half.message is not None and (value := getattr(half.message, name)) is not None:
        return value
    among: Iterable[Any] = half.delivery.attempts if half.delivery else half.attempts
    return max((value for one in among if (value := getattr(one, name)) is not None), default=None)


def _brief(span: Span, error: str | None, place: dict[str, Any]) -> SpanBrief:
    return SpanBrief(
        trace_id=span.trace_id,
        span_id=span.span_id,
        service=span.service,
        name=span.name,
        start_unix_nano=_start(span),
        end_unix_nano=_end(span),
        error=error,
        **place,
    )


def _ghost(ghost: Ghost) -> SpanBrief:
    assert ghost.service is not None
    return SpanBrief(
        trace_id=ghost.trace_id,
        span_id=ghost.span_id,
        service=ghost.service,
        name="",
        start_unix_nano=ghost.start_unix_nano,
        end_unix_nano=ghost.end_unix_nano,
        error=NEVER_ARRIVED,
    )


def _findings(half: _Half, edges: Edges, parts: Parts, doubts: _Doubts) -> tuple[str, ...]:
    found: set[str] = set()
    message, attempts = half.message, half.attempts
    for said in attempts:
        n = said.n
        if n in edges.stale:
            found.add("stale_context")
        if n in doubts.ambiguous:
            found.add("ambiguous")
        if n in doubts.conflicting:
            found.add("conflicting_span")
        if n in doubts.orphans:
            found.add("orphan")
        if parts.origin[n] != half.origin:
            found.add("batch_fan_in")
    if message is not None:
        if message.n in doubts.conflicting:
            found.add("conflicting_span")
        if message.n in doubts.twice:
            found.add("duplicate_send")
        if message.failed:
            found.add("send_failed")
    if attempts:
        first = attempts[0]
        success = next((said.n for said in attempts if not said.failed), None)
        if first.span.kind in _PUSHED and message is not None and _start(first.span) < _start(message.span):
            found.add("clock_skew")
        if success is None:
            found.add("processing_failed")
        if message is not None and _is_of_several(half):
            found.add("ambiguous")
        elif message is not None and success is not None and attempts[-1].n > success:
            found.add("duplicate_delivery")
    if half.delivery is not None:
        if half.delivery.evidence > CONTEXT and "stale_context" not in found:
            found.add("context_lost")
        if any(one.edge.ambiguous for one in half.delivery.attempts):
            found.add("ambiguous")
    return tuple(sorted(found))


def _is_of_several(half: _Half) -> bool:
    """Receives in a service that names no group, handed to handlers of different names: several consumers in one
    service as likely as one that got the message twice."""
    return half.group is None and len({said.handler.name for said in half.attempts if said.handler is not None}) > 1


def _instant(first: Said | None) -> tuple[int | None, str | None]:
    if first is None:
        return None, None
    if first.role == "process":
        return _start(first.span), "process_start"
    if first.span.kind in _PUSHED:
        return _start(first.span), "receive_start"
    return _end(first.span), "poll_end"


def _start(span: Span) -> int:
    return min(span.start_unix_nano, NEVER)


def _end(span: Span) -> int:
    return min(span.end_unix_nano, NEVER)
