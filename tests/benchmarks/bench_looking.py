"""What `doctor`, `compare`, `learn` and the caveats cost over a whole store.

`python -m tests.benchmarks.bench_looking SPANS...` prints CPU seconds of the whole process, chains refreshed before.
`compare` holds the first half of the time against the second.
"""

import sys

from tests.benchmarks.bench_analysis import timed
from tests.benchmarks.many_orders import SPANS_PER_ORDER, fill
from tracecheck.chains import refresh
from tracecheck.chains.caveats import caveats
from tracecheck.check.compare import Scope, compare
from tracecheck.check.doctor import doctor
from tracecheck.check.learn import learn
from tracecheck.store import open_store


def main(sizes: list[int]) -> None:
    """One line per size."""
    for size in sizes:
        with open_store(":memory:") as store:  # type: ignore[attr-defined]
            fill(store, size // SPANS_PER_ORDER)
            _, refreshing = timed(lambda store=store: refresh(store))  # type: ignore[misc]
            bounds = store.query(
                "select min(start_unix_nano) as a, max(start_unix_nano) as z from span_rows"
            ).to_pylist()
            middle = (bounds[0]["a"] + bounds[0]["z"]) // 2
            before, after = Scope(store=store, until_unix_nano=middle), Scope(store=store, since_unix_nano=middle)
            figures = {"refresh": refreshing.cpu}
            for name, work in {
                "doctor": lambda store=store: doctor(store),
                "compare": lambda before=before, after=after: compare(before, after),
                "learn": lambda store=store: learn(store),
                "caveats": lambda store=store: caveats(store),
            }.items():
                figures[name] = timed(work)[1].cpu
        told = ", ".join(f"{name} {seconds:.2f}" for name, seconds in figures.items())
        sys.stdout.write(f"{size:,} spans, s of CPU: {told}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or [100_000])
