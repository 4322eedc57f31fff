"""`consumer_span_missing`: later steps prove that it happened, and its span never arrived."""

from tracecheck.check.causes.context_lost import dangling
from tracecheck.check.completeness import of_group
from tracecheck.check.index import Unit
from tracecheck.check.match import differences
from tracecheck.check.scene import Case, at, message_name
from tracecheck.check.verdict import if_absent
from tracecheck.expect import Role, Step, in_causal_order
from tracecheck.model import Cause, Finding

DID = {Role.SEND: "sent it", Role.PROCESS: "handled it", Role.SPAN: "did it", Role.CALL: "made the call"}
"""What the span that is missing would have shown."""


def consumer_span_missing(case: Case) -> Finding | None:
    """Fails where the absence of the span is a fact (no instrumentation, sampled out); else it stays inconclusive."""
    proof = _proof(case)
    if proof is None:
        return None
    step, unit = proof
    scene = case.scene
    sent = case.messages[-1].briefs[-1] if case.messages else None
    did = f"{message_name(unit.briefs[0])} was" if unit.destination else f"{unit.briefs[0].name} was"
    verb = "sent" if unit.role is Role.SEND else "handled" if unit.role is Role.PROCESS else "done"
    facts = [f"{did} {verb} by {unit.service} after it ({step.name})"]
    seen = [one.last_seen_unix_nano for one in scene.surroundings.instances if one.service in case.services]
    if seen:
        facts.append(f"last span of {', '.join(case.services)} ended at {at(max(seen))}")
    finding = case.finding(
        Cause.CONSUMER_SPAN_MISSING,
        service=_handler(case, step, unit),
        span=None,
        last_good=sent or case.last_good,
        waited_ns=case.waited_ns(),
        evidence=tuple(facts),
        detail={"proved_by": step.name, "did": DID[case.pattern.role]},
    )
    groups = scene.groups(case.pattern)
    basis = of_group(scene.surroundings, scene.completeness, (), case.services, sent if groups else None)
    return if_absent(finding, basis, scene.expectation.completeness)


def _handler(case: Case, step: Step, unit: Unit) -> str | None:
    """Who handled it: the service that is known of the step, else the one that sent what follows from it alone."""
    known = (case.pattern.service, *(case.services if len(case.services) == 1 else ()))
    sender = unit.service if unit.role is Role.SEND and step.after and step.after.steps == (case.step.name,) else None
    return next((service for service in (*known, sender) if service is not None), None)


def _proof(case: Case) -> tuple[Step, Unit] | None:
    """A later step's unit that could not be there unless this step had happened."""
    alone = {case.step.name}
    later = {case.step.name}
    for step in in_causal_order(case.scene.expectation):
        if step.after is None or not later & set(step.after.steps):
            continue
        later.add(step.name)
        if set(step.after.steps) <= alone:
            alone.add(step.name)
        for unit in case.scene.matching(step.pattern):
            if unit.start_unix_nano >= case.earliest_unix_nano and _proves(case, unit, only=step.name in alone):
                return step, unit
    return None


def _proves(case: Case, unit: Unit, *, only: bool) -> bool:
    """A unit proves the step if it names a lost cause, or if nothing but this step leads to it and it is there.

    A unit of a join may come from its other branches; then only a lost cause among those it follows from counts.
    """
    scene = case.scene
    if any(not differences(scene.index, state.step.pattern, unit) for state in case.before):
        return False
    follows = scene.rank(case.sources, unit) is not None
    if not follows and not scene.loose(unit):
        return False
    return only or dangling(case, unit) is not None
