"""How fast request bytes become committed rows: ratios of sides that alternate in one run, in CPU time of the process.

`SPANS` are appended in one go, as a full row group of the store, into a new file each time; the median of `ROUNDS`
counts. The yardstick is DuckDB's own insert of the same rows from ready Arrow, without any comparison with stored rows.
"""

# ruff: noqa: T201 - a benchmark prints

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
from google.protobuf.message import Message
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.benchmarks import loop_baseline
from tests.benchmarks.traffic import bodies
from tests.support.otlp import a_message, a_request, text
from tracecheck.receiver import decoder_form
from tracecheck.receiver.decode_columns import Batch
from tracecheck.store.conflicts import AS_STORED
from tracecheck.store.duckdb_store import DuckDBStore
from tracecheck.store.files import connect, create

SPANS = 122_880
ROUNDS = 5
SLOWEST = 10
"""No valid request may take more than so many times as long per byte as usual traffic."""

SIDES = {
    "ready Arrow, DuckDB's insert": lambda bench: bench.insert(bench.ready),
    "the same, key lists as plain text": lambda bench: bench.insert(bench.plain),
    "ready Arrow, the store's append": lambda bench: bench.append(bench.ready),
    "bytes, decoded to columns": lambda bench: bench.append(bench.decoded()),
    "bytes, decoded only": lambda bench: bench.decoded(),
    "bytes, runtime and Python loop": lambda bench: bench.append(loop_baseline.rows_of(bench.bodies)),
}


class Bench:
    """The same spans as bytes and as ready Arrow, and a new file for each append."""

    def __init__(self, requests: list[bytes]) -> None:
        self.bodies = requests
        self.batch = Batch()
        self.ready = _copied(self.decoded())
        self.plain = _without_dictionaries(self.ready, "attr_keys", "attr_int_keys")
        self.seconds = 0.0
        self.stored_bytes = 0

    def decoded(self) -> pa.Table:
        """All rows, in memory that is used again and again, as the receiver does."""
        self.batch.reset()
        for body in self.bodies:
            self.batch.take(body)
        return self.batch.table()

    def append(self, rows: pa.Table) -> None:
        """Through the store: compared with what is stored, and durable."""
        before = time.process_time() - self._started
        with _a_file() as path, DuckDBStore(str(path)) as store:
            self._started = time.process_time()
            store.append_arrow(rows)
            self.seconds = before + time.process_time() - self._started
            if self.stored_bytes == 0:
                store.checkpoint()
                self.stored_bytes = path.stat().st_size

    def insert(self, rows: pa.Table) -> None:
        """By DuckDB alone."""
        with _a_file() as path:
            connection = connect(str(path), read_only=False)
            connection.register("batch", rows)
            self._started = time.process_time()
            connection.execute(
                f"insert into span_rows by name select {AS_STORED}, 1::bigint as ingest_number, "
                "1::bigint as ingested_unix_nano, false as conflicting from batch"
            )
            self.seconds = time.process_time() - self._started
            connection.close()

    def timed(self, side: Callable[["Bench"], object]) -> float:
        """CPU seconds of one side, without making and opening its file."""
        self.seconds = 0.0
        self._started = time.process_time()
        side(self)
        return self.seconds or time.process_time() - self._started


class _a_file:  # noqa: N801 - reads as a context
    def __enter__(self) -> Path:
        self._folder = tempfile.TemporaryDirectory()
        path = Path(self._folder.name) / "spans.duckdb"
        create(path)
        return path

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()


def _copied(rows: pa.Table) -> pa.Table:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    return pa.ipc.open_stream(sink.getvalue()).read_all()


def _without_dictionaries(rows: pa.Table, *names: str) -> pa.Table:
    for name in names:
        rows = rows.set_column(rows.schema.get_field_index(name), name, rows[name].cast(pa.string()))
    return rows


def _of(count: int, message: Message) -> list[Message]:
    return [message] * count


def _values(*values: AnyValue) -> KeyValue:
    return KeyValue(key="k", value=AnyValue(array_value=ArrayValue(values=values)))


TINY = {"name": "", "start_time_unix_nano": 0, "end_time_unix_nano": 0}
SLOW = {
    "a megabyte of quotes": lambda: [a_message(attributes=[_values(AnyValue(string_value='"' * 200_000))] * 1)] * 5,
    "control characters": lambda: [a_message(attributes=[_values(AnyValue(string_value="\1" * 200_000))])] * 5,
    "an array of doubles": lambda: [a_message(attributes=[_values(*_of(90_000, AnyValue(double_value=0.1)))])],
    "an array of long doubles": lambda: [a_message(attributes=[_values(*_of(90_000, AnyValue(double_value=1 / 3)))])],
    "an array of booleans": lambda: [a_message(attributes=[_values(*_of(250_000, AnyValue(bool_value=True)))])],
    "an array of nothing": lambda: [a_message(attributes=[_values(*_of(500_000, AnyValue()))])],
    "60,000 keys on one span": lambda: [a_message(attributes=[text(f"key-{n:06}", "") for n in range(60_000)])],
    "1,000 new keys on every span": lambda: [
        a_message(n, attributes=[text(f"key-{n * 1000 + k:07}", "") for k in range(1000)]) for n in range(1, 50)
    ],
    "one key again and again": lambda: [a_message(attributes=_of(500_000, KeyValue()))],
    "events without anything": lambda: [a_message(events=_of(500_000, Span.Event()))],
    "links without anything": lambda: [a_message(links=_of(30_000, Span.Link(trace_id=b"\1" * 16, span_id=b"\2" * 8)))],
    "spans without anything": lambda: [a_message(n, **TINY) for n in range(1, 30_000)],
    "names that need lower case": lambda: [
        a_message(n, **TINY | {"kind": 4, "name": "Ä Ä"}, attributes=[text("messaging.system", "ÄÖÜ")])
        for n in range(1, 20_000)
    ],
    "ids of other scripts": lambda: [
        a_message(n, **TINY | {"kind": 4}, attributes=[text("messaging.message.id", "ä.٣.٤")]) for n in range(1, 20_000)
    ],
    "doubles as ids": lambda: [
        a_message(n, **TINY, attributes=[KeyValue(key="correlation.id", value=AnyValue(double_value=n / 7))])
        for n in range(1, 20_000)
    ],
    "ids that need a digest": lambda: [
        a_message(n, **TINY, attributes=[text("correlation.id", "x" * 513)]) for n in range(1, 2_000)
    ],
}


def main() -> int:
    """Prints every ratio and whether it keeps its limit; returns how many do not."""
    return compare() + search_slow()


def compare() -> int:
    """DESIGN 8: at least 60 % of appending ready Arrow, five times a Python loop, on disk 18 % of the wire."""
    bench = Bench(bodies(SPANS))
    wire = sum(map(len, bench.bodies))
    taken: dict[str, list[float]] = {name: [] for name in SIDES}
    for _ in range(ROUNDS):
        for name, side in SIDES.items():
            taken[name].append(bench.timed(side))
    rates = {name: SPANS / statistics.median(seconds) for name, seconds in taken.items()}
    yardstick, loop = rates["ready Arrow, DuckDB's insert"], rates["bytes, runtime and Python loop"]
    print(f"{SPANS} spans of {wire / SPANS:.0f} bytes; decoder: {decoder_form()}")
    for name, rate in rates.items():
        print(f"{name:<36} {rate:>10,.0f} spans/s {rate / yardstick:>6.0%} of ready Arrow {rate / loop:>6.1f} x loop")
    ours = rates["bytes, decoded to columns"]
    return (
        verdict("bytes to rows, of ready Arrow", f"{ours / yardstick:.1%}", ">= 60 %", ours >= 0.6 * yardstick)
        + verdict("bytes to rows, over a Python loop", f"{ours / loop:.1f} x", ">= 5 x", ours >= 5 * loop)
        + verdict(
            "on disk, of the wire", f"{bench.stored_bytes / wire:.1%}", "<= 18 %", bench.stored_bytes <= 0.18 * wire
        )
    )


def search_slow() -> int:
    """No valid request may take much longer per byte than usual traffic of the same size in bytes and rows."""
    usual = _cost(bodies(20_480))
    print(f"\n{'usual traffic':<30}  {usual[0]:8.1f} ns/B decoded, {usual[1]:8.1f} ns/B to rows")
    slowest, worst = 0.0, ""
    for name, messages in SLOW.items():
        body = a_request(*messages()).SerializeToString()
        decoding, whole = _cost([body])
        print(
            f"{name:<30} {len(body) / 1e6:6.1f} MB: decoded {decoding:6.1f} ns/B ({decoding / usual[0]:4.1f} x usual), "
            f"to rows {whole:6.1f} ns/B ({whole / usual[1]:4.1f} x usual)"
        )
        slowest, worst = max((slowest, worst), (whole / usual[1], name))
    limit = f"<= {SLOWEST} x"
    return verdict(f"slowest valid request: {worst}", f"{slowest:.1f} x usual", limit, slowest <= SLOWEST)


def verdict(what: str, measured: str, limit: str, kept: bool) -> int:
    """Prints a limit and whether it is kept; returns 1 if it is not."""
    print(f"{'kept' if kept else 'MISSED':<7} {what}: {measured}, limit {limit}")
    return not kept


def _cost(requests: list[bytes]) -> tuple[float, float]:
    bench = Bench(requests)
    size = sum(map(len, requests))
    decoding = min(bench.timed(lambda each: each.decoded()) for _ in range(3))
    whole = min(bench.timed(lambda each: each.append(each.decoded())) for _ in range(3))
    return decoding / size * 1e9, whole / size * 1e9


if __name__ == "__main__":
    main()
