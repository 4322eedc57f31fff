"""`context_lost` and `orphan`: a step came, but not by the trace context."""

from tracecheck.check.follow import Followed
from tracecheck.check.index import Unit, ancestors, brief_of, key_of, lost_side
from tracecheck.check.scene import Case, details, message_name
from tracecheck.check.verdict import if_absent
from tracecheck.model import Cause, Evidence, Finding, SpanBrief, Verdict


def refused(case: Case, followed: Followed) -> Finding:
    """Every matching unit follows by weaker evidence than the expectation accepts, or by none."""
    accepted_basis = case.scene.expectation.completeness
    if followed.weak:
        return _lost(case, followed.weak[0], Verdict.FAIL)
    if followed.partial:
        return if_absent(_partial(case, followed.partial[0]), case.scene.completeness, accepted_basis)
    unit = followed.loose[0]
    if lost := dangling(case, unit):
        orphan = case.scene.index.spans[key_of(lost)]
        side = lost_side(orphan.flags, orphan.kind)
        return case.finding(
            Cause.ORPHAN,
            Verdict.INCONCLUSIVE,
            service=unit.service,
            span=lost,
            evidence=tuple(filter(None, (f"{lost.name} of {lost.service} names a cause that was never stored", side))),
            completeness=case.scene.completeness,
            detail=details(lost_side=side or None),
        )
    return if_absent(_lost(case, unit, Verdict.FAIL), case.scene.completeness, accepted_basis)


def accepted(case: Case, followed: Followed) -> list[Finding]:
    """The step is met by accepted evidence that is weaker than context: worth saying, and harmless."""
    found: list[Finding] = []
    if followed.ranks and min(followed.ranks) > Evidence.CONTEXT.rank:
        found.append(_lost(case, followed.accepted[followed.ranks.index(min(followed.ranks))], Verdict.PASS))
    if followed.tied:
        weaker = case.scene.expectation.evidence.rank < Evidence.CORRELATION.rank
        joined = " and ".join(followed.tied)
        found.append(
            case.finding(
                Cause.CONTEXT_LOST,
                Verdict.FAIL if weaker else Verdict.PASS,
                service=followed.accepted[0].service,
                span=followed.accepted[0].briefs[0],
                evidence=(f"no path leads from {joined}; joined by the correlation id and an earlier time alone",),
                detail={"evidence": Evidence.CORRELATION.value, "join": list(followed.tied)},
            )
        )
    return found


def dangling(case: Case, unit: Unit) -> SpanBrief | None:
    """The span, among those a unit follows from, that names a cause which was never stored."""
    index = case.scene.index
    for key in sorted(ancestors(index, unit.keys) - case.scene.before_anchor):
        if index.dangles(key):
            return brief_of(index.spans[key])
    return None


def _partial(case: Case, unit: Unit) -> Finding:
    """One branch of a join led here; of the others neither a link nor the correlation id tells."""
    apart = [state.step.name for state in case.before if case.scene.rank(state.sources, unit) is None]
    return case.finding(
        Cause.CONTEXT_LOST,
        service=unit.service,
        span=unit.briefs[0],
        evidence=(f"no path, link or correlation id leads from {' and '.join(apart)}",),
        detail={"join": list(apart)},
    )


def _lost(case: Case, unit: Unit, verdict: Verdict) -> Finding:
    span = unit.succeeded or unit.briefs[0]
    evidence = _evidence(case, unit)
    sent = message_name(unit.producer) if unit.producer else None
    by = f"found by {sent} ({evidence})" if sent else f"found by {evidence}"
    began = "began a new trace" if _new_trace(case, span) else "does not name its cause"
    return case.finding(
        Cause.CONTEXT_LOST,
        verdict,
        service=span.service,
        consumer_group=unit.group or case.pattern.group,
        span=span,
        last_good=unit.producer or case.last_good,
        evidence=(f"{span.name} of {span.service} {began}; {by}",),
        detail={"evidence": evidence},
    )


def _evidence(case: Case, unit: Unit) -> str:
    if unit.hop is not None and unit.hop.evidence is not None and unit.hop.evidence is not Evidence.CONTEXT:
        return unit.hop.evidence.value
    rank = case.scene.rank(case.sources, unit)
    if rank is not None:
        return list(Evidence)[rank].value
    mine = case.scene.correlation_ids(unit) & case.scene.correlation_ids(case.scene.anchor)
    return f"correlation id {min(mine)}" if mine else "its place in the chain"


def _new_trace(case: Case, span: SpanBrief) -> bool:
    stored = case.scene.index.spans.get(key_of(span))
    return stored is not None and stored.parent_span_id is None
