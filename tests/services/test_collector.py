"""The Collector is a real one: it objects to nonsense, and what it takes in comes out at the other end."""

import json
import subprocess
import urllib.request
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.services import installed
from tests.services.collector import RunningCollector, validate

CONFIG = """
receivers: {otlp: {protocols: {http: {}, grpc: {}}}}
processors: {batch: {timeout: 100ms}}
exporters: {file: {path: "${env:SPANS_FILE}"}}
service: {pipelines: {traces: {receivers: [otlp], processors: [batch], exporters: [file]}}}
"""
SPAN = {
    "traceId": "0af7651916cd43dd8448eb211c80319c",
    "spanId": "b7ad6b7169203331",
    "name": "send orders",
    "kind": 4,
    "startTimeUnixNano": "1",
    "endTimeUnixNano": "2",
}
RunCollector = Callable[..., AbstractContextManager[RunningCollector]]


@pytest.mark.service("collector")
def test_a_span_sent_to_the_collector_comes_out_at_its_exporter(tmp_path: Path, collector: RunCollector) -> None:
    spans = tmp_path / "spans.jsonl"
    with collector(written(tmp_path, CONFIG), {"SPANS_FILE": str(spans)}) as running:
        body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [SPAN]}]}]}).encode()
        request = urllib.request.Request(
            f"{running.http_endpoint}/v1/traces", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            assert response.status == 200
    names = [
        span["name"]
        for line in spans.read_text().splitlines()
        for resource in json.loads(line)["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]
    assert names == ["send orders"]


@pytest.mark.service("telemetrygen")
@pytest.mark.service("collector")
def test_generated_load_passes_the_collector_whole(tmp_path: Path, collector: RunCollector) -> None:
    spans = tmp_path / "spans.jsonl"
    with collector(written(tmp_path, CONFIG), {"SPANS_FILE": str(spans)}) as running:
        endpoint = running.grpc_endpoint.removeprefix("http://")
        generate = [str(installed.telemetrygen()), "traces", "--otlp-insecure", f"--otlp-endpoint={endpoint}"]
        subprocess.run(
            [*generate, "--traces=20", "--child-spans=1", "--rate=0"], check=True, capture_output=True, timeout=60
        )
    assert spans.read_text().count('"spanId"') == 40


@pytest.mark.service("collector")
def test_a_sound_configuration_is_valid(tmp_path: Path) -> None:
    assert validate(written(tmp_path, CONFIG), {"SPANS_FILE": str(tmp_path / "spans.jsonl")}) == ""


@pytest.mark.service("collector")
def test_a_configuration_that_names_an_unknown_exporter_is_objected_to(tmp_path: Path) -> None:
    assert "carrier_pigeon" in validate(written(tmp_path, CONFIG.replace("file: {path", "carrier_pigeon: {path")))


def written(folder: Path, config: str) -> Path:
    file = folder / "collector.yaml"
    file.write_text(config)
    return file
