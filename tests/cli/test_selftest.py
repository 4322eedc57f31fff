"""`selftest` tells a service that works from one that does not, and leaves nothing behind."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.support.authority import Authority
from tests.support.spans import Traces
from tracecheck.chains import refresh
from tracecheck.config import Endpoints, Listen
from tracecheck.demo.broker import free_port
from tracecheck.errors import UsageError
from tracecheck.receiver import ReceiverOptions, Security
from tracecheck.service import Service
from tracecheck.store import forget_selftest

ANY_PORT = Listen(grpc_port=0, http_port=0, api_port=0)
TABLES = ("span_rows", "chain_rows", "chain_span_rows", "edge_rows", "message_rows", "hop_rows", "correlation_rows")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with Service(str(tmp_path / "t.duckdb"), ANY_PORT) as running:
        yield running


def at(endpoints: Endpoints) -> list[str]:
    return ["--grpc-endpoint", endpoints.grpc, "--http-endpoint", endpoints.http, "--store", endpoints.api]


def contents(service: Service) -> dict[str, list[Any]]:
    return {table: service.store.query(f"select * from {table} order by all").to_pylist() for table in TABLES}


def test_a_service_that_works_passes_and_holds_afterwards_what_it_held_before(
    service: Service, tracecheck: Run
) -> None:
    order = Traces(correlation_id="o-1", run_id="run-1")
    order.process("billing", "orders", of=order.send("checkout", "orders", partition="0", offset=1))
    service.store.append(order.spans)
    refresh(service.store)
    before = contents(service)
    done = tracecheck("selftest", *at(service.endpoints))
    assert (done.status, done.err) == (0, "")
    assert [line.split()[0] for line in done.out.splitlines()] == ["ok"] * 7
    refresh(service.store)
    assert contents(service) == before


def test_the_steps_are_a_document_on_request(service: Service, tracecheck: Run) -> None:
    document = json.loads(tracecheck("selftest", *at(service.endpoints), "-o", "json").out)
    assert (document["schema"], document["passed"]) == ("tracecheck/selftest/v1", True)
    assert [step["failure"] for step in document["steps"]] == [None] * 7
    assert all(step["took_ns"] > 0 for step in document["steps"])


def test_token_and_tls_are_spoken_as_the_environment_says(
    tracecheck: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.issue("server")
    security = Security(certificate=certificate, key=key, token="correct-horse")
    with Service(str(tmp_path / "t.duckdb"), ANY_PORT, ReceiverOptions(security=security, grace_s=1.0)) as service:
        monkeypatch.setenv("TRACECHECK_CA_FILE", str(authority.root))
        refused = tracecheck("selftest", *at(service.endpoints))
        monkeypatch.setenv("TRACECHECK_TOKEN", "correct-horse")
        assert tracecheck("selftest", *at(service.endpoints)).status == 0
    assert refused.status == 4
    assert "UNAUTHENTICATED" in refused.out
    assert "set TRACECHECK_TOKEN" in refused.out
    assert "correct-horse" not in refused.out + refused.err


def test_what_does_not_answer_is_named_and_the_rest_is_tried(service: Service, tracecheck: Run) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    places = at(service.endpoints)
    done = tracecheck("selftest", "--grpc-endpoint", nowhere, *places[2:])
    assert done.status == 4
    failed, *others = done.out.splitlines()
    assert failed.startswith(f"FAIL  OTLP/gRPC at {nowhere}")
    assert "UNAVAILABLE" in failed
    assert all(line.startswith("ok") for line in others)
    assert "tracecheck serve" in done.err


def test_spans_that_are_acknowledged_and_lost_fail_it(
    service: Service, tracecheck: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracecheck.selftest.read_spans", lambda *_: [])
    done = tracecheck("selftest", *at(service.endpoints))
    assert done.status == 1
    assert "12 of 12 acknowledged spans are not stored" in done.out


def test_only_what_a_selftest_wrote_can_be_taken_out(service: Service) -> None:
    with pytest.raises(UsageError, match="only runs of selftest"):
        forget_selftest(service.store, "run-1")


def test_a_file_is_no_running_service(tracecheck: Run) -> None:
    done = tracecheck("selftest", "--store", "t.duckdb")
    assert (done.status, "must be its address" in done.err) == (2, True)
