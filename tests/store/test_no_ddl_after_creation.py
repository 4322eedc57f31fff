"""Row S48: the schema is written once, with a checkpoint; nothing changes it afterwards, so no crash replays it."""

import shutil
from pathlib import Path

from tests.support.spans import Traces
from tracecheck.chains import refresh
from tracecheck.config import SELFTEST_RUN
from tracecheck.store import Store, forget_selftest, open_store, vacuum

SCHEMA = """
    select 'table' as kind, table_name as name, sql from duckdb_tables() where not internal and not temporary
    union all select 'view', view_name, sql from duckdb_views() where not internal and not temporary
    union all select 'index', index_name, sql from duckdb_indexes()
    union all select 'macro', function_name, macro_definition from duckdb_functions() where function_type like '%macro' and not internal
    order by all
"""  # noqa: E501

CRASHES_AFTER = (1, 4, 6)  # a refresh, a removal, an append behind a vacuum


def schema(store: Store) -> list[object]:
    return store.query(SCHEMA).to_pylist()


def test_S48_a_new_store_has_nothing_to_replay(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "t.duckdb"))
    log = tmp_path / "t.duckdb.wal"
    assert not log.exists() or log.stat().st_size == 0
    store.close()


def test_S48_whatever_is_done_with_a_store_its_schema_stays_and_a_crash_at_any_point_replays_rows_only(
    tmp_path: Path,
) -> None:
    """A copy of the files beside the open store is what a crash leaves."""
    store = open_store(str(tmp_path / "t.duckdb"))
    created = schema(store)
    assert not [each for each in created if each["kind"] == "index"]  # type: ignore[index]

    def spans(run_id: str) -> None:
        traces = Traces(run_id=run_id)
        traces.process("billing", "orders", of=traces.send("checkout", "orders", partition="0", offset=1))
        store.append(traces.spans)

    steps = [
        lambda: spans("run-1"),
        lambda: refresh(store),
        lambda: spans(f"{SELFTEST_RUN}1"),
        lambda: refresh(store),
        lambda: forget_selftest(store, f"{SELFTEST_RUN}1"),
        lambda: vacuum(store, older_than_ns=10**18),
        lambda: spans("run-2"),
    ]
    for number, step in enumerate(steps):
        step()
        if number not in CRASHES_AFTER:
            continue
        crashed = tmp_path / f"crashed-{number}"
        crashed.mkdir()
        for file in tmp_path.glob("t.duckdb*"):
            if file.is_file():
                shutil.copy(file, crashed)
        with open_store(str(crashed / "t.duckdb")) as after:
            assert schema(after) == created
            counts = "select (select count(*) from spans) as spans, (select count(*) from chains) as chains"
            assert after.query(counts).to_pylist() == store.query(counts).to_pylist()
    assert schema(store) == created
    store.close()
