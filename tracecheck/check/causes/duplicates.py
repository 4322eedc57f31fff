"""`duplicate_delivery`, `duplicate_send`, `duplicate_effect`: something happened twice."""

from collections import defaultdict

from tracecheck.check.index import Unit, brief_of, repeats
from tracecheck.check.scene import Case, message_name, spoken
from tracecheck.expect import Role
from tracecheck.expect.model import Duplicates, Policy
from tracecheck.model import Cause, Finding, SpanBrief, Verdict
from tracecheck.semconv.names import EFFECT_EVENT

EFFECT_KEY = "tracecheck.effect.key"


def of_units(case: Case, units: tuple[Unit, ...]) -> list[Finding]:
    """The duplicates among what met a step, judged by the expectation's policy."""
    policy = case.scene.expectation.duplicates or Duplicates()
    found: list[Finding] = []
    for unit in units:
        if unit.role is Role.PROCESS and policy.deliveries is not Policy.ALLOW:
            found += _delivery(case, unit, _verdict(policy.deliveries))
        if unit.role is Role.SEND and policy.sends is not Policy.ALLOW:
            found += _send(case, unit, _verdict(policy.sends))
    if policy.effects is not Policy.ALLOW:
        found += _effects(case, units, _verdict(policy.effects))
    return found


def consequence(case: Case, unit: Unit) -> bool:
    """True if some of it follows from a message that was handled again: that is the cause, not this."""
    return bool(case.scene.index.after_repeats.intersection(unit.keys))


def _delivery(case: Case, unit: Unit, verdict: Verdict) -> list[Finding]:
    again = repeats(unit)
    if not again or unit.succeeded is None:
        return []
    well = 1 + sum(brief.error is None for brief in again)
    apart = again[0].start_unix_nano - unit.succeeded.end_unix_nano
    when = f"{spoken(apart)} after the first ended" if apart >= 0 else "while the first was at it"
    return [
        case.finding(
            Cause.DUPLICATE_DELIVERY,
            verdict,
            service=again[0].service,
            consumer_group=unit.group or case.pattern.group,
            span=again[0],
            last_good=unit.succeeded,
            count=len(again),
            evidence=(f"{well} successful attempt{'s' if well != 1 else ''}, another began {when}",),
            detail={"attempts": len(unit.briefs)},
        )
    ]


def _send(case: Case, unit: Unit, verdict: Verdict) -> list[Finding]:
    if len(unit.briefs) < 2 or consequence(case, unit):
        return []
    sent = " and ".join(message_name(brief) for brief in unit.briefs[:4])
    return [
        case.finding(
            Cause.DUPLICATE_SEND,
            verdict,
            service=unit.service,
            span=unit.briefs[1],
            last_good=unit.briefs[0],
            count=len(unit.briefs) - 1,
            evidence=(f"event id {unit.event_id} was sent as {sent}",),
        )
    ]


def _effects(case: Case, units: tuple[Unit, ...], verdict: Verdict) -> list[Finding]:
    """Effects on the step's own spans and below them, up to the next message: one key, one service, twice."""
    applied: dict[tuple[str, str], list[SpanBrief]] = defaultdict(list)
    for key in _own_spans(case, units):
        span = case.scene.index.spans[key]
        for event in span.events:
            if event.name == EFFECT_EVENT and event.attributes.get(EFFECT_KEY) is not None:
                applied[(span.service, str(event.attributes[EFFECT_KEY]))].append(brief_of(span))
    twice = {key: briefs for key, briefs in applied.items() if len(briefs) > 1}
    return [
        case.finding(
            Cause.DUPLICATE_EFFECT,
            verdict,
            service=service,
            span=briefs[1],
            last_good=briefs[0],
            count=len(briefs) - 1,
            evidence=(f"effect {effect} applied {'twice' if len(briefs) == 2 else f'{len(briefs)} times'}",),
            detail={"effect": effect},
        )
        for (service, effect), briefs in sorted(twice.items())
    ]


def _own_spans(case: Case, units: tuple[Unit, ...]) -> list[tuple[str, str]]:
    """The units' spans and all below them that no message edge separates, as far as they have events; by start."""
    index = case.scene.index
    waiting = [key for unit in units if unit.role is not Role.SEND for key in unit.keys if key in index.spans]
    seen = set(waiting)
    while waiting:
        for effect, _, is_message in index.effects.get(waiting.pop(), ()):
            if not is_message and effect not in seen and effect in index.spans:
                seen.add(effect)
                waiting.append(effect)
    telling = [key for key in seen if index.spans[key].events]
    return sorted(telling, key=lambda key: (index.spans[key].start_unix_nano, key))


def _verdict(policy: Policy) -> Verdict:
    return Verdict.FAIL if policy is Policy.FORBID else Verdict.PASS
