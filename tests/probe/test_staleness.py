"""How far a read model is behind is measured per entity and value, with the doubt that looking leaves."""

import threading
import time
from pathlib import Path

import pytest
import sqlalchemy
from hypothesis import given
from hypothesis import strategies as st

from tests.support.polling import until
from tracecheck.errors import StateUnavailable
from tracecheck.probe.json_path import MISSING
from tracecheck.probe.staleness import Change, by_first_column, staleness, watching
from tracecheck.probe.state import sql_probe

MS = 1_000_000


def change(entity: str, value: object, seen_ms: int, doubt_ms: int | None = 10) -> Change:
    return Change(
        entity=entity,
        value=value,
        after_unix_nano=None if doubt_ms is None else (seen_ms - doubt_ms) * MS,
        seen_unix_nano=seen_ms * MS,
    )


def test_the_staleness_of_a_value_runs_from_its_writing_to_its_first_reading() -> None:
    (one,) = staleness([change("o-1", "PAID", 100)], [change("o-1", "PAID", 350, doubt_ms=20)])
    assert (one.stale_ns, one.uncertainty_ns) == ((350 - 10 - 100 + 5) * MS, 15 * MS)
    assert not one.superseded


def test_entities_and_values_are_kept_apart() -> None:
    written = [change("o-1", 1, 100), change("o-2", 1, 200), change("o-1", 2, 300)]
    read = [change("o-2", 1, 250), change("o-1", 1, 260), change("o-1", 2, 900)]
    assert [(one.entity, one.value, one.stale_ns) for one in staleness(written, read)] == [
        ("o-1", 1, 160 * MS),
        ("o-2", 1, 50 * MS),
        ("o-1", 2, 600 * MS),
    ]


def test_a_value_that_was_overtaken_is_as_stale_as_the_one_that_overtook_it() -> None:
    (first, second) = staleness([change("o-1", 1, 100), change("o-1", 2, 200)], [change("o-1", 2, 500)])
    assert (first.stale_ns, first.superseded) == (400 * MS, True)
    assert (second.stale_ns, second.superseded) == (300 * MS, False)


def test_a_value_that_came_back_is_not_taken_for_its_earlier_self() -> None:
    written = [change("o-1", "NEW", 100), change("o-1", "PAID", 200), change("o-1", "NEW", 1000)]
    read = [change("o-1", "NEW", 150), change("o-1", "PAID", 300), change("o-1", "NEW", 1400)]
    assert [one.stale_ns for one in staleness(written, read)] == [50 * MS, 100 * MS, 400 * MS]


def test_what_was_never_read_says_so() -> None:
    (one,) = staleness([change("o-1", 1, 100)], [change("o-2", 1, 200)])
    assert (one.read_unix_nano, one.stale_ns) == (None, None)


def test_what_was_there_at_the_first_look_is_left_out() -> None:
    assert staleness([change("o-1", 1, 100, doubt_ms=None)], [change("o-1", 1, 200)]) == ()


@given(st.integers(1, 2000), st.integers(0, 50), st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
def test_the_true_staleness_lies_within_the_uncertainty(delay: int, a: int, b: int, c: int, d: int) -> None:
    instant = 10_000
    written = Change(entity="e", value=1, after_unix_nano=instant - a, seen_unix_nano=instant + b)
    read = Change(entity="e", value=1, after_unix_nano=instant + delay - c, seen_unix_nano=instant + delay + d)
    (one,) = staleness([written], [read])
    assert one.stale_ns is not None
    assert abs(one.stale_ns - delay) <= one.uncertainty_ns + 1


def test_rows_are_entities_with_a_value_or_several() -> None:
    assert by_first_column(MISSING) == {}
    assert by_first_column({"id": "o-1", "version": 3}) == {"o-1": 3}
    assert by_first_column([{"id": 1, "a": 2, "b": 3}, {"id": 2, "a": 4, "b": 5}]) == {1: (2, 3), 2: (4, 5)}
    with pytest.raises(StateUnavailable, match="two columns"):
        by_first_column("SHIPPED")


def test_a_projector_with_a_known_delay_is_found_to_have_it(tmp_path: Path) -> None:
    """The delay is enforced by the clock that measures it, so the bounds hold however busy the machine is."""
    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path}/orders.db")
    with engine.begin() as connection:
        for table in ("orders", "orders_view"):
            connection.execute(sqlalchemy.text(f"create table {table} (id text primary key, version integer)"))
    committed: dict[str, list[tuple[int, int]]] = {"orders": [], "orders_view": []}

    def put(table: str, entity: str, version: int) -> None:
        before = time.time_ns()
        with engine.begin() as connection:
            statement = f"insert or replace into {table} values (:id, :version)"
            connection.execute(sqlalchemy.text(statement), {"id": entity, "version": version})
        committed[table].append((before, time.time_ns()))

    def project() -> None:
        for number in range(4):
            until(lambda number=number: len(committed["orders"]) > number)
            due = committed["orders"][number][1] + 150 * MS
            until(lambda due=due: time.time_ns() >= due)
            put("orders_view", f"o-{number}", number)

    urls = [sql_probe(f"sqlite:///{tmp_path}/orders.db", f"select id, version from {name}") for name in committed]
    projector = threading.Thread(target=project)
    with watching(urls[0]) as written, watching(urls[1]) as read:
        projector.start()
        for number in range(4):
            put("orders", f"o-{number}", number)
        projector.join()
        until(lambda: len(read.changes) == 4)
    found = staleness(written.changes, read.changes)
    assert [one.entity for one in found] == [f"o-{number}" for number in range(4)]
    for one, wrote, showed in zip(found, committed["orders"], committed["orders_view"], strict=True):
        assert one.stale_ns is not None
        assert showed[0] - wrote[1] - one.uncertainty_ns <= one.stale_ns <= showed[1] - wrote[0] + one.uncertainty_ns
        assert one.stale_ns + one.uncertainty_ns >= 150 * MS
    for probe in urls:
        probe.close()
    engine.dispose()


def test_a_source_that_cannot_be_watched_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracecheck.probe.staleness.Watch.await_first_look.__defaults__", (0.05,))
    probe = sql_probe("postgresql://me@127.0.0.1:1/orders", "select 1, 2")
    with pytest.raises(StateUnavailable, match="could not be watched: the database"), watching(probe):
        pass
