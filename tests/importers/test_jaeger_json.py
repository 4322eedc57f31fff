"""Jaeger's own rules, held where its JSON becomes spans."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.fake_store import FakeStore
from tracecheck.importers import ImportSummary, import_files
from tracecheck.model import Span, SpanKind, StatusCode

TRACE = "5b8efff798038103d269b633813fc60c"


def a_record(number: int = 1, **fields: Any) -> dict[str, Any]:
    given = {"traceID": TRACE, "spanID": f"{number:x}", "operationName": f"op {number}", "processID": "p1"}
    return {**given, "startTime": 1_700_000_000_000_000, "duration": 1500, **fields}


def ref(kind: str, number: int, trace: str = TRACE) -> dict[str, str]:
    return {"refType": kind, "traceID": trace, "spanID": f"{number:x}"}


def tag(key: str, kind: str | None, value: Any) -> dict[str, Any]:
    return {"key": key, "value": value} | ({"type": kind} if kind else {})


def a_trace(*records: dict[str, Any], **processes: Any) -> dict[str, Any]:
    return {
        "traceID": TRACE,
        "spans": list(records),
        "processes": processes or {"p1": {"serviceName": "checkout", "tags": [tag("hostname", "string", "h1")]}},
    }


class Import:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "jaeger.json"

    def __call__(self, document: Any) -> tuple[list[Span], ImportSummary]:
        self.path.write_text(document if isinstance(document, str) else json.dumps(document))
        store = FakeStore()
        summary = import_files(store, [self.path])
        return store.spans, summary

    def one(self, **fields: Any) -> Span:
        (span,), _ = self({"data": [a_trace(a_record(**fields))]})
        return span


@pytest.fixture
def imported(tmp_path: Path) -> Import:
    return Import(tmp_path)


@pytest.mark.parametrize("shape", ["data", "trace", "list", "lines", "span lines"])
def test_traces_come_in_several_wrappers(imported: Import, shape: str) -> None:
    trace = a_trace(a_record(1), a_record(2))
    inline = [{**record, "process": {"serviceName": "checkout"}} for record in trace["spans"]]
    spans, summary = imported(
        {
            "data": {"data": [trace], "errors": None},
            "trace": trace,
            "list": [trace],
            "lines": json.dumps(trace) + "\n" + json.dumps(a_trace(a_record(3))) + "\n",
            "span lines": "\n".join(map(json.dumps, inline)),
        }[shape]
    )
    assert len(spans) == (3 if shape == "lines" else 2)
    assert {span.service for span in spans} == {"checkout"}
    assert summary.problems == ()


def test_an_empty_answer_is_no_problem(imported: Import) -> None:
    assert imported({"data": [], "total": 0})[1] == ImportSummary(files=1)


def test_times_are_microseconds_and_short_ids_get_their_zeros_back(imported: Import) -> None:
    span = imported.one(traceID="ABC", spanID="D")
    assert (span.trace_id, span.span_id) == (f"{0xABC:032x}", f"{0xD:016x}")
    assert (span.start_unix_nano, span.end_unix_nano) == (1_700_000_000_000_000_000, 1_700_000_000_001_500_000)


def test_the_process_is_the_resource(imported: Import) -> None:
    span = imported.one()
    assert (span.service, span.host) == ("checkout", "h1")
    assert span.resource.attributes["hostname"] == "h1"


def test_a_span_without_its_process_keeps_an_unknown_service_and_is_counted(imported: Import) -> None:
    spans, summary = imported({"data": [a_trace(a_record(processID="p9"))]})
    assert (spans[0].service, summary.repaired) == ("unknown_service", 1)


def test_the_first_child_of_within_the_trace_is_the_parent_and_the_rest_are_links(imported: Import) -> None:
    other = "f" * 32
    span = imported.one(
        references=[ref("FOLLOWS_FROM", 7), ref("CHILD_OF", 8, other), ref("CHILD_OF", 9), ref("CHILD_OF", 10)]
    )
    assert span.parent_span_id == f"{9:016x}"
    assert [(link.trace_id, link.span_id, link.attributes["opentracing.ref_type"]) for link in span.links] == [
        (TRACE, f"{7:016x}", "follows_from"),
        (other, f"{8:016x}", "child_of"),
        (TRACE, f"{10:016x}", "child_of"),
    ]


def test_without_a_child_of_the_first_follows_from_within_the_trace_is_the_parent(imported: Import) -> None:
    span = imported.one(references=[ref("FOLLOWS_FROM", 7), ref("FOLLOWS_FROM", 8)])
    assert span.parent_span_id == f"{7:016x}"
    assert [link.span_id for link in span.links] == [f"{8:016x}"]


def test_the_old_parent_field_counts_where_there_are_no_references(imported: Import) -> None:
    assert imported.one(parentSpanID="a").parent_span_id == f"{10:016x}"
    assert imported.one(parentSpanID="0").parent_span_id is None


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("string", "text", "text"),
        ("bool", True, True),
        ("bool", "false", False),
        ("int64", 7, 7),
        ("int64", str(2**63 - 1), 2**63 - 1),
        ("float64", 1, 1.0),
        ("float64", "1.5", 1.5),
        ("binary", "AAAwOQ==", b"\0\x0009"),
        (None, 7, 7),
        (None, 1.5, 1.5),
        (None, "text", "text"),
        ("int64", "seven", "seven"),
    ],
)
def test_tags_keep_their_types(imported: Import, kind: str | None, value: Any, expected: Any) -> None:
    found = imported.one(tags=[tag("k", kind, value)]).attributes["k"]
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize("kind", ["client", "server", "producer", "consumer", "internal"])
def test_the_kind_is_a_tag(imported: Import, kind: str) -> None:
    span = imported.one(tags=[tag("span.kind", "string", kind)])
    assert (span.kind, span.attributes) == (SpanKind[kind.upper()], {})


@pytest.mark.parametrize(
    ("tags", "status", "message"),
    [
        ([tag("error", "bool", True)], StatusCode.ERROR, ""),
        ([tag("error", "bool", False)], StatusCode.UNSET, ""),
        ([tag("error", "string", "timed out")], StatusCode.ERROR, "timed out"),
        (
            [tag("otel.status_code", "string", "ERROR"), tag("otel.status_description", "string", "why")],
            StatusCode.ERROR,
            "why",
        ),
        ([tag("otel.status_code", "string", "OK"), tag("error", "bool", True)], StatusCode.OK, ""),
    ],
)
def test_the_status_is_read_from_its_tags(imported: Import, tags: Any, status: StatusCode, message: str) -> None:
    span = imported.one(tags=tags)
    assert (span.status, span.status_message) == (status, message)


def test_scope_and_trace_state_are_read_from_their_tags(imported: Import) -> None:
    tags = [
        tag("otel.library.name", "string", "lib"),
        tag("otel.scope.version", "string", "2"),
        tag("w3c.tracestate", "string", "a=1"),
    ]
    span = imported.one(tags=tags)
    assert (span.resource.scope_name, span.resource.scope_version, span.trace_state) == ("lib", "2", "a=1")
    assert span.attributes == {}


def test_logs_become_events_named_by_their_event_field(imported: Import) -> None:
    fields = [tag("event", "string", "retry"), tag("attempt", "int64", 2)]
    (event,) = imported.one(logs=[{"timestamp": 1_700_000_000_000_001, "fields": fields}]).events
    assert (event.name, event.time_unix_nano, event.attributes) == ("retry", 1_700_000_000_000_001_000, {"attempt": 2})


@pytest.mark.parametrize("how", ["dump", "search"])
def test_documents_of_its_elasticsearch_store_are_read(imported: Import, how: str) -> None:
    documents = [
        {"_index": "jaeger-span", "_source": a_record(number, process={"serviceName": "billing"})} for number in (1, 2)
    ]
    spans, summary = imported(documents if how == "dump" else {"hits": {"total": 2, "hits": documents}})
    assert (len(spans), summary.repaired, spans[0].resource.attributes["service.name"]) == (2, 0, "billing")


def test_warnings_are_kept(imported: Import) -> None:
    assert imported.one(warnings=["clock skew"]).attributes["jaeger.warnings"] == ("clock skew",)


@pytest.mark.parametrize("bad", [{"spanID": "xyz"}, {"spanID": ""}, {"traceID": "0"}, {"startTime": -1}, {"tags": 7}])
def test_a_bad_span_costs_no_other(imported: Import, bad: Any) -> None:
    spans, summary = imported({"data": [a_trace(a_record(1, **bad), a_record(2))]})
    assert (len(spans), summary.spans_read, summary.rejected) == (1, 2, 1)


def test_a_server_that_shares_its_clients_id_becomes_its_child_with_the_children_of_its_service(
    imported: Import,
) -> None:
    client = a_record(1, tags=[tag("span.kind", "string", "client")])
    server = a_record(1, processID="p2", tags=[tag("span.kind", "string", "server")], operationName="served")
    beneath_server = a_record(2, processID="p2", references=[ref("CHILD_OF", 1)])
    beneath_client = a_record(3, references=[ref("CHILD_OF", 1)])
    elsewhere = a_record(4, processID="p3", references=[ref("CHILD_OF", 1)])
    processes = {f"p{n}": {"serviceName": f"s{n}"} for n in (1, 2, 3)}
    spans, _ = imported({"data": [a_trace(client, server, beneath_server, beneath_client, elsewhere, **processes)]})
    by_name = {span.name: span for span in spans}
    served = by_name["served"]
    assert by_name["op 1"].span_id == f"{1:016x}"
    assert served.span_id != f"{1:016x}"
    assert served.parent_span_id == f"{1:016x}"
    assert by_name["op 2"].parent_span_id == served.span_id
    assert by_name["op 3"].parent_span_id == f"{1:016x}"
    assert by_name["op 4"].parent_span_id == served.span_id
