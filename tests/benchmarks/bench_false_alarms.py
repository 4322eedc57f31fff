"""How often `compare` flags an edge between two parts of one recording, in which nothing differs but chance and time.

`python -m tests.benchmarks.bench_false_alarms [SPLITS]` parts each recorded minute of the shared data by a coin, with
the coin loaded nine to one, and in time; and prints per way how many pairs were compared and what was flagged.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from random import Random

from tests.support.nezha import minute
from tests.support.shared_data import shared_data
from tracecheck.chains import refresh
from tracecheck.check.compare import EdgeChange, Scope, compare
from tracecheck.importers import import_files
from tracecheck.store import Store, open_store

MINUTES = ("2022-08-22_04_28", "2022-08-22_05_28", "2022-08-22_07_18")
DEMO = "otel-tui/otel-demo-2024-10-30.otlp.jsonl.gz"
TIME_PARTS = (2, 3, 4)


def main(splits: int) -> None:
    """Prints one line per recording and way of parting it."""
    for name in (*MINUTES, DEMO):
        with open_store(":memory:") as store:  # type: ignore[attr-defined]
            if name == DEMO:
                import_files(store, [shared_data(name)])
            else:
                store.append(minute(name))
            refresh(store)
            for way, share in (("half and half", 0.5), ("one in ten", 0.1)):
                report(name, way, by_coin(store, share, splits))
            for parts in TIME_PARTS:
                report(name, f"by time, next to each other of {parts}", by_time(store, parts))


def by_coin(store: Store, share: float, splits: int) -> Iterator[list[EdgeChange]]:
    """Both ways round, chains parted at random."""
    chains = store.query("select chain_number from chain_rows")["chain_number"].to_pylist()
    for seed in range(splits):
        random = Random(seed)
        chosen = [number for number in chains if random.random() < share]
        store.refresh(lambda writer, chosen=chosen: _mark(writer, chosen))  # type: ignore[misc]
        yield compare(Scope(store=store, run_id="rest"), Scope(store=store, run_id="part"))
        yield compare(Scope(store=store, run_id="part"), Scope(store=store, run_id="rest"))


def by_time(store: Store, parts: int) -> Iterator[list[EdgeChange]]:
    """Each part of the recording against the next, by when its calls began; chains are cut."""
    span = "select min(start_unix_nano), max(start_unix_nano) from span_rows"
    first, last = store.query(span).to_pylist()[0].values()
    marks = [first + (last + 1 - first) * part // parts for part in range(parts + 1)]
    for since, middle, until in zip(marks, marks[1:], marks[2:], strict=False):
        yield compare(
            Scope(store=store, since_unix_nano=since, until_unix_nano=middle),
            Scope(store=store, since_unix_nano=middle, until_unix_nano=until),
        )


def report(name: str, way: str, comparisons: Iterator[list[EdgeChange]]) -> None:
    """One line: pairs, edges, how many pairs flagged anything, and what."""
    pairs = edges = alarmed = 0
    flagged: Counter[str] = Counter()
    for changes in comparisons:
        pairs += 1
        edges += len(changes)
        found = [f"{one.reason} {one.from_service}>{one.to_service}" for one in changes if one.flagged]
        alarmed += bool(found)
        flagged.update(found)
    told = f"{name}, {way}: {pairs} pairs, {edges} edges, {alarmed} pairs with a flag {dict(flagged) or ''}"
    sys.stdout.write(told.rstrip() + "\n")
    sys.stdout.flush()


def _mark(writer: object, chosen: list[int]) -> None:
    writer.execute("update chain_rows set run_ids = ['rest']")  # type: ignore[attr-defined]
    writer.execute(  # type: ignore[attr-defined]
        "update chain_rows set run_ids = ['part'] where list_contains($chosen::bigint[], chain_number)",
        {"chosen": chosen},
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50)
