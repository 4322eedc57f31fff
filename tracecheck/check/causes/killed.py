"""`processing_failed` of an attempt that was killed: its span was never ended, and only its children arrived."""

from collections.abc import Collection

from tracecheck.check.completeness import of_instances
from tracecheck.check.index import brief_of, key_of
from tracecheck.check.scene import Case, at
from tracecheck.check.verdict import if_absent
from tracecheck.expect import Role
from tracecheck.model import Basis, Cause, Completeness, Finding, Outcome, Span


def killed(case: Case) -> Finding | None:
    """Spans of the consuming service name a parent that never came, after the message was sent: an attempt began.

    A dead exporter can leave the same behind. It is told apart by another instance of the service that came after.
    """
    if case.pattern.role is not Role.PROCESS or not case.messages:
        return None
    sent = case.messages[-1].succeeded or case.messages[-1].briefs[-1]
    services = case.services or _unclaimed(case)
    orphans = [span for span in case.scene.index.chain.spans if _orphan(case, services, span, sent.start_unix_nano)]
    if not orphans:
        return None
    last = max(orphans, key=lambda span: span.end_unix_nano)
    attempts = len({(span.trace_id, span.parent_span_id) for span in orphans})
    finding = case.finding(
        Cause.PROCESSING_FAILED,
        service=last.service,
        span=brief_of(last),
        last_good=sent,
        waited_ns=case.waited_ns(),
        evidence=(
            f"{attempts} attempt{'s' if attempts != 1 else ''} began and never ended",
            f"last sign of it: {last.name}, ended {at(last.end_unix_nano)}",
        ),
        detail={"attempts": attempts, "killed": True},
    )
    return if_absent(finding, _basis(case, last), case.scene.expectation.completeness)


def _unclaimed(case: Case) -> tuple[str, ...]:
    """Of a group never seen: the services in which an attempt at its message began that are of no other group there."""
    sent = {key for message in case.messages for key in message.keys}
    others = {
        service
        for group in case.scene.surroundings.groups
        if group.destination == case.pattern.target
        for service in group.services
    }
    began = {
        brief.service
        for hop in case.scene.index.chain.hops
        if hop.outcome is Outcome.UNOBSERVED and hop.producer is not None and key_of(hop.producer) in sent
        for brief in hop.attempt_spans
    }
    return tuple(sorted(began - others))


def _orphan(case: Case, services: Collection[str], span: Span, since_unix_nano: int) -> bool:
    return (
        span.service in services
        and span.parent_span_id is not None
        and span.start_unix_nano >= since_unix_nano
        and case.scene.index.dangles(span.key)
    )


def _basis(case: Case, last: Span) -> Completeness:
    surroundings = case.scene.surroundings
    own = [one for one in surroundings.instances if (one.service, one.instance) == (last.service, last.instance)]
    replaced = any(
        one.service == last.service and one.instance != last.instance and one.last_seen_unix_nano > last.end_unix_nano
        for one in surroundings.instances
    )
    silent = any(not one.flushed for one in own) and any(one.flushed for one in surroundings.instances)
    if silent and not replaced:
        reason = f"{last.service} sent no flush mark while others did: a dead exporter would look the same"
        return Completeness(basis=Basis.UNKNOWN, reasons=(reason,))
    return of_instances(surroundings, case.scene.completeness, {(last.service, last.instance)})
