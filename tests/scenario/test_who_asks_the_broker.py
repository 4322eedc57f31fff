"""Whoever waits for a delivery that does not come asks the broker where its group is, if an address is known."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from tests.cli.conftest import Run, orders, tracecheck
from tests.support.spans import Traces
from tracecheck.config import Endpoints
from tracecheck.expect import Expectation, expect_chain, process, send
from tracecheck.kit import ChainBroken, Tracecheck
from tracecheck.model import Cause
from tracecheck.probe.brokers import GroupOffset
from tracecheck.scenario.ground import Ground, Places
from tracecheck.scenario.load.drive import _evaluated
from tracecheck.store import open_store

__all__ = ["orders", "tracecheck"]  # fixtures

STEPS = {"placed": send("orders"), "charged": process("orders", group="billing", after="placed", within="3s")}
KAFKA = Places(brokers={"kafka": "anywhere"})


class PastEverything:
    """A broker that has the group beyond the message, and sees how often it is asked."""

    system = "kafka"

    def __init__(self) -> None:
        self.asked = 0

    def group_offsets(self, group: str) -> dict[tuple[str, str], GroupOffset]:
        assert group == "billing"
        self.asked += 1
        return {("orders", "0"): GroupOffset(destination="orders", partition="0", committed=57, start=0, end=57)}

    def close(self) -> None:
        """There is nothing to close."""


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> PastEverything:
    here = PastEverything()
    for place in ("tracecheck.scenario.ground.connect", "tracecheck.probe.brokers.connect"):
        monkeypatch.setattr(place, lambda *_: here)
    return here


@pytest.fixture
def ground(broker: PastEverything) -> Iterator[Ground]:
    story = Traces(run_id="run-2")
    for offset in (42, 43):
        story.send("checkout", "orders", partition="0", offset=offset)
    with open_store(":memory:") as store, Ground(store, KAFKA) as opened:
        store.append(story.spans)
        yield opened


@pytest.mark.parametrize(
    ("options", "code"),
    [((), "not_consumed"), (("--bootstrap-servers", "anywhere"), "consumer_span_missing")],
)
def test_wait_asks_the_broker_it_is_told_of(
    tracecheck: Run, broker: PastEverything, options: tuple[str, ...], code: str
) -> None:
    ended = tracecheck("wait", "o-2", "--spec", "{orders}/order.yaml", "--settle", "0", *options)
    assert f"charged: {code}" in ended.out
    assert broker.asked == len(options) // 2


def test_the_fixture_asks_the_broker_it_is_told_of(ground: Ground, broker: PastEverything) -> None:
    nowhere: Any = Endpoints
    kit = Tracecheck(ground, nowhere, "run-2", {}, 10.0)
    kit._settle_ns = 0
    with pytest.raises(ChainBroken) as broken:
        kit.expect_chain(expect_chain("order", steps=STEPS, settle="0"))
    assert {one.code for each in broken.value.report.results for one in each.findings} == {Cause.CONSUMER_SPAN_MISSING}


def test_a_load_asks_the_broker_once_for_all_of_its_events(ground: Ground, broker: PastEverything) -> None:
    order = expect_chain("order", steps=STEPS, settle="0")

    def of(number: int) -> Expectation:
        return order

    forms: Any = SimpleNamespace(run_id="run-2", of=of, all=[order])
    ids = [f"{row['trace_id']}:{row['span_id']}" for row in ground.store.query("select * from spans").to_pylist()]
    events: Any = {chain_id: SimpleNamespace(number=number) for number, chain_id in enumerate(ids)}
    found = [one.code for _, result in _evaluated(events, forms, ground) for one in result.findings]
    assert (found, broker.asked) == ([Cause.CONSUMER_SPAN_MISSING] * 2, 1)
