"""`observe` watches a real bus, runs what puts messages onto it, and its exit status is the verdict."""

import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cli.conftest import Ended, Run
from tests.support.polling import until
from tracecheck.demo.broker import embedded_broker
from tracecheck.probe.brokers import Broker, connect
from tracecheck.probe.events import Event, inject_all, injections

Observe = Callable[..., Ended]
INJECT = "import sys; from tracecheck.cli import main; sys.exit(main(['inject', *sys.argv[1:]]))"
AWAIT = 'touch "$0/observing"; until test -e "$0/injected"; do sleep 0.01; done'
"""A command that lets this process inject while it runs: another Python takes long to start."""


@pytest.fixture
def broker(embedded_broker: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Broker]:
    monkeypatch.setenv("KAFKA", embedded_broker)
    monkeypatch.delenv("RABBITMQ", raising=False)
    broker = connect("kafka", embedded_broker)
    yield broker
    broker.close()


@pytest.fixture
def observe(tracecheck: Run, broker: Broker, unique_name: str, tmp_path: Path) -> Observe:
    """`observe` on a topic of its own, and an event that is injected into it meanwhile."""

    def run(*options: str, event: dict[str, object] | None = None, within: str = "10s", **how: int) -> Ended:
        given = ("observe", unique_name, "--within", within, *options)
        if event is None:
            return tracecheck(*given)
        messages = list(injections(Event(destination=unique_name, **event), count=how.get("count", 1)))  # type: ignore[arg-type]

        def inject() -> None:
            try:
                until(lambda: (tmp_path / "observing").exists())
                list(inject_all(messages, broker, bool, twice=bool(how.get("twice"))))
            finally:
                (tmp_path / "injected").touch()

        injecting = threading.Thread(target=inject)
        injecting.start()
        ended = tracecheck(*given, "--", "sh", "-c", AWAIT, str(tmp_path))
        injecting.join()
        return ended

    return run


def test_what_a_command_puts_onto_the_bus_is_seen(observe: Observe, unique_name: str) -> None:
    ended = observe(
        *("--where", "id=o-7", "--where", "total=42", "--header", "tenant=a", "--output", "json"),
        event={
            "key": "k-{n}",
            "value": {"id": "o-{n}", "total": 42},
            "headers": {"tenant": "a"},
            "run_id": "run-7",
        },
        count=8,
    )
    assert ended.status == 0, ended.err
    document = json.loads(ended.out)
    (found,) = document.pop("found")
    assert document == {
        "schema": "tracecheck/observe/v1",
        "verdict": "pass",
        "expected": {
            "message": "a message on any destination with header tenant 'a', id 'o-7', total 42",
            "at_least": 1,
            "at_most": None,
        },
        "within_ns": 10_000_000_000,
        "seen": document["seen"],
        "problem": None,
    }
    assert (found["destination"], found["key"], found["run_id"]) == (unique_name, "k-7", "run-7")
    assert json.loads(found["value"]) == {"id": "o-7", "total": 42}
    assert "observing" in ended.err


def test_what_does_not_come_fails_with_the_nearest_misses(observe: Observe) -> None:
    ended = observe("--where", "id=o-1", event={"value": {"id": "o-2"}}, within="300ms")
    assert ended.status == 1
    first, second, *_ = ended.out.splitlines()
    assert first.startswith("FAIL expected 1 or more of: message on any destination with id 'o-1'; saw 0")
    assert second.endswith("id is 'o-2', not 'o-1'")


def test_one_event_sent_twice_is_seen_twice(observe: Observe) -> None:
    ended = observe("--event-id", "e-1", "--exactly", "2", event={"event_id": "e-1"}, twice=1, within="500ms")
    assert ended.status == 0, ended.out + ended.err
    assert ended.out.splitlines()[-1] == "PASS a message on any destination with event_id 'e-1': 2 seen"


def test_one_too_many_fails(observe: Observe) -> None:
    assert observe("--none", event={"value": "x"}).status == 1


def test_none_on_a_topic_that_does_not_exist_is_no_pass(observe: Observe) -> None:
    ended = observe("--none", within="200ms")
    assert ended.status == 3
    assert ended.out.startswith("INCONCLUSIVE cannot tell whether there is a message on any destination")


def test_none_on_a_topic_that_exists_is_a_pass(observe: Observe, broker: Broker, unique_name: str) -> None:
    list(inject_all(injections(Event(destination=unique_name)), broker, bool))
    assert observe("--none", within="200ms").status == 0


def test_a_command_that_fails_gives_its_own_status(observe: Observe, tracecheck: Run, unique_name: str) -> None:
    ended = tracecheck("observe", unique_name, "--within", "100ms", "--", "sh", "-c", "exit 7")
    assert ended.status == 7
    assert "status 7, which is also ours" in ended.err


def test_everything_seen_is_kept_where_asked(observe: Observe, tracecheck: Run) -> None:
    assert observe("--store", "{tmp}/seen.duckdb", "--at-least", "2", event={"value": "{n}"}, count=2).status == 0
    query = "select value_text, trace_id is not null as traced from records order by value_text"
    rows = json.loads(tracecheck("sql", query, "--store", "{tmp}/seen.duckdb", "--output", "json").out)["rows"]
    assert rows == [["0", True], ["1", True]]


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        (("--broker", "kafka=127.0.0.1:1"), 4, "Connection refused"),
        (("--broker", "pigeon=coop"), 2, "kafka, rabbitmq"),
        (("--broker", "rabbitmq"), 2, "$RABBITMQ"),
        (("--exactly", "1", "--none"), 2, "give one of --exactly"),
        (("--where", "id"), 2, "NAME=VALUE"),
        (("--where", "a[=1"), 2, "is no JSON path"),
        (("--store", "http://127.0.0.1:1"), 2, "must be one"),
    ],
)
def test_what_cannot_be_is_said_with_its_status(
    observe: Observe, options: tuple[str, ...], status: int, said: str
) -> None:
    ended = observe(*options, within="100ms")
    assert (ended.status, ended.out) == (status, "")
    assert said in ended.err


def test_a_broker_that_goes_away_meanwhile_is_said_at_the_end_of_the_window(
    tracecheck: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracecheck.demo.broker.STOP_TIMEOUT_S", 0.1)
    with ExitStack() as stack:
        address = stack.enter_context(embedded_broker())

        def take_away() -> None:
            try:
                until(lambda: (tmp_path / "observing").exists())
                stack.close()
            finally:
                (tmp_path / "injected").touch()

        taking = threading.Thread(target=take_away)
        taking.start()
        command = ("sh", "-c", AWAIT, str(tmp_path))
        ended = tracecheck("observe", "orders", "--broker", f"kafka={address}", "--within", "300ms", "--", *command)
        taking.join()
    assert (ended.status, ended.out) == (4, "")
    assert "Kafka" in ended.err


@pytest.mark.service("rabbitmq")
def test_an_exchange_of_rabbitmq_is_observed_and_injected_into(
    tracecheck: Run, rabbitmq: str, unique_name: str
) -> None:
    import pika

    with pika.BlockingConnection(pika.URLParameters(rabbitmq)) as system:
        system.channel().exchange_declare(unique_name, "topic", auto_delete=True)
        broker = ("--broker", f"rabbitmq={rabbitmq}")
        command = (sys.executable, "-c", INJECT, f"{unique_name}:order.placed", *broker, "--value", '{"id": "o-1"}')
        ended = tracecheck(
            *("observe", f"{unique_name}:order.*", *broker, "--where", "id=o-1"),
            *("--", *command, "--content-type", "application/json", "--store", "{tmp}/probe.duckdb"),
        )
    assert ended.status == 0, ended.err
    assert ended.out.startswith(f"{unique_name}:order.placed ")
