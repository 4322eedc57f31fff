"""Deliveries and their attempts, and spans that never arrived but must have been there (`60` to `71`)."""

from collections import defaultdict
from dataclasses import dataclass, field
from uuid import UUID

from tracecheck.chains.assembly.edges import CONTEXT, Edges, MessageEdge
from tracecheck.chains.assembly.facts import NEVER, Facts, Said
from tracecheck.model import SpanKind

DeliveryKey = tuple[int, str, str]
"""Message, part of a batch send (else empty), group."""

REMOTE_PARENT = 768
"""OTLP span flags: the parent is known to be remote (both bits)."""


@dataclass(slots=True)
class Delivery:
    """One message at one consumer group; `attempts` by order, each with its edge and what it says of the message."""

    message: int
    part: str
    group: str
    attempts: list["Attempt"]

    @property
    def first_success(self) -> int | None:
        """The first attempt that did not fail."""
        return next((one.said.n for one in self.attempts if not one.said.failed), None)

    @property
    def evidence(self) -> int:
        """The strongest evidence of any attempt."""
        return min(one.edge.evidence for one in self.attempts)

    @property
    def context(self) -> str | None:
        """How the trace context of the first attempt that had one arrived."""
        return next((one.edge.context for one in self.attempts if one.edge.evidence == CONTEXT), None)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One consumer span of a delivery; its message's position and id, from its link or itself."""

    said: Said
    edge: MessageEdge
    partition: str | None
    offset: int | None
    message_id: str | None


@dataclass(frozen=True, slots=True)
class Ghost:
    """The absent parent of orphans: it was an attempt of a delivery (with its group), or handled a message alone."""

    trace_id: str
    span_id: str
    service: str | None
    start_unix_nano: int
    end_unix_nano: int
    message: int
    part: str
    group: str | None


@dataclass(slots=True)
class Deliveries:
    """`orphans`: spans whose parent was never stored, with nothing else to name their cause."""

    of: dict[DeliveryKey, Delivery]
    by_message: dict[int, list[Delivery]] = field(default_factory=lambda: defaultdict(list))
    orphans: list[int] = field(default_factory=list)
    ghosts: dict[tuple[str, str], Ghost] = field(default_factory=dict)


def deliveries_of(facts: Facts, edges: Edges) -> Deliveries:
    """Every delivery, and what is missing."""
    found = Deliveries(of={})
    for key, handled in _handled(facts, edges).items():
        kept = [one for one in handled if one.said.role == "process"] or handled
        if len(kept) > 1:
            numbers = {one.said.n for one in kept}
            kept = [one for one in kept if not _is_inside(one.said.n, numbers, edges)]
        delivery = found.of[key] = Delivery(*key, attempts=kept)
        found.by_message[key[0]].append(delivery)
    found.orphans = [
        n
        for n, span in enumerate(facts.spans)
        if span.parent_span_id is not None
        and facts.parent[n] is None
        and n not in edges.of
        and n not in edges.stale
        and n not in facts.linked
    ]
    if found.orphans:
        found.ghosts = _ghosts(facts, edges, found)
    return found


def _is_inside(n: int, attempts: set[int], edges: Edges) -> bool:
    """Inside an earlier attempt, unless a send directly above says that the earlier one put the message back."""
    owner = edges.owner(n)
    return owner in attempts and owner < n and edges.facts.parent[n] not in edges.facts.producers


def _handled(facts: Facts, edges: Edges) -> dict[DeliveryKey, list[Attempt]]:
    groups: dict[tuple[int, str], str] = {}
    for n, own in edges.of.items():
        said = facts.consumers[n]
        if said.group is not None:
            for edge in own:
                at = (edge.message, said.service)
                groups[at] = max(said.group, groups.get(at, said.group))
    handled: dict[DeliveryKey, list[Attempt]] = defaultdict(list)
    for n in sorted(edges.of):
        said = facts.consumers[n]
        for edge in edges.of[n]:
            group = said.group
            if group is None and _is_elsewhere(said, edges.messages[edge.message]):
                group = f"{said.service}\x1f{said.destination}"
            elif group is None:
                group = groups.get((edge.message, said.service), said.service)
            attempt = Attempt(
                said=said,
                edge=edge,
                partition=said.partition if edge.partition is None else edge.partition,
                offset=said.offset if edge.offset is None else edge.offset,
                message_id=said.message_id if edge.message_id is None else edge.message_id,
            )
            part = "" if edges.messages[edge.message].of_one else _part(facts, said, edge)
            handled[edge.message, part, group].append(attempt)
    return handled


def _is_elsewhere(said: Said, message: Said) -> bool:
    """A service may consume one message of RabbitMQ at several places: what a queue gives up goes to another."""
    places = (said.destination, message.destination)
    return said.system == "rabbitmq" and None not in places and places[0] != places[1]


def _part(facts: Facts, said: Said, edge: MessageEdge) -> str:
    """Tells the messages of one batch send apart."""
    if edge.offset is not None:
        return f"{edge.partition or ''}:{edge.offset}"
    if said.offset is not None:
        return f"{said.partition or ''}:{said.offset}"
    for name in (edge.message_id, said.message_id):
        if name is not None:
            return name
    basis = facts.spans[edge.basis]
    return f"#{UUID(basis.trace_id)}{int(basis.span_id, 16)}"


def _ghosts(facts: Facts, edges: Edges, found: Deliveries) -> dict[tuple[str, str], Ghost]:
    children: dict[tuple[str, str], list[int]] = defaultdict(list)
    for n in found.orphans:
        span = facts.spans[n]
        children[span.trace_id, str(span.parent_span_id)].append(n)
    traces = {trace_id for trace_id, _ in children}
    sent: dict[str, list[int]] = defaultdict(list)
    for message in edges.messages:
        if facts.spans[message].trace_id in traces:
            sent[facts.spans[message].trace_id].append(message)
    ghosts: dict[tuple[str, str], Ghost] = {}
    for (trace_id, span_id), orphans in children.items():
        service = _service(facts, orphans)
        before = [message for message in sent[trace_id] if message < orphans[0]]
        delivery = _made_before(found, before, service)
        if delivery is None:
            unhandled = [message for message in before if message not in found.by_message]
            if len(unhandled) != 1:
                continue
            delivery = (unhandled[0], "", None)
        ghosts[trace_id, span_id] = Ghost(
            trace_id,
            span_id,
            service,
            min(min(facts.spans[n].start_unix_nano, NEVER) for n in orphans),
            max(min(facts.spans[n].end_unix_nano, NEVER) for n in orphans),
            *delivery,
        )
    return ghosts


def _service(facts: Facts, orphans: list[int]) -> str | None:
    """Local children tell the service of their absent parent."""
    return min(
        (
            span.service
            for span in map(facts.spans.__getitem__, orphans)
            if span.kind not in (SpanKind.SERVER, SpanKind.CONSUMER) and span.flags & REMOTE_PARENT != REMOTE_PARENT
        ),
        default=None,
    )


def _made_before(found: Deliveries, messages: list[int], service: str | None) -> tuple[int, str, str | None] | None:
    """The last delivery that this service made before: the absent span was another attempt of it."""
    if service is None:
        return None
    return max(
        (
            (delivery.message, delivery.part, delivery.group)
            for message in messages
            for delivery in found.by_message.get(message, ())
            if any(one.said.service == service for one in delivery.attempts)
        ),
        default=None,
    )
