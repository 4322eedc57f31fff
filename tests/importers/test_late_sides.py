"""Client and server spans of one id that come in different files end as they do when they come in one."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.importers.test_zipkin_json import LOW, a_record
from tracecheck.chains import refresh
from tracecheck.importers import import_files
from tracecheck.store import Store, open_store
from tracecheck.store.spans import read_spans

CALL = [
    a_record(1, "frontend", name="page", kind="SERVER"),
    a_record(2, "frontend", name="call", kind="CLIENT", parentId="1"),
    a_record(2, "backend", name="serve", kind="SERVER", parentId="1", shared=True, timestamp=1_700_000_000_000_100),
    a_record(3, "backend", name="ask", kind="CLIENT", parentId="2", timestamp=1_700_000_000_000_200),
    a_record(3, "database", name="answer", kind="SERVER", parentId="3", shared=True, timestamp=1_700_000_000_000_300),
    a_record(4, "database", name="read", parentId="3", timestamp=1_700_000_000_000_400),
    a_record(5, "frontend", name="render", parentId="2", timestamp=1_700_000_000_000_500),
]
"""Two calls, one inside the other, each with both sides under one id, and what hangs on either side."""


def a_file(folder: Path, records: list[dict[str, Any]]) -> Path:
    path = folder / f"{len(list(folder.iterdir()))}.json"
    path.write_text(json.dumps(records))
    return path


def stored(store: Store) -> list[str]:
    return sorted(map(repr, read_spans(store)))


def by_name(store: Store) -> dict[str, tuple[str, str | None]]:
    return {span.name: (span.span_id, span.parent_span_id) for span in read_spans(store)}


@pytest.fixture(scope="module")
def in_one_file(tmp_path_factory) -> list[str]:
    with open_store(":memory:") as store:
        import_files(store, [a_file(tmp_path_factory.mktemp("one"), CALL)])
        found = by_name(store)
        assert found["serve"][1] == found["call"][0]
        assert found["ask"][1] == found["serve"][0]
        assert found["read"][1] == found["answer"][0]
        assert found["render"][1] == found["call"][0]
        return stored(store)


@settings(max_examples=8, deadline=None)
@given(order=st.permutations(range(len(CALL))), cuts=st.sets(st.integers(1, len(CALL) - 1)), at_once=st.booleans())
def test_records_spread_over_files_in_any_order_end_as_in_one_file(
    tmp_path_factory, in_one_file, order: list[int], cuts: set[int], at_once: bool
) -> None:
    folder = tmp_path_factory.mktemp("many")
    edges = [0, *sorted(cuts), len(CALL)]
    files = [a_file(folder, [CALL[place] for place in order[start:end]]) for start, end in pairwise(edges)]
    with open_store(":memory:") as store:
        for group in [files] if at_once else [[file] for file in files]:
            import_files(store, group)
        assert stored(store) == in_one_file
        again = import_files(store, files)
        assert (again.spans_stored, again.duplicates) == (0, len(CALL))
        assert stored(store) == in_one_file


def test_chains_built_in_between_follow(tmp_path: Path) -> None:
    with open_store(":memory:") as store:
        import_files(store, [a_file(tmp_path, CALL[3:])])
        refresh(store)
        import_files(store, [a_file(tmp_path, CALL[:3])])
        refresh(store)
        (chain,) = store.query("select chain_id, spans, findings from chains").to_pylist()
        assert chain["chain_id"] == f"{LOW:0>32}:{1:016x}"
        assert (chain["spans"], chain["findings"]) == (len(CALL), [])


def test_a_conflict_that_is_no_shared_id_stays_one(tmp_path: Path) -> None:
    with open_store(":memory:") as store:
        for name in ("one", "other"):
            import_files(store, [a_file(tmp_path, [a_record(1, "frontend", name=name, kind="CLIENT")])])
        assert [span.conflicting for span in read_spans(store)] == [True, True]


def test_no_version_of_a_side_is_lost(tmp_path: Path) -> None:
    """Three that differ in their tags alone, one of them before its client came, are three afterwards."""
    with open_store(":memory:") as store:
        versions = [CALL[2] | {"tags": {"version": str(number)}} for number in range(3)]
        for records in ([versions[0]], [CALL[1]], [versions[1]], [versions[2]], [versions[1]]):
            import_files(store, [a_file(tmp_path, records)])
        servers = [span for span in read_spans(store) if span.name == "serve"]
        assert sorted(span.attributes["version"] for span in servers) == ["0", "1", "2"]
        assert {span.parent_span_id for span in servers} == {CALL[1]["id"]}
        assert all(span.conflicting for span in servers)


def test_jaeger_s_sides_are_told_apart_too(tmp_path: Path) -> None:
    def a_trace(service: str, kind: str) -> Path:
        span = {"traceID": "a1", "spanID": "b2", "operationName": kind, "startTime": 1, "duration": 1, "processID": "p"}
        tagged = {**span, "tags": [{"key": "span.kind", "type": "string", "value": kind}]}
        path = tmp_path / f"{kind}.json"
        path.write_text(
            json.dumps({"data": [{"traceID": "a1", "spans": [tagged], "processes": {"p": {"serviceName": service}}}]})
        )
        return path

    with open_store(":memory:") as store:
        import_files(store, [a_trace("backend", "server")])
        import_files(store, [a_trace("frontend", "client")])
        found = by_name(store)
        assert found["server"][1] == found["client"][0]
        assert [span.conflicting for span in read_spans(store)] == [False, False]
