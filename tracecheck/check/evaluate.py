"""Expectation x chain -> findings and verdict: the one place that says what an expectation means.

Pure Python over one chain, no store. Each match of the anchor opens an *instance*; its steps are walked in causal
order, and each comes out met, missing (it happened, its span is lost), unmet, blocked (a step before it is unmet, and
that is the cause) or skipped. So along every branch only the first unmet step is reported, with its cause.
"""

from collections.abc import Container, Mapping
from dataclasses import replace

from tracecheck.chains.surroundings import Surroundings
from tracecheck.check.causes import context_lost, duplicates, late, order, shape, unmet
from tracecheck.check.causes.attempts import failed_deliveries, processing_failed, send_failed
from tracecheck.check.causes.doubts import doubts
from tracecheck.check.completeness import completeness
from tracecheck.check.follow import Followed, follow
from tracecheck.check.index import Index, Key, Unit
from tracecheck.check.match import matching
from tracecheck.check.scene import Anchors, Case, Scene, Status, StepState, correlation_of, finding
from tracecheck.check.verdict import verdict_of
from tracecheck.config import DEFAULT_SETTLE_NS
from tracecheck.expect import Expectation, Role, Step, in_causal_order
from tracecheck.expect.model import Join
from tracecheck.model import Cause, Chain, Finding, Result, StepResult, Verdict


def evaluate(
    chain: Chain,
    expectation: Expectation,
    surroundings: Surroundings,
    *,
    settle_ns: int | None = None,
    quiet_since_unix_nano: int | None = None,
    among: Container[Key] | None = None,
) -> tuple[Result, ...]:
    """One result per match of the anchor in the chain, by its start; none without a match.

    `settle_ns` is the quiet time after which absence is assumed (default: the expectation's, else just over the SDK's
    batch delay); `quiet_since_unix_nano` is the last ingest of this chain, if it is known; `among` are the spans that
    may be anchors (default: all). Never raises on what spans say; findings hold every reason as data.
    """
    settle = settle_ns if settle_ns is not None else expectation.settle_ns
    basis = completeness(
        surroundings,
        DEFAULT_SETTLE_NS if settle is None else settle,
        quiet_since_unix_nano=quiet_since_unix_nano,
    )
    index = Index(chain)
    anchors = Anchors(index, matching(index, expectation.anchor.pattern))
    return tuple(
        _evaluate(
            Scene(
                index=index,
                expectation=expectation,
                surroundings=surroundings,
                completeness=basis,
                anchor=anchor,
                anchors=anchors,
            )
        )
        for anchor in anchors.units
        if among is None or anchor.keys[0] in among
    )


def _evaluate(scene: Scene) -> Result:
    states: dict[str, StepState] = {}
    for step in in_causal_order(scene.expectation):
        states[step.name] = _anchor(scene, step) if step.after is None else _step(scene, step, states)
    found = [one for step in scene.expectation.steps for one in states[step.name].findings]
    found += late.chain_late(scene, states, already=any(one.code is Cause.LATE for one in found))
    found += order.against_offsets(scene, states)
    found += shape.forbidden(scene.index, scene.expectation)
    found += shape.unexpected(scene, states)
    found += _negative_claims(scene, found)
    chain = scene.index.chain
    return Result(
        expectation=scene.expectation.name,
        chain_id=chain.chain_id,
        verdict=verdict_of(found),
        completeness=scene.completeness,
        correlation_id=correlation_of(scene),
        run_id=chain.summary.run_id,
        findings=tuple(found),
        steps=tuple(_step_result(states[step.name]) for step in scene.expectation.steps),
    )


def _anchor(scene: Scene, step: Step) -> StepState:
    """The anchor is there by definition. A span opens an instance even if it failed: its successors tell the cause."""
    case = Case(scene=scene, step=step, before=())
    unit = scene.anchor
    if unit.succeeded is None and unit.role is not Role.SPAN:
        cause = send_failed(case, [unit]) if unit.role is Role.SEND else processing_failed(case, [unit])
        return StepState(step=step, status=Status.UNMET, units=(unit,), sources=unit.keys, findings=(cause,))
    found = (*duplicates.of_units(case, (unit,)), *late.segments_late(case, (unit,)), *doubts(case, unit))
    return StepState(
        step=step, status=Status.MET, units=(unit,), sources=unit.keys, deciding=unit, findings=tuple(found)
    )


def _step(scene: Scene, step: Step, states: Mapping[str, StepState]) -> StepState:
    assert step.after is not None
    before = [states[name] for name in step.after.steps]
    usable = [state for state in before if state.passable]
    if not usable or (step.after.join is Join.ALL and len(usable) < len(before)):
        unmet_before = any(state.status in (Status.UNMET, Status.BLOCKED) for state in before)
        return StepState(step=step, status=Status.BLOCKED if unmet_before else Status.SKIPPED)
    case = Case(scene=scene, step=step, before=tuple(usable))
    followed = follow(case)
    if followed.accepted:
        return _met(case, followed)
    if followed.failed:
        cause = (send_failed if step.pattern.role is Role.SEND else processing_failed)(case, followed.failed)
        return StepState(step=step, status=Status.UNMET, units=tuple(followed.failed), findings=(cause,))
    if followed.weak or followed.partial or followed.loose:
        units = tuple(followed.weak or followed.partial or followed.loose)
        cause = context_lost.refused(case, followed)
        return _state(case, Status.MET, units, (cause,))
    if step.optional:
        return StepState(step=step, status=Status.SKIPPED)
    cause, happened = unmet.cause_of(case)
    after_missing = any(state.status is Status.MISSING for state in usable)
    found = () if after_missing else (cause,)
    if happened:
        return StepState(step=step, status=Status.MISSING, sources=case.sources, findings=found)
    return StepState(step=step, status=Status.BLOCKED if after_missing else Status.UNMET, findings=found)


def _met(case: Case, followed: Followed) -> StepState:
    units = tuple(followed.accepted)
    state = _state(case, Status.MET, units, ())
    assert state.deciding is not None
    found: list[Finding] = []
    found += shape.times(case, units)
    found += context_lost.accepted(case, followed)
    found += late.step_late(case, state)
    found += late.segments_late(case, units)
    found += duplicates.of_units(case, units)
    found += failed_deliveries(case, followed)
    found += doubts(case, state.deciding)
    return replace(state, findings=tuple(found))


def _state(case: Case, status: Status, units: tuple[Unit, ...], found: tuple[Finding, ...]) -> StepState:
    """A step's state. What decides when it was done is the last of the units it needed."""
    by_instant = sorted(units, key=lambda unit: unit.instant_unix_nano)
    deciding = by_instant[min(case.step.times.at_least, len(units)) - 1 if case.step.times.at_least else 0]
    return StepState(
        step=case.step,
        status=status,
        units=units,
        sources=tuple(key for unit in units for key in unit.keys),
        deciding=deciding,
        took_ns=late.took_ns(case, deciding),
        findings=found,
    )


def _negative_claims(scene: Scene, found: list[Finding]) -> list[Finding]:
    """A pass that claims what did not happen has to wait until no more spans can come."""
    accepted = scene.expectation.completeness
    if verdict_of(found) is not Verdict.PASS or not scene.expectation.negative:
        return []
    if scene.completeness.basis.rank <= accepted.rank:
        return []
    return [
        finding(
            scene,
            Cause.INCOMPLETE,
            Verdict.INCONCLUSIVE,
            completeness=scene.completeness,
            expected="no more spans of this chain",
            evidence=("every step is met; that nothing else happened is not sure yet",),
        )
    ]


def _step_result(state: StepState) -> StepResult:
    absent = {Status.BLOCKED: Verdict.INCONCLUSIVE, Status.SKIPPED: Verdict.PASS}
    matched = [brief for unit in state.units for brief in unit.briefs]
    return StepResult(
        name=state.step.name,
        verdict=absent.get(state.status) or verdict_of(state.findings),
        matched=tuple(sorted(matched, key=lambda brief: (brief.start_unix_nano, brief.trace_id, brief.span_id))),
        instant_unix_nano=state.instant_unix_nano,
        took_ns=state.took_ns,
    )
