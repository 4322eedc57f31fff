"""Handling each event once: which store remembers what, and what a failure undoes."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from opentelemetry import trace
from tracecheck_instrumentation import MemorySeen, SeenStore, SqlSeen, already_seen, health, once, process
from tracecheck_instrumentation.idempotency import event_key
from tracecheck_instrumentation.testing import CapturedSpans, FakeBroker, FakeRecord

from tests.support.polling import until


def record(event: str | None = "e-1", *, offset: int = 0, **headers: str) -> FakeRecord:
    own = {} if event is None else {"tracecheck-event-id": event}
    return FakeRecord(topic="orders", offset=offset, headers=[(n, v.encode()) for n, v in (own | headers).items()])


def fail(message: str) -> None:
    raise ValueError(message)


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgresql", marks=pytest.mark.service("postgres"))])
def store(request: pytest.FixtureRequest, unique_name: str) -> Iterator[SeenStore]:
    if request.param == "memory":
        yield MemorySeen()
        return
    connection: Any
    if request.param == "sqlite":
        connection = sqlite3.connect(":memory:")
        made = SqlSeen(connection)
    else:
        connection = psycopg.connect(request.getfixturevalue("postgres"))
        made = SqlSeen(connection, table=unique_name, placeholder="%s")
    made.create_table()
    yield made
    connection.close()


def test_an_event_is_new_once(store: SeenStore) -> None:
    assert [already_seen(record(), store), already_seen(record(offset=7), store)] == [False, True]
    assert not already_seen(record("e-2"), store)


def test_a_failed_handling_is_done_again(store: SeenStore) -> None:
    with pytest.raises(ValueError, match="no money"), once(record(), store):
        fail("no money")
    with once(record(), store) as first:
        assert first
    with once(record(), store) as first:
        assert not first


def test_the_effect_is_marked_when_it_was_applied_and_only_then(spans: CapturedSpans) -> None:
    broker, seen = FakeBroker(), MemorySeen()
    sent = broker.producer().send("orders", b"1")
    for _ in range(2):
        with process(sent, group="billing"), once(sent, seen, effect_key="charge-7"):
            pass
    assert [
        [event.attributes["tracecheck.effect.key"] for event in span.events] for span in spans.named("process orders")
    ] == [
        ["charge-7"],
        [],
    ]


def test_a_failed_handling_marks_no_effect(spans: CapturedSpans) -> None:
    with pytest.raises(ValueError, match="no"), process(record()), once(record(), MemorySeen()):
        raise ValueError("no")
    assert spans.wait_for("process orders").events[0].name == "exception"
    assert len(spans.wait_for("process orders").events) == 1


def test_the_events_own_key_names_the_effect_where_none_is_given(spans: CapturedSpans) -> None:
    with process(record()), once(record(), MemorySeen()):
        assert trace.get_current_span().is_recording()
    (event,) = spans.wait_for("process orders").events
    assert event.attributes == {"tracecheck.effect.key": "e-1"}


@pytest.mark.parametrize(
    ("given", "key"),
    [
        (record(), "e-1"),
        (record("e-2", **{"tracecheck-retry-of": "e-1"}), "e-1"),
        (record(None, ce_id="theirs"), "theirs"),
        (record(None, offset=41), "orders[0]@41"),
    ],
)
def test_the_key_is_the_most_lasting_identity_there_is(given: FakeRecord, key: str) -> None:
    assert event_key(given) == key


def test_something_without_identity_is_always_new_and_counted() -> None:
    before, seen = health().get("event_without_id", 0), MemorySeen()
    with once(object(), seen) as first:
        assert first
    assert not already_seen(object(), seen)
    assert health()["event_without_id"] == before + 2


def test_memory_is_bounded_and_keeps_what_came_last() -> None:
    seen = MemorySeen(max_keys=2)
    assert [seen.add(key) for key in ("a", "b", "a", "c", "a", "b")] == [True, True, False, True, False, True]


def test_of_many_threads_one_is_first() -> None:
    seen = MemorySeen()
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: seen.add("a"), range(200))) == 1


def test_what_was_seen_is_forgotten_with_a_rolled_back_effect() -> None:
    connection = sqlite3.connect(":memory:")
    seen = SqlSeen(connection)
    seen.create_table()
    connection.commit()
    assert not already_seen(record(), seen)
    connection.rollback()
    assert not already_seen(record(), seen)
    connection.commit()
    assert already_seen(record(), seen)
    connection.close()


@pytest.mark.service("postgres")
@pytest.mark.parametrize("outcome", ["commit", "rollback"])
def test_of_two_postgresql_transactions_the_second_waits_and_is_new_only_if_the_first_is_undone(
    postgres: str, unique_name: str, outcome: str
) -> None:
    with psycopg.connect(postgres) as first, psycopg.connect(postgres) as second, ThreadPoolExecutor(1) as pool:
        early, late = (SqlSeen(connection, table=unique_name, placeholder="%s") for connection in (first, second))
        early.create_table()
        first.commit()
        assert early.add("e-1")

        waiting = pool.submit(late.add, "e-1")
        until(lambda: blocked(postgres, second.info.backend_pid))
        assert not waiting.done()
        getattr(first, outcome)()

        assert waiting.result(timeout=10) is (outcome == "rollback")


@pytest.mark.service("postgres")
def test_a_handler_that_breaks_its_postgresql_transaction_keeps_its_own_error(postgres: str, unique_name: str) -> None:
    with psycopg.connect(postgres) as connection:
        seen = SqlSeen(connection, table=unique_name, placeholder="%s")
        seen.create_table()
        connection.commit()
        with pytest.raises(psycopg.errors.DivisionByZero), once(record(), seen):
            connection.execute("select 1 / 0")
        connection.rollback()
        assert not already_seen(record(), seen), "the rollback forgot the key with the work"


def blocked(url: str, backend_pid: int) -> bool:
    with psycopg.connect(url, autocommit=True) as watching:
        found = watching.execute("select pg_blocking_pids(%s)", (backend_pid,)).fetchone()
        return bool(found and found[0])


def test_an_error_of_the_store_reaches_the_service_and_none_replaces_the_handlers() -> None:
    connection = sqlite3.connect(":memory:")
    seen = SqlSeen(connection)
    with pytest.raises(sqlite3.OperationalError), once(record(), seen):
        pass
    seen.create_table()
    handling = once(record(), seen)
    assert handling.__enter__()
    connection.close()
    assert not handling.__exit__(ValueError, ValueError("mine"), None), "the handler's error goes on"


def test_consumers_share_a_table_and_not_their_events() -> None:
    connection = sqlite3.connect(":memory:")
    billing, stock = SqlSeen(connection, consumer="billing"), SqlSeen(connection, consumer="stock")
    billing.create_table()
    assert [billing.add("a"), stock.add("a"), billing.add("a")] == [True, True, False]
    assert billing.forget_older_than(3600) == 0
    assert billing.forget_older_than(-1) == 1
    assert [billing.add("a"), stock.add("a")] == [True, False]
    connection.close()


def test_a_table_name_is_a_name() -> None:
    with pytest.raises(ValueError, match="expected letters"):
        SqlSeen(sqlite3.connect(":memory:"), table="a; drop table b")
