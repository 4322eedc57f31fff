"""What the store adds to DuckDB's own insert: `python -m tests.benchmarks.bench_append [SPANS]`.

All sides of a ratio run in this one process, alternating, on CPU time of the process; the median of three is printed.
The yardstick is DuckDB inserting the same ready Arrow rows into a file with the same settings, without any comparison.
"""

# ruff: noqa: T201 - a benchmark prints

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from tests.support.spans import START, a_link, a_span
from tracecheck.model import Event, SpanKind
from tracecheck.semconv import canonical
from tracecheck.store.conflicts import AS_STORED
from tracecheck.store.duckdb_store import DuckDBStore
from tracecheck.store.files import connect, create
from tracecheck.store.rows import span_table

ROW_GROUP = 122_880
ROUNDS = 3


def main(count: int) -> None:
    """Prints spans per CPU second and the ratio to the yardstick."""
    spans = [canonical(a_consumed(number)) for number in range(count)]
    started = time.process_time()
    table = span_table(spans)
    print(f"Span values to Arrow              {count / (time.process_time() - started):>10,.0f} spans/s")
    print(f"{'batch':>8} {'side':<24} {'spans/s':>10} {'of yardstick':>13}")
    for size in (512, 8_192, ROW_GROUP):
        sides = {"DuckDB alone": insert_alone, "append, all new": append_new, "append, all repeated": append_again}
        taken: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(ROUNDS):
            for name, side in sides.items():
                taken[name].append(side(table, size))
        rates = {name: count / statistics.median(seconds) for name, seconds in taken.items()}
        for name, rate in rates.items():
            print(f"{size:>8} {name:<24} {rate:>10,.0f} {rate / rates['DuckDB alone']:>12.0%}")


def a_consumed(number: int):
    """A span as a Kafka consumer's helper emits it, with its own ids, and links and events now and then."""
    return a_span(
        "process orders",
        kind=SpanKind.CONSUMER,
        trace_id=os.urandom(16).hex(),
        span_id=os.urandom(8).hex(),
        start_unix_nano=START + number * 1_000,
        attributes={
            "messaging.system": "kafka",
            "messaging.destination.name": "orders",
            "messaging.operation.type": "process",
            "messaging.consumer.group.name": "billing",
            "messaging.destination.partition.id": str(number % 8),
            "messaging.kafka.offset": number,
            "messaging.message.id": os.urandom(8).hex(),
            "thread.id": number % 64,
        },
        links=(a_link(),) if number % 4 == 0 else (),
        events=(Event(time_unix_nano=START, name="retry", attributes={"reason": "timeout"}),)
        if number % 6 == 0
        else (),
    )


def insert_alone(table: pa.Table, size: int) -> float:
    """CPU seconds of DuckDB's insert of the rows into a new file, a transaction per batch."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spans.duckdb"
        create(path)
        connection = connect(str(path), read_only=False)

        def insert(batch: pa.Table) -> None:
            connection.register("batch", batch)
            connection.execute(
                f"insert into span_rows by name select {AS_STORED}, 1::bigint as ingest_number, "
                "1::bigint as ingested_unix_nano, false as conflicting from batch"
            )
            connection.unregister("batch")

        seconds = timed(table, size, insert)
        connection.close()
    return seconds


def append_new(table: pa.Table, size: int) -> float:
    """CPU seconds of the store's append of the rows into a new file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spans.duckdb"
        create(path)
        with DuckDBStore(str(path)) as store:
            return timed(table, size, store.append_arrow)


def append_again(table: pa.Table, size: int) -> float:
    """CPU seconds of appending what is stored already."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spans.duckdb"
        create(path)
        with DuckDBStore(str(path)) as store:
            store.append_arrow(table)
            return timed(table, size, store.append_arrow)


def timed(table: pa.Table, size: int, take: Callable[[pa.Table], object]) -> float:
    """CPU seconds of this process, all threads."""
    started = time.process_time()
    for at in range(0, table.num_rows, size):
        take(table.slice(at, size))
    return time.process_time() - started


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROW_GROUP)
