"""`late`: it came, after its budget; with where the time went."""

from collections.abc import Mapping, Sequence, Set

from tracecheck.check.index import Unit, leading_to
from tracecheck.check.match import describe_pattern
from tracecheck.check.scene import Case, Scene, StepState, details, finding, spoken
from tracecheck.check.verdict import if_absent
from tracecheck.expect.model import Segment
from tracecheck.model import Cause, Finding, SpanBrief, Verdict


def took_ns(case: Case, unit: Unit) -> int | None:
    """From the latest instant of the steps before to the unit's own; None if one of them is not known.

    Where a step before was met several times, the one that led to this unit counts.
    """
    instants: list[int] = []
    before = leading_to(case.scene.index, [unit])
    for state in case.before:
        if state.instant_unix_nano is None:
            return None
        leading = [one for one in state.units if before.intersection(one.keys)]
        if len(state.units) == 1 or not leading:
            instants.append(state.instant_unix_nano)
        else:
            instants.append(max(one.instant_unix_nano for one in leading))
    return unit.instant_unix_nano - max(instants)


def step_late(case: Case, state: StepState) -> list[Finding]:
    """The step came after its `within`. What was seen is enough: this fails at once, unless a clock it is measured by
    is known to be wrong, or its span counts attempts before it of which nothing came yet: one may have been in time."""
    limit, unit = case.step.within_ns, state.deciding
    if limit is None or unit is None or state.took_ns is None or state.took_ns <= limit:
        return []
    before = {one.service for state_before in case.before for one in state_before.units}
    if skewed := _skewed(case.scene, before, unit.service):
        doubt = _clocks_disagree(skewed, case.step.name, state.took_ns)
        return [case.finding(Cause.CLOCK_SKEW, Verdict.INCONCLUSIVE, **doubt)]
    span = unit.succeeded or unit.briefs[-1]
    untold = _attempts_untold(case.scene, unit)
    finding = case.finding(
        Cause.LATE,
        service=span.service,
        consumer_group=unit.group or case.pattern.group,
        span=span,
        measured_ns=state.took_ns,
        evidence=(*_where_time_went(unit), *((f"{untold} earlier attempts have no span yet",) if untold else ())),
        detail=_parts(unit),
    )
    if untold:
        return [if_absent(finding, case.scene.completeness, case.scene.expectation.completeness)]
    return [finding]


def _attempts_untold(scene: Scene, unit: Unit) -> int:
    """How many attempts before the first success that is stored are only known by the number that one carries."""
    place, deciding = next(
        ((place, brief) for place, brief in enumerate(unit.briefs) if brief == unit.succeeded), (0, unit.briefs[0])
    )
    span = scene.index.spans.get((deciding.trace_id, deciding.span_id))
    number = span.messaging.attempt if span is not None and span.messaging is not None else None
    return max(0, number - 1 - place) if number is not None else 0


def segments_late(case: Case, units: Sequence[Unit]) -> list[Finding]:
    """Parts of a delivery's time over their own budgets; the worst delivery of each.

    A part that the spans do not tell, or that clocks which disagree tell wrongly, is in doubt: never a silent pass.
    """
    found: list[Finding] = []
    for segment, limit in case.step.budgets:
        measured = [(_segment_ns(case, unit, segment), unit) for unit in units]
        unknown = [unit for taken, unit in measured if taken is None]
        over = [(taken, unit) for taken, unit in measured if taken is not None and taken > limit]
        if over:
            taken, unit = max(over, key=lambda one: one[0])
            sender = {unit.producer.service} if unit.producer is not None else set()
            if segment is Segment.TRANSIT and (skewed := _skewed(case.scene, sender, unit.service)):
                doubt = _clocks_disagree(skewed, f"the {segment.value} of {case.step.name}", taken)
                found.append(case.finding(Cause.CLOCK_SKEW, Verdict.INCONCLUSIVE, **doubt))
                continue
            evidence = (f"its {segment.value} took {spoken(taken)}", *_where_time_went(unit))
            found.append(_segment(case, Cause.LATE, Verdict.FAIL, unit, segment, taken, limit, evidence))
        elif unknown:
            why = (f"its {segment.value} is not known: {_WHY_UNKNOWN[segment]}",)
            found.append(_segment(case, Cause.INCOMPLETE, Verdict.INCONCLUSIVE, unknown[0], segment, None, limit, why))
    return found


def _skewed(scene: Scene, before: Set[str], service: str) -> tuple[SpanBrief, SpanBrief] | None:
    """A send and its handling whose clocks disagree in a way that makes the time from `before` to `service` too long.

    The handling began before the send did: its clock is behind, or the sender's ahead. What one service measures alone,
    no other clock puts in doubt.
    """
    for hop in scene.index.chain.hops if before - {service} else ():
        sent, handled = hop.producer, hop.consumer
        if Cause.CLOCK_SKEW not in hop.findings or sent is None or handled is None:
            continue
        if sent.service != handled.service and (handled.service in before or sent.service == service):
            return sent, handled
    return None


def _clocks_disagree(skewed: tuple[SpanBrief, SpanBrief], what: str, took: int) -> dict[str, object]:
    """What a finding says of a budget that was exceeded by clocks that disagree: that it cannot be told."""
    sent, handled = skewed
    fact = f"{what} took {spoken(took)}, but by a clock of which {handled.service} and {sent.service} show it wrong"
    return {"service": handled.service, "span": handled, "last_good": sent, "measured_ns": took, "evidence": (fact,)}


_WHY_UNKNOWN = {
    Segment.TRANSIT: "no send of the message is stored, or the clocks of the two sides disagree",
    Segment.QUEUE: "no span carries the record's own time, or it lies after the attempt",
    Segment.PROCESSING: "no span covers the handling",
    Segment.FORWARDING: "its handling sent nothing",
}


def _segment_ns(case: Case, unit: Unit, segment: Segment) -> int | None:
    timing = case.scene.index.times.get(id(unit.hop))
    if timing is None:
        return None
    value: int | None = getattr(timing, f"{segment.value}_ns")
    skewed = unit.hop is not None and Cause.CLOCK_SKEW in unit.hop.findings
    if segment is Segment.TRANSIT and skewed:
        return None
    return None if segment is Segment.QUEUE and value is not None and value < 0 else value


def _segment(
    case: Case,
    code: Cause,
    verdict: Verdict,
    unit: Unit,
    segment: Segment,
    measured_ns: int | None,
    limit_ns: int,
    evidence: tuple[str, ...],
) -> Finding:
    span = unit.succeeded or unit.briefs[-1]
    return case.finding(
        code,
        verdict,
        service=span.service,
        consumer_group=unit.group or case.pattern.group,
        span=span,
        last_good=unit.producer or case.last_good,
        expected=f"{describe_pattern(case.pattern)}, {segment.value} within {spoken(limit_ns)}",
        measured_ns=measured_ns,
        limit_ns=limit_ns,
        evidence=evidence,
        detail={"segment": segment.value, **_parts(unit)},
    )


def chain_late(scene: Scene, states: Mapping[str, StepState], *, already: bool) -> list[Finding]:
    """The whole took longer than the chain's `within`, although no single step was late."""
    limit = scene.expectation.within_ns
    met = [state for state in states.values() if state.deciding is not None and not state.step.optional]
    if limit is None or already or not met:
        return []
    opened = next(state.instant_unix_nano for state in states.values() if state.step.after is None)
    last = max(met, key=lambda state: state.instant_unix_nano or 0)
    if opened is None or last.deciding is None:
        return []
    took = last.deciding.instant_unix_nano - opened
    if took <= limit:
        return []
    expected = f"{last.step.name} within {spoken(limit)} of {scene.expectation.anchor.name}"
    if skewed := _skewed(scene, {scene.anchor.service}, last.deciding.service):
        doubt = _clocks_disagree(skewed, f"the way to {last.step.name}", took)
        given = {"step": last.step.name, "expected": expected, "limit_ns": limit, **doubt}
        return [finding(scene, Cause.CLOCK_SKEW, Verdict.INCONCLUSIVE, **given)]
    slowest = sorted((state for state in met if state.took_ns), key=lambda state: -(state.took_ns or 0))[:3]
    spent = tuple(f"{state.step.name} took {spoken(state.took_ns or 0)}" for state in slowest)
    return [
        finding(
            scene,
            Cause.LATE,
            Verdict.FAIL,
            step=last.step.name,
            service=last.deciding.service,
            destination=last.deciding.destination,
            consumer_group=last.deciding.group,
            span=last.deciding.succeeded or last.deciding.briefs[-1],
            last_good=scene.anchor.briefs[0],
            expected=expected,
            measured_ns=took,
            limit_ns=limit,
            evidence=spent,
        )
    ]


def _where_time_went(unit: Unit) -> tuple[str, ...]:
    hop = unit.hop
    if hop is None:
        span = unit.succeeded or unit.briefs[-1]
        return (f"the span itself took {spoken(span.end_unix_nano - span.start_unix_nano)}",)
    parts = [("transit", hop.transit_ns), ("processing", hop.processing_ns)]
    facts = [", ".join(f"{name} {spoken(value)}" for name, value in parts if value is not None)]
    if hop.attempts > 1:
        facts.append(f"{hop.attempts} attempts")
    return tuple(fact for fact in facts if fact)


def _parts(unit: Unit) -> dict[str, object]:
    hop = unit.hop
    if hop is None:
        return {}
    return dict(details(transit_ns=hop.transit_ns, processing_ns=hop.processing_ns, attempts=hop.attempts))
