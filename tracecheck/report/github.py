"""Annotations for GitHub Actions: the ten gravest findings as workflow commands, then the totals.

GitHub shows ten errors and ten warnings per step; what does not fit is in the job summary (the Markdown report).
"""

from tracecheck.model import CheckReport, Finding, Result, Verdict
from tracecheck.report import sentences
from tracecheck.report.grave import grave_findings
from tracecheck.report.reporter import Look
from tracecheck.report.sanitise import github_message, github_property, terminal
from tracecheck.report.text import block, totals

MAX_ANNOTATIONS = 10


def render(report: CheckReport, _look: Look) -> str:
    """One workflow command per line, gravest first, then one line that the log shows as it is."""
    told = list(grave_findings(report))
    told.sort(key=lambda pair: (pair[1].verdict if pair[1] else pair[0].verdict) is not Verdict.FAIL)
    lines = [_annotation(result, finding) for result, finding in told[:MAX_ANNOTATIONS]]
    if not report.matched:
        lines.append(_command("error", "tracecheck: nothing matched", totals(report)))
    if len(told) > MAX_ANNOTATIONS:
        lines.append(f"and {len(told) - MAX_ANNOTATIONS} more findings, all in the job summary")
    lines.append(totals(report))
    return "\n".join(lines) + "\n"


def _annotation(result: Result, finding: Finding | None) -> str:
    verdict = finding.verdict if finding is not None else result.verdict
    what = f"{sentences.subject(finding)}: {finding.code}" if finding is not None else verdict.value
    title = f"{terminal(result.expectation, 60)} {what}"
    return _command("error" if verdict is Verdict.FAIL else "warning", title, "\n".join(block(result, finding, Look())))


def _command(kind: str, title: str, text: str) -> str:
    return f"::{kind} title={github_property(title)}::{github_message(text)}"
