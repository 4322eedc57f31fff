"""Refresh, check and diagnose against networkx per chain: `python -m tests.benchmarks.bench_analysis [SPANS]...`.

Every figure is spans per second of CPU time of the whole process (all threads together), so that one core is compared
with one core and a busy machine disturbs least; wall time stands beside it. `--plot FILE.svg` draws the growth.
"""

# ruff: noqa: T201 - a benchmark prints

import resource
import sys
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
from tracecheck.check import diagnose, evaluate
from tracecheck.check.anchors import chains_with
from tracecheck.check.sift import sift
from tracecheck.expect import Expectation, load_expectations
from tracecheck.model import Basis, Verdict
from tracecheck.store import Store, open_store

T = TypeVar("T")

BASELINE_CHAINS = 4_000
EVALUATED_CHAINS = 500
NEWS_ORDERS = 12


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


def main(sizes: list[int], plot: Path | None) -> None:
    """Prints a table per size; the largest size also by steps and by the share of failing chains."""
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        spec = Path(folder) / "order.yaml"
        spec.write_text(YAML)
        (order,) = load_expectations(spec)
        for size in sizes:
            with open_store(str(Path(folder) / f"{size}.duckdb")) as store:  # type: ignore[attr-defined]
                rows += measured(store, size, order)
        for failing in (0.0, 0.01, 0.1, 0.5):
            with open_store(":memory:") as store:  # type: ignore[attr-defined]
                fill(store, sizes[0] // SPANS_PER_ORDER, failing=failing)
                refresh(store)
                _, took = timed(lambda: sifted(store, order))
                rows.append(said(f"sift, {failing:.0%} failing", sizes[0], took, 0.0, part="failing"))
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
    rows = [said("refresh", spans, building, yardstick)]
    for steps in (2, 4, 6):
        fewer = replace(order, steps=order.steps[:steps])
        (passed, others), took = timed(partial(sifted, store, fewer))
        rows.append(said(f"check by the sift, {steps} steps", spans, took, yardstick, part="steps"))
    print(
        f"  {passed:,} passed in bulk, {others:,} left; of the yardstick's {sum(v is True for v in verdicts):,} passed"
    )
    ids = chains_with(store, order.anchor.pattern)[:EVALUATED_CHAINS]
    around = surroundings(store)
    loaded, loading = timed(lambda: list(load_many(store, ids)))
    held = sum(len(chain.spans) for chain in loaded)
    results, judging = timed(lambda: [evaluate(chain, order, around, settle_ns=0) for chain in loaded])
    assert sum(each.verdict is Verdict.PASS for of_chain in results for each in of_chain) > 0
    rows.append(said("load chains", held, loading, yardstick))
    rows.append(said("evaluate loaded chains", held, judging, yardstick))
    _, finding = timed(lambda: diagnose(store))
    rows.append(said("diagnose", spans, finding, yardstick))
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


def said(name: str, spans: int, took: Took, yardstick: float, *, part: str = "spans") -> dict[str, object]:
    """Prints a row, and keeps it for the plot."""
    rate = spans / took.cpu
    ratio = f"{rate / yardstick:>8.1f}x" if yardstick else ""
    print(f"{name:<28} {rate:>18,.0f} spans/s {ratio:>9}   {took.cpu:.2f} s CPU, {took.wall:.2f} s")
    return {"what": name, "spans": spans, "seconds of CPU": took.cpu, "part": part}


def draw(rows: list[dict[str, object]], path: Path) -> None:
    """Growth of the CPU time, both axes logarithmic."""
    import altair

    chart = altair.Chart(altair.Data(values=rows)).mark_line(point=True)
    scale = altair.Scale(type="log")
    chart.encode(
        x=altair.X("spans:Q", scale=scale),
        y=altair.Y("seconds of CPU:Q", scale=scale),
        color="what:N",
    ).properties(width=520, height=320).save(str(path))


if __name__ == "__main__":
    arguments = sys.argv[1:]
    target = Path(arguments.pop(arguments.index("--plot") + 1)) if "--plot" in arguments else None
    main([int(each) for each in arguments if each != "--plot"] or [100_000], target)
