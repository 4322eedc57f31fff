"""A store's file: whose it is, who may read it, and what happens when it cannot be opened."""

import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import duckdb
import pytest

from tests.support.spans import a_span
from tracecheck.errors import QueryRefused, StoreForeign, StoreLocked, StoreUnavailable, UsageError
from tracecheck.store import files, open_store
from tracecheck.store.files import SCHEMA_VERSION
from tracecheck.store.spans import read_spans

HOLD = """
import sys
from tracecheck.store import open_store
store = open_store(sys.argv[1])
print("open", flush=True)
sys.stdin.read()
"""

APPEND_AND_DIE = """
import os, signal, sys
from tests.support.spans import a_span
from tracecheck.store import open_store
store = open_store(sys.argv[1])
for _ in range(3):
    store.append([a_span() for _ in range(100)])
os.kill(os.getpid(), signal.SIGKILL)
"""


FILL_THE_DISK = """
import os, resource, sys
from tests.support.spans import a_span
from tracecheck.errors import StoreUnavailable
from tracecheck.store import open_store

def batch():
    return [a_span(attributes={"x": os.urandom(200).hex()}) for _ in range(500)]

store = open_store(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, resource.RLIM_INFINITY))
stored = 0
for _ in range(2):
    try:
        for _ in range(40):
            stored += store.append(batch()).stored
    except StoreUnavailable as error:
        assert "cannot be written now" in str(error), error
    else:
        sys.exit("the disk was never full")
    assert store.query("select count(*) as n from spans")["n"].to_pylist() == [stored]
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
stored += store.append(batch()).stored
assert store.query("select count(*) as n from spans")["n"].to_pylist() == [stored]
store.close()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spans.duckdb"


def test_what_was_stored_is_there_when_the_file_is_opened_again(path):
    first, second = a_span(), a_span()
    with open_store(str(path)) as store:
        store.append([first])
    with open_store(str(path)) as store:
        assert store.append([first, second]).duplicates == 1
        assert {span.key for span in read_spans(store)} == {first.key, second.key}
    assert [entry.name for entry in path.parent.iterdir()] == ["spans.duckdb"]


def test_append_numbers_go_on_where_they_ended(path):
    for _ in range(3):
        with open_store(str(path)) as store:
            store.append([a_span()])
    with open_store(str(path), read_only=True) as store:
        assert store.query("select ingest_number from spans order by 1")["ingest_number"].to_pylist() == [1, 2, 3]


def test_S39_every_append_that_returned_survives_a_kill(path):
    killed = subprocess.run([sys.executable, "-c", APPEND_AND_DIE, str(path)], check=False, cwd=Path.cwd())
    assert killed.returncode == -signal.SIGKILL
    with open_store(str(path)) as store:
        assert store.query("select count(*) as n from spans")["n"].to_pylist() == [300]


def test_S41_a_torn_tail_of_the_log_costs_only_the_unfinished_append(path):
    subprocess.run([sys.executable, "-c", APPEND_AND_DIE, str(path)], check=False, cwd=Path.cwd())
    log = path.with_name(path.name + ".wal")
    os.truncate(log, log.stat().st_size - 100)
    with open_store(str(path)) as store:
        assert store.query("select count(*) as n from spans")["n"].to_pylist() == [200]
        assert store.append([a_span(trace_id="f" * 32)]).stored == 1


@pytest.mark.parametrize(("damaged_at", "kept"), [(0.01, 0), (0.4, 100), (0.99, 200)])
def test_S42_a_damaged_log_is_set_aside_and_all_before_the_damage_kept(path, caplog, damaged_at, kept):
    subprocess.run([sys.executable, "-c", APPEND_AND_DIE, str(path)], check=False, cwd=Path.cwd())
    log = path.with_name(path.name + ".wal")
    content = bytearray(log.read_bytes())
    content[int(damaged_at * len(content))] ^= 0xFF
    log.write_bytes(content)
    with pytest.raises(StoreUnavailable, match="damaged write-ahead log"):
        open_store(str(path), read_only=True)
    with open_store(str(path)) as store:
        assert store.query("select count(*) as n from spans")["n"].to_pylist() == [kept]
        assert store.append([a_span(trace_id="f" * 32)]).stored == 1
    (aside,) = path.parent.glob("*.damaged-*")
    assert aside.read_bytes() == bytes(content)
    assert aside.name in caplog.text
    with open_store(str(path)) as store:
        assert store.query("select count(*) as n from spans")["n"].to_pylist() == [kept + 1]


def test_S43_a_full_disk_refuses_the_append_and_is_over_when_there_is_space(path):
    assert subprocess.run([sys.executable, "-c", FILL_THE_DISK, str(path)], check=False, cwd=Path.cwd()).returncode == 0
    with open_store(str(path)) as store:
        assert store.query("select count(*) % 500 as n, count(*) > 500 as more from spans").to_pylist() == [
            {"n": 0, "more": True}
        ]


def test_S44_a_file_that_another_process_holds_is_named_with_its_holder(path):
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert holder.stdout.readline() == b"open\n"
        for read_only in (False, True):
            with pytest.raises(StoreLocked, match=rf"held by process {holder.pid}") as locked:
                open_store(str(path), read_only=read_only)
            assert locked.value.exit_code == 4
    finally:
        holder.communicate()
    open_store(str(path)).close()


def test_a_second_store_on_one_file_in_one_process_is_refused(path):
    with open_store(str(path)), pytest.raises(StoreLocked, match=str(os.getpid())):
        open_store(str(path))
    open_store(str(path)).close()


@pytest.mark.parametrize("content", [b"", b"no database\n" * 1000, b"SQLite format 3\0" + b"\0" * 4096])
def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(path, content):
    path.write_bytes(content)
    with pytest.raises(StoreForeign, match=r"spans\.duckdb"):
        open_store(str(path))
    assert path.read_bytes() == content


def test_somebody_elses_database_is_refused_and_left_as_it_is(path):
    with duckdb.connect(str(path)) as foreign:
        foreign.execute(
            "create table schema_version (version integer, product varchar); insert into schema_version values (1, 'x')"
        )
    with pytest.raises(StoreForeign, match="no tracecheck store"):
        open_store(str(path))
    with duckdb.connect(str(path)) as foreign:
        assert foreign.execute("show tables").fetchall() == [("schema_version",)]


@pytest.mark.parametrize(("change", "words"), [(1, "newer tracecheck"), (-1, "older tracecheck")])
def test_S45_a_file_of_another_version_is_refused_with_advice(path, change, words):
    open_store(str(path)).close()
    with duckdb.connect(str(path)) as database:
        database.execute("update schema_version set version = version + ?", [change])
    with pytest.raises(StoreForeign, match=rf"{SCHEMA_VERSION + change}.*{words}"):
        open_store(str(path))


def test_a_folder_is_no_store(tmp_path):
    with pytest.raises(StoreForeign, match="directory"):
        open_store(str(tmp_path))


def test_a_file_that_is_missing_is_created_only_when_asked_for(path):
    for refused in ({"read_only": True}, {"create": False}):
        with pytest.raises(StoreUnavailable, match="no store at"):
            open_store(str(path), **refused)
    with pytest.raises(StoreUnavailable, match="cannot be created"):
        open_store(str(path / "no" / "such" / "folder.duckdb"))
    assert not path.exists()


def test_a_store_opened_for_reading_does_not_write(path):
    open_store(str(path)).close()
    with open_store(str(path), read_only=True) as store:
        for write in (
            lambda: store.append([a_span()]),
            lambda: store.write(lambda _: None),
            lambda: store.refresh(lambda _: None),
        ):
            with pytest.raises(UsageError, match="reading only"):
                write()
        assert read_spans(store) == []


def test_S69_file_and_log_are_for_their_owner_alone(path):
    before = os.umask(0o000)
    try:
        with open_store(str(path)) as store:
            store.append([a_span()])
            modes = {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert modes == {"spans.duckdb": 0o600, "spans.duckdb.wal": 0o600}


def test_S49_closing_ends_a_query_of_another_thread_and_frees_the_file(path):
    store = open_store(str(path))
    outcome: list[BaseException] = []
    running = threading.Event()

    def analyst() -> None:
        running.set()
        try:
            store.query("select count(*) from range(1000000000000)")
        except StoreUnavailable as error:
            outcome.append(error)

    thread = threading.Thread(target=analyst)
    thread.start()
    running.wait(10)
    store.close()
    thread.join(10)
    assert not thread.is_alive()
    assert "closed" in str(outcome[0])
    open_store(str(path)).close()


def test_S49_a_wait_ends_when_the_store_is_closed():
    store = open_store(":memory:")
    generation = store.generation()
    thread = threading.Thread(target=lambda: store.wait(generation, 600))
    thread.start()
    store.close()
    thread.join(10)
    assert not thread.is_alive()


def test_S46_a_long_query_neither_waits_for_an_append_nor_holds_one_up(path):
    with open_store(str(path)) as store:
        store.append([a_span()])
        seen: list[int] = []
        started, finish = threading.Event(), threading.Event()

        def work(writer) -> None:
            writer.execute("insert into runs (run_id, started_unix_nano) values ('r', 1)")
            started.set()
            finish.wait(10)

        writing = threading.Thread(target=lambda: store.write(work))
        writing.start()
        started.wait(10)
        seen.append(store.query("select count(*) as n from runs")["n"][0].as_py())
        finish.set()
        writing.join(10)
        seen.append(store.query("select count(*) as n from runs")["n"][0].as_py())
        assert seen == [0, 1]


def test_S46_an_append_goes_past_a_refresh_that_takes_long(path):
    with open_store(str(path)) as store:
        first, second = a_span(), a_span()
        store.append([first])
        started, finish = threading.Event(), threading.Event()
        seen: list[int] = []

        def pipeline(writer) -> None:
            writer.execute("insert into runs (run_id, started_unix_nano) values ('r', 1)")
            started.set()
            finish.wait(10)
            seen.append(writer.execute("select count(*) as n from span_rows")["n"][0].as_py())

        refreshing = threading.Thread(target=lambda: store.refresh(pipeline))
        refreshing.start()
        started.wait(10)
        assert store.append([second, first]).stored == 1
        finish.set()
        refreshing.join(10)
        assert seen == [1]
        assert {span.key for span in read_spans(store)} == {first.key, second.key}
        assert store.query("select run_id from runs")["run_id"].to_pylist() == ["r"]


def test_S46_the_log_stays_bounded_while_a_reader_holds_an_old_snapshot(path, monkeypatch):
    monkeypatch.setattr(files, "CHECKPOINT_THRESHOLD", "1MB")
    log = path.with_name(path.name + ".wal")
    with open_store(str(path)) as store, store._reader() as analyst:
        analyst.execute("begin transaction read only")
        assert analyst.execute("select count(*) from span_rows").fetchall() == [(0,)]
        sizes = []
        for _ in range(8):
            store.append([a_span(attributes={"x": os.urandom(200).hex()}) for _ in range(1000)])
            sizes.append(log.stat().st_size if log.exists() else 0)
        assert max(sizes) < 3_000_000
        assert analyst.execute("select count(*) from span_rows").fetchall() == [(0,)]
        analyst.execute("rollback")


def test_S47_a_query_over_the_memory_limit_is_refused_and_the_store_lives(path, monkeypatch):
    monkeypatch.setattr(files, "MEMORY_LIMIT_BYTES", 100_000_000)
    with open_store(str(path)) as store:
        with pytest.raises(QueryRefused, match="emory"):
            store.query("select len(list(i::varchar || 'x')) from range(20000000) t(i)")
        store.append([a_span()])
        assert len(read_spans(store)) == 1


def test_an_exception_in_a_write_rolls_everything_back_and_reaches_the_caller(path):
    with open_store(str(path)) as store:

        def work(writer) -> None:
            writer.execute("insert into runs (run_id, started_unix_nano) values ('r', 1)")
            raise KeyError("on purpose")

        generation = store.generation()
        with pytest.raises(KeyError, match="on purpose"):
            store.write(work)
        assert store.query("select * from runs").num_rows == 0
        assert store.generation() == generation
        store.append([a_span()])
