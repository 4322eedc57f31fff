"""Every example in the documentation does what the page shows."""

from dataclasses import replace
from pathlib import Path

from tests.support.documents import run_document
from tests.support.good_orders import orders
from tests.support.shared_data import shared_data
from tests.support.spans import Traces, a_span
from tracecheck.model import Resource, SpanKind
from tracecheck.semconv import canonical
from tracecheck.store import open_store

DOCS = Path(__file__).parents[2] / "docs"


def test_a_recording_is_imported_and_asked_as_shown(tmp_path: Path):
    recording = shared_data("otel-tui/otel-demo-2024-10-30.otlp.jsonl.gz")
    (tmp_path / recording.name).symlink_to(recording)
    run_document(DOCS / "imported-traces.md", tmp_path, {})


def test_two_windows_of_a_recording_are_compared_as_shown(tmp_path: Path):
    recording = shared_data("otel-tui/otel-demo-2024-10-30.otlp.jsonl.gz")
    (tmp_path / recording.name).symlink_to(recording)
    run_document(DOCS / "compare.md", tmp_path, {})


def test_an_expectation_is_learned_and_held_as_shown(tmp_path: Path):
    with open_store(str(tmp_path / "good.duckdb")) as store:
        store.append(orders(40))
    run_document(DOCS / "learn.md", tmp_path, {})


def test_a_store_is_examined_as_shown(tmp_path: Path):
    resource = Resource(
        attributes={
            "service.name": "billing",
            "telemetry.sdk.language": "python",
            "telemetry.sdk.name": "opentelemetry",
            "telemetry.sdk.version": "1.45.1",
        },
        scope_name="opentelemetry.instrumentation.kafka",
        scope_version="0.66b1",
    )
    taken = a_span("orders receive", kind=SpanKind.CONSUMER, attributes={"messaging.destination": "orders"})
    with open_store(str(tmp_path / "spans.duckdb")) as store:
        store.append([canonical(replace(taken, resource=resource))])
    run_document(DOCS / "doctor.md", tmp_path, {})


def test_times_are_shown_and_bounded_as_written(tmp_path: Path):
    told = Traces(correlation_id="o-1")
    place = {"partition": "0", "offset": 41}
    sent = told.send("checkout", "orders", at_ms=0, took_ms=5, **place)
    record_time = told.start_unix_nano + 2_000_000
    handled = told.process(
        "billing", "orders", of=sent, at_ms=40, took_ms=20, record_time_unix_nano=record_time, **place
    )
    told.send("billing", "payments", under=handled, at_ms=55, took_ms=1)
    with open_store(str(tmp_path / "orders.duckdb")) as store:
        store.append(told.spans)
    run_document(DOCS / "time.md", tmp_path, {})
