"""The only place with prose: from a finding, as data, to what a person reads.

Every function returns one line of printable text: each value that came from outside has passed `sanitise.terminal`.
Reporters arrange these lines and escape them for their medium; they add no words about causes.
"""

from collections.abc import Callable, Iterator

from tracecheck.model import Cause, Completeness, Finding, NearMiss, Result, SpanBrief, Verdict
from tracecheck.report.sanitise import terminal
from tracecheck.report.units import clocks_only, duration, instant

_FAILURES = {Cause.PROCESSING_FAILED, Cause.SEND_FAILED, Cause.UPSTREAM_FAILED}
SIGNS = {Verdict.FAIL: "FAIL", Verdict.INCONCLUSIVE: "INCONCLUSIVE", Verdict.PASS: "PASS"}


def sentence(finding: Finding) -> str:
    """The finding in one line: the step, the cause, the last good span, the first fact that shows it.

    `charged: not_consumed; last good: orders[0]@41 sent by checkout; group billing silent since 12:00:03`
    """
    times = f" {finding.count} times" if finding.count > 1 else ""
    would_be = f" (would be {would})" if (would := _detail(finding, "would_be")) and would != finding.code else ""
    parts = [f"{subject(finding)}: {finding.code}{would_be}{times}"]
    if finding.last_good is not None:
        parts.append(f"last good: {did(finding.last_good)}")
    parts += _reason(finding)
    return "; ".join(parts)


def subject(finding: Finding) -> str:
    """What the finding is about: its step, else `group / destination`, else the service."""
    if finding.step:
        return terminal(finding.step)
    who = finding.consumer_group or finding.service
    return " / ".join(terminal(part) for part in (who, finding.destination) if part) or "chain"


def explanation(finding: Finding) -> str:
    """What this cause means for this step, in words that need no manual."""
    return _EXPLAIN[finding.code](finding)


def did(span: SpanBrief) -> str:
    """What a span did, with its place on the bus: `orders[0]@41 sent by checkout`, `… handled by billing`."""
    place = message(span)
    if place is None:
        return f"{terminal(span.name) or 'a span'} of {terminal(span.service)}"
    service = terminal(span.service)
    if span.consumer_group is None and not span.consumes:
        return f"send to {place} failed in {service}" if span.error else f"{place} sent by {service}"
    group = service if span.consumer_group is None else terminal(span.consumer_group)
    return f"{place} {'failed in' if span.error else 'handled by'} {service}" + (
        f" (group {group})" if group != service else ""
    )


def did_when(span: SpanBrief) -> str:
    """`did`, with its instant, its ids and its error if it has one."""
    error = f", error {terminal(span.error)}" if span.error else ""
    return f"{did(span)} at {instant(span.start_unix_nano)}, span {ids(span)}{error}"


def ids(span: SpanBrief) -> str:
    """`trace_id:span_id`, as every CHAIN argument and every trace viewer takes them."""
    return f"{terminal(span.trace_id, 32)}:{terminal(span.span_id, 16)}"


def message(span: SpanBrief) -> str | None:
    """`destination[partition]@offset`, as far as it is known; None for a span without a destination."""
    if not span.destination:
        return None
    partition = f"[{terminal(span.partition)}]" if span.partition is not None else ""
    offset = f"@{span.offset}" if span.offset is not None else ""
    return f"{terminal(span.destination)}{partition}{offset}"


def last_good(finding: Finding) -> str:
    """The last span that was as it should be."""
    if finding.last_good is not None:
        return did_when(finding.last_good)
    return "none: the first step is the one that broke" if finding.step else "none is told by the spans alone"


def looked_for(finding: Finding) -> str:
    """What was looked for, and where."""
    where = [terminal(finding.looked_in)] if finding.looked_in else []
    if finding.chain_id and finding.chain_id not in (finding.looked_in or ""):
        where.append(f"chain {terminal(finding.chain_id)}")
    if finding.correlation_id:
        where.append(f"correlation {terminal(finding.correlation_id, 60)}")
    what = terminal(finding.expected, 240) if finding.expected else "nothing: the spans prove it themselves"
    return f"{what}; in {', '.join(where)}" if where else what


def nearest_miss(miss: NearMiss) -> str:
    """A span that almost met the step, and in what it differs."""
    return f"{did(miss.span)}: {terminal(miss.difference)}"


def times(finding: Finding) -> str:
    """How long was waited, what was allowed, what it took."""
    took = finding.measured_ns
    over = took - finding.limit_ns if took is not None and finding.limit_ns is not None else 0
    late = f", {duration(over)} over" if over > 0 else ""
    return f"waited {duration(finding.waited_ns)}, budget {duration(finding.limit_ns)}, took {duration(took)}{late}"


def basis(completeness: Completeness | None) -> str:
    """Why absence may, or may not, be taken as a fact."""
    if completeness is None:
        return "not needed: what was seen is enough"
    return f"{completeness.basis}: {some(completeness.reasons, 4) or 'no reason given'}"


def some(facts: tuple[str, ...], limit: int) -> str:
    """The first facts, joined; how many more there are is said."""
    shown = "; ".join(terminal(fact) for fact in facts[:limit])
    return f"{shown}; {len(facts) - limit} more" if len(facts) > limit else shown


def without_finding(result: Result) -> str:
    """Why a result is not a pass although no finding says so: no chain to look at, or no way to be sure."""
    if result.chain_id is None:
        return "no chain has its first step"
    return f"nothing is known to be wrong, and completeness is {result.completeness.basis}"


def chain_name(result: Result) -> str:
    """What a person calls this chain: its correlation id, else its chain id."""
    return terminal(result.correlation_id or result.chain_id or "no chain", 60)


def _reason(finding: Finding) -> Iterator[str]:
    """The one fact that a headline has room for: how late, the error, else the first piece of evidence."""
    error = finding.span.error if finding.span is not None else None
    if finding.code is Cause.LATE and finding.measured_ns is not None and finding.limit_ns is not None:
        yield f"came {duration(finding.measured_ns - finding.limit_ns)} over its budget of {duration(finding.limit_ns)}"
    elif error and (finding.code in _FAILURES or not finding.evidence):
        yield terminal(error)
    elif finding.evidence:
        yield clocks_only(terminal(finding.evidence[0]))
    elif finding.span is not None:
        yield f"seen: {did(finding.span)}"


_DID_IT = (Cause.FORBIDDEN, Cause.UNEXPECTED)


def open_first(finding: Finding) -> str | None:
    """Whose logs and code to look at first, for a reader who does not know the system; None where nothing is wrong."""
    if finding.verdict is Verdict.PASS:
        return None
    span, last = finding.span, finding.last_good
    if finding.code is Cause.CLOCK_SKEW and span is not None and last is not None:
        return f"compare the clocks of {terminal(last.service)} and {terminal(span.service)} first"
    if "remote" in _detail(finding, "lost_side") and span is not None:
        return f"open what calls {terminal(span.service)} first"
    service = span.service if span is not None and finding.code in _DID_IT else finding.service
    if service is None and finding.consumer_group is not None:
        return f"open the service of group {terminal(finding.consumer_group)} first"
    service = service or (span or last or _NOBODY).service
    return f"open {terminal(service)} first" if service else None


_NOBODY = SpanBrief(trace_id="", span_id="", service="", name="", start_unix_nano=0, end_unix_nano=0)


def _late(finding: Finding) -> str:
    if segment := _detail(finding, "segment"):
        return f"{_who(finding)} did it, and its {segment} took {duration(finding.measured_ns)}"
    came = f" {duration(finding.measured_ns)} after what it follows" if finding.measured_ns is not None else ""
    return f"{_who(finding)} did it, too late: it came{came}"


def _who(finding: Finding) -> str:
    if finding.consumer_group:
        return f"group {terminal(finding.consumer_group)}"
    return terminal(finding.service) if finding.service else "the service"


def _service(finding: Finding) -> str:
    return terminal(finding.service) if finding.service else "the service"


def _to(finding: Finding) -> str:
    return f" to {terminal(finding.destination)}" if finding.destination else ""


def _error(finding: Finding) -> str:
    error = finding.span.error if finding.span is not None else None
    return f": {terminal(error)}" if error else ""


def _not_consumed(finding: Finding) -> str:
    named = "that group" if finding.consumer_group else "that service" if finding.service else None
    it = named or "whoever consumes there"
    states = {
        "silent": f"; {it} handled nothing else since",
        "behind": f"; {it} is alive and has not come that far yet",
        "past": f"; {it} is alive and has passed it by",
        "never_seen": f"; nothing of {named} was ever seen there" if named else "; no consumer was ever seen there",
    }
    return f"the message was sent and never delivered to {_who(finding)}" + states.get(
        _detail(finding, "group_state"), ""
    )


def _processing_failed(finding: Finding) -> str:
    attempts = _detail(finding, "attempts")
    tried = "every attempt" if attempts in {"", "1"} else f"all {attempts} attempts"
    dead = _detail(finding, "dead_letter")
    return f"{_who(finding)} received the message and {tried} failed{_error(finding)}" + (
        f"; it went to {dead}" if dead else ""
    )


def _proof(finding: Finding) -> str:
    by_broker = _detail(finding, "proved_by") == "the broker"
    did = _detail(finding, "did") or "handled it"
    return "has gone past it, says the broker" if by_broker else f"{did}, as later steps prove"


def _detail(finding: Finding, name: str) -> str:
    value = finding.detail.get(name)
    return "" if value is None else terminal(str(value), 80)


_EXPLAIN: dict[Cause, Callable[[Finding], str]] = {
    Cause.NOT_SENT: lambda f: f"{_service(f)} finished its handler and sent nothing{_to(f)}",
    Cause.UPSTREAM_FAILED: lambda f: f"{_service(f)} ended in error before it could send{_to(f)}{_error(f)}",
    Cause.SEND_FAILED: lambda f: f"the send{_to(f)} by {_service(f)} failed, or its delivery report did{_error(f)}",
    Cause.NOT_CONSUMED: _not_consumed,
    Cause.PROCESSING_FAILED: _processing_failed,
    Cause.CONTEXT_LOST: lambda f: (
        f"the message went on to {_who(f)}, but its trace context did not; weaker evidence joins it"
    ),
    Cause.CONSUMER_SPAN_MISSING: lambda f: (
        f"{_who(f)} {_proof(f)}, but its span never arrived: export lost, sampled out or no instrumentation"
    ),
    Cause.LATE: _late,
    Cause.DUPLICATE_DELIVERY: lambda f: f"{_who(f)} handled the message again although it succeeded with it",
    Cause.DUPLICATE_SEND: lambda f: f"one event id was sent{_to(f)} more than once, here by {_service(f)}",
    Cause.DUPLICATE_EFFECT: lambda f: f"{_service(f)} applied one effect more than once under the same key",
    Cause.OUT_OF_ORDER: lambda f: f"{_who(f)} did this before what should come first",
    Cause.UNEXPECTED: lambda _: "the expectation is closed and names no such step",
    Cause.FORBIDDEN: lambda _: "the expectation says that this must never happen",
    Cause.TOO_FEW: lambda _: "the step was met fewer times than expected",
    Cause.TOO_MANY: lambda _: "the step was met more times than expected",
    Cause.STATE_NOT_REACHED: lambda _: "the database or read model did not come to the expected state, or left it",
    Cause.CONTRADICTED: lambda f: (
        f"span, bus and state do not say the same: {f.detail.get('says', 'one of them')}, "
        f"but {f.detail.get('denies', 'another does not')}"
    ),
    Cause.CLOCK_SKEW: lambda _: "a message seems handled before it was sent, so two clocks disagree; nothing was moved",
    Cause.INCOMPLETE: lambda _: "spans may still be missing, so that absence is no proof",
    Cause.ORPHAN: lambda _: "a span names a parent that was never stored",
    Cause.CONFLICTING_SPAN: lambda _: "different spans were stored under the same trace id and span id",
    Cause.CYCLE: lambda _: "spans name each other as causes in a circle",
    Cause.STALE_CONTEXT: lambda _: "the trace context on the message is that of another message",
    Cause.BATCH_FAN_IN: lambda _: (
        "one span handled or sent messages of several chains; what follows cannot be told apart by context"
    ),
    Cause.AMBIGUOUS: lambda _: "several messages, or several consumers, fit, and the spans do not say which it was",
}
