"""A disk that is full, a store that cannot write: retried, never lost, and over when there is space."""

import subprocess
import sys
import threading

import pytest

from tests.receiver.conftest import ANY_PORT, call, post, wait_until
from tests.receiver.durable.conftest import ROOT, killed, numbers, raising, send
from tests.support.otlp import a_message, a_request, numbered
from tracecheck.errors import StoreUnavailable
from tracecheck.receiver import ReceiverOptions, hot_tier, intake, journal, replay, start_receiver
from tracecheck.receiver.journal_format import read_segment
from tracecheck.store import open_store
from tracecheck.store.duckdb_store import DuckDBStore
from tracecheck.store.progress import journal_folder


def test_S43_while_the_store_cannot_write_acknowledged_spans_wait_and_readers_are_told(
    receiver, store, monkeypatch, caplog
) -> None:
    monkeypatch.setattr(hot_tier, "RETRY_S", 0.01)
    works = store.append_journaled
    monkeypatch.setattr(store, "append_journaled", raising(StoreUnavailable("the disk is full")))
    assert send(receiver, 1).ok
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="the disk is full"):
            store.query("select 1")
        assert send(receiver, 2).ok
    monkeypatch.setattr(store, "append_journaled", works)
    wait_until(lambda: receiver.counters.hot_spans <= 1)
    assert numbers(store) == [1, 2]
    wait_until(lambda: "the store can write again" in caplog.text)


def test_S43_a_store_that_cannot_write_until_the_end_leaves_its_journal_for_the_next_start(path, patient) -> None:
    with open_store(str(path)) as store:
        assert isinstance(store, DuckDBStore)
        running = start_receiver(store, ANY_PORT)
        assert send(running, 1).ok
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(store, "append_journaled", raising(StoreUnavailable("the disk is full")))
            running.close()
        assert numbers(store) == []
    with open_store(str(path)) as store, start_receiver(store, ANY_PORT) as again:
        assert numbers(store) == [1]
        assert again.counters.replayed == 1


def test_S43_a_journal_that_cannot_be_synced_refuses_with_a_retry_and_keeps_nothing_of_it(
    receiver, store, path, tmp_path, monkeypatch
) -> None:
    assert send(receiver, 1).ok
    with monkeypatch.context() as patch:
        patch.setattr(journal, "_sync", raising(OSError(28, "No space left on device")))
        over_http, over_grpc = send(receiver, 2), call(receiver, a_request(a_message(3)).SerializeToString())
    assert (over_http.code, over_http.headers["retry-after"]) == (503, "1")
    assert over_grpc.code == "UNAVAILABLE"
    assert {"google.rpc.retryinfo-bin", "grpc-status-details-bin"} <= set(over_grpc.trailers)
    assert send(receiver, 4).ok
    copy = killed(path, tmp_path / "killed")
    assert numbers(store) == [1, 4]
    with open_store(str(copy)) as reopened:
        replay(reopened)
        assert numbers(reopened) == [1, 4]


def test_spans_that_the_database_refuses_for_good_are_set_aside_and_cost_nobody_else(
    store, patient, path, monkeypatch, caplog
) -> None:
    works = store.append_journaled

    def append(rows, *rest):
        if 2 in rows["span_id"].to_pylist():
            raise RuntimeError("no such thing")
        return works(rows, *rest)

    monkeypatch.setattr(store, "append_journaled", append)
    with start_receiver(store, ANY_PORT) as running:
        for number in (1, 2, 3):
            assert send(running, number).ok
        assert numbers(store) == [1, 3]
        assert (running.counters.stored, running.counters.set_aside) == (2, 1)
    assert "no such thing" in caplog.text
    (aside,) = journal_folder(path).iterdir()
    assert aside.suffix == ".refused"
    assert len(list(read_segment(aside, store.identity))) == 3


class TestFullOfRows:
    def test_S16_rows_over_their_budget_are_refused_until_the_store_has_taken_some(self, store, monkeypatch) -> None:
        monkeypatch.setattr(intake, "ROOM_WAIT_S", 0.01)
        works, may_go_on = store.append_journaled, threading.Event()

        def append(*given):
            may_go_on.wait(30)
            return works(*given)

        monkeypatch.setattr(store, "append_journaled", append)
        body = a_request(*numbered(100)).SerializeToString()
        options = ReceiverOptions(hot_bytes=3 * len(body))
        with start_receiver(store, ANY_PORT, options=options) as running:
            taken = 0
            while (answer := post(running, body)).ok:
                taken += 1
                assert running.counters.hot_bytes <= options.hot_bytes + 2 * len(body)
            refused = call(running, body)
            assert (answer.code, answer.headers["retry-after"], taken) == (503, "1", 2)
            assert refused.code == "RESOURCE_EXHAUSTED"
            assert {"google.rpc.retryinfo-bin", "grpc-status-details-bin"} <= set(refused.trailers)
            may_go_on.set()
            wait_until(lambda: running.counters.hot_bytes == 0)
            assert post(running, body).ok
        assert numbers(store) == list(range(1, 101))


FILL_THE_DISK = """
import os, resource, sys
from tests.receiver.conftest import ANY_PORT, call, post
from tests.support.otlp import a_message, a_request, text
from tracecheck.receiver import start_receiver
from tracecheck.store import open_store

def send(number):
    spans = [a_message(n, attributes=[text("x", os.urandom(2000).hex())]) for n in range(number, number + 20)]
    body = a_request(*spans).SerializeToString()
    return (call if number // 20 % 2 else post)(running, body)

acknowledged = set()
with open_store(sys.argv[1]) as store:
    with start_receiver(store, ANY_PORT) as running:
        resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, resource.RLIM_INFINITY))
        refusals = set()
        for number in range(1, 8001, 20):
            answer = send(number)
            if answer.ok:
                acknowledged |= set(range(number, number + 20))
            else:
                refusals.add(answer.code)
                assert "retry-after" in answer.headers or "google.rpc.retryinfo-bin" in answer.trailers, answer
                if len(refusals) == 2:
                    break
        assert refusals == {503, "UNAVAILABLE"}, refusals
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert send(100_000).ok
        acknowledged |= set(range(100_000, 100_020))
        stored = set(store.query("select span_id from span_rows")["span_id"].to_pylist())
assert len(acknowledged) > 100, len(acknowledged)
assert acknowledged <= stored, sorted(acknowledged - stored)[:10]
"""


def test_S43_a_full_disk_is_answered_with_a_retry_and_loses_nothing_acknowledged(path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FILL_THE_DISK, str(path)], check=False, cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    with open_store(str(path)) as store:
        assert len(numbers(store)) == len(set(numbers(store))) > 100
