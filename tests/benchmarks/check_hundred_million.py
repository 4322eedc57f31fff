"""Checks the chains of a hundred million spans: `python -m tests.benchmarks.check_hundred_million [SPANS] [FILE]`.

A million spans are stored and refreshed once; then spans, chains, hops, messages and edges are doubled under new
numbers and ids until there are SPANS. What storing and building them takes is measured elsewhere
(`load_hundred_million`, `bench_analysis`). At each size the sift is timed, and the whole check with one in a hundred
chains failing, each with its findings. A hundred million take some 10 GB on disk.
"""

# ruff: noqa: T201 - a benchmark prints

import resource
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from tests.benchmarks.bench_analysis import sifted, timed
from tests.benchmarks.many_orders import SPANS_PER_ORDER, YAML, fill
from tracecheck.chains import refresh
from tracecheck.chains.facts import keep_facts
from tracecheck.check import check_store
from tracecheck.expect import load_expectations
from tracecheck.store import Store, Writer, open_store
from tracecheck.store.facts import forget_facts

FIRST_SPANS = 1_000_000

FIRST_SHIFT = 54
"""Every doubling sets another bit of every span id, from this one on: those of `many_orders` are smaller."""

IDS = {
    "span_rows": ("span_id", "parent_span_id"),
    "chain_span_rows": ("span_id", "parent_span_id"),
    "edge_rows": ("span_id", "cause_span_id"),
    "message_rows": ("span_id", "owner_span_id"),
    "hop_rows": ("producer_span_id", "consumer_span_id"),
    "chain_feed_rows": (),
    "chain_shape_rows": (),
    "chain_rows": ("origin_span_id",),
}
"""By table: its span ids. Traces keep theirs."""

NAMES = {"chain_rows": "chain_id", "chain_feed_rows": "feeding_chain_id"}

ATTEMPTS = """
    list_transform(attempt_spans, lambda a: struct_update(a, span_id := (a.span_id + {shift}::ubigint)::ubigint))
        as attempt_spans"""


def main(spans: int, path: Path) -> None:
    """Prints how long the chains of so many spans take to check, and the memory that took."""
    spec = path.with_suffix(".yaml")
    spec.write_text(YAML)
    (order,) = load_expectations(spec)
    with open_store(str(path)) as store:  # type: ignore[attr-defined]
        fill(store, min(spans, FIRST_SPANS) // SPANS_PER_ORDER, at_once=8_192)
        refresh(store)
        held = _held(store)
        bit = FIRST_SHIFT
        while True:
            (passed, others), sifting = timed(lambda: sifted(store, order))
            report, checking = timed(lambda: check_store(store, [order], settle_ns=0))
            assert (passed, others) == (report.passed_by_sift, len(report.results))
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024**2
            print(
                f"{held:>12,} spans: sift {sifting.cpu:.2f} s CPU, {sifting.wall:.2f} s; "
                f"whole check {checking.cpu:.2f} s CPU, {checking.wall:.2f} s; {passed:,} chains pass, "
                f"{others:,} fail; {held / checking.cpu / 1e6:.1f} M spans/s; peak memory {peak:.1f} GiB",
                flush=True,
            )
            del report
            if held >= spans:
                return
            began = time.monotonic()
            store.write(partial(_double, shift=1 << bit))
            bit += 1
            held = _held(store)
            print(f"doubled in {time.monotonic() - began:.0f} s", flush=True)


def _double(writer: Writer, *, shift: int) -> None:
    last = writer.execute("select max(chain_number) as last from chain_rows")
    assert last is not None
    more = int(last["last"][0].as_py())
    for table, ids in IDS.items():
        changed = [f"({name} + {shift}::ubigint)::ubigint as {name}" for name in ids]
        if table != "span_rows":
            changed.append(f"chain_number + {more} as chain_number")
        if table in NAMES:
            changed.append(f"concat({NAMES[table]}, '+', {more}) as {NAMES[table]}")
        if table == "hop_rows":
            changed.append(ATTEMPTS.format(shift=shift))
        left_out = "exclude (event_id) " if table == "span_rows" else ""
        writer.execute(f"insert into {table} by name select * {left_out}replace ({', '.join(changed)}) from {table}")
    forget_facts(writer)
    keep_facts(writer)


def _held(store: Store) -> int:
    return int(store.query("select sum(spans)::bigint as spans from chain_rows")["spans"][0].as_py())


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000_000
    if len(sys.argv) > 2:
        main(wanted, Path(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory(prefix="tracecheck-check-") as folder:
            main(wanted, Path(folder) / "chains.duckdb")
