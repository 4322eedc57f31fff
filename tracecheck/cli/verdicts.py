"""From a check's report to standard output, report files and an exit status; `check`, `run` and `wait` end here."""

import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tracecheck.cli.output import emit, wants_colour
from tracecheck.errors import EnvironmentFault

if TYPE_CHECKING:
    from tracecheck.model import Chain, CheckReport
    from tracecheck.store import Store

PASSED, FAILED, UNDECIDED = 0, 1, 3
_SUMMARY_VARIABLE = "GITHUB_STEP_SUMMARY"


def exit_status(report: "CheckReport") -> int:
    """0 pass, 1 failed, 3 inconclusive; and 3 when nothing matched, whatever the verdict: never green on nothing."""
    from tracecheck.model import Verdict

    if not report.matched:
        return UNDECIDED
    return {Verdict.PASS: PASSED, Verdict.FAIL: FAILED, Verdict.INCONCLUSIVE: UNDECIDED}[report.verdict]


def publish(
    report: "CheckReport",
    store: "Store",
    *,
    output: str | None,
    reports: Sequence[tuple[str, Path]],
    verbose: bool,
    no_redact: bool,
) -> int:
    """Prints the report, writes the others, and returns the exit status. Raises `EnvironmentFault` if a report cannot
    be written."""
    from tracecheck.report import Look, redacted, render

    shown = report if no_redact else redacted(report)
    chain = partial(_load, store, no_redact)
    output = output or ("github" if os.environ.get("GITHUB_ACTIONS") == "true" else "text")
    emit(
        render(output, shown, Look(colour=output == "text" and wants_colour(sys.stdout), verbose=verbose, chain=chain))
    )
    for name, path in reports:
        write(path, lambda name=name: render(name, shown, Look(verbose=verbose, chain=chain)))  # type: ignore[misc]
    if output == "github" and (summary := os.environ.get(_SUMMARY_VARIABLE)):
        write(Path(summary), lambda: render("markdown", shown, Look(chain=chain)), mode="a")
    return exit_status(report)


def write(path: Path, text: Callable[[], str], *, mode: str = "w") -> None:
    """Writes one file in UTF-8. Raises `EnvironmentFault` naming it."""
    try:
        with path.open(mode, encoding="utf-8", errors="backslashreplace", newline="\n") as file:
            file.write(text())
    except OSError as error:
        raise EnvironmentFault(
            f"{path} cannot be written ({error.strerror or error}); name another file, or make room"
        ) from error


def _load(store: "Store", no_redact: bool, chain_id: str) -> "Chain":
    from tracecheck.chains import load
    from tracecheck.report import redacted

    chain = load(store, chain_id)
    return chain if no_redact else redacted(chain)
