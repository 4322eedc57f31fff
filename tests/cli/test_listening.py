"""Where commands listen, and who may come in."""

import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tracecheck.demo.broker import free_port
from tracecheck.receiver.ports import url_host

PRINT = "import os, sys; print('told', os.environ['OTEL_EXPORTER_OTLP_ENDPOINT'], file=sys.stderr)"


def test_a_run_listens_where_services_that_are_no_children_of_it_expect_it(
    orders: Path, tracecheck: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    monkeypatch.setenv("TRACECHECK_RUN_ID", "nightly-7")
    port = free_port()
    at = ("--host", "0.0.0.0", "--http-port", str(port), "--store", "{tmp}/run.duckdb")
    done = tracecheck("run", str(orders / "order.yaml"), *at, "--settle", "0", "--", sys.executable, "-c", PRINT)
    assert f"told http://127.0.0.1:{port}" in done.err
    assert "run nightly-7" in done.err


@pytest.mark.parametrize(
    ("listening", "reached"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("fe80::1", "[fe80::1]"), ("h", "h")],
)
def test_an_address_that_means_every_one_is_shown_as_one_that_can_be_called(listening: str, reached: str) -> None:
    assert url_host(listening) == reached
