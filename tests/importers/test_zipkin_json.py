"""Zipkin's own rules, held where its v2 JSON becomes spans."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.fake_store import FakeStore
from tracecheck.importers import ImportSummary, import_files
from tracecheck.model import Span, SpanKind, StatusCode

LOW = "8ce82b2e9ed820ba"


def a_record(number: int = 1, service: str | None = "checkout", **fields: Any) -> dict[str, Any]:
    given = {"traceId": LOW, "id": f"{number:016x}", "name": f"op {number}", "timestamp": 1_700_000_000_000_000}
    endpoint = {"localEndpoint": {"serviceName": service}} if service else {}
    return {**given, "duration": 1500, **endpoint, **fields}


class Import:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "zipkin.json"

    def __call__(self, document: Any) -> tuple[list[Span], ImportSummary]:
        self.path.write_text(document if isinstance(document, str) else json.dumps(document))
        store = FakeStore()
        summary = import_files(store, [self.path])
        return store.spans, summary

    def one(self, **fields: Any) -> Span:
        (span,), _ = self([a_record(**fields)])
        return span


@pytest.fixture
def imported(tmp_path: Path) -> Import:
    return Import(tmp_path)


@pytest.mark.parametrize("shape", ["list", "traces", "lines", "list lines"])
def test_spans_come_in_lists_lists_of_traces_and_lines(imported: Import, shape: str) -> None:
    one, two = a_record(1), a_record(2)
    spans, summary = imported(
        {
            "list": [one, two],
            "traces": [[one], [two]],
            "lines": f"{json.dumps(one)}\n{json.dumps(two)}\n",
            "list lines": f"{json.dumps([one])}\n{json.dumps([two])}\n",
        }[shape]
    )
    assert (len(spans), summary.problems) == (2, ())


def test_an_empty_list_is_no_problem(imported: Import) -> None:
    assert imported([])[1] == ImportSummary(files=1)


def test_64_bit_trace_ids_are_padded_and_times_are_microseconds(imported: Import) -> None:
    span = imported.one()
    assert span.trace_id == "0" * 16 + LOW
    assert (span.start_unix_nano, span.end_unix_nano) == (1_700_000_000_000_000_000, 1_700_000_000_001_500_000)


def test_a_service_that_drops_the_high_half_of_the_trace_id_stays_in_its_trace(imported: Import) -> None:
    spans, _ = imported([a_record(1, traceId="a" * 16 + LOW), a_record(2, traceId=LOW)])
    assert {span.trace_id for span in spans} == {"a" * 16 + LOW}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [(None, SpanKind.INTERNAL), *((kind.name, kind) for kind in SpanKind if kind > SpanKind.INTERNAL)],
)
def test_an_absent_kind_is_a_local_span(imported: Import, kind: str | None, expected: SpanKind) -> None:
    assert imported.one(kind=kind).kind is expected


def test_endpoints_become_service_peer_and_addresses(imported: Import) -> None:
    span = imported.one(
        localEndpoint={"serviceName": "backend", "ipv4": "10.0.0.1", "port": 8080},
        remoteEndpoint={"serviceName": "kafka", "ipv6": "::1"},
    )
    assert span.service == "backend"
    assert span.attributes == {
        "network.local.address": "10.0.0.1",
        "network.local.port": 8080,
        "network.peer.address": "::1",
        "peer.service": "kafka",
    }


def test_a_missing_local_endpoint_is_an_unknown_service(imported: Import) -> None:
    assert imported.one(service=None).service == "unknown_service"


def test_annotations_become_events_and_an_error_tag_the_status(imported: Import) -> None:
    span = imported.one(
        annotations=[{"timestamp": 1_700_000_000_000_007, "value": "wire send"}], tags={"error": "broken pipe"}
    )
    assert [(event.name, event.time_unix_nano) for event in span.events] == [("wire send", 1_700_000_000_000_007_000)]
    assert (span.status, span.status_message) == (StatusCode.ERROR, "broken pipe")


def test_an_empty_error_tag_is_an_error(imported: Import) -> None:
    assert imported.one(tags={"error": ""}).status is StatusCode.ERROR


def test_a_span_without_a_timestamp_starts_at_its_first_annotation(imported: Import) -> None:
    notes = [{"timestamp": 9, "value": "late"}, {"timestamp": 7, "value": "early"}]
    span = imported.one(timestamp=None, duration=None, annotations=notes)
    assert (span.start_unix_nano, span.end_unix_nano) == (7000, 7000)


def test_a_span_that_names_itself_as_parent_has_none(imported: Import) -> None:
    assert imported.one(parentId=f"{1:016x}").parent_span_id is None


def test_a_parent_that_is_not_in_the_file_is_kept(imported: Import) -> None:
    assert imported.one(parentId="abc").parent_span_id == f"{0xABC:016x}"


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_span_reported_in_pieces_is_one_span_in_whatever_order(imported: Import, order: tuple[int, ...]) -> None:
    pieces = [
        a_record(1, tags={"a": "1"}, kind="SERVER"),
        {"traceId": LOW, "id": f"{1:016x}", "tags": {"b": "2"}, "localEndpoint": {"serviceName": "checkout"}},
        a_record(1, timestamp=None, duration=None, annotations=[{"timestamp": 5, "value": "late"}]),
    ]
    (span,), _ = imported([pieces[position] for position in order])
    assert (span.attributes, len(span.events), span.kind) == ({"a": "1", "b": "2"}, 1, SpanKind.SERVER)


@pytest.mark.parametrize("said", [True, False])
def test_a_server_that_shares_its_clients_id_becomes_its_child(imported: Import, said: bool) -> None:
    client = a_record(1, "frontend", kind="CLIENT", parentId="9")
    server = a_record(1, "backend", kind="SERVER", parentId="9", name="served") | ({"shared": True} if said else {})
    child = a_record(2, "backend", parentId=f"{1:x}")
    spans, _ = imported([child, server, client])
    by_name = {span.name: span for span in spans}
    assert (by_name["op 1"].span_id, by_name["op 1"].parent_span_id) == (f"{1:016x}", f"{9:016x}")
    assert by_name["served"].parent_span_id == f"{1:016x}"
    assert by_name["op 2"].parent_span_id == by_name["served"].span_id


def test_a_shared_span_without_its_client_keeps_its_id_and_parent(imported: Import) -> None:
    span = imported.one(kind="SERVER", shared=True, parentId="9")
    assert (span.span_id, span.parent_span_id) == (f"{1:016x}", f"{9:016x}")


@pytest.mark.parametrize(
    "bad",
    [
        {"id": "xyz"},
        {"id": "0"},
        {"traceId": 7},
        {"timestamp": -1},
        {"tags": []},
        {"localEndpoint": "here"},
        {"kind": {}},
    ],
)
def test_a_bad_span_costs_no_other(imported: Import, bad: Any) -> None:
    spans, summary = imported([a_record(1, **bad), a_record(2)])
    kept = 2 if "kind" in bad else 1
    assert (len(spans), summary.spans_read, summary.rejected) == (kept, 2, 2 - kept)


@pytest.mark.parametrize(
    "odd", [{"tags": []}, {"annotations": {}}, {"localEndpoint": {"serviceName": "checkout", "x": 1}, "tags": 7}]
)
def test_an_odd_piece_costs_no_other(imported: Import, odd: Any) -> None:
    spans, summary = imported([a_record(1, tags={"a": "1"}), a_record(1, timestamp=None, **odd), a_record(2)])
    assert {span.name for span in spans} == {"op 1", "op 2"}
    assert summary.rejected == 1


def test_a_service_name_of_a_wrong_type_is_an_unknown_service(imported: Import) -> None:
    spans, _ = imported([a_record(1, localEndpoint={"serviceName": []}), a_record(2, timestamp=None)])
    assert [span.service for span in spans] == ["unknown_service", "checkout"]


def test_deep_lists_are_refused_and_never_crash(imported: Import) -> None:
    assert imported("[" * 900 + "]" * 900)[1].rejected == 1


def test_version_1_is_refused_with_the_way_out(imported: Import) -> None:
    _, summary = imported([a_record(1, binaryAnnotations=[])])
    assert "v2" in summary.problems[0]
