"""Acknowledged, not yet appended: everyone sees it at once, and a kill does nothing to it."""

import json
import shutil
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

from tests.receiver.conftest import ANY_PORT, JSON, call, post, wait_until
from tests.receiver.durable.conftest import ROOT, killed, numbers, send
from tests.support.fake_store import FakeStore
from tests.support.otlp import a_message, a_request, json_of, numbered
from tracecheck.errors import StoreUnavailable
from tracecheck.receiver import SpanLimits, hot_tier, replay, start_receiver
from tracecheck.receiver.journal import segments
from tracecheck.receiver.journal_format import FIRST_OFFSET, read_segment
from tracecheck.receiver.metrics import Metrics
from tracecheck.store import open_store
from tracecheck.store.progress import journal_folder
from tracecheck.store.spans import spans_of


def test_an_acknowledged_span_wakes_waiters_and_is_seen_by_the_next_query(receiver, store) -> None:
    generation = store.generation()
    woken: list[int] = []
    waiter = threading.Thread(target=lambda: woken.append(store.wait(generation, 30)))
    waiter.start()
    assert send(receiver, 1).ok
    waiter.join(30)
    assert woken[0] > generation
    assert (receiver.counters.stored, receiver.counters.hot_spans) == (0, 1)
    before = store.generation()
    assert numbers(store) == [1]
    assert store.generation() == before, "reading is no news"
    assert (receiver.counters.stored, receiver.counters.hot_spans, receiver.counters.hot_bytes) == (1, 0, 0)


def test_whatever_rewrites_the_store_sees_what_was_acknowledged(receiver, store) -> None:
    seen: list[int] = []

    def count(writer) -> None:
        seen.append(writer.execute("select count(*) as n from span_rows")["n"][0].as_py())

    send(receiver, 1)
    store.refresh(count)
    send(receiver, 2)
    store.write(count)
    assert seen == [1, 2]


def test_a_query_inside_a_write_does_not_wait_for_itself(receiver, store) -> None:
    found: list[list[int]] = []

    def work(writer) -> None:
        assert send(receiver, 1).ok
        found.append(numbers(store))

    store.write(work)
    assert found == [[]]
    assert numbers(store) == [1]


def test_S18_S19_repeats_and_conflicts_are_found_among_waiting_and_stored_rows_alike(receiver, store) -> None:
    assert send(receiver, 1).ok
    assert send(receiver, 1).ok
    assert send(receiver, 2).ok
    assert numbers(store) == [1, 2]
    assert send(receiver, 1).ok
    assert send(receiver, 2, name="another").ok
    rows = store.query("select span_id, name, conflicting from span_rows order by all").to_pylist()
    assert [(row["span_id"], row["name"], row["conflicting"]) for row in rows] == [
        (1, "span 1", False),
        (2, "another", True),
        (2, "span 2", True),
    ]
    counters = receiver.counters
    assert (counters.received, counters.stored, counters.duplicates, counters.conflicting) == (5, 3, 2, 1)


def test_rows_of_all_encodings_share_a_batch(receiver, store) -> None:
    assert send(receiver, 1, 2).ok
    assert post(receiver, json.dumps(json_of(a_request(*numbered(2, first=3)))).encode(), JSON).ok
    assert call(receiver, a_request(*numbered(2, first=5)).SerializeToString()).ok
    assert numbers(store) == [1, 2, 3, 4, 5, 6]
    assert receiver.counters.commits == 1


def test_the_ingest_time_is_when_the_spans_came_not_when_they_were_appended(receiver, store) -> None:
    assert send(receiver, 1).ok
    acknowledged_unix_nano = time.time_ns()
    (ingested,) = store.query("select ingested_unix_nano as at from span_rows")["at"].to_pylist()
    assert ingested <= acknowledged_unix_nano


def test_listeners_are_told_before_the_answer_and_may_query(store, patient) -> None:
    told: list[tuple[int, int]] = []

    def listen(rows) -> None:
        told.extend((int(span.span_id, 16), store.query("select 1 as n")["n"][0].as_py()) for span in spans_of(rows))

    with start_receiver(store, ANY_PORT, on_appended=listen) as running:
        assert send(running, 1, 2).ok
        assert told == [(1, 1), (2, 1)]


def test_a_clean_stop_leaves_nothing_but_the_database(path, patient) -> None:
    with open_store(str(path)) as store, start_receiver(store, ANY_PORT) as running:
        assert send(running, 1).ok
        assert len(segments(journal_folder(path))) == 1
    assert [each.name for each in path.parent.iterdir()] == ["t.duckdb"]


def test_S39_what_waited_when_the_process_was_killed_is_decoded_again_once(receiver, store, path, tmp_path) -> None:
    assert send(receiver, 1, 3).ok
    assert numbers(store) == [1, 2, 3]
    assert send(receiver, 4, 2).ok
    assert post(receiver, json.dumps(json_of(a_request(a_message(6)))).encode(), JSON).ok
    copy = killed(path, tmp_path / "killed")
    with open_store(str(copy)) as reopened, start_receiver(reopened, ANY_PORT) as again:
        assert numbers(reopened) == [1, 2, 3, 4, 5, 6]
        assert (again.counters.replayed, again.counters.stored, again.counters.duplicates) == (3, 3, 0)
        assert send(again, 4).ok
        assert numbers(reopened) == [1, 2, 3, 4, 5, 6]
    assert [each.name for each in copy.parent.iterdir()] == ["t.duckdb"]


def test_S39_a_replay_that_is_killed_itself_doubles_nothing(receiver, store, path, tmp_path) -> None:
    assert send(receiver, 1, 3).ok
    copy = killed(path, tmp_path / "killed")
    kept = journal_folder(copy)
    shutil.copytree(kept, tmp_path / "kept")
    with open_store(str(copy)) as reopened:
        assert replay(reopened).stored == 3
        shutil.copytree(tmp_path / "kept", kept)
        again = replay(reopened)
        assert (again.spans, again.stored) == (0, 0)
        assert numbers(reopened) == [1, 2, 3]


def test_S41_a_torn_journal_tail_is_dropped_and_the_rest_kept(receiver, store, path, tmp_path, caplog) -> None:
    assert send(receiver, 1).ok
    assert send(receiver, 2).ok
    copy = killed(path, tmp_path / "killed")
    (segment,) = segments(journal_folder(copy)).values()
    with segment.open("ab") as file:
        file.write(segment.read_bytes()[FIRST_OFFSET : FIRST_OFFSET + 40])
    with open_store(str(copy)) as reopened:
        found = replay(reopened)
        assert (found.stored, found.damaged_records) == (2, 0)
        assert numbers(reopened) == [1, 2]
    assert not journal_folder(copy).exists()


def test_S42_a_damaged_record_is_counted_said_and_kept_and_its_neighbours_stored(
    receiver, store, path, tmp_path, caplog
) -> None:
    for number in (1, 2, 3):
        assert send(receiver, number).ok
    copy = killed(path, tmp_path / "killed")
    (segment,) = segments(journal_folder(copy)).values()
    second = list(read_segment(segment, store.identity))[1]
    content = bytearray(segment.read_bytes())
    content[second.end - 3] ^= 0xFF
    segment.write_bytes(content)
    with open_store(str(copy)) as reopened, start_receiver(reopened, ANY_PORT) as again:
        assert numbers(reopened) == [1, 3]
        assert (again.counters.replayed, again.counters.damaged_records) == (2, 1)
        assert send(again, 2).ok
    (aside,) = journal_folder(copy).iterdir()
    assert aside.read_bytes() == bytes(content)
    assert ".damaged-" in aside.name
    assert f"bytes {second.start} to {second.end} are damaged" in caplog.text
    with open_store(str(copy)) as reopened:
        assert replay(reopened).damaged_records == 0, "said once, not at every start"
        assert numbers(reopened) == [1, 2, 3]


def test_S42_a_journal_of_another_database_is_kept_aside_and_not_mixed_in(receiver, path, tmp_path, caplog) -> None:
    assert send(receiver, 1).ok
    copy = killed(path, tmp_path / "killed")
    for each in copy.parent.glob("t.duckdb*"):
        if each.is_file():
            each.unlink()
    with open_store(str(copy)) as fresh:
        assert replay(fresh).damaged_records == 1
        assert numbers(fresh) == []
    assert "another store" in caplog.text
    assert len(list(journal_folder(copy).iterdir())) == 1


def test_a_reader_of_a_killed_store_is_told_or_sees_what_waited(receiver, path, tmp_path, caplog) -> None:
    assert send(receiver, 1).ok
    copy = killed(path, tmp_path / "killed")
    with open_store(str(copy), read_only=True) as store:
        replay(store)
    assert "wait in its journal" in caplog.text
    command = [sys.executable, "-m", "tracecheck", "sql", "select count(*) as n from spans", "--output", "json"]
    done = subprocess.run([*command, "--store", str(copy)], capture_output=True, text=True, cwd=ROOT, check=True)
    assert json.loads(done.stdout)["rows"] == [[1]]


def test_S46_a_long_query_of_an_analyst_holds_up_neither_acknowledgements_nor_other_readers(receiver, store) -> None:
    assert send(receiver, 1).ok
    outcome: list[BaseException] = []

    def analyst() -> None:
        try:
            store.query("select count(*) from span_rows, range(1000000000000)")
        except StoreUnavailable as error:
            outcome.append(error)

    thread = threading.Thread(target=analyst)
    thread.start()
    wait_until(lambda: receiver.counters.commits == 1)
    for number in range(2, 12):
        assert send(receiver, number).ok
        assert numbers(store) == list(range(1, number + 1))
    assert thread.is_alive()
    receiver.close()
    store.close()
    thread.join(30)
    assert "closed" in str(outcome[0])


def test_a_request_that_finds_no_room_waits_only_what_is_left_of_the_wait_of_the_first(monkeypatch) -> None:
    metrics, store, now, waits = Metrics(), FakeStore(), [100.0], []
    tier = hot_tier.HotTier(store, None, metrics, limits=SpanLimits(), most_bytes=1)
    monkeypatch.setattr(hot_tier, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(tier._appended, "wait_for", lambda holds, timeout_s: waits.append(timeout_s) or holds())

    def has_room_at(moment: float) -> bool:
        now[0] = moment
        return tier.wait_for_room(2.0)

    metrics.add(hot_bytes=1)
    assert not any(map(has_room_at, (100.0, 101.5, 103.0)))
    metrics.add(hot_bytes=-1)
    assert has_room_at(104.0)
    metrics.add(hot_bytes=1)
    assert not has_room_at(105.0)
    assert waits == [2.0, 0.5, 0, 2.0]
    tier.close()
    store.close()


def test_S45_S48_a_new_file_holds_where_its_journal_stands(path) -> None:
    with open_store(str(path)) as store:
        assert store.query("select * from journal_progress").to_pylist() == [{"segment": 0, "byte_offset": 0}]
