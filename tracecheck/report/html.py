"""The HTML report: one file that loads nothing, runs nothing, and can be kept beside a build.

Everything untrusted goes through the template engine with autoescaping on; a content security policy forbids scripts.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from tracecheck.errors import TracecheckError
from tracecheck.model import CheckReport, Finding, Result
from tracecheck.report import sentences
from tracecheck.report.grave import grave_findings
from tracecheck.report.reporter import Look
from tracecheck.report.sanitise import terminal
from tracecheck.report.template import filled
from tracecheck.report.text import block, totals
from tracecheck.report.tree import render_tree

MAX_BLOCKS = 200
MAX_TREES = 20
MAX_CAUSES = 100
_MAX_TREE_CHARACTERS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What a row of the table counts."""

    expectation: str
    step: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One failing step: its headline, the lines below it, and the chain it happened in."""

    headline: str
    lines: str
    tree: str


def render(report: CheckReport, look: Look) -> str:
    """The whole page."""
    told = list(grave_findings(report))
    return filled(
        "check.html",
        verdict=report.verdict.value,
        totals=totals(report),
        causes=Counter(_kind(result, finding) for result, finding in told).most_common(MAX_CAUSES),
        blocks=list(_blocks(told[:MAX_BLOCKS], look)),
        left_out=max(0, len(told) - MAX_BLOCKS),
    )


def _kind(result: Result, finding: Finding | None) -> Kind:
    return Kind(
        expectation=terminal(result.expectation, 60),
        step=sentences.subject(finding) if finding else "–",
        code=finding.code.value if finding else result.verdict.value,
    )


def _blocks(told: list[tuple[Result, Finding | None]], look: Look) -> Iterator[Told]:
    drawn: set[str] = set()
    for result, finding in told:
        headline, *lines = block(result, finding, Look())
        tree = ""
        if result.chain_id is not None and result.chain_id not in drawn and len(drawn) < MAX_TREES:
            drawn.add(result.chain_id)
            tree = _tree(result, look)
        yield Told(headline=headline, lines="\n".join(lines), tree=tree)


def _tree(result: Result, look: Look) -> str:
    """The chain, if it can be loaded: a report without its picture is still a report."""
    if look.chain is None or result.chain_id is None:
        return ""
    try:
        return render_tree(look.chain(result.chain_id), result.findings)[:_MAX_TREE_CHARACTERS]
    except TracecheckError:
        return ""
