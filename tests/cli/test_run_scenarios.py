"""`tracecheck run` of scenarios: what goes wrong around them has its exit status, and takes no longer than told."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.support.brokers import gone_after_the_first_message
from tests.support.polling import until
from tracecheck.probe.brokers.kafka_read import read_record

SCENARIO = """\
chain: order
steps:
  placed:  {send: orders}
  charged: {process: orders, group: billing, after: placed, within: 300ms}
seed: {kafka: orders, key: "o-{run}", value: {id: "o-{run}"}}
"""
STATE = 'state: [{sql: "select status from v where id = :id", params: {id: "o-{run}"}, equals: X, within: 200ms}]\n'
NOWHERE = "127.0.0.1:1"


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    path = tmp_path / "order.yaml"
    path.write_text(SCENARIO)
    return path


@pytest.fixture
def run(tracecheck: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    for name in ("KAFKA", "RABBITMQ", "TRACECHECK_DATABASE", "TRACECHECK_HTTP", "TRACECHECK_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    ended = ["--store", str(tmp_path / "t.duckdb"), "--for", "5s", "--", "true"]
    return lambda *arguments: tracecheck("run", *arguments, *ended)


def test_a_broker_that_is_down_is_an_error_of_the_environment(run: Run, scenario: Path) -> None:
    done = run(str(scenario), "--bootstrap-servers", NOWHERE)
    assert done.status == 4
    assert "INCONCLUSIVE order" in done.out
    assert f"no Kafka broker answers at {NOWHERE}" in done.err


def test_an_address_that_was_never_given_is_a_mistake(run: Run, scenario: Path) -> None:
    done = run(str(scenario))
    assert done.status == 2
    assert "no address of kafka is known; give --bootstrap-servers HOST:PORT or $KAFKA" in done.err


def test_a_group_that_never_comes_is_a_finding(run: Run, scenario: Path, embedded_broker: str) -> None:
    done = run(str(scenario), "--bootstrap-servers", embedded_broker)
    assert done.status == 1
    assert "FAIL order  charged: not_consumed; last good: orders[" in done.out


def test_a_database_that_refuses_is_an_error_beside_the_finding(run: Run, scenario: Path, embedded_broker: str) -> None:
    scenario.write_text(SCENARIO + STATE)
    place = ["--bootstrap-servers", embedded_broker, "--database", f"postgresql://nobody@{NOWHERE}/none"]
    done = run(str(scenario), *place)
    assert done.status == 4
    assert "FAIL order  charged: not_consumed" in done.out
    assert "the database postgresql+psycopg://nobody@127.0.0.1:1/none could not be asked" in done.err


def test_a_table_that_is_not_there_is_told_as_the_database_tells_it(
    run: Run, scenario: Path, embedded_broker: str, tmp_path: Path
) -> None:
    scenario.write_text(SCENARIO + STATE)
    done = run(str(scenario), "--bootstrap-servers", embedded_broker, "--database", f"sqlite:///{tmp_path}/empty.db")
    assert done.status == 4
    assert "no such table: v" in done.err


def test_a_broker_that_goes_away_in_the_middle_is_an_error_beside_the_finding(
    run: Run, scenario: Path, unique_name: str
) -> None:
    observed = f"observe: [{{kafka: {unique_name}.answers, within: 20s}}]\n"
    scenario.write_text((SCENARIO + observed).replace("orders", unique_name).replace(", within: 300ms", ""))
    with gone_after_the_first_message(unique_name) as broker:
        done = run(str(scenario), "--bootstrap-servers", broker)
    assert done.status == 4
    assert " order" in done.out
    assert broker in done.err
    assert "Traceback" not in done.err


@pytest.mark.service("rabbitmq")
def test_a_destination_that_is_not_there_is_an_error_of_the_environment(
    run: Run, scenario: Path, rabbitmq: str, unique_name: str
) -> None:
    scenario.write_text(SCENARIO.replace("orders", unique_name).replace("kafka:", "rabbitmq:"))
    done = run(str(scenario), "--broker", f"rabbitmq={rabbitmq}")
    assert done.status == 4
    assert "INCONCLUSIVE order" in done.out
    assert unique_name in done.err


def test_a_clean_up_that_is_not_idempotent_is_told(
    run: Run, scenario: Path, embedded_broker: str, tmp_path: Path
) -> None:
    import sqlite3

    with sqlite3.connect(tmp_path / "left.db") as database:
        database.execute("create table left_over (n)")
    scenario.write_text(SCENARIO + 'clean_up: [{sql: "insert into left_over values (1)"}]\n')
    done = run(str(scenario), "--bootstrap-servers", embedded_broker, "--database", f"sqlite:///{tmp_path}/left.db")
    assert done.status == 2
    assert "clean_up[0] is not idempotent: run again at once, it changed 1 rows" in done.err


def test_a_system_that_never_says_it_is_ready_is_not_waited_for_when_it_has_ended(
    run: Run, scenario: Path, embedded_broker: str
) -> None:
    done = run(str(scenario), "--ready", "at your service", "--bootstrap-servers", embedded_broker)
    assert done.status == 4
    assert "the command ended with status 0 without a line that holds 'at your service'" in done.err


def test_what_has_no_seed_needs_a_command(tracecheck: Run, orders: Path) -> None:
    done = tracecheck("run", str(orders / "order.yaml"))
    assert done.status == 2
    assert "no command given and no SPEC has a seed" in done.err


def test_an_interrupted_run_waits_for_nothing_more(scenario: Path, embedded_broker: str, unique_name: str) -> None:
    scenario.write_text(SCENARIO.replace("orders", unique_name).replace(", within: 300ms", ""))
    command = [sys.executable, "-m", "tracecheck", "run", str(scenario), "--for", "600s", "--store", ":memory:"]
    with subprocess.Popen(
        [*command, "--bootstrap-servers", embedded_broker, "--", "sleep", "600"], stderr=subprocess.PIPE, text=True
    ) as process:
        places = [str(partition) for partition in range(4)]
        until(lambda: any(read_record(embedded_broker, unique_name, place, 0, 0.5) for place in places), 60.0)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in said
