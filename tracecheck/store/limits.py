"""How much one query may take, and that it is one SELECT."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from tracecheck.errors import QueryRefused


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Most seconds a query may run and most rows it may return; None is no limit."""

    seconds: float | None = None
    rows: int | None = None


NO_LIMITS = Limits()
ROWS_PER_BATCH = 65_536
INTERRUPT_EVERY_S = 0.05


def require_single_select(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Raises `QueryRefused` unless the text is exactly one SELECT, by DuckDB's own parser (so also WITH, FROM first,
    VALUES, DESCRIBE)."""
    statements = connection.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        kinds = ", ".join(statement.type.name for statement in statements) or "nothing"
        raise QueryRefused(f"the query is {kinds}; expected exactly one SELECT")


@contextmanager
def time_limit(connection: duckdb.DuckDBPyConnection, limits: Limits) -> Iterator[None]:
    """Interrupts what runs on the connection when the time is over, as `QueryRefused`."""
    if limits.seconds is None:
        yield
        return
    expired, done = threading.Event(), threading.Event()

    def stop_when_over() -> None:
        if not done.wait(limits.seconds):
            expired.set()
            connection.interrupt()
            # An interrupt that comes while a query is still being planned is lost, so it is repeated.
            while not done.wait(INTERRUPT_EVERY_S):
                connection.interrupt()

    watch = threading.Thread(target=stop_when_over, name="tracecheck-time-limit", daemon=True)
    watch.start()
    try:
        yield
    except duckdb.InterruptException as error:
        if not expired.is_set():
            raise
        raise QueryRefused(
            f"the query took longer than {limits.seconds:g} s; ask for less, or work on a copy of the file"
        ) from error
    finally:
        done.set()
        watch.join()


def read_within(relation: duckdb.DuckDBPyRelation, limits: Limits) -> pa.Table:
    """All rows of the relation, or `QueryRefused` as soon as there are more than allowed."""
    if limits.rows is None:
        return relation.to_arrow_table()
    reader = relation.to_arrow_reader(ROWS_PER_BATCH)
    batches: list[pa.RecordBatch] = []
    rows = 0
    try:
        for batch in reader:
            rows += batch.num_rows
            if rows > limits.rows:
                raise QueryRefused(f"the query returns more than {limits.rows} rows; aggregate, or add a LIMIT")
            batches.append(batch)
    finally:
        reader.close()
    return pa.Table.from_batches(batches, reader.schema)
