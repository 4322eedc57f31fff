"""Which appends stored spans of a trace, so that a trace is found by its id alone, however many spans there are.

Trace ids are random, so no zone map says where one lies, and looking through a hundred million takes half a second.
Each append therefore notes, beside its number and in its transaction, 32 bits of every trace id that it stored. Rows
lie by that number: a query that has it reads the row groups of these appends and no others. Digests of different traces
may be equal, and rows may have been removed since; so the numbers say where to look, never what is there.

    select * from span_rows where trace_id = $id::uuid and ingest_number in (from appends_of($id))

A digest and its number take four bytes on disk. Ten million are looked through in 12 to 18 ms of CPU.
"""

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from tracecheck.store.conflicts import registered
from tracecheck.store.protocol import Writer

IN_TRACE = "trace_id = $trace_id::uuid and ingest_number in (from appends_of($trace_id))"
"""Condition over `span_rows`: spans of the trace `$trace_id`, 32 hex digits."""

NOTE = "insert into trace_append_rows select digest, $number from noted"
NOTE_FEW = "insert into trace_append_rows select unnest($digests::uinteger[]), $number"
FEW = 256
"""Digests that are handed over as a parameter: half the time of a registered table, ten times as long for 10,000."""

FORGET = "delete from trace_append_rows where ingest_number not in (select ingest_number from span_rows)"


def note(connection: duckdb.DuckDBPyConnection, batch: pa.Table, ingest_number: int) -> None:
    """Notes, inside the open transaction, the traces of rows that it stores under this number."""
    found = digests(batch["trace_id"])
    if len(found) <= FEW:
        connection.execute(NOTE_FEW, {"digests": found.to_pylist(), "number": ingest_number})
        return
    with registered(connection, noted=pa.table({"digest": found})):
        connection.execute(NOTE, {"number": ingest_number})


def digests(trace_ids: pa.ChunkedArray) -> pa.Array:
    """The last 32 bits of each id, each once, as the macro `trace_digest` has them."""
    ids = pa.concat_arrays([chunk.storage for chunk in trace_ids.chunks])
    last_bytes = pc.binary_slice(ids, 12, 16)
    # Spans of a trace lie together: without the repeats next to each other few are left to compare.
    begins = pc.not_equal(last_bytes[1:], last_bytes[:-1])
    some = pa.concat_arrays([last_bytes[:1], last_bytes[1:].filter(begins)])
    return pc.binary_reverse(pc.unique(some).cast(pa.binary())).cast(pa.binary(4)).view(pa.uint32())


def forget_removed(writer: Writer) -> None:
    """Removes what was noted of appends of which no row is left."""
    writer.execute(FORGET)
