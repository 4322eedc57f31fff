"""What a report for people has to tell: everything that keeps a check from passing, in order."""

from collections.abc import Iterator

from tracecheck.model import CheckReport, Finding, Result, Verdict


def grave_findings(report: CheckReport) -> Iterator[tuple[Result, Finding | None]]:
    """Each finding that fails or leaves in doubt, with its result; None where no finding explains the verdict."""
    for result in report.results:
        grave = grave_of(result)
        yield from ((result, finding) for finding in grave)
        if not grave and result.verdict is not Verdict.PASS:
            yield result, None


def grave_of(result: Result) -> list[Finding]:
    """The findings of one result that are no mere notes."""
    return [finding for finding in result.findings if finding.verdict is not Verdict.PASS]
