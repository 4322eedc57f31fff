"""From findings to what people and machines read: sentences, reports, pictures.

`render(name, report)` writes a check in any known format; `render_tree` and `render_mermaid` show one chain;
`documents` holds the JSON contracts. Words about causes live in `sentences`, escaping in `sanitise`, nowhere else.
"""

from collections.abc import Sequence

from tracecheck.model import Chain, CheckReport, Finding
from tracecheck.report.redact import redacted
from tracecheck.report.reporter import Look, register, reporter_named, reporter_names
from tracecheck.report.sentences import sentence

__all__ = [
    "Look",
    "redacted",
    "register",
    "render",
    "render_mermaid",
    "render_text",
    "render_tree",
    "reporter_names",
    "sentence",
]


def render(name: str, report: CheckReport, look: Look | None = None) -> str:
    """The report in the format of that name (`reporter_names` lists them). Raises `UsageError` for an unknown one."""
    return reporter_named(name)(report, look or Look())


def render_text(report: CheckReport, look: Look | None = None) -> str:
    """The report for people, as `check` prints it."""
    return render("text", report, look)


def render_tree(chain: Chain, findings: Sequence[Finding] = (), look: Look | None = None) -> str:
    """One chain as a tree with times, its findings marked where they belong."""
    from tracecheck.report.tree import render_tree as draw

    return draw(chain, findings, look)


def render_mermaid(chain: Chain, findings: Sequence[Finding] = ()) -> str:
    """One chain as a Mermaid flowchart, the break marked."""
    from tracecheck.report.mermaid import draw

    return draw(chain, findings)
