"""`tracecheck load` from the command line: how it ends when it is interrupted, or what it needs is not there."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.support.polling import until
from tests.support.ports import free_ports
from tracecheck.demo.broker import embedded_broker as run_broker
from tracecheck.probe.brokers.kafka_read import read_record

SCENARIO = """\
chain: order
steps:
  placed:  {send: TOPIC}
  charged: {process: TOPIC, group: billing, after: placed}
seed: {kafka: TOPIC, key: one, value: {id: "o-{run}-{n}"}}
"""
STATE = 'state: [{sql: "select status from v where id = :id", params: {id: "o-{n}"}, equals: X}]\n'
NOWHERE = "127.0.0.1:1"
SHORT = ("--rate", "10", "--duration", "1s", "--drain", "1s")


@pytest.fixture(autouse=True)
def _no_places(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KAFKA", "RABBITMQ", "TRACECHECK_DATABASE", "TRACECHECK_HTTP", "TRACECHECK_RUN_ID"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def scenario(tmp_path: Path, unique_name: str) -> Path:
    path = tmp_path / "order.yaml"
    path.write_text(SCENARIO.replace("TOPIC", unique_name))
    return path


@pytest.fixture
def receiver() -> list[str]:
    """Options of a receiver that is in nobody's way."""
    grpc, http, api = map(str, free_ports(3))
    return ["--store", ":memory:", "--grpc-port", grpc, "--http-port", http, "--api-port", api]


def test_an_interrupted_load_reports_what_it_knows_and_names_what_it_injected(
    scenario: Path, receiver: list[str], embedded_broker: str, unique_name: str
) -> None:
    command = [sys.executable, "-m", "tracecheck", "load", str(scenario), "--output", "json", *receiver]
    endless = ["--rate", "20", "--duration", "600s", "--drain", "600s", "--bootstrap-servers", embedded_broker]
    with subprocess.Popen([*command, *endless], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        seen = [until(lambda: first_record(embedded_broker, unique_name), 60.0)]
        process.send_signal(signal.SIGINT)
        out, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    told = json.loads(out)
    assert (told["interrupted"], told["verdict"]) == (True, "inconclusive")
    assert told["completeness"]["due"] >= told["completeness"]["sent"] == len(told["injected"]) >= len(seen)
    assert told["completeness"]["undecided"] == told["completeness"]["due"]
    assert any(told["injected"][0] in value.decode() for name, value in seen[0].headers if name == "baggage")


def first_record(broker: str, topic: str):  # type: ignore[no-untyped-def]
    """The first event of a load, whose key sends all to one partition."""
    found = (read_record(broker, topic, str(partition), 0, 0.5) for partition in range(4))
    return next((record for record in found if record is not None), None)


def test_a_broker_that_is_down_is_said_before_anything_falls_due(
    tracecheck: Run, scenario: Path, receiver: list[str]
) -> None:
    done = tracecheck("load", str(scenario), *SHORT, *receiver, "--bootstrap-servers", NOWHERE)
    assert done.status == 4
    assert f"no Kafka broker answers at {NOWHERE}" in done.err
    assert done.out == ""


def test_a_read_model_that_refuses_is_said_before_anything_falls_due(
    tracecheck: Run, scenario: Path, receiver: list[str], embedded_broker: str, unique_name: str
) -> None:
    scenario.write_text(scenario.read_text() + STATE)
    places = ["--bootstrap-servers", embedded_broker, "--database", f"postgresql://nobody@{NOWHERE}/none"]
    done = tracecheck("load", str(scenario), *SHORT, *receiver, *places)
    assert done.status == 4
    assert "127.0.0.1:1/none could not be asked" in done.err
    assert first_record(embedded_broker, unique_name) is None


def test_a_broker_that_goes_away_in_the_middle_ends_the_load_in_time_and_is_named(
    tracecheck: Run, scenario: Path, receiver: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as running:
        broker = running.enter_context(run_broker())

        @contextmanager
        def progress(_: str) -> Iterator[Callable[[str], None]]:
            yield lambda text: running.close() if text.startswith("5 of 10 ") else None

        monkeypatch.setattr("tracecheck.cli.load.progress", progress)
        done = tracecheck("load", str(scenario), *SHORT, *receiver, "--bootstrap-servers", broker)
    assert done.status == 1, done.err
    assert re.search(rf"not sent +\d+: no Kafka broker answers at {broker}", done.out)
    assert re.search(r"events +10 due, [0-9] sent, 0 passed, 10 failed", done.out)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--rate", "0", "--duration", "1s"), "expected both above 0"),
        (("--rate", "1", "--duration", "1s", "--ramp", "2s"), "does not fit"),
        (("--rate", "1", "--duration", "1s", "--budget", "p42=1s"), "NAME=LIMIT"),
        (("--rate", "1"), "--duration"),
    ],
)
def test_a_load_that_is_none_is_a_mistake(
    tracecheck: Run, scenario: Path, arguments: tuple[str, ...], words: str
) -> None:
    done = tracecheck("load", str(scenario), *arguments)
    assert done.status == 2
    assert words in done.err


def test_a_load_needs_to_know_what_to_inject(tracecheck: Run, scenario: Path, receiver: list[str]) -> None:
    scenario.write_text(scenario.read_text().partition("seed:")[0])
    done = tracecheck("load", str(scenario), *SHORT, *receiver)
    assert done.status == 2
    assert "has no seed" in done.err
