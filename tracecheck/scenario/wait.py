"""Waits until a verdict is certain: returns the moment it is, never sleeps in between.

What the spans prove is said from memory, within milliseconds of the last of them. What only silence, a budget that ran
out or a flush mark can prove is asked of the store, at the instants at which that may have changed.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial

from tracecheck.chains import GroupPosition, find, load_many, quiet_for_ns
from tracecheck.chains.live import Watch, watching
from tracecheck.check import check_store
from tracecheck.check.across import fed_by, following
from tracecheck.check.live import PROCESS_START, Passed, check_chains
from tracecheck.config import DEFAULT_SETTLE_NS
from tracecheck.expect import Expectation
from tracecheck.model import Basis, Cause, CheckReport, Finding, Verdict
from tracecheck.scenario.pauses import without_long_pauses
from tracecheck.store import Store

NS_PER_S = 1_000_000_000
FOREVER = float("inf")
MOST_AT_ONCE = 50
"""Chains of one name that are read at once; more than a name has that is no prefix."""

QUIET_MARGIN_S = 0.002
"""The store's clock counts in microseconds; looking a moment late beats looking a moment early and again."""

_ONLY_RECEIVED = """
    select chain_id from hops where chain_id in (select unnest($chain_ids::varchar[]))
        and consumer_instant <> $handled limit 1
"""


def wait_for(
    store: Store,
    expectations: Sequence[Expectation],
    *,
    needle: str | None = None,
    run_id: str | None = None,
    settle_ns: int | None = None,
    timeout_s: float,
    may_still_come: bool = True,
    positions: Callable[[], Sequence[GroupPosition]] | None = None,
) -> CheckReport:
    """Checks again on each arrival, when the quiet time ends and when a budget does, until the verdict is certain.

    A fail is certain at once and so is a pass without negative claims; everything else is certain when the evidence is
    complete (DESIGN 5). `may_still_come` says that the system is running: then silence alone does not make the absence
    of a step a fact before its budget is over, since a consumer may need longer to start than an exporter to deliver.
    At the deadline the last verdict stands, whatever it is. `needle` narrows to one chain (any id of it, or a prefix),
    `run_id` to one run. `positions` asks the broker how far the consumer groups have come; it is called where something
    did not pass, and what it raises is raised.
    """
    deadline = time.monotonic() + timeout_s
    if needle is not None and run_id is None and may_still_come:
        stored = _as_stored(store, expectations, needle, settle_ns)
        if _is_certain(stored, may_still_come=True):
            return stored
    watched = watching(store, run_id=run_id, name=needle) if may_still_come else nullcontext()
    with watched as watch, without_long_pauses():
        asking = _Asking(
            store,
            expectations,
            needle=needle,
            run_id=run_id,
            settle_ns=settle_ns,
            may_still_come=may_still_come,
            positions=positions,
        )
        glance = None if watch is None else _Glance(watch, expectations, run_id=run_id, settle_ns=settle_ns)
        if glance is not None:
            asking.begin_late()
        while True:
            generation = store.generation()
            if glance is not None and (report := glance.report()) is not None:
                if _is_certain(report, may_still_come=may_still_come):
                    return report
                if glance.is_new:
                    asking.put_off(report)
            is_over = time.monotonic() >= deadline
            if is_over or asking.is_due or glance is None or glance.wants_store:
                report = asking.report()
                certain = _is_certain(report, may_still_come=may_still_come) and not asking.may_end_otherwise(report)
                if is_over or certain or asking.is_pointless:
                    return report
            store.wait(generation, max(min(asking.due, deadline) - time.monotonic(), 0))


def _as_stored(store: Store, expectations: Sequence[Expectation], needle: str, settle_ns: int | None) -> CheckReport:
    """What the chains of that name prove as they stand in the tables: all that a settled one needs, read by its id."""
    named = [needle] if ":" in needle else find(store, needle)
    chains = list(load_many(store, named)) if len(named) <= MOST_AT_ONCE else []
    chosen = {chain.chain_id for chain in chains}
    fed = fed_by(store, sorted(chosen))
    others = dict.fromkeys(other for chain_id in chosen for other in following(chain_id, fed) if other not in chosen)
    return check_chains(
        [*chains, *load_many(store, list(others))],
        expectations,
        concerns=lambda chain: chain.chain_id in chosen,
        now_unix_nano=time.time_ns(),
        settle_ns=settle_ns,
    )


class _Glance:
    """What the watched spans say for themselves; asked again only when some came."""

    def __init__(
        self, watch: Watch, expectations: Sequence[Expectation], *, run_id: str | None, settle_ns: int | None
    ) -> None:
        self._watch = watch
        self._expectations = expectations
        self._run_id = run_id
        self._settle_ns = settle_ns
        self._passed: Passed = {}
        self._seen = -1
        self._report: CheckReport | None = None
        self.is_new = False
        self.wants_store = False

    def report(self) -> CheckReport | None:
        """The verdict as far as spans prove one; None where only the store can tell."""
        chains = self._watch.chains()
        flushed, self._watch.flushed = self._watch.flushed, False
        self.wants_store = flushed or chains is None
        self.is_new = chains is not None and self._watch.seen != self._seen
        if chains is None:
            return None
        if self.is_new:
            self._seen = self._watch.seen
            self._report = check_chains(
                chains,
                self._expectations,
                concerns=self._watch.concerns,
                now_unix_nano=time.time_ns(),
                run_id=self._run_id,
                settle_ns=self._settle_ns,
                passed=self._passed,
            )
        return self._report


class _Asking:
    """Asks the store, and knows when to ask again (`due`, by the monotonic clock)."""

    def __init__(
        self,
        store: Store,
        expectations: Sequence[Expectation],
        *,
        needle: str | None,
        run_id: str | None,
        settle_ns: int | None,
        may_still_come: bool,
        positions: Callable[[], Sequence[GroupPosition]] | None,
    ) -> None:
        self._store = store
        self._expectations = expectations
        self._needle = needle
        self._run_id = run_id
        self._settle_ns = settle_ns
        self._may_still_come = may_still_come
        self._positions = positions
        settles = (each.settle_ns or DEFAULT_SETTLE_NS for each in expectations)
        self._settle = settle_ns or max(settles, default=DEFAULT_SETTLE_NS)
        self._began = time.monotonic()
        self.due = self._began
        self._is_quiet = False
        self.is_pointless = False
        """Nothing more can come, and no instant is left at which a doubt could become a fact."""

    @property
    def is_due(self) -> bool:
        """Whether silence or a budget may have become a fact."""
        return time.monotonic() >= self.due

    def begin_late(self) -> None:
        """What is stored says nothing certain by itself: the store can only say more once there was silence."""
        self._pause([self._settle - (quiet_for_ns(self._store, self._run_id) or 0)])
        self.due = self._began if self.due == FOREVER else self.due

    def put_off(self, report: CheckReport) -> None:
        """Spans came that prove nothing: neither will the store until there was silence, or a budget is over."""
        self._pause([self._settle, *_budgets_left_ns(report)])

    def report(self) -> CheckReport:
        """What the store says now."""
        check = partial(
            check_store,
            self._store,
            self._expectations,
            run_id=self._run_id,
            needle=self._needle,
            settle_ns=self._settle_ns,
        )
        report = check()
        if self._positions is not None and any(is_missed(one) for one in _findings(report)):
            report = check(positions=self._positions())
        silent_ns = quiet_for_ns(self._store, self._run_id)
        quiet_ns = int((time.monotonic() - self._began) * NS_PER_S) if silent_ns is None else silent_ns
        self._is_quiet = quiet_ns >= self._settle
        self._pause([self._settle - quiet_ns, *_budgets_left_ns(report)])
        self.is_pointless = self.due == FOREVER and not self._may_still_come
        return report

    def may_end_otherwise(self, report: CheckReport) -> bool:
        """Whether a pass rests on messages only received, whose handling may still be told of (no silence yet)."""
        if report.verdict is not Verdict.PASS or self._is_quiet or not self._may_still_come:
            return False
        chain_ids = [result.chain_id for result in report.results if result.chain_id is not None]
        asked = {"chain_ids": chain_ids, "handled": PROCESS_START}
        return bool(self._store.query(_ONLY_RECEIVED, asked).num_rows)

    def _pause(self, pauses_ns: Sequence[int]) -> None:
        ahead = [pause_ns for pause_ns in pauses_ns if pause_ns > 0]
        self.due = time.monotonic() + min(ahead) / NS_PER_S + QUIET_MARGIN_S if ahead else FOREVER


def _findings(report: CheckReport) -> list[Finding]:
    return [finding for result in report.results for finding in result.findings]


def is_missed(finding: Finding) -> bool:
    """Whether a delivery is missing: of that a broker knows more than spans do."""
    return finding.code in (Cause.NOT_CONSUMED, Cause.CONSUMER_SPAN_MISSING, Cause.INCOMPLETE)


def _is_certain(report: CheckReport, *, may_still_come: bool) -> bool:
    if report.verdict is Verdict.FAIL:
        failing = [one for one in _findings(report) if one.verdict is Verdict.FAIL]
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
    found = _findings(report)
    return [one.limit_ns - one.waited_ns for one in found if one.limit_ns is not None and one.waited_ns is not None]
