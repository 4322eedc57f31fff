"""The text report: twelve lines at most for a failing step, one for all that passed, the totals last.

A failing step's lines come in a fixed order: verdict and step; cause; last good; what was looked for and where; nearest
miss; times; basis of completeness.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

from tracecheck.model import CheckReport, Completeness, Finding, NearMiss, Result, Verdict
from tracecheck.report import sentences
from tracecheck.report.grave import grave_of
from tracecheck.report.reporter import Look
from tracecheck.report.sanitise import terminal
from tracecheck.report.units import instant

MAX_BLOCKS = 25
"""Failing steps told in full; with more, the rest is counted by step and cause (`verbose` tells all)."""

_LABEL = 14
_MAX_FACTS = 3
_MAX_MISSES = 2
_COLOURS = {Verdict.FAIL: "31", Verdict.INCONCLUSIVE: "33", Verdict.PASS: "32"}


def render(report: CheckReport, look: Look) -> str:
    """The whole report, ending in a newline. With `look.colour`, the verdict words carry ANSI colours."""
    told = [(result, finding) for result in report.results for finding in _to_tell(result, look)]
    shown = told if look.verbose else told[:MAX_BLOCKS]
    lines: list[str] = []
    for result, finding in shown:
        lines += block(result, finding, look)
    lines += _rest(told[len(shown) :])
    lines += _passed(report, look)
    lines.append(totals(report))
    return "\n".join(lines) + "\n"


def block(result: Result, finding: Finding | None, look: Look) -> list[str]:
    """The lines of one failing step, at most twelve; None stands for a result that no finding explains."""
    verdict = finding.verdict if finding is not None else result.verdict
    if finding is None:
        head = f"{_sign(verdict, look)} {_name(result)}  {sentences.without_finding(result)}"
        return [
            head,
            *([_line("chain", sentences.chain_name(result))] if result.chain_id is not None else ()),
            *(_line("looked for" if not number else "", terminal(fact)) for number, fact in enumerate(result.evidence)),
            *(_misses(result.near_misses) if result.evidence else ()),
            _line("completeness", sentences.basis(result.completeness)),
        ]
    head = f"{_sign(verdict, look)} {_name(result)}  {sentences.sentence(finding)}"
    return [head, *finding_lines(finding, result.completeness)]


def finding_lines(finding: Finding, completeness: Completeness | None) -> list[str]:
    """The lines below a headline, at most eleven. `completeness` stands in where the finding has none of its own."""
    return [
        _line("cause", _cause(finding)),
        *_facts(finding),
        _line("last good", sentences.last_good(finding)),
        _line("looked for", sentences.looked_for(finding)),
        *_misses(finding.near_misses),
        _line("times", sentences.times(finding)),
        _line("completeness", sentences.basis(finding.completeness or completeness)),
    ]


def totals(report: CheckReport) -> str:
    """One line: how many failed, were inconclusive, passed, and as of when."""
    counts = Counter(result.verdict for result in report.results)
    passed = counts[Verdict.PASS] + report.passed_by_sift
    if not report.matched:
        return (
            f"nothing matched: no chain has the first step of any expectation; as of {instant(report.as_of_unix_nano)}"
        )
    total = sum(counts.values()) + report.passed_by_sift
    return (
        f"{counts[Verdict.FAIL]} failed, {counts[Verdict.INCONCLUSIVE]} inconclusive, {passed} passed"
        f" of {total} {'chain' if total == 1 else 'chains'}; as of {instant(report.as_of_unix_nano)}"
    )


def _to_tell(result: Result, look: Look) -> Iterator[Finding | None]:
    grave = grave_of(result)
    if result.verdict is not Verdict.PASS and not grave:
        yield None
    yield from grave
    if look.verbose:
        yield from (finding for finding in result.findings if finding.verdict is Verdict.PASS)


def _cause(finding: Finding) -> str:
    first = sentences.open_first(finding)
    return sentences.explanation(finding) + (f"; {first}" if first else "")


def _facts(finding: Finding) -> Iterator[str]:
    """Evidence under the cause, as far as the headline does not hold it, and the span it is about."""
    headline = sentences.sentence(finding)
    facts = [fact for fact in map(terminal, finding.evidence) if fact not in headline]
    more = len(facts) - _MAX_FACTS
    for number, fact in enumerate(facts[:_MAX_FACTS], start=1):
        yield _line("", fact + (f" ({more} more)" if more > 0 and number == _MAX_FACTS else ""))
    if finding.span is not None and finding.span != finding.last_good:
        yield _line("", f"seen: {sentences.did_when(finding.span)}")


def _misses(misses: Sequence[NearMiss]) -> Iterator[str]:
    if not misses:
        yield _line("nearest miss", "none")
    shown = misses[:_MAX_MISSES]
    more = len(misses) - len(shown)
    for number, miss in enumerate(shown):
        told = sentences.nearest_miss(miss) + (f" ({more} more)" if more and number == len(shown) - 1 else "")
        yield _line("nearest miss" if number == 0 else "", told)


def _passed(report: CheckReport, look: Look) -> Iterator[str]:
    counts = Counter(result.expectation for result in report.results if result.verdict is Verdict.PASS)
    notes = Counter(
        finding.code for result in report.results for finding in result.findings if finding.verdict is Verdict.PASS
    )
    if look.verbose:
        for result in report.results:
            if result.verdict is Verdict.PASS:
                yield f"{_sign(Verdict.PASS, look)} {_name(result)}  {sentences.chain_name(result)}"
    elif passed := sum(counts.values()) + report.passed_by_sift:
        names = ", ".join(terminal(name, 60) for name in list(counts)[:5]) + (", …" if len(counts) > 5 else "")
        noted = "".join(f"; {count}x {code}" for code, count in sorted(notes.items()))
        yield f"{_sign(Verdict.PASS, look)} {names or 'all'}  {passed} {'chain' if passed == 1 else 'chains'}{noted}"


def _rest(untold: list[tuple[Result, Finding | None]]) -> Iterator[str]:
    if not untold:
        return
    counts = Counter(
        f"{terminal(result.expectation, 60)}  "
        + (f"{sentences.subject(finding)}: {finding.code}" if finding else sentences.without_finding(result))
        for result, finding in untold
    )
    yield f"and {len(untold)} more (all with --verbose):"
    for name, count in counts.most_common(MAX_BLOCKS):
        yield f"  {count:>6}x {name}"
    if len(counts) > MAX_BLOCKS:
        yield f"  and {len(counts) - MAX_BLOCKS} more kinds"


def _name(result: Result) -> str:
    """What was expected, and for which row of its cases."""
    return terminal(result.expectation) + (f" [{terminal(result.case, 60)}]" if result.case is not None else "")


def _line(label: str, text: str) -> str:
    return f"  {label:<{_LABEL}}{text}"


def _sign(verdict: Verdict, look: Look) -> str:
    word = sentences.SIGNS[verdict]
    return f"\x1b[1;{_COLOURS[verdict]}m{word}\x1b[0m" if look.colour else word
