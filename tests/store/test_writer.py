"""What a write transaction offers to the rooms above."""

import pyarrow as pa
import pytest

from tracecheck.errors import TracecheckError
from tracecheck.store import open_store


@pytest.fixture
def store():
    with open_store(":memory:") as opened:
        yield opened


def test_a_select_inside_sees_what_was_written_inside(store):
    found = []

    def work(writer) -> None:
        writer.execute("insert into runs (run_id, started_unix_nano) values ($id, 1)", {"id": "r"})
        found.append(writer.execute("select run_id from runs").to_pylist())

    store.write(work)
    assert found == [[{"run_id": "r"}]]


def test_returning_gives_rows_and_anything_else_none(store):
    found = []

    def work(writer) -> None:
        found.append(writer.execute("insert into runs (run_id, started_unix_nano) values ('r', 1)"))
        found.append(writer.execute("update runs set verdict = 'pass' returning run_id, verdict").to_pylist())
        found.append(writer.execute("create temp table t as select 1 as x"))
        found.append(writer.execute("drop table t"))
        found.append(writer.execute("delete from runs where run_id = ?", ["nobody"]))

    store.write(work)
    assert found == [None, [{"run_id": "r", "verdict": "pass"}], None, None, None]


def test_arrow_rows_are_inserted_by_column_name(store):
    rows = pa.table({"started_unix_nano": [1, 2], "run_id": ["a", "b"]})
    store.write(lambda writer: writer.insert("runs", rows))
    assert store.query("select run_id, started_unix_nano, verdict from runs order by 1").to_pylist() == [
        {"run_id": "a", "started_unix_nano": 1, "verdict": None},
        {"run_id": "b", "started_unix_nano": 2, "verdict": None},
    ]


def test_no_rows_are_no_change(store):
    before = store.generation()
    store.write(lambda writer: writer.insert("runs", pa.table({"run_id": pa.array([], pa.string())})))
    assert store.generation() == before


def test_a_wrong_statement_is_a_bug_of_ours_and_leaves_the_store_whole(store):
    with pytest.raises(TracecheckError, match="no_such_table"):
        store.write(lambda writer: writer.execute("select * from no_such_table"))
    store.write(lambda writer: writer.execute("insert into runs (run_id, started_unix_nano) values ('r', 1)"))
    assert store.query("select * from runs").num_rows == 1
