"""Doubts about the evidence of a met step. They can make a verdict inconclusive, never green."""

from tracecheck.check.index import Unit, is_told_apart
from tracecheck.check.scene import Case, spoken
from tracecheck.expect.model import Duplicates, Policy
from tracecheck.model import Cause, Finding, SpanBrief, Verdict


def doubts(case: Case, unit: Unit) -> list[Finding]:
    """What speaks against believing the spans that met a step."""
    found = [*_skew(case, unit), *_cycle(case, unit)]
    spans = [span for key in unit.keys if (span := case.scene.index.spans.get(key)) is not None]
    if any(span.conflicting for span in spans):
        found.append(_doubt(case, unit, Cause.CONFLICTING_SPAN, "different spans were stored under one id"))
    codes = unit.hop.findings if unit.hop is not None else ()
    if Cause.AMBIGUOUS in codes:
        found.append(_ambiguous(case, unit))
    if Cause.STALE_CONTEXT in codes:
        stale = "its trace context is that of another message; partition and offset decided"
        found.append(_doubt(case, unit, Cause.STALE_CONTEXT, stale, Verdict.PASS))
    return found


def _ambiguous(case: Case, unit: Unit) -> Finding:
    """Several consumers in one service, or one that got it twice: where all went well, that matters only to who forbids
    duplicates."""
    if unit.group is not None or unit.hop is None or not is_told_apart(unit.hop):
        return _doubt(case, unit, Cause.AMBIGUOUS, "several open sends could have been its message")
    policy = case.scene.expectation.duplicates or Duplicates()
    harmless = policy.deliveries is not Policy.FORBID and all(brief.error is None for brief in unit.briefs)
    fact = "handlers of different names took it: several consumers, or one that got it more than once"
    return _doubt(case, unit, Cause.AMBIGUOUS, fact, Verdict.PASS if harmless else Verdict.INCONCLUSIVE)


def _skew(case: Case, unit: Unit) -> list[Finding]:
    """A delivery that began before its message was even being sent. A budget measured over such clocks says nothing."""
    producer = unit.producer
    if producer is None or unit.start_unix_nano >= producer.start_unix_nano:
        return []
    ahead = unit.start_unix_nano - producer.start_unix_nano
    verdict = Verdict.PASS if case.step.within_ns is None else Verdict.INCONCLUSIVE
    fact = f"{unit.service} began {spoken(-ahead)} before {producer.service} began to send"
    found = _doubt(case, unit, Cause.CLOCK_SKEW, fact, verdict, last_good=producer, measured_ns=ahead)
    return [found]


def _cycle(case: Case, unit: Unit) -> list[Finding]:
    if Cause.CYCLE not in case.scene.index.chain.summary.findings:
        return []
    inside = [key for key in unit.keys if _returns(case, key)]
    return [_doubt(case, unit, Cause.CYCLE, "its spans name each other as causes")] if inside else []


def _returns(case: Case, key: tuple[str, str]) -> bool:
    """True if a span follows from itself."""
    index = case.scene.index
    waiting = [key]
    seen: set[tuple[str, str]] = set()
    while waiting:
        for edge in index.causes.get(waiting.pop(), ()):
            if edge.cause == key:
                return True
            if edge.cause not in seen:
                seen.add(edge.cause)
                waiting.append(edge.cause)
    return False


def _doubt(
    case: Case,
    unit: Unit,
    code: Cause,
    fact: str,
    verdict: Verdict = Verdict.INCONCLUSIVE,
    *,
    last_good: SpanBrief | None = None,
    measured_ns: int | None = None,
) -> Finding:
    return case.finding(
        code,
        verdict,
        service=unit.service,
        consumer_group=unit.group or case.pattern.group,
        span=unit.succeeded or unit.briefs[0],
        last_good=last_good or unit.producer or case.last_good,
        measured_ns=measured_ns,
        evidence=(fact,),
    )
