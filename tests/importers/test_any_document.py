"""Whatever a JSON file of the known formats' words holds, it is imported or refused with a reason; nothing escapes."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.fake_store import FakeStore
from tracecheck.importers import import_files

odd_values = st.sampled_from(
    [
        None,
        True,
        0,
        -1,
        1,
        1.5,
        2**64,
        10**30,
        "",
        "0",
        "a",
        "ab",
        "xyz",
        "\ud800",
        "1e5",
        [],
        {},
        [None],
        [[]],
        {"a": {}},
    ]
)


def documents(words: list[str], good: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Objects of the format's words with good and odd values, nested as they come."""
    names = st.sampled_from(words)
    leaves = odd_values | st.sampled_from(list(good.values()))
    inner = st.recursive(
        leaves, lambda deeper: st.lists(deeper, max_size=3) | st.dictionaries(names, deeper, max_size=5), max_leaves=12
    )
    spoiled = st.dictionaries(names, inner, max_size=3).map(lambda changes: good | changes)
    return st.lists(spoiled, min_size=1, max_size=4)


JAEGER = {"traceID": "ab", "spanID": "cd", "operationName": "op", "startTime": 1, "duration": 2, "processID": "p1"}
JAEGER_WORDS = [*JAEGER, "references", "tags", "logs", "fields", "process", "serviceName", "key", "type", "value"]
JAEGER_WORDS += ["refType", "flags", "warnings", "parentSpanID", "timestamp", "event"]
ZIPKIN = {"traceId": "ab", "id": "cd", "name": "op", "timestamp": 1, "duration": 2, "kind": "SERVER", "shared": True}
ZIPKIN_WORDS = [*ZIPKIN, "parentId", "localEndpoint", "remoteEndpoint", "tags", "annotations", "value", "serviceName"]
ZIPKIN_WORDS += ["ipv4", "port"]
OTLP = {"traceId": "ab" * 16, "spanId": "cd" * 8, "name": "op", "startTimeUnixNano": "1", "kind": 2, "status": {}}
OTLP_WORDS = [*OTLP, "attributes", "links", "events", "key", "value", "stringValue", "intValue", "arrayValue", "values"]
OTLP_WORDS += ["kvlistValue", "doubleValue", "bytesValue", "boolValue", "flags", "code", "parentSpanId"]


@pytest.mark.parametrize("kind", ["jaeger", "zipkin", "otlp"])
def test_any_document_is_imported_or_refused(tmp_path: Path, kind: str) -> None:
    words, good = {"jaeger": (JAEGER_WORDS, JAEGER), "zipkin": (ZIPKIN_WORDS, ZIPKIN), "otlp": (OTLP_WORDS, OTLP)}[kind]
    path = tmp_path / "f"

    @given(documents(words, good))
    @settings(max_examples=50, deadline=None)
    def holds(spans: list[dict[str, Any]]) -> None:
        document: Any = {
            "jaeger": {"data": [{"traceID": "ab", "spans": spans, "processes": {"p1": {}}}]},
            "zipkin": spans,
            "otlp": {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]},
        }[kind]
        path.write_text(json.dumps(document))
        store = FakeStore()
        summary = import_files(store, [path])
        assert summary.spans_stored + summary.duplicates <= len(spans)
        assert summary.spans_stored or summary.duplicates or summary.problems

    holds()
