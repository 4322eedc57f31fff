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
