"""What came of a demo: what was injected, what the check found, where the two differ, and the files that say so."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from tracecheck.chains import load
from tracecheck.demo.faults import Case
from tracecheck.errors import UsageError
from tracecheck.model import CheckReport, Result, Verdict
from tracecheck.report import render, render_mermaid
from tracecheck.store import Store

STORE_FILE = "tracecheck.duckdb"
RESULTS = (STORE_FILE, "order.yaml", "injected.json", "report.json", "junit.xml", "chain.mmd")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Injected:
    """One order that was broken: the finding its spans must lead to."""

    correlation_id: str
    step: str
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOutcome:
    """`exit_code` is 0 only if the findings are exactly those injected; `check_exit_code` is the check's own.

    `mismatch` holds one line per difference between the two.
    """

    exit_code: int
    check_exit_code: int
    report: CheckReport
    injected: tuple[Injected, ...]
    mismatch: tuple[str, ...]


def prepare(out: Path) -> Path:
    """Make `out` ready for a demo's results and return the expectation in it. Earlier results there are replaced.

    Raises `UsageError` if a database stands there that no demo made.
    """
    out.mkdir(parents=True, exist_ok=True)
    if (out / STORE_FILE).exists() and not (out / "injected.json").exists():
        raise UsageError(f"{out / STORE_FILE} exists and is not a demo's; choose another directory with --out")
    for name in (*RESULTS, f"{STORE_FILE}.wal"):
        (out / name).unlink(missing_ok=True)
    shutil.rmtree(out / "logs", ignore_errors=True)
    (out / "logs").mkdir()
    (out / "injected.json").write_text("[]\n")
    expectation = out / "order.yaml"
    expectation.write_text(files("tracecheck.demo").joinpath("order.yaml").read_text())
    return expectation


def injected_by(plan: Mapping[str, Case]) -> tuple[Injected, ...]:
    """Return the findings a plan must lead to, in order."""
    return tuple(
        Injected(correlation_id=order_id, step=case.step, cause=case.cause) for order_id, case in sorted(plan.items())
    )


def compare(report: CheckReport, injected: Sequence[Injected], accepted_orders: Sequence[str]) -> tuple[str, ...]:
    """Return where the findings differ from what was injected, and which orders have no result at all."""
    found = {
        Injected(
            correlation_id=finding.correlation_id or result.correlation_id or "",
            step=finding.step or "",
            cause=finding.code,
        )
        for result in report.results
        for finding in result.findings
    }
    seen = {result.correlation_id for result in report.results}
    lines = [f"injected but not found: {_line(one)}" for one in sorted(set(injected) - found)]
    lines += [f"found but not injected: {_line(one)}" for one in sorted(found - set(injected))]
    lines += [f"no result for order {order_id}" for order_id in accepted_orders if order_id not in seen]
    return tuple(lines)


def check_exit_code(report: CheckReport) -> int:
    """Return what `tracecheck check` exits with: 0 pass, 1 fail, 3 inconclusive or nothing matched."""
    if not report.matched:
        return 3
    return {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.INCONCLUSIVE: 3}[report.verdict]


def write_results(out: Path, report: CheckReport, injected: Sequence[Injected], store: Store) -> None:
    """Write what was injected, the check's reports, and a picture of the broken chain (if any) that came furthest."""
    rows = [{"correlation_id": one.correlation_id, "step": one.step, "cause": str(one.cause)} for one in injected]
    (out / "injected.json").write_text(json.dumps(rows, indent=2) + "\n")
    (out / "report.json").write_text(render("json", report))
    (out / "junit.xml").write_text(render("junit", report))
    pictured = [result for result in report.results if result.chain_id]
    shown = max(pictured, key=lambda result: (result.verdict is Verdict.FAIL, _steps_met(result)), default=None)
    if shown and shown.chain_id:
        (out / "chain.mmd").write_text(render_mermaid(load(store, shown.chain_id), shown.findings))


def _steps_met(result: Result) -> int:
    return sum(1 for step in result.steps if step.matched)


def _line(one: Injected) -> str:
    return f"order {one.correlation_id}, step {one.step}: {one.cause}"
