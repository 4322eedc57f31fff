"""The receiver over the store it ships with: what was acknowledged is there, once, whatever happens afterwards."""

import json
from pathlib import Path

import pytest

from tests.receiver.conftest import ANY_PORT, JSON, call, post
from tests.support.otlp import a_message, a_request, json_of, text
from tracecheck.receiver import RunningReceiver, start_receiver
from tracecheck.store import Store, open_store


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
