"""One chain as a tree: who did what, when, how long it took, how each message travelled, where it broke."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from tracecheck.model import Chain, Finding, Hop, Outcome, Span, StatusCode, Verdict
from tracecheck.report import sentences
from tracecheck.report.reporter import Look
from tracecheck.report.sanitise import terminal
from tracecheck.report.shape import Key, Shape, shape
from tracecheck.report.units import duration, instant

MAX_LINES = 500
"""Spans shown; with more, the rest is counted (`verbose` shows all)."""

_MAX_DEPTH = 24
_OFFSET = 11


def render_tree(chain: Chain, findings: Sequence[Finding] = (), look: Look | None = None) -> str:
    """The tree, ending in a newline. Findings stand below the last good span they name, else at the end."""
    look = look or Look()
    forest = shape(chain)
    marks = _marks(findings)
    hops = _Hops(chain.hops)
    lines = list(_header(chain))
    stems: list[str] = []
    for shown, (key, depth, last) in enumerate(forest.walk()):
        if shown == MAX_LINES and not look.verbose:
            lines.append(f"{'':>{_OFFSET}}  … and {len(forest.spans) - shown} more spans (all with --verbose)")
            break
        del stems[depth:]
        branch = _branch(stems, depth, last)
        below = f"{'':>{_OFFSET}}  {_stem(stems, depth, last)}"
        lines.append(f"{_offset(forest.spans[key], chain):>{_OFFSET}}  {branch}{_span(key, forest, hops, look)}")
        lines += [f"{below}{_red('✗', look)} {missing}" for missing in hops.missing(key)]
        lines += [f"{below}{_mark(finding, look)} {sentences.sentence(finding)}" for finding in marks.pop(key, ())]
        stems.append("" if depth == 0 else ("   " if last else "│  "))
    lines += [f"{'':>{_OFFSET}}  {_red('✗', look)} {lost}" for lost in hops.without_producer()]
    for left in marks.values():
        lines += [f"{_mark(finding, look)} {sentences.sentence(finding)}" for finding in left]
    return "\n".join(lines) + "\n"


class _Hops:
    """The hops of a chain, found by the spans on either side."""

    def __init__(self, hops: Sequence[Hop]) -> None:
        self._by_producer: defaultdict[Key, list[Hop]] = defaultdict(list)
        self._by_attempt: dict[Key, tuple[Hop, int]] = {}
        self._lost: list[Hop] = []
        for hop in hops:
            if hop.producer is not None:
                self._by_producer[hop.producer.trace_id, hop.producer.span_id].append(hop)
            elif hop.consumer is None:
                self._lost.append(hop)
            attempts = hop.attempt_spans or ((hop.consumer,) if hop.consumer is not None else ())
            for number, attempt in enumerate(attempts, start=1):
                self._by_attempt.setdefault((attempt.trace_id, attempt.span_id), (hop, number))

    def sent(self, key: Key) -> str | None:
        """The message this span sent."""
        hops = self._by_producer.get(key)
        return sentences.message(hops[0].producer) if hops and hops[0].producer is not None else None

    def handled(self, key: Key) -> tuple[Hop, int] | None:
        """The hop that this span is an attempt of, and the attempt's number."""
        return self._by_attempt.get(key)

    def missing(self, key: Key) -> Iterator[str]:
        """What did not come of the message this span sent."""
        for hop in self._by_producer.get(key, ()):
            place = sentences.message(hop.producer) if hop.producer is not None else None
            group = f" to group {terminal(hop.consumer_group)}" if hop.consumer_group else ""
            if hop.outcome is Outcome.UNDELIVERED:
                yield f"{place or 'the message'}: no delivery{group} was seen"
            elif hop.outcome is Outcome.UNOBSERVED:
                yield f"{place or 'the message'}: delivered{group}, but the span that handled it is missing"

    def without_producer(self) -> Iterator[str]:
        """Hops of which neither side is a stored span."""
        for hop in self._lost:
            yield f"{terminal(hop.destination or 'a message')}: neither side was seen ({hop.outcome})"


def _header(chain: Chain) -> Iterator[str]:
    summary = chain.summary
    names = [("correlation", summary.correlation_id), ("run", summary.run_id)]
    named = "".join(f"  {name} {terminal(value)}" for name, value in names if value)
    yield f"chain {terminal(chain.chain_id)}{named}"
    yield (
        f"{instant(summary.start_unix_nano)}  {duration(summary.duration_ns)}, {_counted(summary.spans, 'span')}"
        f", {_counted(summary.hops, 'hop')}, {_counted(len(summary.trace_ids), 'trace')}"
    )
    if summary.origin.cause_absent:
        yield "its first span names a cause that was never stored"
    if chain.feeds:
        yield f"began in a batch fed by {sentences.some(chain.feeds, 3)}"
    if summary.findings:
        yield f"findings: {', '.join(terminal(code) for code in summary.findings)}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _span(key: Key, forest: Shape, hops: _Hops, look: Look) -> str:
    span = forest.spans[key]
    parts = [
        f"{terminal(span.service)}: {terminal(span.name) or '(no name)'}",
        duration(span.end_unix_nano - span.start_unix_nano),
    ]
    if (place := hops.sent(key)) is not None:
        parts.append(f"→ {place}")
    if (handled := hops.handled(key)) is not None:
        parts.append(_delivery(*handled))
    above = forest.above.get(key)
    if above is not None and above.evidence.rank:
        parts.append(f"joined by {above.evidence}")
    if above is not None and above.cause_trace_id != span.trace_id:
        parts.append(f"trace {span.trace_id}")
    if span.status is StatusCode.ERROR:
        parts.append(_red(f"error {terminal(span.status_message)}".rstrip(), look))
    if span.conflicting:
        parts.append("another span has the same ids")
    return "  ".join(parts)


def _delivery(hop: Hop, attempt: int) -> str:
    group = f" by group {terminal(hop.consumer_group)}" if hop.consumer_group else ""
    attempts = f", attempt {attempt} of {hop.attempts}" if hop.attempts > 1 else ""
    if hop.outcome is Outcome.ORIGIN_UNKNOWN:
        return f"← {terminal(hop.destination or 'a message')}{group}{attempts}, its send was not seen"
    transit = f", transit {duration(hop.transit_ns)}" if hop.transit_ns is not None and attempt == 1 else ""
    return f"← {terminal(hop.destination or 'a message')}{group}{transit}{attempts}"


def _marks(findings: Sequence[Finding]) -> dict[Key | None, list[Finding]]:
    marks: dict[Key | None, list[Finding]] = {}
    for finding in findings:
        span = finding.span or finding.last_good
        marks.setdefault((span.trace_id, span.span_id) if span is not None else None, []).append(finding)
    return marks


def _branch(stems: list[str], depth: int, last: bool) -> str:
    if depth == 0:
        return ""
    if depth > _MAX_DEPTH:
        return f"{''.join(stems[:_MAX_DEPTH])}(level {depth}) "
    return "".join(stems) + ("└─ " if last else "├─ ")


def _stem(stems: list[str], depth: int, last: bool) -> str:
    return "".join(stems[:_MAX_DEPTH]) + ("" if depth == 0 else ("   " if last else "│  ")) + "   "


def _offset(span: Span, chain: Chain) -> str:
    offset_ns = span.start_unix_nano - chain.summary.start_unix_nano
    return duration(offset_ns) if offset_ns < 0 else f"+{duration(offset_ns)}"


def _mark(finding: Finding, look: Look) -> str:
    return "·" if finding.verdict is Verdict.PASS else _red("✗", look)


def _red(text: str, look: Look) -> str:
    return f"\x1b[31m{text}\x1b[0m" if look.colour else text
