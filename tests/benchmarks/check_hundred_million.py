"""Checks the chains of a hundred million spans: `python -m tests.benchmarks.check_hundred_million [SPANS] [FILE]`.

A million spans are stored and refreshed once; then their chains, hops, messages and edges are doubled under new
numbers and ids until they stand for SPANS: only those are read by a check in bulk. What building them takes is measured
by `bench_analysis`. A hundred million take some 8 GB on disk.
"""

# ruff: noqa: T201 - a benchmark prints

import resource
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.bench_analysis import sifted, timed
from tests.benchmarks.many_orders import SPANS_PER_ORDER, YAML, fill
from tracecheck.chains import refresh
from tracecheck.expect import load_expectations
from tracecheck.store import Store, Writer, open_store

FIRST_SPANS = 1_000_000

TABLES = (
    "chain_span_rows",
    "edge_rows",
    "message_rows",
    "hop_rows",
    "chain_feed_rows",
    "chain_shape_rows",
    "chain_rows",
)


def main(spans: int, path: Path) -> None:
    """Prints how long the chains of so many spans take to check, and the memory that took."""
    spec = path.with_suffix(".yaml")
    spec.write_text(YAML)
    (order,) = load_expectations(spec)
    with open_store(str(path)) as store:  # type: ignore[attr-defined]
        fill(store, min(spans, FIRST_SPANS) // SPANS_PER_ORDER)
        refresh(store)
        held = _held(store)
        while True:
            (passed, others), took = timed(lambda: sifted(store, order))
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024**2
            print(
                f"{held:>12,} spans: six steps in {took.cpu:.2f} s CPU, {took.wall:.2f} s; {passed:,} chains pass, "
                f"{others:,} left; {held / took.cpu / 1e6:.1f} M spans/s; peak memory {peak:.1f} GiB",
                flush=True,
            )
            if held >= spans:
                return
            began = time.monotonic()
            store.write(_double)
            held = _held(store)
            print(f"doubled in {time.monotonic() - began:.0f} s", flush=True)


def _double(writer: Writer) -> None:
    last = writer.execute("select max(chain_number) as last from chain_rows")
    assert last is not None
    more = int(last["last"][0].as_py())
    for table in TABLES:
        renamed = {"chain_rows": "chain_id", "chain_feed_rows": "feeding_chain_id"}.get(table)
        named = f", concat({renamed}, '+', {more}) as {renamed}" if renamed else ""
        writer.execute(
            f"insert into {table} select * replace (chain_number + {more} as chain_number{named}) from {table}"
        )


def _held(store: Store) -> int:
    return int(store.query("select sum(spans)::bigint as spans from chain_rows")["spans"][0].as_py())


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000_000
    if len(sys.argv) > 2:
        main(wanted, Path(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory(prefix="tracecheck-check-") as folder:
            main(wanted, Path(folder) / "chains.duckdb")
