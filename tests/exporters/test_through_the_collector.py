"""The Collector takes every exported line, by the decoder that Jaeger uses for files given to its UI, and keeps all."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.exporters.test_exports import RECORDING, again, spans_of
from tests.services.collector import RunningCollector
from tests.support.shared_data import shared_data
from tracecheck.exporters import export_spans
from tracecheck.importers import import_files
from tracecheck.store import open_store

CONFIG = """
receivers: {otlp: {protocols: {http: {}, grpc: {}}}}
exporters: {file: {path: "${env:SPANS_FILE}"}}
service: {pipelines: {traces: {receivers: [otlp], exporters: [file]}}}
"""
SOURCES = [RECORDING, "opentelemetry-proto/trace.json", "zipkin/smartthings-oauth-authorization.json", "jaeger"]


@pytest.mark.service("collector")
def test_exported_lines_pass_the_collector_and_come_back_equal(
    tmp_path: Path, collector: Callable[..., AbstractContextManager[RunningCollector]]
) -> None:
    (tmp_path / "collector.yaml").write_text(CONFIG)
    with open_store(":memory:") as store:
        import_files(store, [shared_data(name) for name in SOURCES])
        export_spans(store, str(tmp_path / "out.jsonl"))
        with collector(tmp_path / "collector.yaml", {"SPANS_FILE": str(tmp_path / "back.jsonl")}) as running:
            for line in (tmp_path / "out.jsonl").read_bytes().splitlines():
                sent = Request(f"{running.http_endpoint}/v1/traces", line, {"Content-Type": "application/json"})
                assert urlopen(sent, timeout=10).read() == b'{"partialSuccess":{}}'
        assert again(tmp_path / "back.jsonl") == spans_of(store)
