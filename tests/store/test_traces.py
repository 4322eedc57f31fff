"""A trace is found by its id alone after whatever happened to the store, and few rows are read for it."""

import re
import shutil
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.spans import a_span
from tracecheck.chains import refresh
from tracecheck.config import SELFTEST_RUN
from tracecheck.model import Span
from tracecheck.store import Reader, Store, compact, forget_selftest, open_store, vacuum
from tracecheck.store.duckdb_store import DuckDBStore
from tracecheck.store.retention import _remove_before
from tracecheck.store.spans import read_spans
from tracecheck.store.traces import FEW, IN_TRACE, digests

TWINS = [f"{high:024x}0000002a" for high in range(3)]
"""Trace ids with one digest."""
OTHERS = ["000000000000000000000000ffffffff", "f" * 32, "0102030405060708090a0b0c0d0e0f10"]


def keys_in(store: Reader, trace_id: str) -> list[tuple[str, str]]:
    return [span.key for span in read_spans(store, IN_TRACE, {"trace_id": trace_id})]


def noted(store: Reader) -> int:
    return int(store.query("select count(*) as n from trace_append_rows")["n"][0].as_py())


def misses_nothing(store: Reader) -> None:
    """Every trace of the table is found whole by its id, and nothing else with it."""
    stored: dict[str, list[tuple[str, str]]] = {}
    for span in read_spans(store):
        stored.setdefault(span.trace_id, []).append(span.key)
    for trace_id, keys in stored.items():
        assert keys_in(store, trace_id) == keys
    for trace_id in {*TWINS, *OTHERS} - stored.keys():
        assert keys_in(store, trace_id) == []


trace_ids = st.sampled_from(TWINS + OTHERS) | st.integers(1, 2**128 - 1).map("{:032x}".format)
batches = st.lists(st.tuples(trace_ids, st.integers(1, 3), st.sampled_from(["a", "b"])), min_size=1, max_size=4)
steps = st.lists(batches | st.sampled_from(["refresh", "remove old", "remove all", "repeat"]), min_size=1, max_size=5)


@settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=8)
@given(steps=steps)
def test_no_trace_is_missed_whatever_was_appended_repeated_conflicted_or_removed(steps):
    store = DuckDBStore(":memory:")
    last: list[Span] = []
    for step in steps:
        if step == "refresh":
            refresh(store)
        elif step == "remove all":
            vacuum(store, older_than_ns=-(10**15))
        elif step == "remove old":
            _remove_before(
                store, store.query("select max(ingested_unix_nano) as n from span_rows")["n"][0].as_py() or 0
            )
        elif step == "repeat":
            store.append(last)
        else:
            last = [
                a_span(name, trace_id=trace, span_id=f"{span:016x}", start_unix_nano=1) for trace, span, name in step
            ]
            store.append(last)
    misses_nothing(store)
    if store.query("select count(*) as n from span_rows")["n"][0].as_py() == 0:
        refresh(store)
        vacuum(store, older_than_ns=-(10**15))
        assert noted(store) == 0
    store.close()


@pytest.fixture(scope="module")
def empty():
    with open_store(":memory:") as store:
        yield store


@settings(deadline=None, max_examples=50)
@given(ids=st.lists(trace_ids, min_size=1, max_size=20), begin=st.integers(0, 19), pieces=st.integers(1, 3))
def test_the_digest_of_a_column_is_that_of_each_id_in_sql_wherever_its_memory_begins(empty, ids, begin, pieces):
    column = pa.ExtensionArray.from_storage(pa.uuid(), pa.array([UUID(each).bytes for each in ids], pa.binary(16)))
    part = ids[begin % len(ids) :]
    found = set(digests(pa.chunked_array([column[begin % len(ids) :]] * pieces)).to_pylist())
    sql = "select distinct trace_digest(unnest($ids)) as digest"
    for form in (part, [str(UUID(each)) for each in part]):
        assert found == set(empty.query(sql, {"ids": form})["digest"].to_pylist())


@pytest.mark.parametrize("traces", [1, FEW, FEW + 1, 3 * FEW])
def test_a_trace_is_found_in_a_batch_of_any_size(traces):
    spans = [a_span(trace_id=f"{trace * 7919:032x}") for trace in range(1, traces + 1) for _ in range(2)]
    with open_store(":memory:") as store:
        store.append(spans)
        assert noted(store) == traces
        for span in (spans[0], spans[-1]):
            assert len(keys_in(store, span.trace_id)) == 2


def test_a_repeat_notes_nothing_and_a_late_span_of_a_trace_is_found_with_the_others():
    first = a_span()
    with open_store(":memory:") as store:
        store.append([first])
        store.append([first])
        assert noted(store) == 1
        late = a_span(trace_id=first.trace_id)
        conflicting = replace(first, name="another")
        store.append([late])
        store.append([conflicting])
        assert sorted(keys_in(store, first.trace_id)) == sorted([first.key, first.key, late.key])


def test_a_trace_is_found_in_a_reopened_a_crashed_a_read_only_and_a_compacted_file(tmp_path: Path):
    path, crashed = tmp_path / "t.duckdb", tmp_path / "crashed"
    spans = [a_span() for _ in range(3)]
    with open_store(str(path)) as store:
        store.append(spans[:1])
        store.checkpoint()
        store.append(spans[1:2])
        crashed.mkdir()
        for file in tmp_path.glob("t.duckdb*"):
            if file.is_file():
                shutil.copy(file, crashed)
    with open_store(str(crashed / path.name)) as store:
        assert [keys_in(store, span.trace_id) for span in spans] == [[spans[0].key], [spans[1].key], []]
    with open_store(str(path)) as store:
        store.append(spans[2:])
    compact(str(path))
    with open_store(str(path), read_only=True) as store:
        assert [keys_in(store, span.trace_id) for span in spans] == [[span.key] for span in spans]


def test_what_is_removed_is_no_longer_noted(tmp_path: Path):
    def run_of(store: Store, run_id: str) -> None:
        store.append([replace(a_span(), run_id=run_id)])

    with open_store(str(tmp_path / "t.duckdb")) as store:
        run_of(store, "kept")
        run_of(store, f"{SELFTEST_RUN}1")
        assert noted(store) == 2
        forget_selftest(store, f"{SELFTEST_RUN}1")
        assert noted(store) == 1
        vacuum(store, older_than_ns=-(10**15))
        assert noted(store) == 0


def test_only_the_row_group_that_may_hold_a_trace_is_read(tmp_path: Path):
    """DuckDB itself says into how many it looked."""
    with open_store(str(tmp_path / "t.duckdb")) as store:
        store.append([a_span(trace_id="a" * 32)])
        connection = store._connection
        connection.execute("""
            insert into span_rows by name
            select * exclude (event_id, i)
                replace (i // 122880 + 2 as ingest_number, md5((i // 10)::varchar)::uuid as trace_id)
            from (select span_rows.*, i from span_rows, range(3 * 122880) t(i))""")
        connection.execute("""
            insert into trace_append_rows
            select distinct trace_digest(trace_id), ingest_number from span_rows where ingest_number > 1""")
        connection.execute("checkpoint")
        asked = connection.execute("select md5('23456')").fetchall()[0][0]
        assert len(keys_in(store, asked)) == 10
        assert 1 <= row_groups_read(connection, asked) <= 2


def row_groups_read(connection: duckdb.DuckDBPyConnection, trace_id: str) -> int:
    def explained(how: str) -> str:
        sql = f"explain ({how}) select * from span_rows where {IN_TRACE}"
        return str(connection.execute(sql, {"trace_id": trace_id}).fetchall()[0][1])

    if said := re.search(r"Row Groups Scanned: (\d+) / 4", explained("analyze")):
        return int(said[1])
    # DuckDB 1.5 says how many rows.
    return max(map(int, re.findall(r'"operator_rows_scanned": *(\d+)', explained("analyze, format json")))) // 122_880
