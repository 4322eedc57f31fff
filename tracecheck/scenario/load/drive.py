"""One scenario at a rate, from the first event due to the last verdict, and the figures of it."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from tracecheck.chains import load_many, refresh, surroundings
from tracecheck.check import evaluate
from tracecheck.errors import UsageError
from tracecheck.expect import Expectation
from tracecheck.expect.model import Seed
from tracecheck.model import Basis, Cause, CheckReport, Finding, Result, Verdict
from tracecheck.probe.state import StateProbe
from tracecheck.scenario.ground import Ground
from tracecheck.scenario.load.budgets import judged
from tracecheck.scenario.load.figures import quantiles
from tracecheck.scenario.load.injector import Injector
from tracecheck.scenario.load.model import Budget, Completeness, Event, LoadOutcome, Staleness
from tracecheck.scenario.load.schedule import Schedule
from tracecheck.scenario.load.staleness import Follower
from tracecheck.scenario.outside import probe_of, wanted
from tracecheck.scenario.perform import ready
from tracecheck.scenario.plan import Scenario

LOST = {
    Cause.NOT_SENT,
    Cause.UPSTREAM_FAILED,
    Cause.SEND_FAILED,
    Cause.NOT_CONSUMED,
    Cause.PROCESSING_FAILED,
    Cause.TOO_FEW,
}
DUPLICATED = {Cause.DUPLICATE_DELIVERY, Cause.DUPLICATE_SEND, Cause.DUPLICATE_EFFECT}
LOOK_AGAIN_S = 0.5
FAILURES_KEPT = 200
AT_ONCE = 256

Progress = Callable[[str], None]


def drive(
    scenarios: Sequence[Scenario],
    ground: Ground,
    schedule: Schedule,
    *,
    run_id: str,
    limits: Mapping[str, int] | None = None,
    settle_ns: int | None = None,
    drain_s: float = 30.0,
    progress: Progress = lambda _: None,
) -> LoadOutcome:
    """Injects the seed of a scenario on schedule (its cases in turn) and says what became of every event.

    Latencies count from the instant an event was due, so that a slow broker or sender hides nothing. After the last
    event, everything may come in for `drain_s` more; what has not is lost. The first entry of `state` is followed as
    the read model. Raises `UsageError` without a seed, and what the broker raises before the first event.
    """
    forms = _Forms(scenarios, run_id, settle_ns)
    injector = Injector(ground, forms.seed, run_id, forms.system)
    follower = None
    if forms.of(0).state:
        follower = Follower(lambda number: _asked(forms.of(number), ground), events=schedule.events)
    last_due = 0

    def due(event: Event) -> None:
        nonlocal last_due
        last_due = event.due_unix_nano
        if follower is not None:
            follower.due(event)
        if event.number % max(1, schedule.events // 100) == 0:
            progress(f"{event.number} of {schedule.events} events due, {len(injector.done)} sent")

    injector.run(schedule, due)
    progress(f"{schedule.events} events due; waiting for what is under way")
    began = time.monotonic()
    staleness = None if follower is None else follower.finish(last_due, drain_s)
    results = _settled(injector.done, forms, ground, began + drain_s, progress)
    return _outcome(injector.done, results, schedule, run_id, dict(limits or {}), staleness)


class _Forms:
    """The expectation of each event: the scenario's cases in turn, filled in with the event's number."""

    def __init__(self, scenarios: Sequence[Scenario], run_id: str, settle_ns: int | None) -> None:
        seedless = [scenario.name for scenario in scenarios if scenario.expectation.seed is None]
        if seedless:
            raise UsageError(f"{seedless[0]} has no seed; a load needs to know what to inject")
        self._scenarios, self.run_id, self._settle_ns = scenarios, run_id, settle_ns
        first = scenarios[0].expectation
        assert first.seed is not None
        self.name, self.system = first.name, first.seed.system

    def of(self, number: int) -> Expectation:
        scenario = self._scenarios[number % len(self._scenarios)]
        return ready(scenario, run_id=self.run_id, number=number, settle_ns=self._settle_ns)

    def seed(self, number: int) -> Seed:
        seed = self.of(number).seed
        assert seed is not None
        return seed


def _asked(expectation: Expectation, ground: Ground) -> tuple[StateProbe, object]:
    asked = expectation.state[0]
    return probe_of(asked, ground.places, "state[0]"), wanted(asked)


def _settled(
    events: Sequence[Event], forms: _Forms, ground: Ground, deadline: float, progress: Progress
) -> dict[int, Result]:
    """The result of each event whose chain is there, once all are certain or the time is over. A passed chain is not
    looked at again."""
    decided: dict[int, Result] = {}
    open_ones = {event.chain_id: event for event in events if event.chain_id is not None}
    results: dict[int, Result] = {}
    while True:
        generation = ground.store.generation()
        for event, result in _evaluated(open_ones, forms, ground):
            results[event.number] = result
            if _is_certain(result):
                decided[event.number] = result
        open_ones = {chain_id: event for chain_id, event in open_ones.items() if event.number not in decided}
        left_s = deadline - time.monotonic()
        progress(f"{len(decided)} of {len(events)} chains are certain")
        if not open_ones or left_s <= 0:
            return results | decided
        ground.store.wait(generation, min(left_s, LOOK_AGAIN_S))


def _evaluated(events: Mapping[str, Event], forms: _Forms, ground: Ground) -> Iterator[tuple[Event, Result]]:
    refresh(ground.store)
    around = surroundings(ground.store, forms.run_id)
    ids = list(events)
    for start in range(0, len(ids), AT_ONCE):
        for chain in load_many(ground.store, _known(ground, ids[start : start + AT_ONCE])):
            event = events[chain.chain_id]
            expectation = forms.of(event.number)
            for result in evaluate(chain, expectation, around, settle_ns=expectation.settle_ns)[:1]:
                yield event, result


def _known(ground: Ground, chain_ids: Sequence[str]) -> list[str]:
    query = "select chain_id from chains where chain_id in (select unnest($ids::varchar[]))"
    known: list[str] = ground.store.query(query, {"ids": list(chain_ids)})["chain_id"].to_pylist()
    return known


def _is_certain(result: Result) -> bool:
    if result.verdict is not Verdict.FAIL:
        return result.verdict is Verdict.PASS
    return any(_is_fact(finding) for finding in result.findings if finding.verdict is Verdict.FAIL)


def _is_fact(finding: Finding) -> bool:
    over = finding.limit_ns is not None and finding.waited_ns is not None and finding.waited_ns >= finding.limit_ns
    proven = finding.completeness is None or finding.completeness.basis is Basis.PROVEN
    return finding.waited_ns is None or over or proven


def _outcome(
    events: Sequence[Event],
    results: Mapping[int, Result],
    schedule: Schedule,
    run_id: str,
    limits: dict[str, int],
    staleness: Staleness | None,
) -> LoadOutcome:
    codes = {number: {finding.code for finding in result.findings} for number, result in results.items()}
    verdicts = Counter(result.verdict for result in results.values())
    without = len(events) - len(results)
    completeness = Completeness(
        due=schedule.events,
        sent=sum(event.sent_unix_nano is not None for event in events),
        passed=verdicts[Verdict.PASS],
        failed=verdicts[Verdict.FAIL] + without,
        undecided=verdicts[Verdict.INCONCLUSIVE],
        lost=without
        + sum(bool(LOST & codes[number]) for number, result in results.items() if result.verdict is not Verdict.PASS),
        duplicated=sum(bool(DUPLICATED & each) for each in codes.values()),
        out_of_order=sum(Cause.OUT_OF_ORDER in each for each in codes.values()),
        late=sum(Cause.LATE in each for each in codes.values()),
    )
    whole: list[tuple[int, int]] = []
    steps: dict[str, list[int]] = {}
    hops: dict[str, list[int]] = {}
    for event in events:
        if (result := results.get(event.number)) is None:
            continue
        reached = [step for step in result.steps if step.instant_unix_nano is not None]
        for step in reached:
            steps.setdefault(step.name, []).append((step.instant_unix_nano or 0) - event.due_unix_nano)
            if step.took_ns is not None:
                hops.setdefault(step.name, []).append(step.took_ns)
        if result.verdict is Verdict.PASS:
            last = max(step.instant_unix_nano or 0 for step in reached)
            whole.append((event.due_unix_nano, last - event.due_unix_nano))
    whole_figures = quantiles(took for _, took in whole)
    delay = quantiles(each.sent_unix_nano - each.due_unix_nano for each in events if each.sent_unix_nano is not None)
    budgets = judged(limits, completeness, whole_figures, delay, staleness)
    return LoadOutcome(
        run_id=run_id,
        rate_per_s=schedule.rate_per_s,
        duration_ns=schedule.duration_ns,
        ramp_ns=schedule.ramp_ns,
        completeness=completeness,
        whole=whole_figures,
        send_delay=delay,
        steps={name: found for name, values in steps.items() if (found := quantiles(values)) is not None},
        hops={name: found for name, values in hops.items() if (found := quantiles(values)) is not None},
        staleness=staleness,
        budgets=budgets,
        timeline=tuple(whole),
        report=_report(results, completeness, budgets, limits),
    )


def _report(
    results: Mapping[int, Result], completeness: Completeness, budgets: Sequence[Budget], limits: Mapping[str, int]
) -> CheckReport:
    """Every chain that did not pass (as far as they are kept), those that passed in number, and the load's verdict."""
    grave = [result for result in results.values() if result.verdict is not Verdict.PASS]
    failed = completeness.failed > limits.get("failed", 0) or any(not budget.held for budget in budgets)
    doubtful = completeness.undecided > 0 or completeness.passed + completeness.failed == 0
    return CheckReport(
        verdict=Verdict.FAIL if failed else Verdict.INCONCLUSIVE if doubtful else Verdict.PASS,
        results=tuple(grave[:FAILURES_KEPT]),
        as_of_unix_nano=time.time_ns(),
        matched=bool(results),
        passed_by_sift=completeness.passed,
    )
