"""`too_few`, `too_many`, `unexpected`, `forbidden`: against the expectation's shape."""

from collections.abc import Mapping

from tracecheck.check.causes.duplicates import consequence
from tracecheck.check.completeness import of_group
from tracecheck.check.index import Index, Key, Unit
from tracecheck.check.match import describe_pattern, matching
from tracecheck.check.scene import Case, Scene, StepState, finding, looked_in
from tracecheck.check.verdict import if_absent
from tracecheck.expect import Expectation, Role
from tracecheck.model import Cause, Finding, Verdict


def times(case: Case, units: tuple[Unit, ...]) -> list[Finding]:
    """Met, but not often enough (an absence), or too often (a fact), what follows from a duplicate left aside."""
    wanted = case.step.times
    count = len(units)
    if count < wanted.at_least:
        few = case.finding(
            Cause.TOO_FEW,
            service=units[0].service,
            span=units[-1].briefs[-1],
            waited_ns=case.waited_ns(),
            evidence=(f"found {count} of at least {wanted.at_least}",),
            detail={"found": count, "at_least": wanted.at_least},
        )
        scene = case.scene
        basis = of_group(scene.surroundings, scene.completeness, scene.groups(case.pattern), case.services, None)
        return [if_absent(few, basis, scene.expectation.completeness)]
    if wanted.at_most is None or count <= wanted.at_most:
        return []
    original = [unit for unit in units if not consequence(case, unit)]
    if len(original) <= wanted.at_most:
        return []
    return [
        case.finding(
            Cause.TOO_MANY,
            service=units[-1].service,
            span=original[wanted.at_most].briefs[0],
            count=count,
            evidence=(f"found {count} of at most {wanted.at_most}",),
            detail={"found": count, "at_most": wanted.at_most},
        )
    ]


def absent(case: Case) -> Finding:
    """A span or call that should have followed is not there."""
    few = case.finding(
        Cause.TOO_FEW,
        waited_ns=case.waited_ns(),
        evidence=(f"found 0 of at least {case.step.times.at_least}",),
        detail={"found": 0, "at_least": case.step.times.at_least},
    )
    scene = case.scene
    basis = of_group(scene.surroundings, scene.completeness, (), case.services, None)
    return if_absent(few, case.over_budget(basis), scene.expectation.completeness)


def forbidden(index: Index, expectation: Expectation) -> list[Finding]:
    """What `never` names was seen in the chain. The step is told by its place in the list: `never[0]`."""
    found: list[Finding] = []
    for number, pattern in enumerate(expectation.never):
        if units := matching(index, pattern):
            found.append(
                Finding(
                    code=Cause.FORBIDDEN,
                    verdict=Verdict.FAIL,
                    chain_id=index.chain.chain_id,
                    correlation_id=index.chain.summary.correlation_id,
                    step=f"never[{number}]",
                    service=units[0].service,
                    destination=units[0].destination,
                    consumer_group=units[0].group,
                    span=units[0].briefs[0],
                    last_good=units[0].producer,
                    expected=f"never: {describe_pattern(pattern)}",
                    looked_in=looked_in(index),
                    evidence=(f"{describe_pattern(pattern)} was seen, done by {units[0].service}",),
                    count=len(units),
                )
            )
    return found


def unexpected(scene: Scene, states: Mapping[str, StepState]) -> list[Finding]:
    """With `closed`: a message or a delivery that follows from the anchor and meets no step."""
    if not scene.expectation.closed:
        return []
    named: set[tuple[Role, tuple[Key, ...]]] = {
        (unit.role, unit.keys) for state in states.values() for unit in state.units
    }
    for step in scene.expectation.steps:
        named |= {(unit.role, unit.keys) for unit in scene.matching(step.pattern)}
    carriers = {
        (unit.producer.trace_id, unit.producer.span_id)
        for unit in scene.index.deliveries
        if unit.producer is not None and (unit.role, unit.keys) in named
    }
    reached = scene.reached(scene.anchor.keys)
    found: list[Finding] = []
    for unit in (*scene.index.messages, *scene.index.deliveries):
        follows = any(key in reached for key in unit.keys) or scene.rank(scene.anchor.keys, unit) is not None
        if not follows or (unit.role, unit.keys) in named:
            continue
        if unit.role is Role.SEND and carriers.intersection(unit.keys):
            continue  # a message that carries a named delivery is implied by it
        found.append(
            finding(
                scene,
                Cause.UNEXPECTED,
                Verdict.FAIL,
                service=unit.service,
                destination=unit.destination,
                consumer_group=unit.group,
                span=unit.briefs[0],
                last_good=unit.producer,
                expected="no step beside those named (closed: true)",
                evidence=(f"{unit.role.value} {unit.destination} by {unit.group or unit.service}",),
            )
        )
    return found
