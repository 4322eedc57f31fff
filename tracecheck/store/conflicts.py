"""Row identity is (trace id, span id): an identical repeat is dropped, a different span is kept beside it and marked.

How it stays fast in a large store. A repeat is identical only if it starts at the same instant, so comparing a batch
with the rows that start where the batch starts finds every repeat, whenever it comes, and DuckDB's zone maps skip the
rest of the table. A *different* span under the same ids may start anywhere. In a store below `COMPARE_ALL_ROWS` the
whole table is compared at once; above it `LOOK_AROUND_NS` around the batch are compared at once, and the whole table
before the next chain refresh (`mark_late`), so that no chain is ever built from an unmarked conflict.

Content is compared over the OTLP fields alone, attributes in any order: columns that tracecheck derives may change with
its release and make no conflict.
"""

from collections import Counter
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from uuid import UUID

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from tracecheck.store.protocol import Appended

COMPARE_ALL_ROWS = 250_000
"""Measured: keys of 512 spans against 10 M rows 74 ms on two threads, so 2 ms here, about the cost of the commit."""

LOOK_AROUND_NS = 10_000_000_000
"""At 100,000 spans a second this is a look at two million rows, 40 ms; ten minutes would be longer than the append."""

FEW_ROWS = 128
"""Up to here their keys are looked for one by one, not joined: somebody waits for them."""

FEW_TRACES = 1_000
"""Up to here only the appends that stored spans of recent traces are compared, not the whole table: 10 ms instead of
45 in a store of 3 M rows, and it hardly grows with the store."""

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1

CONTENT = """hash(
    parent_span_id, coalesce(trace_state, ''), flags, name, kind, start_unix_nano, end_unix_nano, start_raw_unix_nano,
    end_raw_unix_nano, status_code, coalesce(status_message, ''), resource, dropped_attributes_count,
    list_sort(list_zip(string_split(attr_keys, chr(31)), attr_vals)),
    list_sort(list_zip(string_split(attr_int_keys, chr(31)), attr_ints)),
    list_transform(links, lambda link: [link.trace_id::varchar, link.span_id::varchar, coalesce(link.trace_state, ''),
        link.flags::varchar, link.attributes, link.dropped_attributes_count::varchar]),
    dropped_links_count, events, dropped_events_count)"""
"""A number that is equal for equal content. Used within one statement only: DuckDB may hash differently one day."""

# DuckDB 1.5 cannot push a join's filter on UUIDs down into an Arrow table: hence the materialised step.
STORED_KEYS = """
    with arrived as materialized (select trace_id, span_id from incoming)
    select distinct stored.trace_id::varchar as trace_id, stored.span_id
    from span_rows stored semi join arrived using (trace_id, span_id)
    where stored.start_unix_nano between $earliest and $latest"""

KEYS_TWICE = """
    select trace_id::varchar as trace_id, span_id from incoming group by all having count(*) > 1"""

REPEATED = "(select trace_id::uuid as trace_id, span_id from repeated)"

STORED_SPANS_OF = """
    select trace_id::varchar, span_id from span_rows
    where trace_id in ({traces}) and start_unix_nano between $earliest and $latest"""

NEW_VERSIONS = f"""
    with incoming_rows as materialized (from incoming),
    arrived as (
        select row_number, trace_id, span_id, {CONTENT} as content
        from incoming_rows semi join {REPEATED} repeated using (trace_id, span_id)
    ),
    known as (
        select trace_id, span_id, {CONTENT} as content
        from span_rows semi join {REPEATED} repeated using (trace_id, span_id)
        where start_unix_nano between $earliest and $latest
    )
    select min(row_number) as row_number
    from arrived anti join known using (trace_id, span_id, content)
    group by trace_id, span_id, content"""  # noqa: S608 - constants

NEW_ROWS = f"""(
        with incoming_rows as materialized (from incoming)
        select * exclude row_number from incoming_rows
        where (trace_id, span_id) not in (select (trace_id, span_id) from {REPEATED})
            or row_number in (from fresh select row_number)
    )"""  # noqa: S608 - constants

VERSIONS = f"""
    select coalesce(sum(versions - 1), 0)::bigint as beside
    from (
        select count(*) as versions
        from span_rows semi join {REPEATED} repeated using (trace_id, span_id)
        where start_unix_nano between $earliest and $latest
        group by trace_id, span_id
    )"""  # noqa: S608 - constants

MARK = f"""
    update span_rows set conflicting = true, content_hash = {CONTENT}
    where not conflicting and start_unix_nano between $earliest and $latest and (trace_id, span_id) in (
        select (trace_id, span_id) from span_rows semi join {REPEATED} repeated using (trace_id, span_id)
        where start_unix_nano between $earliest and $latest
        group by trace_id, span_id having count(*) > 1
    )"""  # noqa: S608 - constants

AS_STORED = """* exclude (event_id), nullif(event_id, message_id) as own_event_id,
    coalesce(event_id = message_id, false) as event_is_message"""
"""Columns of a batch, as `span_rows` holds them: an event's id is stored once where it is the message's id as well."""

PROGRESS = """
    select
        coalesce((select max(ingest_number) from store_progress where task = 'conflicts'), 0),
        coalesce((select max(ingest_number) from span_rows), 0)"""

LATE_KEYS = """
    select trace_id::varchar as trace_id, span_id from span_rows semi join (
        select trace_id, span_id from span_rows where ingest_number > $since
    ) recent using (trace_id, span_id)
    {among} group by all having count(*) > 1 and not bool_and(conflicting)"""

LATE_DIGESTS = "select distinct trace_digest(trace_id) from span_rows where ingest_number > $since limit $most"

APPENDS_OF_DIGESTS = """
    select ingest_number from trace_append_rows where digest in (select unnest($digests::uinteger[]))
    union select ingest_number from span_rows where ingest_number > $since"""


@dataclass(frozen=True, slots=True)
class Window:
    """Start instants between which stored rows are compared, both included."""

    earliest: int = INT64_MIN
    latest: int = INT64_MAX

    @staticmethod
    def around(batch: pa.Table, stored_rows: int) -> "Window":
        """The window for a batch, by the size of the store."""
        if stored_rows < COMPARE_ALL_ROWS:
            return Window()
        starts = pc.min_max(batch["start_unix_nano"]).as_py()
        return Window(
            max(starts["min"] - LOOK_AROUND_NS, INT64_MIN),
            min(starts["max"] + LOOK_AROUND_NS, INT64_MAX),
        )

    @property
    def parameters(self) -> dict[str, object]:
        """As query parameters."""
        return {"earliest": self.earliest, "latest": self.latest}


def insert_new(
    connection: duckdb.DuckDBPyConnection, batch: pa.Table, window: Window, ingest_number: int, now_unix_nano: int
) -> Appended:
    """Inserts the rows of `batch` that are not stored yet, inside the open transaction, and marks conflicts."""
    ingested = {"number": ingest_number, "now": now_unix_nano}
    repeated = _repeated_keys(connection, batch, window)
    if repeated.num_rows == 0:
        with registered(connection, incoming=batch):
            connection.execute(_insert("incoming"), ingested)
        return Appended(stored=batch.num_rows)
    numbered = batch.append_column("row_number", pa.array(range(batch.num_rows), pa.int64()))
    with registered(connection, incoming=numbered, repeated=repeated):
        before = _versions_beside(connection, window)
        fresh = connection.sql(NEW_VERSIONS, params=window.parameters).to_arrow_table()
        with registered(connection, fresh=fresh):
            stored = _changed(connection, _insert(NEW_ROWS), ingested)
        connection.execute(MARK, window.parameters)
        beside = _versions_beside(connection, window) - before
    return Appended(stored=stored, duplicates=batch.num_rows - stored, conflicting=beside)


def mark_late(connection: duckdb.DuckDBPyConnection) -> None:
    """Marks conflicts of the rows ingested since the last call with any row of the store, and notes how far it got."""
    since, latest = connection.execute(PROGRESS).fetchall()[0]
    if since == latest:
        return
    late = connection.sql(_late_keys(connection, since), params={"since": since}).to_arrow_table()
    if late.num_rows:
        with registered(connection, repeated=late):
            connection.execute(MARK, Window().parameters)
    connection.execute("delete from store_progress where task = 'conflicts'")
    connection.execute("insert into store_progress values ('conflicts', ?)", [latest])


class registered:  # noqa: N801 - reads as a context
    """Arrow tables as tables of one connection, for the length of a `with`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, **tables: pa.Table) -> None:
        self._connection = connection
        self._tables = tables

    def __enter__(self) -> None:
        for name, table in self._tables.items():
            self._connection.register(name, table)

    def __exit__(self, failed: object, *_: object) -> None:
        # In a transaction that failed nothing can be unregistered, and its rollback does so: say why it failed instead.
        with suppress(duckdb.Error) if failed else nullcontext():
            for name in self._tables:
                self._connection.unregister(name)


def _repeated_keys(connection: duckdb.DuckDBPyConnection, batch: pa.Table, window: Window) -> pa.Table:
    """Keys that occur twice in the batch, or in the batch and the store."""
    keys = pa.table({"trace_id": _storage(batch["trace_id"]), "span_id": batch["span_id"]})
    if keys.num_rows <= FEW_ROWS:
        return _repeated_of_few(connection, keys, window)
    arrived = batch.select(["trace_id", "span_id"])  # planning a query over all columns takes milliseconds
    with registered(connection, incoming=arrived):
        repeated = connection.sql(STORED_KEYS, params=window.parameters).to_arrow_table()
        if _all_differ(keys):
            return repeated
        twice = connection.sql(KEYS_TWICE).to_arrow_table()
    return pa.concat_tables([repeated, twice]).group_by(["trace_id", "span_id"]).aggregate([])


def _all_differ(keys: pa.Table) -> bool:
    """Whether no key occurs twice. Span ids are random: where they differ, the keys do, at half the cost."""
    rows: int = keys.num_rows
    return len(pc.unique(keys["span_id"])) == rows or keys.group_by(keys.column_names).aggregate([]).num_rows == rows


def _repeated_of_few(connection: duckdb.DuckDBPyConnection, keys: pa.Table, window: Window) -> pa.Table:
    """The same for few rows, whose keys are written into the query: a quarter of the time, since nothing is joined."""
    pairs = [
        (str(UUID(bytes=trace)), span) for trace, span in zip(*(column.to_pylist() for column in keys), strict=True)
    ]
    traces = ", ".join(f"'{trace}'::uuid" for trace in dict.fromkeys(trace for trace, _ in pairs))
    stored = connection.execute(STORED_SPANS_OF.format(traces=traces), window.parameters).fetchall()
    repeated = set(stored).intersection(pairs) | {pair for pair, count in Counter(pairs).items() if count > 1}
    traces_of, spans_of = zip(*repeated, strict=True) if repeated else ((), ())
    return pa.table({"trace_id": pa.array(traces_of, pa.string()), "span_id": pa.array(spans_of, pa.uint64())})


def _late_keys(connection: duckdb.DuckDBPyConnection, since: int) -> str:
    """The statement that finds keys stored again since; the appends are named in it, so that others are not read."""
    found = connection.execute(LATE_DIGESTS, {"since": since, "most": FEW_TRACES + 1}).fetchall()
    if len(found) > FEW_TRACES:
        return LATE_KEYS.format(among="")
    appends = connection.execute(
        APPENDS_OF_DIGESTS, {"digests": [digest for (digest,) in found], "since": since}
    ).fetchall()
    return LATE_KEYS.format(among=f"where ingest_number in ({', '.join(str(number) for (number,) in appends)})")


def _storage(uuids: pa.ChunkedArray) -> pa.ChunkedArray:
    return pa.chunked_array([chunk.storage for chunk in uuids.chunks], pa.binary(16))


def _insert(source: str) -> str:
    return f"""
        insert into span_rows by name
        select {AS_STORED}, $number::bigint as ingest_number, $now::bigint as ingested_unix_nano,
            false as conflicting
        from {source}"""  # noqa: S608 - constants


def _versions_beside(connection: duckdb.DuckDBPyConnection, window: Window) -> int:
    row = connection.execute(VERSIONS, window.parameters).fetchall()[0]
    return int(row[0])


def _changed(connection: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, object]) -> int:
    return int(connection.execute(sql, parameters).fetchall()[0][0])
