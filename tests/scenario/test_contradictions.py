"""A scenario that did not pass says where its spans, the bus and the states deny each other."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.probe.test_inject import RecordingBroker
from tests.support.seen import FakeSubscription, message
from tests.support.spans import Traces
from tracecheck.chains import refresh, summaries
from tracecheck.expect import Expectation
from tracecheck.expect.model import After, Observe, Pattern, Role, StateProbe, Step
from tracecheck.model import Basis, Completeness, Result, StepResult, Verdict
from tracecheck.probe.inject import Injected, Injection, inject
from tracecheck.probe.observe import Observer
from tracecheck.probe.state import StateOutcome
from tracecheck.scenario.awaited import Witnessed
from tracecheck.scenario.contradictions import contradictions
from tracecheck.scenario.ground import Ground, Places
from tracecheck.scenario.outside import Observed, Sampled
from tracecheck.store import open_store

EXPECTATION = Expectation(
    name="order",
    steps=(
        Step(name="placed", pattern=Pattern(role=Role.SEND, target="orders")),
        Step(name="shipped", pattern=Pattern(role=Role.SEND, target="shipments"), after=After(steps=("placed",))),
    ),
)
LOST = ("the span says sent", "the bus has nothing")
UNSAID = ("it is on the bus", "no span sent it")


class Scene:
    """An order that checkout says it sent to `shipments`, and a bus to which nothing was delivered yet."""

    def __init__(self) -> None:
        self.ground = Ground(open_store(":memory:"), Places())
        self.bus = FakeSubscription()
        self.observer = Observer(self.bus)
        self.injected: Injected = inject(Injection(destination="orders"), RecordingBroker(), bool)
        traces = Traces(correlation_id="o-1", run_id="r-1", start_unix_nano=self.injected.span.start_unix_nano + 1)
        self.sent = traces.send("checkout", "shipments", partition="0", offset=41)
        self.ground.store.append(traces.spans)
        refresh(self.ground.store)
        (summary,) = summaries(self.ground.store)
        self.result = Result(
            expectation="order",
            chain_id=summary.chain_id,
            verdict=Verdict.FAIL,
            completeness=Completeness(basis=Basis.ASSUMED),
            steps=(StepResult(name="shipped", verdict=Verdict.FAIL),),
        )

    def said(self, *, sampled: tuple[Sampled, ...] = (), result: Result | None = None) -> list[tuple[object, object]]:
        asked = Observe(system="kafka", destination="shipments")
        observed = Observed(asked=asked, seen=self.observer.seen)
        witnessed = Witnessed(report=None, observed=(observed,), sampled=sampled, faults=())
        found = contradictions(
            EXPECTATION, result or self.result, witnessed, self.ground, {"kafka": self.observer}, [self.injected]
        )
        return [(one.detail["says"], one.detail["denies"]) for one in found]

    def close(self) -> None:
        self.observer.close(quietly=True)
        self.ground.store.close()


@pytest.fixture
def scene() -> Iterator[Scene]:
    scene = Scene()
    yield scene
    scene.close()


def record(scene: Scene, offset: int) -> object:
    context = f"00-{scene.sent.trace_id}-{scene.sent.span_id}-01"
    return message("shipments", offset=offset, headers={"traceparent": context, "baggage": "correlation.id=o-1"})


def test_a_send_that_the_bus_never_took_is_told(scene: Scene) -> None:
    assert scene.said() == [LOST]


def test_what_is_on_its_way_is_read_before_its_loss_is_claimed(scene: Scene) -> None:
    scene.bus.held = [record(scene, 41)]  # type: ignore[list-item]
    assert scene.said() == []


def test_a_message_without_a_span_is_told(scene: Scene) -> None:
    scene.bus.held = [record(scene, 41), record(scene, 42)]  # type: ignore[list-item]
    assert scene.said() == [UNSAID]


def test_a_chain_that_is_not_stored_leaves_what_was_seen_unaccounted_for(scene: Scene) -> None:
    scene.bus.held = [record(scene, 41)]  # type: ignore[list-item]
    assert scene.observer.catch_up()
    assert scene.said(result=replace(scene.result, chain_id=None, steps=())) == [UNSAID]


def test_a_state_that_was_reached_though_a_step_has_no_span_is_told(scene: Scene) -> None:
    scene.bus.held = [record(scene, 41)]  # type: ignore[list-item]
    outcome = StateOutcome(met=True, value=1, samples=(), reached_unix_nano=1, took_ns=1)
    sampled = Sampled(asked=StateProbe(sql="select 1", equals=1), outcome=outcome)
    assert scene.said(sampled=(sampled,)) == [("the state was reached", "shipped has no span")]


def test_witnesses_of_a_scenario_that_passed_are_not_asked_again(scene: Scene) -> None:
    assert scene.said(result=replace(scene.result, verdict=Verdict.PASS)) == []
