"""Real files of several projects import with the counts that their list of sources gives, or say why not."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fake_store import FakeStore
from tests.support.shared_data import shared_data
from tracecheck.importers import ImportSummary, import_files
from tracecheck.model import SpanKind

NOT_FOR_IMPORT = re.compile(r"nezha/")
REFUSED = {"otlp2parquet/invalid/trace_invalid_kind.json": "kind must be a number, and is an unknown name"}


COUNTED_IN_PROSE = {"duckdb-otlp/otlp_traces.pb": 1, "otlp2parquet/trace.pb": 2}
"""Protobuf files, whose counts stand below the tables."""

NO_TRACES = re.compile(r"nezha/.*(\.csv\.gz|fault_list\.json)")


def listed() -> Iterator[tuple[str, int, int, int, int]]:
    """(file, traces, spans, services, spans of messages) of each row of the source list that counts them."""
    folder = ""
    for line in shared_data("SOURCES.md").read_text().splitlines():
        if line.startswith("## "):
            folder = line.removeprefix("## ")
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 7 and cells[3].isdigit() and not NOT_FOR_IMPORT.match(f"{folder}/"):
            yield f"{folder}/{cells[0]}", int(cells[3]), int(cells[4]), int(cells[5]), int(cells[6])


def imported(name: str) -> tuple[FakeStore, ImportSummary]:
    store = FakeStore()
    return store, import_files(store, [shared_data(name)])


def test_every_listed_file_imports_with_its_counts() -> None:
    files = list(listed())
    assert len(files) >= 20
    for name, traces, spans, services, messages in files:
        store, summary = imported(name)
        assert summary.spans_read == spans, name
        if name in REFUSED:
            assert (summary.spans_stored, summary.rejected) == (0, spans), name
            assert REFUSED[name] in summary.problems[0]
            continue
        assert summary.spans_stored + summary.duplicates == spans, (name, summary)
        assert len({span.trace_id for span in store.spans}) == traces, name
        assert len({span.service for span in store.spans}) == services, name
        assert sum(span.kind in (SpanKind.PRODUCER, SpanKind.CONSUMER) for span in store.spans) == messages, name
        assert len({span.key for span in store.spans}) == len(store.spans), f"{name}: an id is used twice"


def test_no_file_of_the_shared_data_is_left_out() -> None:
    """Each is listed with its counts, counted in prose, or refused with the reason."""
    folder = shared_data("SOURCES.md").parent
    about = ("SOURCES.md", "MANIFEST.json", "LICENSE")
    names = {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file() and file.name not in about}
    others = names - {name for name, *_ in listed()}
    refused = {name for name in others if NO_TRACES.fullmatch(name)}
    assert others - refused == set(COUNTED_IN_PROSE)
    for name, spans in COUNTED_IN_PROSE.items():
        assert (imported(name)[1].spans_stored, imported(name)[1].problems) == (spans, ()), name
    assert len(refused) == 4
    for name in refused:
        store, summary = imported(name)
        assert (store.spans, summary.rejected, len(summary.problems)) == ([], 1, 1)
        assert "no trace format is recognised" in summary.problems[0]


def test_the_recording_of_the_opentelemetry_demo_keeps_its_spans_and_skips_its_other_lines() -> None:
    store, summary = imported("otel-tui/otel-demo-2024-10-30.otlp.jsonl.gz")
    assert (summary.spans_stored, summary.skipped, summary.problems) == (547, 56, ())
    by_key = {span.key: span for span in store.spans}
    links = [link for span in store.spans for link in span.links]
    assert len(links) == 53
    assert all((link.trace_id, link.span_id) in by_key for link in links)


def test_the_good_line_among_bad_ones_is_kept_and_each_bad_one_named() -> None:
    _, summary = imported("duckdb-otlp/malformed.jsonl")
    assert (summary.spans_stored, summary.rejected) == (1, 3)
    lines = [re.search(r"malformed\.jsonl:(\d):", problem) for problem in summary.problems]
    assert [int(line[1]) for line in lines if line] == [1, 2, 4]


def test_one_request_as_json_and_as_protobuf_gives_equal_rows() -> None:
    as_json, as_protobuf = imported("otlp2parquet/trace.json")[0], imported("otlp2parquet/trace.pb")[0]
    assert as_json.spans == as_protobuf.spans
    assert len(as_json.spans) == 2


def test_a_trace_in_jaeger_json_is_the_trace_it_was_converted_from() -> None:
    (given,), (converted,) = (imported(f"jaeger-ui/otlp2jaeger-{side}.json")[0].spans for side in ("in", "out"))
    for field in ("key", "parent_span_id", "name", "kind", "start_unix_nano", "end_unix_nano", "service"):
        assert getattr(given, field) == getattr(converted, field), field
    assert given.attributes == converted.attributes
    assert given.resource.scope_name == converted.resource.scope_name == "telemetrygen"


def test_a_rabbitmq_hop_in_zipkin_json_is_a_producer_with_its_consumer_beneath() -> None:
    spans = {span.name: span for span in imported("zipkin/messaging.json")[0].spans}
    publish, receive = spans["publish"], spans["next-message"]
    assert receive.parent_span_id == publish.span_id
    assert receive.start_unix_nano - publish.end_unix_nano == 1_555_000
    assert publish.messaging is not None
    assert receive.messaging is not None
    assert (publish.messaging.system, receive.messaging.system) == ("rabbitmq", "rabbitmq")


def test_a_production_trace_of_shared_ids_gives_each_side_its_own() -> None:
    store, _ = imported("zipkin/smartthings-oauth-authorization.json")
    by_key = {span.key: span for span in store.spans}
    receives = [span for span in store.spans if span.name == "receive iot-events360"]
    sends = {by_key[span.trace_id, span.parent_span_id or ""].name for span in receives}
    assert (len(receives), sends) == (5, {"send iot-events360"})


def test_a_folder_takes_what_is_traces_and_passes_over_the_rest(tmp_path: Path) -> None:
    summary = import_files(FakeStore(), [shared_data("crisp")])
    assert (summary.files, summary.spans_read, summary.skipped, summary.problems) == (7, 16, 1, ())


def test_a_table_of_numbers_is_no_trace_file_and_said_so() -> None:
    _, summary = imported("nezha/2022-08-22_04_28.csv.gz")
    assert (summary.spans_read, summary.rejected) == (0, 1)
    assert "no trace format" in summary.problems[0]


@pytest.mark.parametrize("name", ["otlp2parquet/trace.json", "zipkin/yelp.json", "crisp/4.json"])
def test_importing_again_stores_nothing_twice(name: str) -> None:
    store = FakeStore()
    first = import_files(store, [shared_data(name)])
    again = import_files(store, [shared_data(name)])
    assert (again.spans_stored, again.duplicates) == (0, first.spans_read)
