"""One chain across Apache Kafka, RabbitMQ and PostgreSQL: every kind of fault is found by a scenario, by its name."""

from pathlib import Path

import pika
import psycopg
import pytest
from kafka import KafkaAdminClient
from kafka.admin import NewTopic

from tests.scenario.conftest import by_case, told
from tracecheck.config import Listen
from tracecheck.demo.supervisor import Supervisor
from tracecheck.scenario.child import child_environment
from tracecheck.scenario.ground import Ground, Places
from tracecheck.scenario.plan import read_scenarios
from tracecheck.scenario.run import run_scenarios
from tracecheck.service import Service

SCENARIO = """\
chain: books
evidence: context
duplicates: {deliveries: forbid, effects: forbid}
settle: 1s
steps:
  placed:  {send: PREFIXorders}
  charged: {process: PREFIXorders, group: PREFIXbilling, after: placed, within: 12s}
  paid:    {send: PREFIXpayments, after: charged, within: 12s}
  booked:  {process: PREFIXpayments, after: paid, within: 12s}
cases: cases.csv
seed: {kafka: PREFIXorders, key: "o-{run}", value: {id: "o-{run}", fault: "{fault}"}}
state: [{sql: "select status from PREFIXledger where id = :id", params: {id: "o-{run}"}, equals: BOOKED, hold: 50ms}]
clean_up: [{sql: "delete from PREFIXledger where id = :id", params: {id: "o-{run}"}}]
"""

FOUND = {
    "well": ("none", []),
    "fails": ("billing fails", [("charged", "processing_failed")]),
    "swallowed": ("billing sends nothing", [("paid", "not_sent")]),
    "context lost": ("billing loses context", [("booked", "context_lost")]),
    "taken twice": ("ledger takes twice", [("booked", "duplicate_delivery")]),
    "read model is blind": ("ledger is blind", [("state[0]", "state_not_reached")]),
}


@pytest.mark.service("kafka", "rabbitmq", "postgres")
def test_every_fault_across_two_brokers_and_a_database_has_its_finding(
    kafka_broker: str, rabbitmq: str, postgres: str, unique_name: str, tmp_path: Path
) -> None:
    prepare(kafka_broker, rabbitmq, postgres, unique_name)
    (tmp_path / "books.yaml").write_text(SCENARIO.replace("PREFIX", unique_name))
    rows = (f"{case},{fault}\n" for case, (fault, _) in FOUND.items())
    (tmp_path / "cases.csv").write_text("case,fault\n" + "".join(rows))
    places = Places(brokers={"kafka": kafka_broker, "rabbitmq": rabbitmq}, database=postgres)
    names = {"KAFKA": kafka_broker, "RABBITMQ": rabbitmq, "POSTGRES": postgres}
    with (
        Service(":memory:", Listen(grpc_port=0, http_port=0, api_port=0)) as service,
        Ground(service.store, places) as ground,
    ):
        environment = child_environment(service.endpoints, "books", {}) | names
        environment |= {"PREFIX": unique_name, "FOLDER": str(tmp_path), "OTEL_BSP_SCHEDULE_DELAY": "50"}
        del environment["TRACECHECK_RUN_ID"], environment["OTEL_RESOURCE_ATTRIBUTES"]
        with Supervisor({"tests.support.ledger": environment}, tmp_path) as processes:
            processes.await_ready()
            outcome = run_scenarios(
                ground, service.endpoints, read_scenarios([tmp_path]), run_id="books", parallel=10, timeout_s=25.0
            )
    assert outcome.faults == ()
    assert {case: told(result) for case, result in by_case(outcome.report).items()} == {
        case: found for case, (_, found) in FOUND.items()
    }


def prepare(kafka: str, rabbitmq: str, postgres: str, prefix: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    admin.create_topics([NewTopic(f"{prefix}orders", 1, 1)])
    admin.close()
    with pika.BlockingConnection(pika.URLParameters(rabbitmq)) as connection:
        connection.channel().queue_declare(f"{prefix}payments")
    with psycopg.connect(postgres, autocommit=True) as database:
        database.execute(f"create table {prefix}ledger (id text primary key, status text)")
