"""Refresh, check and diagnose against networkx per chain: `python -m tests.benchmarks.bench_analysis [SPANS]...`.

Every figure is spans per second of CPU time of the whole process (all threads together), so that one core is compared
with one core and a busy machine disturbs least; wall time stands beside it. `--plot FILE.svg` draws the growth with
spans, chains, steps and the share of failing chains. `--keep FOLDER` leaves the stores there, as SPANS.duckdb.
"""

# ruff: noqa: T201 - a benchmark prints

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from tests.benchmarks.many_orders import SPANS_PER_ORDER, YAML, fill
from tests.benchmarks.networkx_baseline import passes, rows_by_chain
from tracecheck.chains import load_many, refresh, surroundings
from tracecheck.check import check_store, diagnose, evaluate
from tracecheck.check.anchors import chains_with
from tracecheck.check.sift import sift
from tracecheck.expect import Expectation, load_expectations
from tracecheck.model import Basis, Verdict
from tracecheck.store import Store, open_store

T = TypeVar("T")

BASELINE_CHAINS = 4_000
EVALUATED_CHAINS = 500
NEWS_ORDERS = 12
SHARED_SPANS = 24_000
"""Spans of the stores in which the share of failing chains varies: each of those is evaluated, at milliseconds each."""

PANELS = ("spans", "chains", "steps", "share of failing chains")


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds of CPU and on the clock."""

    cpu: float
    wall: float


def timed(work: Callable[[], T]) -> tuple[T, Took]:
    """What it gives, and what it took."""
    cpu, wall = time.process_time(), time.perf_counter()
    done = work()
    return done, Took(time.process_time() - cpu, time.perf_counter() - wall)


def main(sizes: list[int], plot: Path | None, keep: Path | None) -> None:
    """Prints a table per size, and a check by the share of failing chains."""
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        spec = Path(temporary) / "order.yaml"
        spec.write_text(YAML)
        (order,) = load_expectations(spec)
        for size in sizes:
            with open_store(str(folder / f"{size}.duckdb")) as store:  # type: ignore[attr-defined]
                rows += measured(store, size, order)
        print(f"\n{SHARED_SPANS:,} spans, by the share of failing orders")
        for failing in (0.0, 0.01, 0.03, 0.1, 0.3):
            with open_store(":memory:") as store:  # type: ignore[attr-defined]
                fill(store, SHARED_SPANS // SPANS_PER_ORDER, failing=failing)
                refresh(store)
                for name, work in (
                    ("sift", partial(sifted, store, order)),
                    ("check", partial(check_store, store, [order], settle_ns=0)),
                ):
                    _, took = timed(work)
                    said(f"{name}, {failing:.0%} failing", SHARED_SPANS, took, 0.0)
                    rows.append(drawn("share of failing chains", failing, name, took))
    if plot is not None:
        draw(rows, plot)


def measured(store: Store, size: int, order: Expectation) -> list[dict[str, object]]:
    """All figures at one size."""
    orders = size // SPANS_PER_ORDER
    fill(store, orders, at_once=max(orders // 8, 1))
    spans = int(store.query("select count(*) as n from span_rows")["n"][0].as_py())
    print(f"\n{spans:,} spans in {orders:,} orders, 1 % of them failing")
    _, building = timed(lambda: refresh(store))
    chains = rows_by_chain(store, BASELINE_CHAINS)
    walked = sum(len(chain) for chain in chains)
    verdicts, walking = timed(lambda: [passes(chain) for chain in chains])
    yardstick = walked / walking.cpu
    print(f"networkx per chain                {yardstick:>12,.0f} spans/s ({len(chains):,} chains, rows at hand)")
    rows: list[dict[str, object]] = []

    def grown(name: str, took: Took) -> None:
        rows.append(drawn("spans", spans, name, took))
        rows.append(drawn("chains", chains_stored, name, took))

    chains_stored = int(store.query("select count(*) as n from chain_rows")["n"][0].as_py())
    said("refresh", spans, building, yardstick)
    grown("refresh", building)
    for steps in (2, 3, 4, 5, 6):
        fewer = replace(order, steps=order.steps[:steps])
        (passed, others), took = timed(partial(sifted, store, fewer))
        said(f"check by the sift, {steps} steps", spans, took, yardstick)
        rows.append(drawn("steps", steps, f"sift of {spans:,} spans", took))
    grown("sift", took)
    grown("networkx", Took(spans / yardstick, 0.0))
    print(
        f"  {passed:,} passed in bulk, {others:,} left; of the yardstick's {sum(v is True for v in verdicts):,} passed"
    )
    _, checking = timed(lambda: check_store(store, [order], settle_ns=0))
    said("check, the rest evaluated", spans, checking, yardstick)
    grown("check", checking)
    ids = chains_with(store, order.anchor.pattern)[:EVALUATED_CHAINS]
    around = surroundings(store)
    loaded, loading = timed(lambda: list(load_many(store, ids)))
    held = sum(len(chain.spans) for chain in loaded)
    results, judging = timed(lambda: [evaluate(chain, order, around, settle_ns=0) for chain in loaded])
    assert sum(each.verdict is Verdict.PASS for of_chain in results for each in of_chain) > 0
    said("load chains", held, loading, yardstick)
    said("evaluate loaded chains", held, judging, yardstick)
    _, finding = timed(lambda: diagnose(store))
    said("diagnose", spans, finding, yardstick)
    grown("diagnose", finding)
    fill(store, NEWS_ORDERS, first=orders + 64)
    _, small = timed(lambda: refresh(store))
    print(f"refresh of {NEWS_ORDERS * SPANS_PER_ORDER} new spans: {small.cpu:.3f} s of CPU, {small.wall:.3f} s")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024**2
    print(f"peak memory of the process so far: {peak:.2f} GiB")
    return rows


def sifted(store: Store, expectation: Expectation) -> tuple[int, int]:
    """How many chains passed in bulk, and how many are left."""
    found = sift(store, expectation, basis=Basis.PROVEN)
    assert found is not None
    return found.passed, len(found.others)


def said(name: str, spans: int, took: Took, yardstick: float) -> None:
    """Prints a row."""
    rate = spans / took.cpu
    ratio = f"{rate / yardstick:>8.1f}x" if yardstick else ""
    print(f"{name:<28} {rate:>18,.0f} spans/s {ratio:>9}   {took.cpu:.2f} s CPU, {took.wall:.2f} s", flush=True)


def drawn(panel: str, amount: float, name: str, took: Took) -> dict[str, object]:
    """A point of the plot."""
    return {"panel": panel, "amount": amount, "what": name, "seconds of CPU": took.cpu}


def draw(rows: list[dict[str, object]], path: Path) -> None:
    """A panel each for spans, chains, steps and the share of failing chains; the first two with logarithmic axes."""
    import altair

    panels = []
    for panel in PANELS:
        points = [row for row in rows if row["panel"] == panel]
        is_growth = panel in ("spans", "chains")
        scale = altair.Scale(type="log") if is_growth else altair.Scale(zero=True)
        panels.append(
            altair.Chart(altair.Data(values=points))  # type: ignore[no-untyped-call]
            .mark_line(point=True)
            .encode(
                x=altair.X("amount:Q", scale=scale, title=panel),
                y=altair.Y("seconds of CPU:Q", scale=scale),
                color=altair.Color("what:N", title=None),
            )
            .properties(width=300, height=220)
        )
    rest = altair.hconcat(*panels[2:]).resolve_scale(color="independent")
    altair.vconcat(altair.hconcat(*panels[:2]), rest).resolve_scale(color="independent").save(str(path))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("spans", nargs="*", type=int, default=[100_000])
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    main(given.spans, given.plot, given.keep)
