"""An append that fails, wherever it does, says why, leaves nothing behind and does not stand in the next one's way."""

from dataclasses import replace
from typing import Any

import duckdb
import pytest

from tests.support.spans import a_span
from tracecheck.errors import TracecheckError
from tracecheck.model import Span
from tracecheck.store import Store, open_store
from tracecheck.store.duckdb_store import DuckDBStore

STATEMENTS = 12
"""More than an append with repeats and conflicts has."""


class Failing:
    """A connection whose n-th statement from now on fails in the database itself, which aborts the transaction."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, number: int, *, can_roll_back: bool) -> None:
        self._connection = connection
        self._can_roll_back = can_roll_back
        self.left = number

    def execute(self, *given: Any, **named: Any) -> Any:
        if given == ("rollback",) and not self._can_roll_back:
            raise duckdb.IOException("no rollback either")
        self._count_down()
        return self._connection.execute(*given, **named)

    def sql(self, *given: Any, **named: Any) -> Any:
        self._count_down()
        return self._connection.sql(*given, **named)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def _count_down(self) -> None:
        self.left -= 1
        if self.left == 0:
            self._connection.execute("select error('a fault of the test')").fetchall()


@pytest.mark.parametrize("can_roll_back", [True, False], ids=["rolled back", "left open"])
def test_the_next_append_works_and_nothing_is_stored_twice(can_roll_back: bool) -> None:
    failures = 0
    with open_store(":memory:") as store:
        assert isinstance(store, DuckDBStore)
        whole = store._connection
        for number in range(1, STATEMENTS + 1):
            first, third = a_span(name="as it was"), a_span(name="a third")
            other = replace(first, name="another under the same ids")
            store.append([first])
            store._connection = Failing(whole, number, can_roll_back=can_roll_back)  # type: ignore[assignment]
            try:
                store.append([first, other, third])
            except TracecheckError as error:
                assert "a fault of the test" in str(error)  # noqa: PT017 - the last ones are never reached
                assert _stored(store, first, third) == [("as it was", False)]
                failures += 1
            finally:
                store._connection = whole
            store.append([first, other, third])
            assert _stored(store, first, third) == [
                ("a third", False),
                ("another under the same ids", True),
                ("as it was", True),
            ]
    assert 5 < failures < STATEMENTS


def _stored(store: Store, *spans: Span) -> list[tuple[str, bool]]:
    ids = [each.trace_id for each in spans]
    rows = store.query("select name, conflicting from spans where list_contains($ids, trace_id)", {"ids": ids})
    return sorted((row["name"], row["conflicting"]) for row in rows.to_pylist())
