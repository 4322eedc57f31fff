"""The fixture's `expect_chain` hears the bus and the states beside the spans, as a scenario does."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.seen import FakeSubscription, message
from tests.support.spans import Traces
from tracecheck.config import Endpoints
from tracecheck.expect import Expectation, expect_chain, process, send
from tracecheck.kit import ChainBroken, Tracecheck
from tracecheck.model import Cause, CheckReport, Verdict
from tracecheck.probe.brokers import Subscription
from tracecheck.scenario.ground import Ground, Places
from tracecheck.store import open_store

RUN = "run-1"
SENT = expect_chain("order", steps={"placed": send("orders"), "shipped": send("shipments", after="placed")}, settle="0")
STEPS = {"placed": send("orders"), "charged": process("orders", group="billing", after="placed")}
CHARGED = expect_chain("order", steps=STEPS, settle="0")


class Bus:
    """A broker to which nothing is delivered but what a test puts into `held`."""

    system = "kafka"

    def __init__(self) -> None:
        self.view = FakeSubscription()

    def subscribe(self, destinations: tuple[str, ...]) -> Subscription:  # noqa: ARG002
        return self.view

    def group_offsets(self, group: str) -> None:  # noqa: ARG002
        return None

    def close(self) -> None:
        """There is nothing to close."""


class Scene:
    """A test's kit beside a bus; `shipped` stores an order whose last message a span says was sent to `shipments`."""

    def __init__(self, kit: Tracecheck, bus: Bus) -> None:
        self.kit, self.bus = kit, bus

    def shipped(self) -> None:
        story = Traces(run_id=RUN, start_unix_nano=time.time_ns() + 1_000_000)
        placed = story.send("checkout", "orders", partition="0", offset=7)
        story.send("shipping", "shipments", partition="0", offset=41, under=placed)
        self.kit.store.append(story.spans)

    def broken(self, expected: Expectation) -> CheckReport:
        with pytest.raises(ChainBroken) as broken:
            self.kit.expect_chain(expected, timeout_s=0.2)
        return broken.value.report


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    bus = Bus()
    monkeypatch.setattr("tracecheck.scenario.ground.connect", lambda *_: bus)
    nowhere: Any = Endpoints
    with open_store(":memory:") as store, Ground(store, Places(brokers={"kafka": "anywhere"})) as ground:
        kit = Tracecheck(ground, nowhere, RUN, {}, 10.0)
        kit._settle_ns = 0
        with kit._ending:
            yield Scene(kit, bus)


def test_a_message_that_a_span_says_was_sent_and_the_bus_does_not_have_breaks_a_chain_whose_spans_are_all_there(
    scene: Scene,
) -> None:
    scene.kit.observe("shipments")
    scene.shipped()
    (finding,) = scene.broken(SENT).results[0].findings
    assert (finding.code, finding.verdict, finding.step) == (Cause.CONTRADICTED, Verdict.FAIL, "shipped")


def test_a_message_on_its_way_is_read_before_its_loss_is_claimed(scene: Scene) -> None:
    scene.kit.observe("shipments")
    scene.shipped()
    scene.bus.view.held = [message("shipments", offset=41)]
    assert scene.kit.expect_chain(SENT).verdict is Verdict.PASS


def test_what_nobody_watches_is_believed_of_the_spans(scene: Scene) -> None:
    scene.shipped()
    assert scene.kit.expect_chain(SENT).verdict is Verdict.PASS


def test_a_state_that_was_reached_though_its_step_has_no_span_is_told(scene: Scene) -> None:
    scene.shipped()
    scene.kit.await_state("select 1", equals=1, database="sqlite://")
    said = [finding.detail for finding in scene.broken(CHARGED).results[0].findings if finding.detail.get("witness")]
    assert said == [{"witness": "span", "says": "the state was reached", "denies": "charged has no span"}]
