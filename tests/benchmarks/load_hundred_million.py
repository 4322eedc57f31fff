"""Loads a hundred million spans into one file: `python -m tests.benchmarks.load_hundred_million [SPANS] [FILE]`.

Request bytes are decoded and appended through the store, a full row group at a time, in one process: `tests.benchmarks.
replayed` gives each repeat new ids and later instants. Making the bytes is not part of the rate. Then traces are read
by id: without anything else known, and within the hour that is known.
"""

# ruff: noqa: T201 - a benchmark prints

import random
import resource
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

ROW_GROUP = 122_880
ASKED = 20
BY_ID = "select count(*) as spans from span_rows where trace_id = $trace_id::uuid"
WITHIN = f"{BY_ID} and start_unix_nano between $earliest and $latest"


def main(spans: int, path: Path) -> None:
    """Prints the progress, the rate, the size, and how long a trace takes to read."""
    recorded = record(bodies(ROW_GROUP))
    wire = sum(len(each.body) for each in recorded)
    print(f"{spans:,} spans of {wire / ROW_GROUP:.0f} bytes, decoder {decoder_form()}, into {path.name}", flush=True)
    create(path)
    with DuckDBStore(str(path)) as store:
        repeats = load(store, recorded, spans)
        stored = repeats * ROW_GROUP
        began = time.monotonic()
        store.checkpoint()
        print(f"checkpoint {time.monotonic() - began:.1f} s")
        size = path.stat().st_size
        print(f"{size:,} bytes, {size / stored:.1f} per span, {size / (wire * repeats):.1%} of the wire")
        print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB")
        look_up(store, recorded, repeats)


def load(store: DuckDBStore, recorded: list[Recorded], spans: int) -> int:
    """Appends at least so many spans; returns how many repeats that were."""
    batch = Batch()
    cpu = wall = 0.0
    repeats = -(-spans // ROW_GROUP)
    for number in range(repeats):
        made = list(repeat(recorded, number))
        began, began_cpu = time.monotonic(), time.process_time()
        batch.reset()
        for body in made:
            batch.take(body)
        store.append_arrow(batch.table())
        wall += time.monotonic() - began
        cpu += time.process_time() - began_cpu
        done = (number + 1) * ROW_GROUP
        if (number + 1) % 80 == 0 or number + 1 == repeats:
            print(f"{done:>12,} spans: {done / cpu:,.0f} per CPU second, {done / wall:,.0f} per second", flush=True)
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
            found = store.query(sql, parameters)["spans"][0].as_py()
            taken.append(1000 * (time.monotonic() - began))
            if not found:
                raise AssertionError(f"trace {parameters['trace_id']} is not there")
        print(f"{name}: median {statistics.median(taken):.0f} ms, slowest {max(taken):.0f} ms of {ASKED}")


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000_000
    if len(sys.argv) > 2:
        main(wanted, Path(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory(prefix="tracecheck-load-") as folder:
            main(wanted, Path(folder) / "spans.duckdb")
