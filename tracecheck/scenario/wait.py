"""Waits until a verdict is certain: returns the moment it is, never sleeps in between."""

import time
from collections.abc import Sequence

from tracecheck.chains import quiet_for_ns
from tracecheck.check import check_store
from tracecheck.config import DEFAULT_SETTLE_NS
from tracecheck.expect import Expectation
from tracecheck.model import Basis, CheckReport, Finding, Verdict
from tracecheck.store import Store

NS_PER_S = 1_000_000_000
QUIET_MARGIN_S = 0.002
"""The store's clock counts in microseconds; looking a moment late beats looking a moment early and again."""


def wait_for(
    store: Store,
    expectations: Sequence[Expectation],
    *,
    needle: str | None = None,
    run_id: str | None = None,
    settle_ns: int | None = None,
    timeout_s: float,
    may_still_come: bool = True,
) -> CheckReport:
    """Checks again on each arrival, when the quiet time ends and when a budget does, until the verdict is certain.

    A fail is certain at once and so is a pass without negative claims; everything else is certain when the evidence is
    complete (DESIGN 5). `may_still_come` says that the system is running: then silence alone does not make the absence
    of a step without a budget a fact, since a consumer may need longer to start than an exporter to deliver. At the
    deadline the last verdict stands, whatever it is. `needle` narrows to one chain (any id of it, or a prefix),
    `run_id` to one run.
    """
    settle = settle_ns or max((e.settle_ns or DEFAULT_SETTLE_NS for e in expectations), default=DEFAULT_SETTLE_NS)
    began = time.monotonic()
    deadline = began + timeout_s
    while True:
        generation = store.generation()
        report = check_store(store, expectations, run_id=run_id, needle=needle, settle_ns=settle_ns)
        until_deadline_s = deadline - time.monotonic()
        if until_deadline_s <= 0 or _is_certain(report, may_still_come=may_still_come):
            return report
        silent_ns = quiet_for_ns(store, run_id)
        quiet_ns = int((time.monotonic() - began) * NS_PER_S) if silent_ns is None else silent_ns
        pauses_ns = [pause_ns for pause_ns in (settle - quiet_ns, *_budgets_left_ns(report)) if pause_ns > 0]
        if not pauses_ns and not may_still_come:
            return report
        pause_s = min(pauses_ns) / NS_PER_S + QUIET_MARGIN_S if pauses_ns else until_deadline_s
        store.wait(generation, min(pause_s, until_deadline_s))


def _is_certain(report: CheckReport, *, may_still_come: bool) -> bool:
    if report.verdict is Verdict.FAIL:
        failing = [one for result in report.results for one in result.findings if one.verdict is Verdict.FAIL]
        return not may_still_come or any(not _is_merely_assumed(one) for one in failing)
    return report.verdict is Verdict.PASS and report.matched


def _is_merely_assumed(finding: Finding) -> bool:
    """True of an absence (only that is waited for) that nothing but silence vouches for, its budget not over.

    A consumer between two steps, or another attempt, may be slower than the quiet time; a budget says how slow.
    """
    if finding.waited_ns is None or finding.completeness is None:
        return False
    running = finding.limit_ns is None or finding.waited_ns < finding.limit_ns
    return running and finding.completeness.basis is Basis.ASSUMED


def _budgets_left_ns(report: CheckReport) -> list[int]:
    """How long each step that has not come may still take: an instant at which a doubt can become a fact."""
    found = (finding for result in report.results for finding in result.findings)
    return [one.limit_ns - one.waited_ns for one in found if one.limit_ns is not None and one.waited_ns is not None]
