"""Pages for a browser: one chain over time, and what the store holds. They load nothing and run nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tracecheck.chains import Stage
from tracecheck.model import Chain, ChainSummary, Finding, Verdict
from tracecheck.report import sentences
from tracecheck.report.sanitise import terminal
from tracecheck.report.template import filled
from tracecheck.report.text import finding_lines
from tracecheck.report.timeline import BAR, WIDTH, timeline
from tracecheck.report.tree import render_tree

MAX_FINDINGS = 100
MAX_TREE_CHARACTERS = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What a store holds: its latest chains, what broke, and each stage messages pass.

    `broken` counts the hops of each chain, by its id, that failed or were seen by nobody.
    """

    chains: Sequence[ChainSummary]
    broken: Mapping[str, int]
    findings: Sequence[Finding]
    stages: Sequence[Stage]
    as_of_unix_nano: int


def chain_page(chain: Chain, findings: Sequence[Finding] = (), *, links: bool = False) -> str:
    """One chain: its timeline, its findings as `check` words them, and its tree. With `links` it leads back to all."""
    told = [finding for finding in findings if finding.verdict is not Verdict.PASS]
    said = [finding for finding in findings if finding.verdict is Verdict.PASS]
    return filled(
        "chain.html",
        title=f"chain {terminal(chain.summary.correlation_id or chain.chain_id, 60)}",
        summary=chain.summary,
        picture=timeline(chain, findings),
        width=WIDTH,
        bar=BAR,
        blocks=[(sentences.sentence(each), "\n".join(finding_lines(each, each.completeness))) for each in told],
        remarks=[sentences.sentence(each) for each in said],
        tree=render_tree(chain, findings)[:MAX_TREE_CHARACTERS],
        links=links,
    )


def overview_page(overview: Overview, *, links: bool) -> str:
    """What the store holds. With `links` chains lead to `chains/ID`, as the pages of `serve` have them."""
    return filled(
        "overview.html",
        title="tracecheck",
        overview=overview,
        told=[(sentences.sentence(each), each) for each in overview.findings[:MAX_FINDINGS]],
        left_out=max(0, len(overview.findings) - MAX_FINDINGS),
        links=links,
    )
