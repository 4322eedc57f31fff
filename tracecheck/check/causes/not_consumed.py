"""`not_consumed`: the message was sent, and the expected group never handled it."""

from collections.abc import Sequence

from tracecheck.chains.surroundings import GroupSeen
from tracecheck.check.completeness import later_offset, of_group
from tracecheck.check.index import Unit
from tracecheck.check.match import near_misses
from tracecheck.check.scene import Case, at, details, message_name
from tracecheck.check.verdict import if_absent
from tracecheck.expect import Pattern
from tracecheck.model import Cause, Finding, SpanBrief


def not_consumed(case: Case, messages: Sequence[Unit]) -> Finding:
    """With what is known of the group: alive and past the message, alive and behind it, silent, or never seen.

    Without the group's committed offsets a dead exporter looks the same as a silent group, and the evidence says so.
    """
    scene = case.scene
    sent = messages[-1].succeeded or messages[-1].briefs[-1]
    groups = scene.groups(case.pattern)
    state, fact = group_state(groups, sent, case.pattern.group)
    hint = () if state == "past" else ("a dead exporter would look the same: group offsets were not read",)
    finding = case.finding(
        Cause.NOT_CONSUMED,
        span=None,
        last_good=sent,
        waited_ns=max(0, scene.surroundings.as_of_unix_nano - sent.start_unix_nano),
        evidence=(fact, *hint),
        near_misses=near_misses(scene.index, case.pattern, _others(case)),
        detail=details(group_state=state, message=message_name(sent), last_seen_unix_nano=_last_seen(groups)),
    )
    basis = of_group(scene.surroundings, scene.completeness, groups, _services(case, groups), sent)
    return if_absent(finding, case.over_budget(basis), scene.expectation.completeness)


def group_state(groups: Sequence[GroupSeen], sent: SpanBrief, name: str | None) -> tuple[str, str]:
    """`past`, `behind`, `silent` or `never_seen`, and the fact it rests on."""
    called = f"group {name}" if name is not None else "any consumer group"
    if not groups:
        return "never_seen", f"{called} was never seen at {sent.destination}"
    if ahead := later_offset(groups, sent):
        return "past", ahead
    last = _last_seen(groups)
    assert last is not None
    if last > sent.end_unix_nano:
        return "behind", f"{called} was alive at {at(last)} and has handled nothing past {message_name(sent)}"
    return "silent", f"{called} silent since {at(last)}"


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
