"""Waits until a verdict is certain: returns the moment it is, never sleeps in between."""

import time
from collections.abc import Sequence

from tracecheck.check import check_store
from tracecheck.config import DEFAULT_SETTLE_NS
from tracecheck.expect import Expectation
from tracecheck.model import CheckReport, Verdict
from tracecheck.store import Store

NS_PER_S = 1_000_000_000
SHORTEST_WAIT_S = 0.005


def wait_for(
    store: Store,
    expectations: Sequence[Expectation],
    *,
    needle: str | None = None,
    run_id: str | None = None,
    settle_ns: int | None = None,
    timeout_s: float,
) -> CheckReport:
    """Checks again whenever spans arrive, and once more when the quiet time ends, until the verdict is certain.

    A fail is certain at once and so is a pass without negative claims; everything else is certain when the evidence is
    complete (DESIGN 5). At the deadline the last verdict stands, whatever it is. `needle` narrows to one chain (any id
    of it, or a prefix), `run_id` to one run.
    """
    settle = settle_ns if settle_ns is not None else max((e.settle_ns or 0 for e in expectations), default=0)
    quiet_s = (settle or DEFAULT_SETTLE_NS) / NS_PER_S
    deadline = time.monotonic() + timeout_s
    generation = store.generation()
    last_change = time.monotonic()
    while True:
        report = check_store(store, expectations, run_id=run_id, needle=needle, settle_ns=settle_ns)
        now = time.monotonic()
        if (report.matched and report.verdict is not Verdict.INCONCLUSIVE) or now >= deadline:
            return report
        until_quiet = last_change + quiet_s - now
        until_deadline = deadline - now
        pause = min(until_deadline, until_quiet) if until_quiet > 0 else until_deadline
        seen = store.wait(generation, max(pause, SHORTEST_WAIT_S))
        if seen != generation:
            generation, last_change = seen, time.monotonic()
