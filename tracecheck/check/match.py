"""Whether a unit meets a pattern, and in what it differs if not."""

from collections.abc import Iterable
from difflib import SequenceMatcher

from tracecheck.check.index import Index, Unit, key_of
from tracecheck.expect import Pattern, Role
from tracecheck.expect.predicates import ABSENT, describe, difference
from tracecheck.model import AttributeValue, NearMiss, Span

_CALLEE = (
    "peer.service",
    "server.address",
    "net.peer.name",
    "rpc.service",
    "db.namespace",
    "db.name",
    "db.system.name",
    "db.system",
)
"""Attributes of a CLIENT span that may name what is called (general, RPC and database conventions, current and old)."""

MOST_NEAR_MISSES = 3
SIMILAR = 0.75
"""From this ratio on, a destination looks like a misspelling of another (`orders`, `order`)."""


def matching(index: Index, pattern: Pattern) -> tuple[Unit, ...]:
    """The units that meet the pattern, by start."""
    if pattern not in index.matched:
        units = index.units(pattern.role)
        if pattern.role in (Role.SEND, Role.PROCESS):
            units = tuple(unit for unit in units if unit.destination == pattern.target)
        index.matched[pattern] = tuple(unit for unit in units if not differences(index, pattern, unit))
    return index.matched[pattern]


def differences(index: Index, pattern: Pattern, unit: Unit) -> list[str]:
    """In what a unit of the pattern's role differs from it, as short facts; empty if it meets it."""
    found: list[str] = []
    if pattern.target not in (names := _targets(index, pattern.role, unit)):
        noun = {Role.SPAN: "name", Role.CALL: "callee"}.get(pattern.role, "destination")
        found.append(f"{noun} is {' or '.join(sorted(names)) or 'unknown'}, not {pattern.target}")
    if pattern.group is not None and unit.group != pattern.group:
        found.append(f"group is {unit.group or 'unknown'}, not {pattern.group}")
    if pattern.service is not None and all(brief.service != pattern.service for brief in unit.briefs):
        found.append(f"service is {unit.service}, not {pattern.service}")
    return found + _where(index, pattern, unit)


def near_misses(index: Index, pattern: Pattern, others: Iterable[Pattern]) -> tuple[NearMiss, ...]:
    """Units that almost meet the pattern, nearest first; those that meet another step's pattern are left out."""
    claimed = [other for other in others if other.role is pattern.role]
    scored: list[tuple[int, int, NearMiss]] = []
    for position, unit in enumerate(index.units(pattern.role)):
        found = differences(index, pattern, unit)
        if not found or not _is_near(index, pattern, unit, found):
            continue
        if any(not differences(index, other, unit) for other in claimed):
            continue
        scored.append((len(found), position, NearMiss(span=unit.briefs[-1], difference="; ".join(found))))
    return tuple(miss for _, _, miss in sorted(scored, key=lambda one: one[:2])[:MOST_NEAR_MISSES])


def describe_pattern(pattern: Pattern) -> str:
    """The pattern in words: `process orders by group billing where order.id equals 'o-1'`."""
    words = [pattern.role.value, pattern.target]
    if pattern.group is not None:
        words.append(f"by group {pattern.group}")
    if pattern.service is not None:
        words.append(f"by {pattern.service}" if pattern.group is None else f"of {pattern.service}")
    if pattern.where:
        words.append("where " + " and ".join(describe(predicate) for predicate in pattern.where))
    return " ".join(words)


def _targets(index: Index, role: Role, unit: Unit) -> set[str]:
    if role is Role.SPAN:
        return {unit.briefs[0].name}
    if role is not Role.CALL:
        return {unit.destination} if unit.destination is not None else set()
    key = key_of(unit.briefs[0])
    span = index.spans[key]
    names = {str(span.attributes[name]) for name in _CALLEE if name in span.attributes}
    answering = (index.spans.get(effect) for effect, _, _ in index.effects.get(key, ()))
    return names | {other.service for other in answering if other is not None and other.service != span.service}


def _where(index: Index, pattern: Pattern, unit: Unit) -> list[str]:
    """The differences of the span that differs least: one span has to meet all predicates."""
    if not pattern.where:
        return []
    per_span = []
    for key in unit.keys:
        span = index.spans.get(key)
        found = [difference(predicate, _value(span, predicate.attribute)) for predicate in pattern.where]
        per_span.append([one for one in found if one is not None])
    return min(per_span, key=len)


def _value(span: Span | None, name: str) -> AttributeValue | object:
    if span is None:
        return ABSENT
    if name in span.attributes:
        return span.attributes[name]
    messaging = span.messaging
    canonical: dict[str, AttributeValue] = {
        "correlation.id": span.correlation_id,
        "messaging.message.conversation_id": span.correlation_id,
        "tracecheck.run.id": span.run_id,
        "service.instance.id": span.instance,
        "host.name": span.host,
    }
    if messaging is not None:
        canonical |= {
            "messaging.system": messaging.system,
            "messaging.message.id": messaging.identity.message_id,
            "messaging.destination.partition.id": messaging.identity.partition,
            "messaging.kafka.offset": messaging.identity.offset,
            "messaging.kafka.message.key": messaging.key,
            "messaging.batch.message_count": messaging.batch_count,
            "tracecheck.event.id": messaging.event_id,
            "tracecheck.attempt": messaging.attempt,
        }
    if (value := canonical.get(name)) is not None:
        return value
    return span.resource.attributes.get(name, ABSENT)


def _is_near(index: Index, pattern: Pattern, unit: Unit, found: list[str]) -> bool:
    names = _targets(index, pattern.role, unit)
    if pattern.target in names:
        return True
    narrowed = sum((pattern.group is not None, pattern.service is not None, len(pattern.where)))
    similar = any(SequenceMatcher(None, pattern.target, name).ratio() >= SIMILAR for name in names)
    return similar and len(found) <= narrowed + 1
