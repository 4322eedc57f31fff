"""What a reporter is, and where the known ones are.

A reporter is a module with one function, `render(report, look) -> str`. A new one is one file here and one line in
`_REPORTERS`; `register` adds one from elsewhere. `tests/report/test_every_reporter.py` holds each to its contract:
it never raises, its size is bounded, and hostile text stays text in its medium.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import cast

from tracecheck.errors import UsageError
from tracecheck.model import Chain, CheckReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How a report is to look. `chain` loads a chain for pictures; without it there are none."""

    colour: bool = False
    verbose: bool = False
    chain: Callable[[str], Chain] | None = None


Reporter = Callable[[CheckReport, Look], str]

_REPORTERS: dict[str, Reporter | str] = {
    "text": "tracecheck.report.text",
    "json": "tracecheck.report.documents",
    "github": "tracecheck.report.github",
    "markdown": "tracecheck.report.markdown",
    "md": "tracecheck.report.markdown",
    "html": "tracecheck.report.html",
    "junit": "tracecheck.report.junit",
    "mermaid": "tracecheck.report.mermaid",
}


def reporter_named(name: str) -> Reporter:
    """The reporter of that name. Raises `UsageError` naming the known ones."""
    found = _REPORTERS.get(name)
    if found is None:
        raise UsageError(f"there is no report format {name!r}; use one of {', '.join(reporter_names())}")
    return cast(Reporter, import_module(found).render) if isinstance(found, str) else found


def reporter_names() -> tuple[str, ...]:
    """Names of all reporters, sorted."""
    return tuple(sorted(_REPORTERS))


def register(name: str, function: Reporter) -> None:
    """Adds a reporter, or replaces the one of that name."""
    _REPORTERS[name] = function
