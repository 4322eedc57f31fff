"""One scenario at a rate, from the first event due to the last verdict."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from tracecheck.chains import load_many, refresh, surroundings
from tracecheck.check import evaluate
from tracecheck.errors import TracecheckError, UsageError
from tracecheck.expect import Expectation
from tracecheck.expect.model import Seed
from tracecheck.model import Basis, Finding, Result, Verdict
from tracecheck.probe.state import StateProbe
from tracecheck.scenario.ground import Ground, group_positions
from tracecheck.scenario.load.injector import Injector
from tracecheck.scenario.load.model import Event, LoadOutcome, Staleness
from tracecheck.scenario.load.outcome import counted, outcome_of
from tracecheck.scenario.load.schedule import Schedule
from tracecheck.scenario.load.staleness import Follower
from tracecheck.scenario.outside import probe_of, wanted
from tracecheck.scenario.perform import ready
from tracecheck.scenario.plan import Scenario
from tracecheck.scenario.wait import is_missed

LOOK_AGAIN_S = 0.5
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
    the read model. An interrupt ends the load: what is known by then is the outcome, which says so. Raises `UsageError`
    without a seed, and what the broker raises before the first event.
    """
    forms = _Forms(scenarios, run_id, settle_ns)
    injector = Injector(ground, forms.seed, run_id, forms.system)
    follower = None
    if forms.of(0).state:
        follower = Follower(lambda number: _asked(forms.of(number), ground), events=schedule.events)
    last_due, fell_due, interrupted = 0, 0, False
    staleness: Staleness | None = None

    def due(event: Event) -> None:
        nonlocal last_due, fell_due
        last_due, fell_due = event.due_unix_nano, event.number + 1
        if follower is not None:
            follower.due(event)
        if event.number % max(1, schedule.events // 100) == 0:
            progress(f"{event.number} of {schedule.events} events due, {len(injector.done)} sent")

    try:
        injector.run(schedule, due, drain_s)
        progress(f"{schedule.events} events due; waiting for what is under way")
        deadline = time.monotonic() + drain_s
        staleness = None if follower is None else follower.finish(last_due, drain_s)
        results = _settled(injector.done, forms, ground, deadline, progress)
    except KeyboardInterrupt:
        interrupted = True
        with suppress(TracecheckError):
            staleness = None if follower is None else follower.finish(last_due, 0.0)
        results = _only_facts(_settled(injector.done, forms, ground, time.monotonic(), progress))
    completeness = counted(injector.done, results, fell_due, interrupted=interrupted)
    return outcome_of(
        injector.done,
        results,
        completeness,
        schedule,
        run_id=run_id,
        limits=dict(limits or {}),
        staleness=staleness,
        interrupted=interrupted,
    )


def _only_facts(results: Mapping[int, Result]) -> dict[int, Result]:
    """What is not certain yet is nothing that the system did wrong."""
    return {
        number: result if _is_certain(result) else replace(result, verdict=Verdict.INCONCLUSIVE)
        for number, result in results.items()
    }


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

    @property
    def all(self) -> list[Expectation]:
        """One of each case."""
        return [self.of(number) for number in range(len(self._scenarios))]

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
    """Where a delivery is missing, the broker is asked how far the consumer groups have come, once for all events."""
    refresh(ground.store)
    around = surroundings(ground.store, forms.run_id)
    ask = group_positions(ground, forms.all)
    ids = list(events)
    for start in range(0, len(ids), AT_ONCE):
        for chain in load_many(ground.store, _known(ground, ids[start : start + AT_ONCE])):
            event = events[chain.chain_id]
            expectation = forms.of(event.number)
            results = evaluate(chain, expectation, around, settle_ns=expectation.settle_ns)[:1]
            if ask is not None and any(is_missed(one) for result in results for one in result.findings):
                around, ask = replace(around, positions=tuple(ask())), None
                results = evaluate(chain, expectation, around, settle_ns=expectation.settle_ns)[:1]
            yield from ((event, result) for result in results)


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
