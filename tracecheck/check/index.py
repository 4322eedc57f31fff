"""One chain, laid out for checking: spans by id, causes both ways, and the units a step can be met by.

A *unit* is one thing that can meet a step: a message (all sends of one event id), a delivery (one message at one
consumer group, with all its attempts), or a span.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from tracecheck.chains import HopTiming, timings
from tracecheck.expect import Pattern, Role
from tracecheck.model import Chain, Edge, Evidence, Hop, Operation, Span, SpanBrief, SpanKind, StatusCode

Key = tuple[str, str]

RANKS = {evidence: evidence.rank for evidence in Evidence}

FLAG_HAS_IS_REMOTE = 0x100
FLAG_IS_REMOTE = 0x200
"""OTLP `SpanFlags`: whether the span says of its parent if it is remote, and if so that it is."""

NEVER_ARRIVED = "span never arrived"
"""The error of an attempt that `chains` knows only by the children it left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One thing that can meet a step.

    `briefs` are its spans, earliest first: the sends of a message, the attempts of a delivery, or the one span.
    `succeeded` is the first that did not end in error. `producer` is the send of a delivery's message.
    """

    role: Role
    briefs: tuple[SpanBrief, ...]
    succeeded: SpanBrief | None
    destination: str | None = None
    group: str | None = None
    hop: Hop | None = None
    producer: SpanBrief | None = None
    event_id: str | None = None
    keys: tuple[Key, ...] = field(init=False)
    """Keys of its spans."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "keys", tuple(key_of(brief) for brief in self.briefs))

    @property
    def service(self) -> str:
        """The service of its first span."""
        return self.briefs[0].service

    @property
    def start_unix_nano(self) -> int:
        """When its first span began."""
        return self.briefs[0].start_unix_nano

    @property
    def instant_unix_nano(self) -> int:
        """When the step counts as done: the start of a send, else the end of the first success, else of the last.

        What follows a receive span that only brought the message is its handling, and ends it.
        """
        if self.role is Role.SEND:
            return (self.succeeded or self.briefs[0]).start_unix_nano
        if self.hop is not None and self.hop.succeeded_after_ns is not None and self.producer is not None:
            return self.producer.end_unix_nano + self.hop.succeeded_after_ns
        return (self.succeeded or self.briefs[-1]).end_unix_nano


def key_of(brief: SpanBrief | Span) -> Key:
    """Row identity of a brief."""
    return (brief.trace_id, brief.span_id)


def brief_of(span: Span) -> SpanBrief:
    """A span as findings show it."""
    messaging = span.messaging
    identity = messaging.identity if messaging else None
    return SpanBrief(
        trace_id=span.trace_id,
        span_id=span.span_id,
        service=span.service,
        name=span.name,
        start_unix_nano=span.start_unix_nano,
        end_unix_nano=span.end_unix_nano,
        destination=messaging.destination if messaging else None,
        consumer_group=messaging.consumer_group if messaging else None,
        partition=identity.partition if identity else None,
        offset=identity.offset if identity else None,
        error=_error_of(span) if span.status is StatusCode.ERROR else None,
        consumes=messaging is not None and messaging.operation in (Operation.RECEIVE, Operation.PROCESS),
    )


def _error_of(span: Span) -> str:
    """What a failed span says of its failure, with the exception's type, without which a message may say nothing."""
    thrown = next((event.attributes for event in reversed(span.events) if event.name == "exception"), {})
    kind, message = thrown.get("exception.type"), span.status_message or thrown.get("exception.message") or "error"
    return str(message) if not kind or str(kind) in str(message) else f"{kind}: {message}"


@dataclass(frozen=True)
class Index:
    """A chain with its look-ups, each built once when first asked for."""

    chain: Chain
    matched: dict[Pattern, tuple[Unit, ...]] = field(default_factory=dict)
    """What `match.matching` found before: each instance of an expectation asks again."""

    @cached_property
    def spans(self) -> dict[Key, Span]:
        """Spans by key."""
        return {span.key: span for span in self.chain.spans}

    @cached_property
    def causes(self) -> dict[Key, list[Edge]]:
        """Edges by their effect."""
        causes: dict[Key, list[Edge]] = {}
        for edge in self.chain.edges:
            causes.setdefault(edge.effect, []).append(edge)
        return causes

    @cached_property
    def effects(self) -> dict[Key, list[tuple[Key, int, bool]]]:
        """By the cause: its effects, each with the rank of the evidence and whether a message leads there."""
        effects: dict[Key, list[tuple[Key, int, bool]]] = {}
        for edge in self.chain.edges:
            effects.setdefault(edge.cause, []).append((edge.effect, RANKS[edge.evidence], edge.is_message))
        return effects

    def units(self, role: Role) -> tuple[Unit, ...]:
        """All units of a role, by start."""
        if role is Role.SEND:
            return self.messages
        if role is Role.PROCESS:
            return self.deliveries
        return self.calls if role is Role.CALL else self.plain_spans

    @cached_property
    def deliveries(self) -> tuple[Unit, ...]:
        """Every delivery, from the hops: the consumer of a batch may itself stand in another chain."""
        return _by_start(_delivery(hop) for hop in self.chain.hops if hop.consumer is not None)

    @cached_property
    def messages(self) -> tuple[Unit, ...]:
        """Every message sent, sends of one event id to one destination together."""
        produced = {key_of(hop.producer): hop.producer for hop in self.chain.hops if hop.producer is not None}
        for span in self.chain.spans:
            if span.key not in produced and self._is_message(span):
                produced[span.key] = brief_of(span)
        consumed = {key_of(hop.producer) for hop in self.chain.hops if hop.producer and hop.consumer is not None}
        together: dict[object, list[SpanBrief]] = defaultdict(list)
        for key, brief in produced.items():
            event_id = self.event_id(key)
            together[(event_id, brief.destination) if event_id else key].append(brief)
        return _by_start(self._message(briefs, consumed) for briefs in together.values())

    @cached_property
    def plain_spans(self) -> tuple[Unit, ...]:
        """Every span by itself."""
        return tuple(_span_unit(Role.SPAN, span) for span in self.chain.spans)

    @cached_property
    def calls(self) -> tuple[Unit, ...]:
        """Every call to another service: CLIENT spans that are no messaging and sent no message."""
        sent = {key_of(hop.producer) for hop in self.chain.hops if hop.producer is not None}
        return tuple(
            _span_unit(Role.CALL, span)
            for span in self.chain.spans
            if span.kind is SpanKind.CLIENT
            and (span.messaging is None or span.messaging.operation is None)
            and span.key not in sent
        )

    @cached_property
    def times(self) -> dict[int, HopTiming]:
        """How the time of each hop divides, by the hop's `id`."""
        return {id(hop): timing for hop, timing in zip(self.chain.hops, timings(self.chain), strict=True)}

    @cached_property
    def duplicated(self) -> tuple[Unit, ...]:
        """Deliveries that were handled again after they had succeeded."""
        return tuple(unit for unit in self.deliveries if repeats(unit))

    @cached_property
    def led_on(self) -> frozenset[Key]:
        """Spans from which a message followed that somebody received."""
        heard = tuple(key_of(unit.producer) for unit in self.deliveries if unit.producer is not None)
        return frozenset(ancestors(self, heard))

    @cached_property
    def after_repeats(self) -> frozenset[Key]:
        """What follows from handling a message again after it had been handled well."""
        again = tuple(key_of(brief) for unit in self.duplicated for brief in repeats(unit))
        return frozenset(reach(self, again)) - set(again)

    def event_id(self, key: Key) -> str | None:
        """The event id a span states, if it is stored."""
        span = self.spans.get(key)
        return span.messaging.event_id if span and span.messaging else None

    def dangles(self, key: Key) -> bool:
        """True if the span names a cause that was never stored, and nothing stands in for it.

        With a parent that is not there, only its message (found by weaker evidence) would; a link may be a mere join.
        """
        span = self.spans.get(key)
        if span is None or not (span.parent_span_id or span.links):
            return False
        believed = [edge for edge in self.causes.get(key, ()) if edge.evidence is not Evidence.INFERRED]
        if span.parent_span_id is None:
            return not believed
        parent = (span.trace_id, span.parent_span_id)
        return parent not in self.spans and not any(edge.is_message for edge in believed)

    def _is_message(self, span: Span) -> bool:
        messaging = span.messaging
        if messaging is None or messaging.operation not in (Operation.SEND, Operation.CREATE):
            return False
        for edge in self.causes.get(span.key, ()):
            cause = self.spans.get(edge.cause)
            if cause is None or cause.messaging is None or cause.messaging.operation is None:
                continue
            same = cause.messaging.destination == messaging.destination
            if cause.messaging.operation is Operation.CREATE and (same or edge.via == "link"):
                return False
            # A handler that sends to where its message came from, without a hop of its own: it put that message back.
            if cause.messaging.operation in (Operation.SEND, Operation.PROCESS) and same and edge.via == "parent":
                return False
        return True

    def _message(self, briefs: Sequence[SpanBrief], consumed: set[Key]) -> Unit:
        ordered = tuple(sorted(briefs, key=_order))
        good = (brief for brief in ordered if brief.error is None or key_of(brief) in consumed)
        return Unit(
            role=Role.SEND,
            briefs=ordered,
            succeeded=next(good, None),
            destination=ordered[0].destination,
            event_id=self.event_id(key_of(ordered[0])),
        )


def lost_side(flags: int, kind: SpanKind) -> str:
    """On which side the absent parent of a span was lost, by its OTLP flags, else its kind; empty if neither says."""
    if not flags & FLAG_HAS_IS_REMOTE and kind not in (SpanKind.SERVER, SpanKind.CONSUMER):
        return ""
    if flags & FLAG_IS_REMOTE or not flags & FLAG_HAS_IS_REMOTE:
        return "its parent was remote: the span of the service before it was lost"
    return "its parent was local: a span of the same process was lost"


def repeats(unit: Unit) -> tuple[SpanBrief, ...]:
    """Attempts that began after the first successful one had; an attempt whose span never arrived proves none."""
    if unit.succeeded is None or (unit.group is None and unit.hop is not None and is_told_apart(unit.hop)):
        return ()
    return tuple(
        brief for brief in unit.briefs[unit.briefs.index(unit.succeeded) + 1 :] if brief.error != NEVER_ARRIVED
    )


def is_told_apart(hop: Hop) -> bool:
    """Whether `chains` saw different handlers take the message, so that they may be different consumers."""
    return hop.attempts > 1 and "ambiguous" in hop.findings and "duplicate_delivery" not in hop.findings


def reach(index: Index, sources: Sequence[Key]) -> dict[Key, int]:
    """What follows from the sources: span key -> rank of the weakest evidence on the strongest path to it.

    Walks edges from cause to effect, strongest evidence first, each edge once; cycles end by themselves.
    """
    ranks = dict.fromkeys(sources, 0)
    frontier: list[list[Key]] = [[] for _ in Evidence]
    frontier[0].extend(sources)
    for rank, keys in enumerate(frontier):
        while keys:
            key = keys.pop()
            if ranks[key] < rank:
                continue
            for effect, own, _ in index.effects.get(key, ()):
                weakest = own if own > rank else rank
                if weakest < ranks.get(effect, len(frontier)):
                    ranks[effect] = weakest
                    frontier[weakest].append(effect)
    return ranks


def leading_to(index: Index, units: Sequence[Unit]) -> set[Key]:
    """The spans from which these units follow, their own and their messages' sends included."""
    sent = [key_of(unit.producer) for unit in units if unit.producer is not None]
    return ancestors(index, [*sent, *(key for unit in units for key in unit.keys)])


def ancestors(index: Index, keys: Sequence[Key]) -> set[Key]:
    """The spans from which these follow, themselves included."""
    seen = set(keys)
    waiting = list(keys)
    while waiting:
        for edge in index.causes.get(waiting.pop(), ()):
            if edge.cause not in seen:
                seen.add(edge.cause)
                waiting.append(edge.cause)
    return seen


def _delivery(hop: Hop) -> Unit:
    assert hop.consumer is not None
    attempts = tuple(sorted(hop.attempt_spans or (hop.consumer,), key=_order))
    return Unit(
        role=Role.PROCESS,
        briefs=attempts,
        succeeded=next((brief for brief in attempts if brief.error is None), None),
        destination=hop.destination,
        group=hop.consumer_group,
        hop=hop,
        producer=hop.producer,
    )


def _span_unit(role: Role, span: Span) -> Unit:
    brief = brief_of(span)
    return Unit(role=role, briefs=(brief,), succeeded=None if brief.error else brief, destination=brief.destination)


def _by_start(units: Iterator[Unit]) -> tuple[Unit, ...]:
    return tuple(sorted(units, key=lambda unit: _order(unit.briefs[0])))


def _order(brief: SpanBrief) -> tuple[int, str, str]:
    return (brief.start_unix_nano, brief.trace_id, brief.span_id)
