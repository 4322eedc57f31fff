"""The clients that people use deliver every span they sent, once, also past a receiver that refuses most requests."""

import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from tests.services import installed
from tests.services.process import clean_environment
from tests.support.refusing import Refusals
from tracecheck.config import Listen
from tracecheck.receiver import RunningReceiver, start_receiver
from tracecheck.store import Store, open_store

SPANS, BATCH = 40, 20
TIMEOUT_S = 60
NODE_VARIANTS = {f"node-{protocol}-{packed}" for protocol in ("grpc", "http", "json") for packed in ("none", "gzip")}
GENERATED = b"telemetrygen"
"""Go's exporters wait five seconds and more between tries, whatever they are told."""

pytestmark = [pytest.mark.service("node"), pytest.mark.service("telemetrygen")]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(str(tmp_path / "clients.duckdb"))
    yield opened
    opened.close()


@pytest.fixture
def receiver(store: Store) -> Iterator[RunningReceiver]:
    with start_receiver(store, Listen(grpc_port=0, http_port=0, api_port=0)) as running:
        yield running


def test_every_client_delivers_every_span(receiver: RunningReceiver, store: Store) -> None:
    expected = all_deliver(receiver)
    receiver.close()
    assert stored(store) == expected


def test_A14_A23_S16_every_client_delivers_every_span_past_seven_refusals_in_ten(
    receiver: RunningReceiver, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = Refusals(patient=GENERATED)
    refusals.install(monkeypatch)
    expected = all_deliver(receiver)
    receiver.close()
    assert stored(store) == expected
    assert refusals.refused / (refusals.refused + refusals.taken) >= 0.7


def all_deliver(receiver: RunningReceiver) -> dict[str, tuple[int, int]]:
    """Runs all clients at once; gives by service how many spans it sent, and how many distinct ones."""
    python = python_exporters(receiver)
    with ThreadPoolExecutor(len(python) + 3) as clients:
        running = [clients.submit(by_python, name, exporter) for name, exporter in python.items()]
        running.append(clients.submit(by_node, receiver))
        running += [clients.submit(by_telemetrygen, receiver, protocol) for protocol in ("grpc", "http")]
        for client in running:
            client.result()
    return dict.fromkeys((*python, *NODE_VARIANTS, "telemetrygen-grpc", "telemetrygen-http"), (SPANS, SPANS))


def python_exporters(receiver: RunningReceiver) -> dict[str, SpanExporter]:
    traces = f"{receiver.http_endpoint}/v1/traces"
    at = {"endpoint": receiver.grpc_endpoint, "insecure": True, "timeout": TIMEOUT_S}
    return {
        "python-grpc-none": GrpcExporter(**at),
        "python-grpc-gzip": GrpcExporter(**at, compression=grpc.Compression.Gzip),
        "python-http-none": HttpExporter(endpoint=traces, timeout=TIMEOUT_S),
        "python-http-gzip": HttpExporter(endpoint=traces, timeout=TIMEOUT_S, compression=Compression.Gzip),
    }


def by_python(name: str, exporter: SpanExporter) -> None:
    provider = TracerProvider(resource=Resource({"service.name": name}))
    provider.add_span_processor(BatchSpanProcessor(exporter, max_export_batch_size=BATCH))
    for number in range(SPANS):
        provider.get_tracer("real client").start_span(f"span {number}").end()
    assert provider.force_flush(TIMEOUT_S * 1000)
    provider.shutdown()


def by_node(receiver: RunningReceiver) -> None:
    script = Path(__file__).with_name("node_exporters.js")
    environment = clean_environment(
        {
            "NODE_PATH": str(installed.node_modules()),
            "GRPC": receiver.grpc_endpoint,
            "HTTP": receiver.http_endpoint,
            "SPANS": str(SPANS),
            "BATCH": str(BATCH),
        }
    )
    run(["node", str(script)], environment)


def by_telemetrygen(receiver: RunningReceiver, protocol: str) -> None:
    endpoint = receiver.grpc_endpoint if protocol == "grpc" else receiver.http_endpoint
    command = [str(installed.telemetrygen()), "traces", "--otlp-insecure", "--rate=0", f"--timeout={TIMEOUT_S}s"]
    command += [f"--traces={SPANS // 2}", "--child-spans=1", f"--batch-size={SPANS}"]
    command += [f"--service=telemetrygen-{protocol}", f"--otlp-endpoint={endpoint.removeprefix('http://')}"]
    run([*command, "--otlp-http"] if protocol == "http" else command, clean_environment())


def run(command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(
        command, env={**environment, "PATH": os.environ["PATH"]}, capture_output=True, text=True, timeout=2 * TIMEOUT_S
    )
    assert done.returncode == 0, done.stdout + done.stderr


def stored(store: Store) -> dict[str, tuple[int, int]]:
    """By service: rows, and distinct identities among them."""
    rows = store.query(
        "select service, count(*) as spans, count(distinct (trace_id, span_id)) as different from spans group by all"
    ).to_pylist()
    return {row["service"]: (row["spans"], row["different"]) for row in rows}
