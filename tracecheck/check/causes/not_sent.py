"""`not_sent` and `upstream_failed`: what should have caused the step ended, well or in error, and sent nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

from tracecheck.check.causes.not_consumed import not_consumed
from tracecheck.check.completeness import of_group, of_instances
from tracecheck.check.index import Unit
from tracecheck.check.match import near_misses
from tracecheck.check.scene import Case, StepState, details, message_name
from tracecheck.check.verdict import if_absent
from tracecheck.expect import Role
from tracecheck.model import Cause, Completeness, Finding, NearMiss, SpanBrief


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """How far things went after one of the steps before.

    `handlers` are the last deliveries (or the step's own spans), `unheard` the messages nobody received, `progress` how
    many messages and deliveries followed.
    """

    handlers: tuple[Unit, ...]
    unheard: tuple[Unit, ...]
    progress: int


def upstream_failed(case: Case) -> Finding | None:
    """A handler on the way ended in error before it could send."""
    for branch in _branches(case):
        failed = [unit for unit in branch.handlers if unit.succeeded is None]
        if failed:
            last = failed[-1].briefs[-1]
            finding = case.finding(
                Cause.UPSTREAM_FAILED,
                service=last.service,
                span=last,
                last_good=failed[-1].producer or _before(case, failed[-1]),
                waited_ns=case.waited_ns(),
                evidence=(f"{last.name} of {last.service} ended in error: {last.error}",),
                near_misses=_near(case),
                detail=details(attempts=len(failed[-1].briefs)),
            )
            return if_absent(finding, _basis(case, failed), case.scene.expectation.completeness)
    return None


def not_sent(case: Case) -> Finding:
    """Every handler on the way finished, and none sent what was expected.

    Of a join's branches the one that came least far is blamed. Where the step's own service is named and never received
    anything, while a message on the way was heard by nobody, that message was not consumed.
    """
    branches = _branches(case)
    branch = min(branches, key=lambda one: one.progress)
    own = case.pattern.service if case.pattern.role is Role.SEND else None
    reached_own = own is None or any(unit.service == own for unit in branch.handlers)
    if branch.unheard and not reached_own:
        return not_consumed(case, branch.unheard)
    handler = max(branch.handlers, key=lambda unit: unit.instant_unix_nano)
    span = handler.succeeded or handler.briefs[-1]
    finding = case.finding(
        Cause.NOT_SENT,
        service=span.service if case.pattern.service is None or reached_own else case.pattern.service,
        span=span,
        last_good=span,
        waited_ns=case.waited_ns(),
        evidence=_facts(case, branch, handler),
        near_misses=_near(case),
    )
    return if_absent(finding, _basis(case, branch.handlers), case.scene.expectation.completeness)


def _branches(case: Case) -> list[Branch]:
    return [_branch(case, state) for state in case.before]


def _branch(case: Case, state: StepState) -> Branch:
    """What followed from one step before: its last deliveries, or itself where nothing did."""
    scene = case.scene
    reached = scene.reached(state.sources)
    own = set(state.sources)
    messages = [unit for unit in scene.index.messages if any(key in reached for key in unit.keys)]
    deliveries = [
        unit
        for unit in scene.index.deliveries
        if not own & set(unit.keys) and scene.rank(state.sources, unit) is not None
    ]
    heard = {(unit.producer.trace_id, unit.producer.span_id) for unit in deliveries if unit.producer is not None}
    unheard = [unit for unit in messages if not heard & set(unit.keys)]
    silent = [unit for unit in deliveries if not scene.index.led_on.intersection(unit.keys)]
    handlers = tuple(silent) or state.units
    return Branch(
        handlers=handlers or (scene.anchor,),
        unheard=tuple(unheard),
        progress=len(deliveries) + sum(not own & set(unit.keys) for unit in messages),
    )


def _facts(case: Case, branch: Branch, handler: Unit) -> tuple[str, ...]:
    span = handler.succeeded or handler.briefs[-1]
    reached = case.scene.reached(handler.keys)
    instead = [
        message_name(unit.briefs[0])
        for unit in case.scene.index.messages
        if any(key in reached for key in unit.keys) and not set(unit.keys) & set(handler.keys)
    ]
    sent = f"sent only {', '.join(instead[:3])}" if instead else "sent nothing"
    finished = "was sent" if handler.role is Role.SEND else "finished"
    facts = [f"{span.name} of {span.service} {finished}, and {sent}" if finished == "finished" else _unheard(handler)]
    facts += [_unheard(unit) for unit in branch.unheard[:2] if unit is not handler]
    return tuple(dict.fromkeys(facts))


def _unheard(unit: Unit) -> str:
    return f"{message_name(unit.briefs[0])} was sent by {unit.service}, and nobody is known to have received it"


def _basis(case: Case, handlers: Sequence[Unit]) -> Completeness:
    scene = case.scene
    named = (case.pattern.service,) if case.pattern.service is not None else ()
    whole = of_group(scene.surroundings, scene.completeness, (), named, None) if named else scene.completeness
    spans = [scene.index.spans.get(key) for unit in handlers for key in unit.keys]
    own = {(span.service, span.instance) for span in spans if span is not None}
    if named and named[0] not in {service for service, _ in own}:
        return whole
    return of_instances(scene.surroundings, scene.completeness, own)


def _before(case: Case, failed: Unit) -> SpanBrief | None:
    """The last good span, if it is not the failed one itself."""
    last = case.last_good
    return None if last is not None and last in failed.briefs else last


def _near(case: Case) -> tuple[NearMiss, ...]:
    others = [step.pattern for step in case.scene.expectation.steps if step.name != case.step.name]
    return near_misses(case.scene.index, case.pattern, others)
