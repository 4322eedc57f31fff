"""`inject` puts an event onto a real bus, with everything by which its chain is found again."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run

kafka = pytest.importorskip("kafka")


def test_an_injected_event_is_on_the_bus_and_its_span_in_the_store(
    tracecheck: Run, embedded_broker: str, unique_name: str, tmp_path: Path
) -> None:
    (tmp_path / "value.json").write_text('{"id": "o-5"}')
    ended = tracecheck(
        *("inject", unique_name, "--bootstrap-servers", embedded_broker, "--store", "{tmp}/probe.duckdb"),
        *(
            "--key",
            "k-5",
            "--value",
            "@{tmp}/value.json",
            "--header",
            "tenant=a=b",
            "--content-type",
            "application/json",
        ),
        *("--correlation-id", "o-5", "--run", "run-5", "--event-id", "e-5", "--output", "json"),
    )
    assert ended.status == 0, ended.err
    told = json.loads(ended.out)
    assert told["schema"] == "tracecheck/inject/v1"
    assert (told["destination"], told["correlation_id"], told["event_id"]) == (unique_name, "o-5", "e-5")

    consumer = kafka.KafkaConsumer(
        unique_name, bootstrap_servers=embedded_broker, auto_offset_reset="earliest", consumer_timeout_ms=20_000
    )
    record = next(consumer)
    consumer.close()
    headers = dict(record.headers)
    assert (record.key, record.value, record.offset) == (b"k-5", b'{"id": "o-5"}', told["offset"])
    assert headers["traceparent"].decode().split("-")[1] == told["trace_id"]
    assert headers["tenant"] == b"a=b"
    assert headers["content-type"] == b"application/json"
    assert {b"correlation.id=o-5", b"tracecheck.run.id=run-5"} == set(headers["baggage"].split(b","))

    chains = json.loads(tracecheck("chains", "--store", "{tmp}/probe.duckdb", "--output", "json").out)["chains"]
    assert [(chain["chain_id"], chain["run_id"]) for chain in chains] == [(told["chain_id"], "run-5")]


def test_an_injection_whose_span_nobody_takes_says_so(tracecheck: Run, embedded_broker: str, unique_name: str) -> None:
    ended = tracecheck(
        "inject", unique_name, "--bootstrap-servers", embedded_broker, "--endpoint", "http://127.0.0.1:1"
    )
    assert ended.status == 4
    assert "tracecheck serve" in ended.err
    assert ended.out == ""


def test_events_come_from_a_file_or_a_table_and_are_told_in_one_document(
    tracecheck: Run, embedded_broker: str, unique_name: str, tmp_path: Path
) -> None:
    (tmp_path / "cases.csv").write_text("id,total\no-1,5\no-2,7\n")
    (tmp_path / "events.jsonl").write_text('{"key": "a", "value": {"n": "{n}"}}\n{"key": "b"}\n')
    place = (unique_name, "--bootstrap-servers", embedded_broker, "--store", "{tmp}/probe.duckdb", "--output", "json")
    table = tracecheck(
        "inject", *place, "--cases", "{tmp}/cases.csv", "--key", "{id}", "--value", '{"total": {total}}', "--rate", "50"
    )
    file = tracecheck("inject", *place, "--events", "{tmp}/events.jsonl", "--correlation-id", "c-{n}")
    assert (table.status, file.status) == (0, 0), table.err + file.err
    for ended in (table, file):
        document = json.loads(ended.out)
        assert document["schema"] == "tracecheck/inject/v1"
        assert [event["destination"] for event in document["events"]] == [unique_name] * 2
    assert [event["correlation_id"] for event in json.loads(file.out)["events"]] == ["c-0", "c-1"]

    consumer = kafka.KafkaConsumer(
        unique_name, bootstrap_servers=embedded_broker, auto_offset_reset="earliest", consumer_timeout_ms=20_000
    )
    records = sorted((next(consumer) for _ in range(4)), key=lambda record: record.key)
    consumer.close()
    assert [(record.key, record.value) for record in records] == [
        (b"a", b'{"n": 0}'),
        (b"b", None),
        (b"o-1", b'{"total": 5}'),
        (b"o-2", b'{"total": 7}'),
    ]
    spans = json.loads(tracecheck("chains", "--store", "{tmp}/probe.duckdb", "--output", "json").out)["chains"]
    assert len(spans) == 4


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--key", "{unknown}"), "{unknown} is not known"),
        (("--events", "{tmp}/absent"), "cannot be read"),
        (("--cases", "{tmp}/absent"), "cannot be read"),
        (("--rate", "0"), "--rate"),
        (("--count", "0"), "--count"),
    ],
)
def test_a_mistake_is_said_before_anything_is_sent(tracecheck: Run, options: tuple[str, ...], said: str) -> None:
    ended = tracecheck("inject", "orders", "--bootstrap-servers", "127.0.0.1:1", *options)
    assert (ended.status, ended.out) == (2, "")
    assert said in ended.err
