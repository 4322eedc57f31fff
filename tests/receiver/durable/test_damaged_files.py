"""Rows S41 to S49 with a journal beside the database: what was acknowledged is stored, or it is said where it is."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from tests.receiver.conftest import ANY_PORT
from tests.receiver.durable.conftest import ROOT, killed, numbers, send
from tests.support.fake_store import FakeStore
from tracecheck.errors import StoreDamaged, StoreForeign, StoreUnavailable
from tracecheck.importers import import_files
from tracecheck.receiver import replay, start_receiver
from tracecheck.receiver.journal import segments
from tracecheck.receiver.journal_format import read_segment
from tracecheck.store import compact, files, open_store
from tracecheck.store.files import SCHEMA_VERSION
from tracecheck.store.progress import journal_folder

ENDS_WITHOUT_CLOSING = """
import sys, threading
from contextlib import suppress
import duckdb
from tests.receiver.conftest import ANY_PORT
from tests.receiver.durable.conftest import send
from tracecheck.errors import StoreUnavailable
from tracecheck.receiver import hot_tier, start_receiver
from tracecheck.store import open_store

hot_tier.QUIET_S = hot_tier.MOST_WAIT_S = 600.0
store = open_store(sys.argv[1])
receiver = start_receiver(store, ANY_PORT)
assert send(receiver, 1, 3).ok
begun = threading.Event()

def ask():
    with suppress(StoreUnavailable), store._reader() as connection:
        begun.set()
        with suppress(duckdb.InterruptException):
            connection.execute("select count(*) from range(100000000000) a, range(1000) b").fetchall()

threading.Thread(target=ask, daemon=True).start()
assert begun.wait(30)
sys.exit(0)
"""


@pytest.fixture
def left(receiver, store, path, tmp_path) -> Path:
    """What a kill leaves: spans 1 to 3 in the file, 4 to 6 (a request each) in its journal only."""
    assert send(receiver, 1, 3).ok
    assert numbers(store) == [1, 2, 3]
    store.checkpoint()
    for number in (4, 5, 6):
        assert send(receiver, number).ok
    return killed(path, tmp_path / "killed")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(each.relative_to(folder)): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


def commanded(*arguments: str, store: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tracecheck", *arguments, "--store", str(store)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, timeout=60)


def alter(file: Path, place: int) -> None:
    content = bytearray(file.read_bytes())
    content[place] ^= 0xFF
    file.write_bytes(content)


def a_block_of_spans(database: Path) -> int:
    """Where in the file ids of stored spans lie."""
    with duckdb.connect(str(database), read_only=True) as connection:
        found = connection.execute(
            "select min(block_id) from pragma_storage_info('span_rows') where column_name = 'span_id' and block_id >= 0"
        ).fetchall()
        (size,) = connection.execute("select block_size from pragma_database_size()").fetchall()[0]
    return int(3 * 4096 + found[0][0] * size)


def test_S42_a_damaged_database_is_refused_its_journal_left_alone_and_read_into_a_new_store(left) -> None:
    os.truncate(left, left.stat().st_size // 2)
    before = contents(journal_folder(left))
    done = commanded("sql", "select sum(span_id) from span_rows", store=left)
    assert (done.returncode, done.stdout) == (4, "")
    assert f"{left} is damaged" in done.stderr
    assert f"keep {journal_folder(left)}" in done.stderr
    assert "Traceback" not in done.stderr
    assert contents(journal_folder(left)) == before

    left.rename(left.with_name("moved-away"))
    with open_store(str(left)) as store:
        assert replay(store).damaged_records == 1
        summary = import_files(store, [journal_folder(left)])
        assert (numbers(store)[-3:], summary.problems) == ([4, 5, 6], ())


@pytest.mark.parametrize("place", [0, 100, 5_000, 9_000, 13_000])
def test_S42_a_database_damaged_at_its_beginning_is_refused_and_its_journal_left_alone(left, place) -> None:
    alter(left, place)
    before = contents(journal_folder(left))
    with pytest.raises(StoreDamaged, match=f"keep {journal_folder(left)}"):
        open_store(str(left))
    assert contents(journal_folder(left)) == before


def test_S42_a_damaged_database_with_a_copy_in_its_place_goes_on_with_its_journal(left, tmp_path) -> None:
    shutil.copy(left, tmp_path / "copy")
    os.truncate(left, 100)
    with pytest.raises(StoreDamaged):
        open_store(str(left))
    shutil.copy(tmp_path / "copy", left)
    with open_store(str(left)) as store:
        assert replay(store).damaged_records == 0
        assert numbers(store) == [1, 2, 3, 4, 5, 6]
    assert not journal_folder(left).exists()


def test_S42_a_damaged_block_is_said_by_the_query_that_meets_it_and_by_no_other(left) -> None:
    alter(left, a_block_of_spans(left) + 60)
    with open_store(str(left)) as store, start_receiver(store, ANY_PORT) as running:
        assert send(running, 7).ok
        assert store.query("select count(*) as n from span_rows")["n"].to_pylist() == [7]
        with pytest.raises(StoreDamaged, match="put a copy in its place"):
            store.query("select sum(span_id) from span_rows")
        assert send(running, 8).ok
        assert store.query("select count(*) as n from span_rows")["n"].to_pylist() == [8]


@pytest.mark.parametrize("place", [0.01, 0.5])
def test_S42_what_a_damaged_log_lost_is_stored_from_the_journal_again(
    receiver, store, path, tmp_path, caplog, place
) -> None:
    for number in (1, 2, 3):
        assert send(receiver, number).ok
        assert numbers(store) == list(range(1, number + 1))
    assert send(receiver, 4).ok
    copy = killed(path, tmp_path / "killed")
    log = copy.with_name(copy.name + ".wal")
    alter(log, int(place * log.stat().st_size))
    with open_store(str(copy)) as reopened:
        found = replay(reopened)
        assert found.damaged_records == 0
        assert numbers(reopened) == [1, 2, 3, 4]
    assert "its write-ahead log is damaged" in caplog.text


def test_S41_S42_where_database_and_journal_are_both_damaged_the_sound_requests_are_kept(left, tmp_path) -> None:
    (segment,) = segments(journal_folder(left)).values()
    records = list(read_segment(segment, None))
    alter(segment, records[2].end - 3)
    os.truncate(segment, records[3].end - 5)
    os.truncate(left, left.stat().st_size // 3)
    with pytest.raises(StoreDamaged, match=f"keep {journal_folder(left)}"):
        open_store(str(left))
    with open_store(str(tmp_path / "new.duckdb")) as store:
        (problem,) = import_files(store, [segment]).problems
        assert f"bytes {records[2].start} to {records[2].end} of the journal are damaged" in problem
        assert numbers(store) == [1, 2, 3, 4], "the file's own spans came by the same segment; 5 is damaged, 6 was cut"


def test_S42_a_segment_whose_beginning_is_damaged_is_refused_by_import_with_the_reason(left) -> None:
    (segment,) = segments(journal_folder(left)).values()
    alter(segment, 12)
    (problem,) = import_files(FakeStore(), [segment]).problems
    assert "a journal segment, and its first bytes are damaged" in problem


def test_S42_a_journal_of_another_store_is_kept_aside_and_import_reads_it(left, tmp_path, caplog) -> None:
    other = tmp_path / "other.duckdb"
    shutil.move(journal_folder(left), journal_folder(other))
    with open_store(str(other)) as store:
        assert replay(store).damaged_records == 1
        assert numbers(store) == []
        (aside,) = journal_folder(other).iterdir()
        assert "`tracecheck import` reads it" in caplog.text
        assert import_files(store, [aside]).spans_stored == 6
        assert import_files(store, [aside]).duplicates == 6
    with open_store(str(left)) as store:
        assert replay(store).stored == 0
        assert numbers(store) == [1, 2, 3], "what the journal held is not here, and nothing says that it is"


def test_S44_a_file_that_a_receiver_holds_is_named_with_its_holder_and_its_journal_goes_on(
    receiver, store, path
) -> None:
    assert send(receiver, 1).ok
    before = contents(journal_folder(path))
    done = commanded("sql", "select 1", store=path)
    assert done.returncode == 4
    assert f"held by process {os.getpid()}" in done.stderr
    assert contents(journal_folder(path)) == before
    assert send(receiver, 2).ok
    assert numbers(store) == [1, 2]


@pytest.mark.parametrize("change", [1, -1])
def test_S45_a_file_of_another_version_is_refused_and_its_journal_left_for_the_release_that_wrote_it(
    left, change
) -> None:
    with duckdb.connect(str(left)) as database:
        database.execute("update schema_version set version = version + ?", [change])
    before = contents(journal_folder(left))
    with pytest.raises(StoreForeign, match=f"schema version {SCHEMA_VERSION + change}"):
        open_store(str(left))
    assert contents(journal_folder(left)) == before
    with duckdb.connect(str(left)) as database:
        database.execute("update schema_version set version = version - ?", [change])
    with open_store(str(left)) as store:
        assert replay(store).stored == 3
        assert numbers(store) == [1, 2, 3, 4, 5, 6]


def test_S47_a_replay_over_the_memory_limit_keeps_the_journal_for_the_next_start(left, monkeypatch) -> None:
    with monkeypatch.context() as little:
        little.setattr(files, "MEMORY_LIMIT_BYTES", 1_000_000)
        with pytest.raises(StoreUnavailable, match="emory"), open_store(str(left)) as store:
            replay(store)
    assert len(segments(journal_folder(left))) == 1
    with open_store(str(left)) as store:
        assert replay(store).stored == 3
        assert numbers(store) == [1, 2, 3, 4, 5, 6]


def test_S48_a_store_rewritten_in_full_after_a_crash_keeps_its_journal_and_where_it_stands_in_it(left) -> None:
    compact(str(left))
    assert len(segments(journal_folder(left))) == 1
    with open_store(str(left)) as store:
        found = replay(store)
        assert (found.stored, found.duplicates) == (3, 0)
        assert numbers(store) == [1, 2, 3, 4, 5, 6]


def test_S49_an_interpreter_that_ends_with_open_receiver_and_running_query_ends_and_loses_nothing(path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ENDS_WITHOUT_CLOSING, str(path)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    with open_store(str(path)) as store:
        replay(store)
        assert numbers(store) == [1, 2, 3]
