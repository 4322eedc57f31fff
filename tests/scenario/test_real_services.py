"""The demo's six services on Apache Kafka, with books on RabbitMQ and PostgreSQL: every kind of fault has its scenario.

All orders are under way together. What is killed or slow holds up the orders behind it, so each scenario but one asks
for the steps alone that its own order needs in time, and gives the others more than any hold-up takes.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pika
import psycopg
import pytest

from tests.scenario.conftest import told
from tests.support.bookkeeping import BOOKINGS, PLAN_VARIABLE
from tests.support.polling import until
from tracecheck.check import check_store
from tracecheck.config import Endpoints, Listen
from tracecheck.demo import faults
from tracecheck.demo.bus import Bus
from tracecheck.demo.driver import SERVICES, run_demo
from tracecheck.demo.faults import CASES, Case, Fault
from tracecheck.demo.supervisor import Supervisor
from tracecheck.model import CheckReport, Verdict
from tracecheck.scenario.child import child_environment
from tracecheck.scenario.ground import Ground, Places
from tracecheck.scenario.perform import ready
from tracecheck.scenario.plan import read_scenarios
from tracecheck.scenario.run import run_scenarios
from tracecheck.service import Service

PATIENCE = 10
LONGER = 30
STEPS = """\
chain: {name}
evidence: context
duplicates: {{deliveries: forbid, effects: forbid}}
settle: {settle}s
seed: {{kafka: orders, key: "{{order}}", value: {{id: "{{order}}", total: 42}}}}
cases: {name}.csv
steps:
  placed:       {{send: orders}}
  charged:      {{process: orders, group: billing, after: placed, within: {patience}s}}
"""
BOOKED = """\
  kept:         {{process: payments, group: bookkeeping, after: charged, within: {patience}s}}
  posted:       {{send: bookings, after: kept, within: {patience}s}}
  booked:       {{process: bookings, after: posted, within: {booked}s}}
"""
GOODS = """\
  reserved:     {{process: orders, group: inventory, after: placed, within: {patience}s}}
  goods_ready:  {{process: reservations, group: shipping, after: reserved, within: {patience}s}}
"""
SHIPPED = (
    GOODS
    + """\
  payment_seen: {{process: payments, group: shipping, after: charged, within: {patience}s}}
  shipped:      {{send: shipments, after: {{all: [goods_ready, payment_seen]}}, within: {patience}s}}
"""
)
PROJECTED = "  projected:    {{process: shipments, group: projector, after: shipped, within: {projected}s}}\n"
MAILED = "  mailed:       {{process: shipments, group: mailer, after: shipped, within: 3s}}\n"
IN_LEDGER = """\
state:
  - {{sql: "select status from ledger where id = :id", params: {{id: "{{order}}"}}, equals: BOOKED, within: {state}s}}
"""
IN_VIEW = """\
  - {{sql: "select status from orders_view where id = :id", params: {{id: "{{order}}"}}, equals: SHIPPED}}
clean_up:
  - {{sql: "delete from ledger where id = :id", params: {{id: "{{order}}"}}}}
"""
SCENARIOS = {
    "order": STEPS + BOOKED + SHIPPED + PROJECTED + IN_LEDGER + IN_VIEW,
    "blind-ledger": STEPS + BOOKED + IN_LEDGER,
    "lost-goods": STEPS + GOODS,
    "slow-projector": STEPS + SHIPPED + PROJECTED,
    "slow-ledger": STEPS + BOOKED,
    "failed-ledger": STEPS + BOOKED,
    "killed-ledger": STEPS + BOOKED,
    "killed-mailer": STEPS + SHIPPED + MAILED,
}
WITHIN = {
    "slow-projector": {"projected": 3},
    "slow-ledger": {"booked": 2},
    "blind-ledger": {"state": 5},
    "failed-ledger": {"booked": 15},
    "killed-ledger": {"settle": LONGER},
}
AT_THE_DOOR = """\
chain: at-the-door
chains: {at_least: 2}
settle: 1s
steps:
  accepted: {span: POST /orders, service: checkout}
  placed:   {send: orders, service: checkout, after: accepted}
  charged:  {process: orders, group: billing, after: placed}
"""
TWO_CUSTOMERS = """
import json, sys, urllib.request
for order in ("door-well", "door-refused"):
    body = json.dumps({"id": order, "total": 42}).encode()
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/orders", data=body, timeout=60).close()
    except urllib.error.HTTPError as refused:
        refused.close()
"""

Found = list[tuple[str, str]]


def case(fault: Fault, service: str, topic: str) -> Case:
    return next(one for one in CASES if (one.fault, one.service, one.topic) == (fault, service, topic))


IN_THE_SHOP = {
    ("order", "fails"): case(Fault.HANDLER_FAILS, "inventory", "orders"),
    ("order", "swallowed"): case(Fault.EVENT_SWALLOWED, "billing", "orders"),
    ("lost-goods", "context-lost"): case(Fault.CONTEXT_LOST, "inventory", "orders"),
    ("order", "twice"): case(Fault.DELIVERED_TWICE, "projector", "shipments"),
    ("slow-projector", "slow"): case(Fault.SLOW, "projector", "shipments"),
    ("killed-mailer", "killed"): case(Fault.KILLED, "mailer", "shipments"),
    ("at-the-door", "door-refused"): case(Fault.HANDLER_FAILS, "checkout", "POST /orders"),
}
IN_THE_BOOKS: dict[tuple[str, str], tuple[str, Found]] = {
    ("order", "well"): ("", []),
    ("order", "unbooked"): ("bookkeeping sends nothing", [("posted", "not_sent")]),
    ("order", "book-context-lost"): ("bookkeeping loses context", [("booked", "context_lost")]),
    ("failed-ledger", "book-fails"): ("ledger fails", [("booked", "processing_failed")]),
    ("order", "booked-twice"): ("ledger takes twice", [("booked", "duplicate_delivery")]),
    ("killed-ledger", "book-killed"): ("ledger is killed", [("booked", "duplicate_delivery")]),
    ("blind-ledger", "blind"): ("ledger is blind", [("state[0]", "state_not_reached")]),
    ("slow-ledger", "book-slow"): ("ledger is slow", [("booked", "late")]),
    ("at-the-door", "door-well"): ("", []),
}
EXPECTED: dict[tuple[str, str], Found] = {
    **{place: [(one.step, one.cause.value)] for place, one in IN_THE_SHOP.items()},
    **{place: found for place, (_, found) in IN_THE_BOOKS.items()},
    ("order", "swallowed"): [("kept", "not_sent"), ("payment_seen", "not_sent")],  # two groups miss what was not sent
}
LATE = {place: found for place, found in EXPECTED.items() if found and found[0][1] == "late"}
"""When the budget of these is over, a scenario says that the step has not come; how late it was can only be said then.
"""


@pytest.mark.service("kafka")
def test_on_apache_kafka_the_demo_finds_what_it_injected(kafka_broker: str, tmp_path: Path) -> None:
    # What holds up a service is left to the scenarios below, which meet it on the same broker, all at once.
    def drawn(seed: int, orders: Sequence[str]) -> dict[str, Case]:
        return {order: one for order, one in faults.draw(seed, orders).items() if not one.fault.holds_up_others}

    outcome = run_demo(tmp_path / "out", seed=1, bootstrap_servers=kafka_broker, drawn=drawn)
    assert outcome.mismatch == ()
    assert len(outcome.injected) == 6
    assert {(f.correlation_id, f.step, f.code) for result in outcome.report.results for f in result.findings} == {
        (one.correlation_id, one.step, one.cause) for one in outcome.injected
    }


@pytest.mark.service("kafka", "rabbitmq", "postgres")
def test_every_kind_of_fault_across_two_brokers_and_a_database_has_its_finding(
    kafka_broker: str, rabbitmq: str, postgres: str, unique_name: str, tmp_path: Path
) -> None:
    assert {one.fault for one in IN_THE_SHOP.values()} == set(Fault)
    database = in_a_schema_of_its_own(postgres, unique_name)
    with pika.BlockingConnection(pika.URLParameters(rabbitmq)) as connection:
        connection.channel().queue_declare(BOOKINGS)
    bus = Bus(kafka_broker)
    bus.create_topics()
    bus.skip_what_is_there()
    bus.close()
    places = Places(brokers={"kafka": kafka_broker, "rabbitmq": rabbitmq}, database=database)
    with (
        Service(":memory:", Listen(grpc_port=0, http_port=0, api_port=0)) as service,
        Ground(service.store, places) as ground,
        Supervisor(dict(environments(service.endpoints, places, tmp_path)), tmp_path) as processes,
    ):
        checkout = processes.await_ready()["checkout"]
        outcome = run_scenarios(
            ground,
            service.endpoints,
            read_scenarios([written(tmp_path)]),
            [sys.executable, "-c", TWO_CUSTOMERS, checkout],
            run_id="books",
            parallel=len(EXPECTED),
            timeout_s=LONGER + 30.0,
        )
        for place in LATE:
            await_late(place, outcome.report, ground, tmp_path / "specs")
        restarts = processes.restarts
    found = found_by(outcome.report)
    assert outcome.faults == ()
    assert {place: codes for place, codes in found.items() if place not in LATE} == {
        place: codes for place, codes in EXPECTED.items() if place not in LATE
    }
    for place, ((step, late),) in LATE.items():
        assert found[place] in ([(step, late)], [(step, "not_consumed")])
    assert {name for name, times in restarts.items() if times} == {"mailer", "ledger"}


def await_late(place: tuple[str, str], report: CheckReport, ground: Ground, specs: Path) -> None:
    """Looks until the step that was waited for in vain has come after all, as `tracecheck check` would."""
    (run_id,) = (one.run_id for one in report.results if (one.expectation, one.case) == place)
    (scenario,) = (one for one in read_scenarios([specs]) if (one.expectation.name, one.case) == place)
    spec = ready(scenario, run_id=str(run_id), number=0, settle_ns=None)

    def says_late() -> bool:
        (result,) = check_store(ground.store, [spec], run_id=run_id).results
        return told(result) == LATE[place]

    until(says_late, 60.0)


def found_by(report: CheckReport) -> dict[tuple[str, str | None], Found]:
    """Findings that fail, by expectation and case; a chain that nobody's seed began is named by its order."""
    door = {Verdict.PASS: "door-well", Verdict.FAIL: "door-refused"}
    return {(one.expectation, one.case or door[one.verdict]): told(one) for one in report.results}


def written(folder: Path) -> Path:
    """The directory of all scenarios, with their tables."""
    specs = folder / "specs"
    specs.mkdir()
    (specs / "at-the-door.yaml").write_text(AT_THE_DOOR)
    for name, text in SCENARIOS.items():
        within = {"booked": LONGER, "projected": LONGER, "state": LONGER, "settle": 1} | WITHIN.get(name, {})
        (specs / f"{name}.yaml").write_text(text.format(name=name, patience=PATIENCE, **within))
        rows = "".join(f"{order},{order}\n" for of, order in EXPECTED if of == name)
        (specs / f"{name}.csv").write_text("case,order\n" + rows)
    return specs


def environments(endpoints: Endpoints, places: Places, folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """By module, what each of the eight services is told. What it exports is of the run of the order it handles."""
    faults.write_plan({order: one for (_, order), one in IN_THE_SHOP.items()}, folder / "shop.json")
    (folder / "books.json").write_text(json.dumps({order: fault for (_, order), (fault, _) in IN_THE_BOOKS.items()}))
    assert places.database is not None
    told_all = child_environment(endpoints, "books", {}) | {
        faults.PLAN_VARIABLE: str(folder / "shop.json"),
        PLAN_VARIABLE: str(folder / "books.json"),
        "KAFKA_BOOTSTRAP_SERVERS": places.brokers["kafka"],
        "KAFKA": places.brokers["kafka"],
        "RABBITMQ": places.brokers["rabbitmq"],
        "POSTGRES": places.database,
        "ORDERS_DATABASE": places.database,
        "OTEL_BSP_SCHEDULE_DELAY": "50",
    }
    modules = [*(f"tracecheck.demo.services.{name}" for name in SERVICES), *BOOKS]
    for module in modules:
        own = folder / module
        own.mkdir()
        environment = told_all | {"STATE_DIRECTORY": str(own)}
        if not module.endswith("checkout"):  # what comes in at the door is of the run as a whole
            del environment["TRACECHECK_RUN_ID"], environment["OTEL_RESOURCE_ATTRIBUTES"]
        yield module, environment


BOOKS = ("tests.support.bookkeeping", "tests.support.ledger")


def in_a_schema_of_its_own(postgres: str, name: str) -> str:
    with psycopg.connect(postgres, autocommit=True) as database:
        database.execute(f"create schema {name}")
        database.execute(f"create table {name}.ledger (id text primary key, status text)")
    return f"{postgres}?options=-csearch_path%3D{name}"
