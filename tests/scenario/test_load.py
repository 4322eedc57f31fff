"""A load finds what a look at the end cannot: a read model that is late, though in the end everything is there."""

import json
import sqlite3
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.shops import ORDER, running_shop
from tracecheck.config import Listen
from tracecheck.demo.broker import embedded_broker
from tracecheck.model import Verdict
from tracecheck.report.load import document, render_load, render_plot
from tracecheck.scenario.ground import Ground, Places
from tracecheck.scenario.load.drive import drive
from tracecheck.scenario.load.model import LoadOutcome
from tracecheck.scenario.load.schedule import NS_PER_S, Schedule
from tracecheck.scenario.plan import read_scenarios
from tracecheck.service import Service

DELAY_S = 1.5
SCENARIO = ORDER.replace(", within: 5s", "") + (
    """
seed: {kafka: orders, key: "o-{run}-{n}", value: {id: "o-{run}-{n}", fault: "{fault}"}}
cases: cases.csv
state: [{sql: "select status from orders_view where id = :id", params: {id: "o-{run}-{n}"}, equals: SHIPPED}]
"""
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("load")


@pytest.fixture(scope="module")
def slowed(folder: Path) -> Iterator[LoadOutcome]:
    """A load on a shop whose projector writes each order 1.5 s after it was told of it; one order in 30 is lost."""
    faults = ["none"] * 29 + ["billing sends nothing"]
    (folder / "order.yaml").write_text(SCENARIO)
    (folder / "cases.csv").write_text("n_,fault\n" + "".join(f"{n},{fault}\n" for n, fault in enumerate(faults)))
    with (
        embedded_broker() as kafka,
        Service(":memory:", Listen(grpc_port=0, http_port=0, api_port=0)) as service,
        Ground(service.store, Places(brokers={"kafka": kafka}, database=f"sqlite:///{folder}/shop.db")) as ground,
        running_shop(kafka, service.endpoints, folder, PROJECTOR_DELAY_S=str(DELAY_S)),
    ):
        yield drive(
            read_scenarios([folder]),
            ground,
            Schedule(rate_per_s=15, duration_ns=2 * NS_PER_S),
            run_id="load-1",
            limits={"staleness_p50": NS_PER_S, "staleness_max": 10**12, "failed": 1, "lost": 0},
            drain_s=8.0,
        )


def written_behind(folder: Path, outcome: LoadOutcome) -> list[int]:
    """How far behind the shop itself says it was, in nanoseconds from when each order was due, ascending."""
    with sqlite3.connect(folder / "shop.db") as database:
        written = dict(database.execute("select id, written_unix_nano from orders_view"))
    first = min(due for due, _ in outcome.timeline)
    due = {f"o-load-1-{number}": first + number * NS_PER_S // 15 for number in range(30)}
    return sorted(written[order] - due[order] for order in written)


def test_the_staleness_reported_is_that_of_the_read_model(slowed: LoadOutcome, folder: Path) -> None:
    truth = written_behind(folder, slowed)
    assert slowed.staleness is not None
    assert slowed.staleness.behind is not None
    assert len(truth) == 29
    assert truth[0] >= DELAY_S * NS_PER_S
    assert slowed.staleness.behind.p50_ns == pytest.approx(truth[14], rel=0.1)
    assert (slowed.staleness.sampled, slowed.staleness.seen) == (30, 29)
    assert max(behind for _, behind in slowed.staleness.series) >= DELAY_S * NS_PER_S * 0.9


def test_a_look_at_the_end_alone_would_have_passed_what_the_budget_refuses(slowed: LoadOutcome, folder: Path) -> None:
    with sqlite3.connect(folder / "shop.db") as database:
        states = database.execute("select status, count(*) from orders_view group by status").fetchall()
    assert states == [("SHIPPED", 29)]
    held = {budget.name: budget.held for budget in slowed.budgets}
    assert held == {"staleness_p50": False, "staleness_max": False, "failed": True, "lost": False}
    assert slowed.budgets[0].measured is not None
    assert slowed.budgets[1].measured is None
    assert slowed.report.verdict is Verdict.FAIL


def test_every_event_is_accounted_for(slowed: LoadOutcome) -> None:
    counts = slowed.completeness
    assert (counts.due, counts.sent, counts.passed) == (30, 30, 29)
    assert (counts.failed + counts.undecided, counts.lost) == (1, 1)
    assert (counts.duplicated, counts.out_of_order) == (0, 0)


def test_latency_counts_from_when_an_event_was_due(slowed: LoadOutcome) -> None:
    assert slowed.whole is not None
    assert slowed.send_delay is not None
    assert set(slowed.steps) == {"placed", "reserved", "charged", "shipped", "mailed", "projected"}
    assert slowed.steps["placed"].p50_ns >= slowed.send_delay.p50_ns
    assert slowed.whole.p50_ns >= slowed.steps["projected"].p50_ns >= slowed.hops["projected"].p50_ns > 0


def test_it_is_told_as_text_document_and_picture(slowed: LoadOutcome) -> None:
    text, written = render_load(slowed), json.loads(json.dumps(document(slowed)))
    assert "FAIL load load-1  15/s for 2 s" in text
    assert "budget        staleness_p50: " in text
    assert "of 1 s, BROKEN" in text
    assert written["completeness"]["passed"] == 29
    assert written["staleness"]["behind"]["count"] == 29
    drawn = ET.fromstring(render_plot(slowed))
    tags = [element.tag.rpartition("}")[2] for element in drawn.iter()]
    assert tags.count("circle") == 29
    assert tags.count("polyline") == 1
