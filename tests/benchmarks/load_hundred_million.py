"""Loads a hundred million spans into one file: `python -m tests.benchmarks.load_hundred_million [SPANS] [FILE]`.

Request bytes are decoded and appended through the store, a full row group at a time, in one process: `tests.benchmarks.
replayed` gives each repeat new ids and later instants. Making the bytes is not part of the rate. Then traces of all
ages are read by id, with all their columns: without anything else known, and within the hour that is known.

Without FILE a temporary one is taken, and removed whatever happens. A FILE stays, and a run that was ended (SIGINT or
SIGTERM: after the row group it is at) goes on where it was when it is started again. Before the first span it is made
sure that the disk has room.
"""

# ruff: noqa: T201 - a benchmark prints

import random
import resource
import shutil
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.replayed import LATER_NS, Recorded, record, repeat, trace_id_of
from tests.benchmarks.traffic import bodies
from tests.support.otlp import START
from tracecheck.receiver import decoder_form
from tracecheck.receiver.decode_columns import Batch
from tracecheck.store.duckdb_store import DuckDBStore
from tracecheck.store.files import create
from tracecheck.store.traces import IN_TRACE

ROW_GROUP = 122_880
ASKED = 200
BYTES_PER_SPAN = 130
"""Room asked of the disk: what a span takes, its share of the log, and some more."""

BY_ID = f"select * from span_rows where {IN_TRACE}"
WITHIN = "select * from span_rows where trace_id = $trace_id::uuid and start_unix_nano between $earliest and $latest"


def main(spans: int, path: Path) -> None:
    """Prints the progress, the rate, the size, and how long a trace takes to read."""
    recorded = record(bodies(ROW_GROUP))
    wire = sum(len(each.body) for each in recorded)
    repeats = -(-spans // ROW_GROUP)
    print(f"{spans:,} spans of {wire / ROW_GROUP:.0f} bytes, decoder {decoder_form()}, into {path}", flush=True)
    if not path.exists():
        create(path)
    with DuckDBStore(str(path)) as store:
        there = _repeats_in(store)
        _require_room(path, (repeats - there) * ROW_GROUP)
        reached = load(store, recorded, there, repeats)
        began = time.monotonic()
        store.checkpoint()
        print(f"checkpoint {time.monotonic() - began:.1f} s")
        stored, size = reached * ROW_GROUP, path.stat().st_size
        if _repeats_in(store) != reached:
            raise AssertionError(f"{stored:,} spans were appended, and the file holds another number")
        print(
            f"{stored:,} spans: {size:,} bytes, {size / stored:.1f} a span, {size / (wire * reached):.1%} of the wire"
        )
        print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB", flush=True)
        look_up(store, recorded, reached)


def load(store: DuckDBStore, recorded: list[Recorded], first: int, repeats: int) -> int:
    """Appends the repeats that are not there yet, or as many as it may; returns how many there are then."""
    batch = Batch()
    cpu = wall = 0.0
    asked_to_end: list[int] = []
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda number, _: asked_to_end.append(number))
    for number in range(first, repeats):
        made = list(repeat(recorded, number))
        began, began_cpu = time.monotonic(), time.process_time()
        batch.reset()
        for body in made:
            batch.take(body)
        store.append_arrow(batch.table())
        wall += time.monotonic() - began
        cpu += time.process_time() - began_cpu
        done = (number + 1 - first) * ROW_GROUP
        if (number + 1) % 40 == 0 or number + 1 == repeats or asked_to_end:
            rates = f"{done / cpu:,.0f} per CPU second, {done / wall:,.0f} per second"
            print(f"{(number + 1) * ROW_GROUP:>12,} spans: {rates}", flush=True)
        if asked_to_end:
            print("ended early: start it again with the same FILE to go on")
            return number + 1
    return repeats


def look_up(store: DuckDBStore, recorded: list[Recorded], repeats: int) -> None:
    """Reads traces of all ages, each once."""
    chance = random.Random(1)
    asked = [(chance.randrange(repeats), chance.randrange(len(recorded))) for _ in range(ASKED)]
    store.query(BY_ID, {"trace_id": trace_id_of(recorded, *asked[0])})
    for name, sql in (("trace by id", BY_ID), ("trace by id and hour", WITHIN)):
        taken = []
        for number, place in asked:
            parameters: dict[str, object] = {"trace_id": trace_id_of(recorded, number, place)}
            if sql is WITHIN:
                begin = START + number * LATER_NS
                parameters |= {"earliest": begin, "latest": begin + LATER_NS}
            began = time.monotonic()
            found = store.query(sql, parameters).num_rows
            taken.append(1000 * (time.monotonic() - began))
            if not found:
                raise AssertionError(f"trace {parameters['trace_id']} is not there")
        p99 = statistics.quantiles(taken, n=100)[98]
        median, slowest = statistics.median(taken), max(taken)
        print(f"{name}: median {median:.0f} ms, p99 {p99:.0f} ms, slowest {slowest:.0f} ms of {ASKED}")


def _repeats_in(store: DuckDBStore) -> int:
    spans = int(store.query("select count(*) as n from span_rows")["n"][0].as_py())
    if spans % ROW_GROUP:
        sys.exit(f"{store.location} holds {spans:,} spans, which no run of this program leaves; name another file")
    return spans // ROW_GROUP


def _require_room(path: Path, spans: int) -> None:
    needed, free = spans * BYTES_PER_SPAN, shutil.disk_usage(path.parent).free
    print(f"{free / 1e9:.1f} GB free, up to {needed / 1e9:.1f} GB needed", flush=True)
    if free < needed:
        sys.exit(f"{path.parent} has too little room; set TMPDIR, or name a file on another disk")


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000_000
    if len(sys.argv) > 2:
        main(wanted, Path(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory(prefix="tracecheck-load-") as folder:
            main(wanted, Path(folder) / "spans.duckdb")
