"""What a test holds: inject, observe, await, and assert the whole chain, under a run of its own.

    def test_an_order_is_shipped(tracecheck):
        tracecheck.observe("shipments")
        order = tracecheck.inject("orders", {"id": "o-{run}"}, key="o-{run}")
        tracecheck.expect_chain("order.yaml")
        tracecheck.expect_message("shipments", where={"id": f"o-{tracecheck.run_id}"})
        tracecheck.await_state("select status from orders_view where id = :id", {"id": ...}, equals="SHIPPED")

The fixture `tracecheck` (see `pytest_plugin`) makes one for each test; `Tracecheck.opened` makes one elsewhere.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from tracecheck.check.witnesses import StateWitness
from tracecheck.config import Endpoints
from tracecheck.errors import ExpectationUnmet, UsageError
from tracecheck.expect import Expectation
from tracecheck.expect.durations import duration_ns
from tracecheck.expect.model import Seed
from tracecheck.model import CheckReport, Finding, Verdict
from tracecheck.probe.brokers.protocol import Seen
from tracecheck.probe.inject import Injected
from tracecheck.probe.match import Match
from tracecheck.probe.observe import Observer, observing
from tracecheck.probe.state import StateOutcome, await_state, http_probe, sql_probe
from tracecheck.probe.templates import fill, variables
from tracecheck.probe.wait import await_until
from tracecheck.report import Look, render_text, render_tree
from tracecheck.scenario.contradictions import Watch, confronted
from tracecheck.scenario.ground import Ground, Places, group_positions
from tracecheck.scenario.leaks import Leak, find_leaks
from tracecheck.scenario.plan import read_scenarios
from tracecheck.scenario.run import read_specs, run_scenarios, with_settle
from tracecheck.scenario.sow import sow
from tracecheck.scenario.wait import wait_for
from tracecheck.service import Service
from tracecheck.store import Store

NS_PER_S = 1_000_000_000
CHAINS_TOLD = 5

T = TypeVar("T")


class ChainBroken(AssertionError):
    """A chain did not meet its expectation. Carries the report; its text is what the command line prints."""

    def __init__(self, report: CheckReport, text: str) -> None:
        super().__init__(text)
        self.report = report


class Unmet(AssertionError):
    """A message or a state did not come as it should have, or something of another run came along."""


class Tracecheck:
    """See the module. `run_id` is this test's alone; `environment` is for services that the test starts itself."""

    def __init__(
        self, ground: Ground, endpoints: Endpoints, run_id: str, environment: Mapping[str, str], timeout_s: float
    ) -> None:
        self.run_id = run_id
        self.environment = dict(environment)
        self.endpoints = endpoints
        self.timeout_s = timeout_s
        self.injected: list[Injected] = []
        self._ground = ground
        self._settle_ns: int | None = None
        self._observers: dict[tuple[str, str], Observer] = {}
        self._watched: list[tuple[Observer, tuple[str, ...], int]] = []
        self._reached: list[StateOutcome] = []
        self._ending = ExitStack()
        self._events = 0

    @classmethod
    @contextmanager
    def opened(
        cls,
        service: Service,
        run_id: str,
        environment: Mapping[str, str],
        *,
        kafka: str | None = None,
        rabbitmq: str | None = None,
        database: str | None = None,
        http: str | None = None,
        timeout_s: float = 30.0,
        settle: str | None = None,
    ) -> "Iterator[Tracecheck]":
        """A kit over a running service for the length of a `with` block; at its end clean-up hooks run, last first."""
        brokers = {name: address for name, address in (("kafka", kafka), ("rabbitmq", rabbitmq)) if address}
        with Ground(service.store, Places(brokers=brokers, database=database, http=http)) as ground:
            kit = cls(ground, service.endpoints, run_id, environment, timeout_s)
            kit._settle_ns = None if settle is None else duration_ns(settle)
            with kit._ending:
                yield kit

    @property
    def store(self) -> Store:
        """Every span, record and sample of this test process."""
        return self._ground.store

    def inject(
        self,
        destination: str,
        value: object = None,
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        system: str = "kafka",
        content_type: str | None = None,
        twice: bool = False,
    ) -> Injected:
        """Puts one synthetic event onto the bus, under this run. `{run}`, `{n}`, `{now}` and `{uuid}` are filled in.

        A text goes as it is, anything else as JSON. `twice` sends it again under the same event id. Raises
        `BrokerUnavailable`, `DestinationMissing`, and `UsageError` where no address of the system is known.
        """
        seed = Seed(
            system=system,
            destination=destination,
            value=self.fill(value),
            key=self.fill(key),
            headers=self.fill(dict(headers or {})),
            content_type=content_type,
            twice=twice,
        )
        self._events += 1
        done = sow(seed, self._ground, self.run_id)
        self.injected += done
        return done[0]

    def fill(self, value: T) -> T:
        """The value with this run's templates filled in."""
        return fill(value, variables(run_id=self.run_id, n=self._events))

    def observe(self, *destinations: str, system: str = "kafka") -> Observer:
        """Watches destinations from now on until the test ends: call it before what they are to show is injected."""
        observer = self._ending.enter_context(
            observing(self._ground.broker(system), destinations, store=self.store, run_id=self.run_id)
        )
        self._observers |= {(system, destination): observer for destination in destinations}
        self._watched.append((observer, destinations, time.time_ns()))
        return observer

    def expect_message(
        self,
        destination: str,
        *,
        where: Mapping[str, object] | None = None,
        key: str | None = None,
        headers: Mapping[str, object] | None = None,
        system: str = "kafka",
        exactly: int | None = None,
        at_least: int | None = None,
        none: bool = False,
        within_s: float | None = None,
        settle_s: float | None = None,
    ) -> tuple[Seen, ...]:
        """Waits for messages on a destination that `observe` watches, and returns them; raises `Unmet`.

        Without `where`, `key` and `headers` those are meant that carry this run's id.
        """
        __tracebackhide__ = True
        if (system, destination) not in self._observers:
            raise UsageError(f"nothing watches {destination!r}; call observe({destination!r}) before injecting")
        said = bool(where or headers or key is not None)
        match = Match(
            destination=destination,
            where=self.fill(dict(where or {})),
            key=self.fill(key),
            headers=self.fill(dict(headers or {})),
            run_id=None if said else self.run_id,
        )
        observer = self._observers[system, destination]
        within = self.timeout_s if within_s is None else within_s
        try:
            return observer.expect(match, within, exactly=exactly, at_least=at_least, none=none, settle_s=settle_s)
        except ExpectationUnmet as unmet:
            raise Unmet(str(unmet)) from None

    def await_state(
        self,
        query: str,
        params: Mapping[str, object] | None = None,
        *,
        equals: object,
        database: str | None = None,
        path: str | None = None,
        within_s: float | None = None,
        hold_s: float = 0.0,
    ) -> StateOutcome:
        """Waits until a database or read model shows a state; `equals` is a value, a pattern or a function.

        `query` is SQL, or the URL of a read model (then `path` is the JSON path into its answer). Raises `Unmet` with
        every state seen and when; `StateUnavailable` where it could not be asked.
        """
        __tracebackhide__ = True
        if query.startswith(("http://", "https://")):
            probe: Any = http_probe(self.fill(query), path)
        else:
            url = database or self._ground.places.database
            if url is None:
                raise UsageError("no database is known; give database=, the marker, or $TRACECHECK_DATABASE")
            probe = sql_probe(url, query, self.fill(dict(params or {})))
        within = self.timeout_s if within_s is None else within_s
        try:
            outcome = await_state(probe, self.fill(equals), within, hold_s, store=self.store, run_id=self.run_id)
        finally:
            probe.close()
        if not outcome.met:
            raise Unmet(str(outcome.failure))
        self._reached.append(outcome)
        return outcome

    def await_until(self, condition: Callable[[], T], *, within_s: float | None = None, **more: Any) -> T:
        """Waits until a condition is true, looking again whenever spans arrive; see `tracecheck.probe.wait`."""
        __tracebackhide__ = True
        try:
            value: T = await_until(
                condition, at_most_s=self.timeout_s if within_s is None else within_s, wake=self.store, **more
            )
        except ExpectationUnmet as unmet:
            raise Unmet(str(unmet)) from None
        return value

    def expect_chain(self, *expected: "Path | str | Expectation", timeout_s: float | None = None) -> CheckReport:
        """Waits until the verdict over this test's run is certain; raises `ChainBroken` unless it is a pass.

        The chain is held against what `observe` has seen by then and the states that `await_state` has reached: a
        message that a span says was sent and that is not on the bus breaks it too.
        `expected` are specification files or expectations built in Python. Raises `InvalidFile` with every problem of
        every file at once.
        """
        __tracebackhide__ = True
        built = [each for each in expected if isinstance(each, Expectation)]
        files = [Path(each) for each in expected if not isinstance(each, Expectation)]
        expectations, settle_ns = with_settle(built + read_specs(files), self._settle_ns)
        limit = self.timeout_s if timeout_s is None else timeout_s
        report = wait_for(
            self.store,
            expectations,
            run_id=self.run_id,
            settle_ns=settle_ns,
            timeout_s=limit,
            positions=group_positions(self._ground, expectations),
        )
        return self._passed(self._confronted(report, expectations))

    expect = expect_chain

    def perform(self, *specs: "Path | str", tags: Sequence[str] = (), parallel: int = 1) -> CheckReport:
        """Performs scenario files or directories, as `tracecheck run` does; raises `ChainBroken` unless all pass."""
        __tracebackhide__ = True
        outcome = run_scenarios(
            self._ground,
            self.endpoints,
            read_scenarios([Path(each) for each in specs], tags),
            run_id=self.run_id,
            settle_ns=self._settle_ns,
            timeout_s=self.timeout_s,
            parallel=parallel,
        )
        if outcome.faults:
            raise outcome.faults[0]
        return self._passed(outcome.report)

    def clean_up(self, hook: Callable[[], object]) -> None:
        """Runs `hook` when the test ends, whatever came of it, and again at once: it must be idempotent.

        What the second call raises, the first one hid: a hook that fails when there is nothing left to remove.
        """
        self._ending.callback(hook)
        self._ending.callback(hook)

    def leaks(self, *, known: Sequence[str] = ()) -> tuple[Leak, ...]:
        """What of other runs has got into the chains and traces of this one; see `tracecheck.scenario.leaks`."""
        return find_leaks(self.store, self.run_id, known=known)

    def expect_no_leaks(self, *, known: Sequence[str] = ()) -> None:
        """Raises `Unmet` that names every span and record of another run."""
        __tracebackhide__ = True
        if found := self.leaks(known=known):
            lines = [f"  {leak.kind} {leak.what} ({leak.shown}) is of run {leak.foreign_run}" for leak in found]
            raise Unmet("\n".join([f"other runs leaked into {self.run_id}:", *lines]))

    def told(self) -> str:
        """What this run did, for a report: the events injected, and the chains that came of it, broken ones marked."""
        from tracecheck.chains import load_many, refresh, summaries
        from tracecheck.check import diagnose

        lines = [
            f"injected {each.destination}[{each.partition}]@{each.offset}  correlation {each.correlation_id}"
            for each in self.injected
        ]
        refresh(self.store)
        known = summaries(self.store, run_id=self.run_id, limit=CHAINS_TOLD)
        for chain in load_many(self.store, [summary.chain_id for summary in known]):
            findings: list[Finding] = diagnose(self.store, chain.chain_id)
            lines.append(render_tree(chain, findings, Look()).rstrip())
        return "\n".join(lines or ["nothing was injected, and no span came in under this run"])

    def _confronted(self, report: CheckReport, expectations: Sequence[Expectation]) -> CheckReport:
        """The report with the disagreements of the three witnesses among its findings."""
        if not self._watched and not self._reached:
            return report
        watches = [
            Watch(
                observer=observer,
                watched=watched,
                since_unix_nano=since,
                own=observer.matching(Match(run_id=self.run_id)),
            )
            for observer, watched, since in self._watched
        ]
        results = []
        for result in report.results:
            expected = next(each for each in expectations if each.name == result.expectation)
            after = tuple(step.name for step in expected.steps if step.after is not None)
            states = [
                StateWitness(name=f"state[{number}]", outcome=outcome, steps=after)
                for number, outcome in enumerate(self._reached)
            ]
            denied = confronted(result, self._ground, watches, states)
            verdict = Verdict.merge([result.verdict, *(finding.verdict for finding in denied)])
            results.append(replace(result, verdict=verdict, findings=(*result.findings, *denied)))
        verdict = Verdict.merge([report.verdict, *(result.verdict for result in results)])
        return replace(report, verdict=verdict, results=tuple(results))

    def _passed(self, report: CheckReport) -> CheckReport:
        __tracebackhide__ = True
        if not report.matched or report.verdict is not Verdict.PASS:
            raise ChainBroken(report, render_text(report))
        return report
