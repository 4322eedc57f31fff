"""`processing_failed` and `send_failed`: it was tried, and every attempt ended in error."""

from collections.abc import Sequence

from tracecheck.check.completeness import of_instances
from tracecheck.check.follow import Followed
from tracecheck.check.index import Unit, brief_of, key_of, leading_to
from tracecheck.check.scene import Case, details, message_name, spoken
from tracecheck.check.verdict import if_absent
from tracecheck.expect import Role
from tracecheck.model import Cause, Completeness, Finding, SpanBrief

_DEAD = ("dlq", "dlt", "dead", "error", "failed", "poison", "parking")
"""Words by which the name of a dead-letter destination is known."""


def processing_failed(case: Case, units: Sequence[Unit]) -> Finding:
    """Every attempt of the last of these deliveries (or spans, or calls) failed; that none follows is an absence."""
    unit = units[-1]
    last = unit.briefs[-1]
    count = len(unit.briefs)
    dead = dead_letter(case, unit)
    tried = f"{count} attempt{'s' if count != 1 else ''}, the last took {_length(last)}"
    finding = case.finding(
        Cause.PROCESSING_FAILED,
        service=last.service,
        consumer_group=unit.group or case.pattern.group,
        span=last,
        last_good=unit.producer or case.last_good,
        waited_ns=case.waited_ns(),
        evidence=(tried,) + ((f"went to {message_name(dead)}",) if dead else ()),
        detail=details(attempts=count, dead_letter=dead.destination if dead else None),
    )
    return if_absent(finding, _basis(case, unit), case.scene.expectation.completeness)


def send_failed(case: Case, units: Sequence[Unit]) -> Finding:
    """The send, or its delivery report, ended in error, and nobody received the message."""
    last = units[-1].briefs[-1]
    finding = case.finding(
        Cause.SEND_FAILED,
        service=last.service,
        destination=last.destination,
        span=last,
        last_good=case.last_good or _around(case, units[-1]),
        waited_ns=case.waited_ns(),
        evidence=(f"the send ended in error: {last.error}",) if last.error else (),
    )
    return if_absent(finding, _basis(case, units[-1]), case.scene.expectation.completeness)


def failed_deliveries(case: Case, followed: Followed) -> list[Finding]:
    """Deliveries that failed beside others that succeeded, unless one that succeeded retries the failed one."""
    if case.pattern.role is not Role.PROCESS:
        return []
    if not followed.failed:
        return []
    retried = leading_to(case.scene.index, followed.accepted)
    stated = _retries(case, followed.accepted)
    left = [
        unit
        for unit in followed.failed
        if not retried.intersection(unit.keys) and not (unit.producer and _event_id(case, unit.producer) in stated)
    ]
    return [processing_failed(case, left)] if left else []


def dead_letter(case: Case, unit: Unit) -> SpanBrief | None:
    """The send of a failed delivery to a destination that is named like a dead-letter one."""
    reached = case.scene.reached(unit.keys)
    for message in case.scene.index.messages:
        if is_dead_letter_name(message.destination) and any(key in reached for key in message.keys):
            return message.briefs[0]
    return None


def is_dead_letter_name(destination: str | None) -> bool:
    """True of the names that dead-letter destinations go by: `orders.dlq`, `billing-errors`, `parking_lot`."""
    return any(word in (destination or "").lower() for word in _DEAD)


def _retries(case: Case, units: Sequence[Unit]) -> set[str]:
    """What the messages of these deliveries say that they retry."""
    spans = (case.scene.index.spans.get(key) for unit in units for key in unit.keys)
    return {
        span.messaging.retry_of for span in spans if span is not None and span.messaging and span.messaging.retry_of
    }


def _event_id(case: Case, producer: SpanBrief) -> str | None:
    return case.scene.index.event_id(key_of(producer))


def _basis(case: Case, unit: Unit) -> Completeness:
    spans = (case.scene.index.spans.get(key) for key in unit.keys)
    seen = {(span.service, span.instance) for span in spans if span is not None}
    return of_instances(case.scene.surroundings, case.scene.completeness, seen)


def _around(case: Case, unit: Unit) -> SpanBrief | None:
    """The span around a send, as the last good one of an anchor that failed."""
    causes = sorted(edge.cause for edge in case.scene.index.causes.get(unit.keys[-1], ()))
    spans = (case.scene.index.spans.get(cause) for cause in causes)
    return next((brief_of(span) for span in spans if span is not None), None)


def _length(brief: SpanBrief) -> str:
    return spoken(brief.end_unix_nano - brief.start_unix_nano)
