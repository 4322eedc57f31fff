"""Keeping a store small: what is old goes, whole chains at a time, and the file shrinks."""

import time
from dataclasses import dataclass
from pathlib import Path

import duckdb

from tracecheck.errors import StoreUnavailable, UsageError
from tracecheck.store import files
from tracecheck.store.duckdb_store import DuckDBStore
from tracecheck.store.facts import forget_facts
from tracecheck.store.faults import opening_fault
from tracecheck.store.open import open_store
from tracecheck.store.protocol import Store, Writer
from tracecheck.store.traces import forget_removed

ROUNDS = 5
"""Of removing for size: what a row takes is known on average only, and chains stay whole, so one may fall short."""

SPAN_ROWS = "* exclude (event_id)", "order by ingest_number, rowid"
"""How they are copied: without the column that DuckDB derives, in the order in which they came."""

LIVE_BYTES = """
    select
        (select used_blocks * block_size from pragma_database_size())::bigint as used_bytes,
        (select count(*) from span_rows) as live_rows,
        (select coalesce(sum(count), 0)::bigint from pragma_storage_info('span_rows')
         where column_name = 'kind' and segment_type <> 'VALIDITY') as held_rows"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vacuumed:
    """What a vacuum removed, and the bytes that live rows took before and take after (`live_bytes`)."""

    spans_removed: int
    bytes_before: int
    bytes_after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long spans are kept, and how many bytes they may take; None is no limit."""

    keep_ns: int | None = None
    keep_bytes: int | None = None


def vacuum(
    store: Store,
    *,
    older_than_ns: int | None = None,
    larger_than_bytes: int | None = None,
    now_unix_nano: int | None = None,
) -> Vacuumed:
    """Removes what was stored longer ago than `older_than_ns`, then the oldest until `larger_than_bytes` holds.

    Age counts from when a span was stored, so an imported recording of last year is not old. A chain stays whole: its
    spans go when the youngest of them is old. Chain tables, records, state samples and runs follow. The freed space is
    used again by later appends; `compact` gives it back to the disk. Raises `UsageError` for a remote or read-only
    store, `StoreUnavailable` when the store cannot write now.
    """
    if not isinstance(store, DuckDBStore):
        raise UsageError(
            "a remote store cannot be vacuumed; run vacuum where its file is, or restart its owner to do it"
        )
    rows_before, bytes_before = _rows(store), live_bytes(store)
    if older_than_ns is not None:
        now = time.time_ns() if now_unix_nano is None else now_unix_nano
        _remove_before(store, now - older_than_ns)
    if larger_than_bytes is not None:
        for _ in range(ROUNDS):
            live = live_bytes(store)
            if live <= larger_than_bytes or _rows(store) == 0:
                break
            keep = max(larger_than_bytes, 0) / live * 0.95
            cutoff = store.query(
                "select quantile_disc(ingested_unix_nano, $share) as cutoff from span_rows", {"share": 1 - keep}
            )["cutoff"][0].as_py()
            _remove_before(store, cutoff + 1)
    return Vacuumed(spans_removed=rows_before - _rows(store), bytes_before=bytes_before, bytes_after=live_bytes(store))


def live_bytes(store: Store) -> int:
    """Bytes on disk that the stored spans and what was made of them take, as of the last checkpoint.

    DuckDB frees rows in groups of 122,880 only, so what is removed may still take its place; it is left out here, by
    its share of the rows.
    """
    found = store.query(LIVE_BYTES).to_pylist()[0]
    live, held = int(found["live_rows"]), int(found["held_rows"])
    return int(found["used_bytes"]) * live // max(held, live, 1)


def compact(location: str) -> None:
    """Rewrites a file that nobody holds into the smallest one with the same rows, and puts it in its place.

    Needs as much free space beside the file as it will take. Raises what `open_store` raises.
    """
    path = Path(location)
    open_store(location, create=False).close()  # refuses what is missing, held or foreign; folds the log into the file
    fresh = path.with_name(f".{path.name}.compacting")
    fresh.unlink(missing_ok=True)
    files.create(fresh)
    try:
        _copy(path, fresh)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def _remove_before(store: DuckDBStore, cutoff_unix_nano: int) -> None:
    cutoff = {"cutoff": cutoff_unix_nano}

    def work(writer: Writer) -> None:
        writer.execute(
            """create temp table living as
            select distinct chain_number from chain_span_rows semi join (
                select trace_id, span_id from span_rows where ingested_unix_nano >= $cutoff
            ) young using (trace_id, span_id)""",
            cutoff,
        )
        writer.execute(
            """delete from span_rows where ingested_unix_nano < $cutoff and (trace_id, span_id) not in (
                select (trace_id, span_id) from chain_span_rows semi join living using (chain_number)
            )""",
            cutoff,
        )
        for table in tables_with(writer, "chain_number"):
            writer.execute(f"delete from {table} where chain_number not in (select chain_number from living)")  # noqa: S608
        forget_removed(writer)
        forget_facts(writer)
        writer.execute("delete from correlation_rows where trace_id not in (select trace_id from span_rows)")
        writer.execute("delete from records where seen_unix_nano < $cutoff", cutoff)
        writer.execute("delete from state_samples where sampled_unix_nano < $cutoff", cutoff)
        writer.execute("delete from runs where coalesce(ended_unix_nano, started_unix_nano) < $cutoff", cutoff)
        writer.execute("drop table living")

    store.write(work)
    store.checkpoint()


def tables_with(writer: Writer, column: str) -> list[str]:
    """Base tables that have this column, by name."""
    found = writer.execute(
        """select table_name from information_schema.columns join information_schema.tables using (table_name)
        where column_name = $column and table_type = 'BASE TABLE' and table_name <> 'living'""",
        {"column": column},
    )
    return [] if found is None else sorted(found["table_name"].to_pylist())


def _rows(store: DuckDBStore) -> int:
    return int(store.query("select count(*) as n from span_rows")["n"][0].as_py())


def _copy(source: Path, target: Path) -> None:
    """Every row of every table."""
    try:
        with duckdb.connect(files.MEMORY) as connection:
            connection.execute(f"attach {_quoted(source)} as source (read_only)")
            connection.execute(f"attach {_quoted(target)} as target")
            tables = connection.execute(
                "select table_name from duckdb_tables() where database_name = 'source' and not internal"
            ).fetchall()
            for (table,) in tables:
                connection.execute(f"delete from target.{table}")  # noqa: S608 - the schema's own names
                columns, order = SPAN_ROWS if table == "span_rows" else ("*", "")
                connection.execute(f"insert into target.{table} by name select {columns} from source.{table} {order}")  # noqa: S608
    except duckdb.IOException as error:
        raise StoreUnavailable(f"{source} could not be compacted: {error}; free some space and try again") from error
    except duckdb.Error as error:
        raise opening_fault(str(source), error) from error


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
