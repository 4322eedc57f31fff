"""`not_consumed`: the message was sent, and the expected group never handled it."""

from collections.abc import Sequence

from tracecheck.chains.surroundings import GroupPosition, GroupSeen
from tracecheck.check.completeness import later_offset, of_group
from tracecheck.check.index import Unit
from tracecheck.check.match import near_misses
from tracecheck.check.positions import is_past, position_of, told
from tracecheck.check.scene import Case, at, details, message_name
from tracecheck.check.verdict import if_absent
from tracecheck.expect import Pattern
from tracecheck.model import Basis, Cause, Completeness, Finding, SpanBrief

_UNREAD = "a dead exporter would look the same: group offsets were not read"


def not_consumed(case: Case, messages: Sequence[Unit]) -> Finding:
    """With what is known of the group: alive and past the message, alive and behind it, silent, or never seen.

    Without the group's committed offsets a dead exporter looks the same as a silent group, and the evidence says so,
    unless every span of its services is proven to be stored.
    """
    scene = case.scene
    sent = messages[-1].succeeded or messages[-1].briefs[-1]
    groups = scene.groups(case.pattern)
    position = position_of(scene.surroundings.positions, case.pattern.group, sent)
    basis = _basis(case, groups, sent, position)
    state, facts = group_state(groups, sent, _called(case.pattern), position, basis.basis)
    finding = case.finding(
        Cause.NOT_CONSUMED,
        span=None,
        last_good=sent,
        waited_ns=max(0, scene.surroundings.as_of_unix_nano - sent.start_unix_nano),
        evidence=facts,
        near_misses=near_misses(scene.index, case.pattern, _others(case)),
        detail=details(
            group_state=state,
            message=message_name(sent),
            last_seen_unix_nano=_last_seen(groups),
            committed_offset=position.committed if position else None,
            end_offset=position.end if position else None,
        ),
    )
    return if_absent(finding, case.over_budget(basis), scene.expectation.completeness)


def taken_unseen(case: Case, message: Unit) -> Finding | None:
    """The broker says that the group went past the message, and no span of it got that far: its exporter is the doubt.

    None where the group's own spans prove that they are all here, or that it handled later messages: then it left this
    one out.
    """
    sent = message.succeeded or message.briefs[-1]
    groups = case.scene.groups(case.pattern)
    position = position_of(case.scene.surroundings.positions, case.pattern.group, sent)
    if position is None or not is_past(position, sent) or later_offset(groups, sent):
        return None
    basis = of_group(case.scene.surroundings, case.scene.completeness, groups, _services(case, groups), sent)
    if basis.basis is Basis.PROVEN:
        return None
    finding = case.finding(
        Cause.CONSUMER_SPAN_MISSING,
        span=None,
        last_good=sent,
        waited_ns=case.waited_ns(),
        evidence=(told(position), f"no span of the group at {message_name(sent)} or later"),
        detail=details(committed_offset=position.committed, end_offset=position.end, proved_by="the broker"),
    )
    return if_absent(finding, basis, case.scene.expectation.completeness)


def _basis(case: Case, groups: Sequence[GroupSeen], sent: SpanBrief, position: GroupPosition | None) -> Completeness:
    """A group that the broker still has before the message has not lost a span of it: silence is no dead exporter."""
    whole = case.scene.completeness
    basis = of_group(case.scene.surroundings, whole, groups, _services(case, groups), sent)
    if position is None or is_past(position, sent) or basis.basis is not Basis.UNKNOWN:
        return basis
    return Completeness(basis=max(Basis.ASSUMED, whole.basis, key=lambda one: one.rank), reasons=(told(position),))


def group_state(
    groups: Sequence[GroupSeen], sent: SpanBrief, called: str | None, position: GroupPosition | None, basis: Basis
) -> tuple[str, tuple[str, ...]]:
    """`past`, `behind`, `silent` or `never_seen`, and the facts it rests on. `called` None: whoever is there."""
    broker = (told(position),) if position else ()
    if ahead := later_offset(groups, sent):
        return "past", (ahead, *broker)
    if position is not None and is_past(position, sent):
        return "past", broker
    unread = broker or (() if basis is Basis.PROVEN else (_UNREAD,))
    if not groups:
        never = f"{called} was never" if called else "no consumer was ever"
        return "never_seen", (f"{never} seen at {sent.destination}", *unread)
    called = called or "whoever consumes there"
    last = _last_seen(groups)
    assert last is not None
    if last > sent.end_unix_nano:
        fact = f"{called} was alive at {at(last)} and has handled nothing past {message_name(sent)}"
        return "behind", (fact, *unread)
    return "silent", (f"{called} silent since {at(last)}", *unread)


def _called(pattern: Pattern) -> str | None:
    return f"group {pattern.group}" if pattern.group is not None else pattern.service


def _last_seen(groups: Sequence[GroupSeen]) -> int | None:
    return max((group.last_seen_unix_nano for group in groups), default=None)


def _services(case: Case, groups: Sequence[GroupSeen]) -> tuple[str, ...]:
    """Whose silence matters. A group never seen may belong to any service that stopped exporting."""
    if groups or case.services:
        return case.services
    unreliable = (one for one in case.scene.surroundings.instances if not one.whole)
    return tuple(sorted({one.service for one in unreliable}))


def _others(case: Case) -> list[Pattern]:
    return [step.pattern for step in case.scene.expectation.steps if step.name != case.step.name]
