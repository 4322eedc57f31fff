"""The Markdown report for job summaries and pull-request comments: totals, a table by cause, the blocks, one picture.

It stays under GitHub's limit of one mebibyte per step; what is left out is counted.
"""

from collections import Counter
from collections.abc import Iterator

from tracecheck.errors import TracecheckError
from tracecheck.model import CheckReport, Finding, Result, Verdict
from tracecheck.report import mermaid, sentences
from tracecheck.report.grave import grave_findings
from tracecheck.report.reporter import Look
from tracecheck.report.sanitise import markdown, markdown_block
from tracecheck.report.text import block, totals

MAX_BYTES = 900_000
MAX_BLOCKS = 50
_MAX_CAUSES = 40
_SIGN = {Verdict.FAIL: "❌ failed", Verdict.INCONCLUSIVE: "❔ inconclusive", Verdict.PASS: "✅ passed"}


def render(report: CheckReport, look: Look) -> str:
    """The whole report, at most `MAX_BYTES` of UTF-8."""
    told = list(grave_findings(report))
    parts = [f"## tracecheck: {_SIGN[report.verdict]}", totals(report), *_table(told), *_picture(told, look)]
    size = sum(len(part.encode()) for part in parts)
    shown = 0
    for result, finding in told[:MAX_BLOCKS]:
        part = markdown_block("\n".join(block(result, finding, Look())))
        size += len(part.encode()) + 2
        if size > MAX_BYTES:
            break
        parts.append(part)
        shown += 1
    if shown < len(told):
        parts.append(f"… and {len(told) - shown} more findings.")
    return "\n\n".join(parts) + "\n"


def _table(told: list[tuple[Result, Finding | None]]) -> Iterator[str]:
    counts = Counter(
        (
            markdown(result.expectation, 60),
            markdown(sentences.subject(finding)) if finding else "–",
            finding.code.value if finding else result.verdict.value,
        )
        for result, finding in told
    )
    if not counts:
        return
    rows = ["| expectation | step | cause | chains |", "|---|---|---|--:|"]
    rows += [f"| {name} | {step} | {cause} | {n} |" for (name, step, cause), n in counts.most_common(_MAX_CAUSES)]
    yield "\n".join(rows)
    if len(counts) > _MAX_CAUSES:
        yield f"… and {len(counts) - _MAX_CAUSES} more kinds."


def _picture(told: list[tuple[Result, Finding | None]], look: Look) -> Iterator[str]:
    """The first broken chain, if it can be loaded: a report without its picture is still a report."""
    broken = next((result for result, _ in told if result.chain_id is not None), None)
    if broken is None or broken.chain_id is None or look.chain is None:
        return
    try:
        drawn = mermaid.draw(look.chain(broken.chain_id), broken.findings)
    except TracecheckError:
        return
    yield f"```mermaid\n{drawn}```"
