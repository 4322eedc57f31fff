"""The three witnesses of a scenario, awaited together: its chain, the bus, and the state of the world."""

import itertools
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from tracecheck.errors import StateUnavailable, TracecheckError
from tracecheck.expect import Expectation
from tracecheck.model import CheckReport, Verdict
from tracecheck.probe.claim import NotObserved, Unsure
from tracecheck.probe.match import Match
from tracecheck.probe.observe import Observer
from tracecheck.probe.state import await_state
from tracecheck.scenario.ground import Ground, group_positions
from tracecheck.scenario.outside import Observed, Sampled, matching, probe_of, unobserved, unreached, wanted
from tracecheck.scenario.wait import wait_for

NS_PER_S = 1_000_000_000
LOOK_AT_CHAIN_S = 0.2
"""How often a wait for the bus asks whether the chain has failed meanwhile."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnessed:
    """What each witness said. `report` is None where the spans could not be asked; `faults` say what could not be."""

    report: CheckReport | None
    observed: tuple[Observed, ...]
    sampled: tuple[Sampled, ...]
    faults: tuple[TracecheckError, ...]


def await_all(
    expectation: Expectation,
    ground: Ground,
    observers: Mapping[str, Observer],
    *,
    run_id: str,
    settle_ns: int,
    timeout_s: float,
    case: str | None = None,
) -> Witnessed:
    """Waits for the chain's verdict, every observation and every state, each in a thread, until all are certain.

    Each wait is bounded by its own `within`, else by `timeout_s`. A witness that cannot be asked is a fault; it does
    not keep the others from being heard.
    """
    waits = _Waits(expectation, ground, observers, run_id=run_id, settle_ns=settle_ns, timeout_s=timeout_s, case=case)
    with ThreadPoolExecutor(1 + len(expectation.observe) + len(expectation.state), "tracecheck-scenario") as pool:
        chain = waits.chain = pool.submit(waits.await_chain)
        observed = [pool.submit(waits.observe, number) for number in range(len(expectation.observe))]
        sampled = [pool.submit(waits.sample, number) for number in range(len(expectation.state))]
        faults: list[TracecheckError] = []
        seen = [
            _result_of(each, faults) or Observed(asked=asked)
            for each, asked in zip(observed, expectation.observe, strict=True)
        ]
        states = [
            _result_of(each, faults) or Sampled(asked=asked)
            for each, asked in zip(sampled, expectation.state, strict=True)
        ]
        report = _result_of(chain, faults)
    return Witnessed(report=report, observed=tuple(seen), sampled=tuple(states), faults=tuple(faults))


def _result_of(future: "Future[T]", faults: list[TracecheckError]) -> T | None:
    try:
        return future.result()
    except TracecheckError as fault:
        faults.append(fault)
        return None


class _Waits:
    """The waits of one scenario; each method runs in a thread of its own."""

    chain: "Future[CheckReport]"

    def __init__(
        self,
        expectation: Expectation,
        ground: Ground,
        observers: Mapping[str, Observer],
        *,
        run_id: str,
        settle_ns: int,
        timeout_s: float,
        case: str | None,
    ) -> None:
        self._expectation, self._ground, self._observers = expectation, ground, observers
        self._run_id, self._case = run_id, case
        self._settle_ns, self._timeout_s = settle_ns, timeout_s

    def await_chain(self) -> CheckReport:
        return wait_for(
            self._ground.store,
            [self._expectation],
            run_id=self._run_id,
            settle_ns=self._settle_ns,
            timeout_s=self._timeout_s,
            positions=group_positions(self._ground, [self._expectation]),
        )

    def observe(self, number: int) -> Observed:
        asked = self._expectation.observe[number]
        observer, match = self._observers[asked.system], matching(asked, self._run_id)
        least, most = asked.times.at_least, asked.times.at_most
        within_s = self._within_s(asked.within_ns)
        settle_s = self._settle_ns / NS_PER_S
        try:
            if most == 0:
                if asked.within_ns is None:
                    # None at all while the scenario takes: so what is asked for ends with the chain's verdict.
                    self.chain.exception()
                    within_s = settle_s
                observer.expect(match, within_s, none=True)
            else:
                within_s = self._until_there(observer, match, least, within_s)
                if most == least:
                    observer.expect(match, min(within_s, settle_s), exactly=most, settle_s=settle_s)
                else:
                    observer.expect(match, 0.0, at_least=least)
            if most is not None and most > least:
                self.chain.exception()
                if len(observer.matching(match)) > most:
                    observer.expect(match, 0.0, exactly=most)
        except (NotObserved, Unsure) as unmet:
            seen = observer.matching(match)
            return Observed(asked=asked, seen=seen, finding=unobserved(number, asked, seen, unmet, within_s))
        return Observed(asked=asked, seen=observer.matching(match))

    def sample(self, number: int) -> Sampled:
        asked = self._expectation.state[number]
        within_s = self._within_s(asked.within_ns)
        probe = probe_of(asked, self._ground.places, f"state[{number}]")
        looks = itertools.count()
        try:
            outcome = await_state(
                probe,
                wanted(asked),
                within_s,
                asked.hold_ns / NS_PER_S,
                store=self._ground.records,
                run_id=self._run_id,
                case_id=self._case,
                fail_fast=lambda: (
                    self._hopeless() if next(looks) else None
                ),  # whatever the chain says, it is asked once
            )
        finally:
            probe.close()
        if not outcome.met and outcome.samples and (error := outcome.samples[-1].error):
            raise StateUnavailable(error)
        finding = None if outcome.met else unreached(number, asked, outcome, within_s)
        return Sampled(asked=asked, outcome=outcome, finding=finding)

    def _until_there(self, observer: Observer, match: Match, least: int, within_s: float) -> float:
        """Waits until there are enough, the time is over, or the chain has failed; returns how long that was."""
        began = time.monotonic()
        while True:
            known = observer.generation()
            waited_s = time.monotonic() - began
            if len(observer.matching(match)) >= least or waited_s >= within_s or self._hopeless():
                return waited_s
            observer.wait(known, min(within_s - waited_s, LOOK_AT_CHAIN_S))

    def _hopeless(self) -> str | None:
        """Why nothing more can be expected: the chain has failed, which is certain then, or the run was given up."""
        if self._ground.closed:
            return "the run was given up"
        if not self.chain.done() or self.chain.exception() is not None:
            return None
        return "the chain has failed" if self.chain.result().verdict is Verdict.FAIL else None

    def _within_s(self, within_ns: int | None) -> float:
        return self._timeout_s if within_ns is None else within_ns / NS_PER_S
