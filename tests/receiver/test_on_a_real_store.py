"""The receiver over the store it ships with: what was acknowledged is there, once, whatever happens afterwards."""

import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.receiver.conftest import ANY_PORT, JSON, call, post
from tests.support.otlp import a_message, a_request, json_of, numbered, text
from tracecheck.receiver import RunningReceiver, replay, start_receiver
from tracecheck.store import Store, open_store

SERVE = """
import sys, threading
from tests.receiver.conftest import ANY_PORT
from tracecheck.receiver import start_receiver
from tracecheck.store import open_store
with start_receiver(open_store(sys.argv[1]), ANY_PORT) as receiver:
    print(receiver.grpc_endpoint, receiver.http_endpoint, flush=True)
    threading.Event().wait()
"""


@pytest.fixture
def store(tmp_path: Path):
    opened = open_store(str(tmp_path / "t.duckdb"))
    yield opened
    opened.close()


@pytest.fixture
def receiver(store: Store):
    with start_receiver(store, ANY_PORT) as running:
        yield running


def rows(store: Store) -> list[dict]:
    return store.query("select * from spans order by trace_id, span_id").to_pylist()


def test_A1_B10_the_same_batch_sent_four_ways_is_one_set_of_rows(receiver: RunningReceiver, store: Store) -> None:
    request = a_request(*[a_message(n, attributes=[text("k", "v"), text("ü", "\0")]) for n in (1, 2, 3)])
    body = request.SerializeToString()
    assert call(receiver, body).ok
    first = rows(store)
    assert len(first) == 3
    assert call(receiver, body, compressed=True).ok
    assert post(receiver, body).ok
    assert post(receiver, json.dumps(json_of(request)).encode(), JSON).ok
    assert rows(store) == first
    assert (receiver.counters.stored, receiver.counters.duplicates) == (3, 9)


def test_S19_a_different_span_under_the_same_ids_is_kept_beside_it(receiver: RunningReceiver, store: Store) -> None:
    assert post(receiver, a_request(a_message(1, name="one")).SerializeToString()).ok
    assert post(receiver, a_request(a_message(1, name="other")).SerializeToString()).ok
    assert {row["name"] for row in rows(store)} == {"one", "other"}
    assert receiver.counters.conflicting == 1


@pytest.mark.parametrize("instant", [0, 1, 2**63 - 1, 2**63, 2**64 - 1])
def test_S29_no_instant_overflows(receiver: RunningReceiver, store: Store, instant: int) -> None:
    message = a_message(1, start_time_unix_nano=instant, end_time_unix_nano=instant)
    assert post(receiver, a_request(message).SerializeToString()).ok
    assert len(rows(store)) == 1


def test_A30_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    """Four clients send until the receiver is killed under them; every span whose request was answered is stored."""
    root = Path(__file__).parents[2]
    path = tmp_path / "t.duckdb"
    process = subprocess.Popen([sys.executable, "-c", SERVE, str(path)], cwd=root, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    grpc_endpoint, http_endpoint = process.stdout.readline().split()
    receiver = SimpleNamespace(grpc_endpoint=grpc_endpoint, http_endpoint=http_endpoint)

    def deliver(client: int) -> list[int]:
        acknowledged: list[int] = []
        for batch in range(client, 10_000, 4):
            body = a_request(*numbered(5, first=1 + 5 * batch)).SerializeToString()
            try:
                answer = (call if client % 2 else post)(receiver, body)
            except OSError:
                break
            if not answer.ok:
                break
            acknowledged.extend(range(1 + 5 * batch, 6 + 5 * batch))
            if len(acknowledged) == 50:
                process.send_signal(signal.SIGKILL)
        return acknowledged

    try:
        with ThreadPoolExecutor(4) as clients:
            acknowledged = {number for done in clients.map(deliver, range(4)) for number in done}
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert len(acknowledged) >= 50
    reopened = open_store(str(path))
    replay(reopened)
    stored = [int(row["span_id"], 16) for row in rows(reopened)]
    reopened.close()
    assert acknowledged <= set(stored)
    assert len(stored) == len(set(stored))
