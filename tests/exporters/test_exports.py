"""What is exported is what was received, and other readers can read it."""

import base64
import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from backports import zstd
from google.protobuf import json_format
from hypothesis import given, settings
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.api.serving import served
from tests.support.any_request import requests
from tests.support.any_span import exactly
from tests.support.shared_data import shared_data
from tests.support.spans import Traces, a_span
from tracecheck.chains import refresh, summaries
from tracecheck.errors import EnvironmentFault
from tracecheck.exporters import Selection, export_spans, exports
from tracecheck.exporters.otlp_json import encode_request
from tracecheck.exporters.selection import pages
from tracecheck.importers import import_files
from tracecheck.receiver import decode_json, decode_protobuf
from tracecheck.semconv import canonical
from tracecheck.store import Store, open_store
from tracecheck.store.spans import read_spans

RECORDING = "otel-tui/otel-demo-2024-10-30.otlp.jsonl.gz"


@pytest.fixture
def store() -> Iterator[Store]:
    with open_store(":memory:") as opened:
        yield opened


def spans_of(store: Store) -> list[str]:
    return sorted(exactly(span) for span in read_spans(store))


def again(file: Path) -> list[str]:
    """The spans of the file, imported into another store without a complaint."""
    with open_store(":memory:") as other:
        summary = import_files(other, [file], strict=True)
        assert (summary.rejected, summary.repaired, summary.skipped) == (0, 0, 0)
        return spans_of(other)


@settings(max_examples=50)
@given(request=requests)
def test_whatever_was_received_is_written_as_what_is_read_again(
    request: ExportTraceServiceRequest,
) -> None:
    spans = decode_protobuf(request.SerializeToString()).spans
    written = json.dumps(encode_request(spans), allow_nan=False)
    back = decode_json(written)
    assert (back.rejected, back.repaired) == (0, 0)
    assert sorted(map(exactly, back.spans)) == sorted(map(exactly, spans))


@settings(max_examples=5, deadline=None)
@given(request=requests)
def test_a_store_exported_and_imported_is_an_equal_store(
    tmp_path_factory: pytest.TempPathFactory, request: ExportTraceServiceRequest
) -> None:
    file = tmp_path_factory.mktemp("exported") / "spans.jsonl"
    with open_store(":memory:") as store:
        store.append([canonical(span) for span in decode_protobuf(request.SerializeToString()).spans])
        assert export_spans(store, str(file)).spans == len(spans_of(store))
        assert again(file) == spans_of(store)


@pytest.mark.parametrize("name", ["spans.jsonl", "spans.jsonl.gz", "spans.jsonl.zst"])
def test_a_real_recording_comes_back_whole_however_it_is_packed(store: Store, tmp_path: Path, name: str) -> None:
    import_files(store, [shared_data(RECORDING)])
    assert export_spans(store, str(tmp_path / name)).spans == 547
    assert again(tmp_path / name) == spans_of(store)
    head = (tmp_path / name).read_bytes()[:4]
    unpack = {b"\x1f\x8b": gzip.decompress, b"\x28\xb5": zstd.decompress}.get(head[:2], bytes)
    assert unpack((tmp_path / name).read_bytes()).startswith(b'{"resourceSpans":[')


def test_each_line_is_an_otlp_request_by_the_protocols_own_definition(store: Store, tmp_path: Path) -> None:
    """The protobuf runtime reads JSON strictly: unknown names and wrong types are errors. Ids are hex in OTLP."""
    import_files(store, [shared_data(RECORDING), shared_data("opentelemetry-proto/trace.json")])
    export_spans(store, str(tmp_path / "spans.jsonl"))
    found = 0
    for line in (tmp_path / "spans.jsonl").read_text().splitlines():
        request = json_format.ParseDict(in_base64(json.loads(line)), ExportTraceServiceRequest())
        found += sum(len(scope.spans) for each in request.resource_spans for scope in each.scope_spans)
    assert found == 548


def in_base64(value: Any) -> Any:
    if isinstance(value, list):
        return [in_base64(each) for each in value]
    if isinstance(value, dict):
        return {
            key: base64.b64encode(bytes.fromhex(inner)).decode()
            if key in ("traceId", "spanId", "parentSpanId")
            else in_base64(inner)
            for key, inner in value.items()
        }
    return value


def test_standard_output_gets_the_lines(store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    store.append([canonical(a_span("one"))])
    out = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr("sys.stdout", out)
    export_spans(store, "-")
    (tmp_path / "piped").write_bytes(out.buffer.getvalue())
    assert again(tmp_path / "piped") == spans_of(store)


def test_parquet_has_the_columns_of_the_table_and_links_and_events(store: Store, tmp_path: Path) -> None:
    import_files(store, [shared_data(RECORDING)])
    export_spans(store, str(tmp_path / "spans.parquet"))
    table = pq.read_table(tmp_path / "spans.parquet")
    view = store.query("select * from spans order by trace_id, span_id")
    columns = view.schema.names
    assert table.schema.names == [*columns, "links", "events"]
    by_ids = table.sort_by([("trace_id", "ascending"), ("span_id", "ascending")])
    assert by_ids.select(columns).to_pylist() == view.to_pylist()
    assert sum(len(each or ()) for each in table["links"].to_pylist()) == 53
    assert str(table.schema.field("attributes").type) == "map<string, string ('attributes')>"


def test_an_empty_choice_is_an_empty_file_of_its_kind(store: Store, tmp_path: Path) -> None:
    for name in ("spans.jsonl", "spans.parquet"):
        assert export_spans(store, str(tmp_path / name)).spans == 0
    assert (tmp_path / "spans.jsonl").read_bytes() == b""
    assert pq.read_table(tmp_path / "spans.parquet").num_rows == 0


def test_run_chain_and_window_choose_the_spans_and_all_of_them(store: Store, tmp_path: Path) -> None:
    first, second = (Traces(correlation_id=f"o-{n}", run_id=f"run-{n}") for n in (1, 2))
    second.now_unix_nano = first.now_unix_nano + 10**10
    for offset, traces in enumerate((first, second)):
        sent = traces.send("checkout", "orders", partition="0", offset=offset)
        traces.process("billing", "orders", of=sent)
        store.append(traces.spans)
    refresh(store)
    (chain,) = [each.chain_id for each in summaries(store, run_id="run-2")]
    began = min(span.start_unix_nano for span in second.spans)
    expected = {span.key for span in second.spans}
    for selection in (
        Selection(run_id="run-2"),
        Selection(chain_ids=(chain,)),
        Selection(since_unix_nano=began),
        Selection(run_id="run-2", chain_ids=(chain,), since_unix_nano=began, until_unix_nano=began + 10**12),
    ):
        file = tmp_path / "some.jsonl"
        export_spans(store, str(file), selection)
        with open_store(":memory:") as other:
            import_files(other, [file], strict=True)
            assert {span.key for span in read_spans(other)} == expected, selection
    assert export_spans(store, str(file), Selection(until_unix_nano=began)).spans == len(first.spans)
    assert export_spans(store, str(file), Selection(chain_ids=())).spans == 0


def test_no_more_than_a_page_is_read_at_once_and_nothing_twice(store: Store, tmp_path: Path) -> None:
    """Small appends go together, and one large append is cut."""
    for number in range(30):
        store.append([a_span(f"small {number} {each}") for each in range(3)])
    store.append([a_span(f"large {number}") for number in range(400)])
    found = list(pages(store, Selection(), page_spans=50))
    read = [read_spans(store, page.where_sql, page.parameters) for page in found]
    assert max(len(spans) for spans in read) < 100
    keys = [span.key for spans in read for span in spans]
    assert len(keys) == len(set(keys)) == 490


def test_spans_of_a_running_service_are_exported_through_its_read_api(store: Store, tmp_path: Path) -> None:
    import_files(store, [shared_data(RECORDING)])
    with served(store) as url:
        remote = open_store(url)
        export_spans(remote, str(tmp_path / "spans.jsonl.zst"))
        assert export_spans(remote, str(tmp_path / "spans.parquet")).spans == 547
    assert again(tmp_path / "spans.jsonl.zst") == spans_of(store)


def test_a_file_that_cannot_be_finished_is_not_there(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.append([a_span()])
    (tmp_path / "spans.jsonl").write_text("of yesterday")

    def full(_: object) -> dict[str, object]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(exports, "encode_request", full)
    with pytest.raises(EnvironmentFault, match="No space left on device"):
        export_spans(store, str(tmp_path / "spans.jsonl"))
    assert [file.name for file in tmp_path.iterdir()] == ["spans.jsonl"]
    assert (tmp_path / "spans.jsonl").read_text() == "of yesterday"
    with pytest.raises(EnvironmentFault, match="cannot be written"):
        export_spans(store, str(tmp_path / "nowhere" / "spans.jsonl"))
