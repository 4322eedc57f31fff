"""How soon a wait returns after what it waits for is committed: pushed, looked for by us, polled every 100 ms.

Run as `python -m tests.benchmarks.bench_waiting [WAITS]`. Every way waits for the same commits, which come 30 to 400 ms
after the wait began, in an order of ways that changes, so that a busy machine is unfair to none.
"""

# ruff: noqa: T201 - a benchmark prints

import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles

import sqlalchemy

from tests.services import installed
from tests.services.postgres import postgres
from tests.support.fake_time import FakeClock
from tests.support.spans import Traces
from tracecheck.demo.broker import embedded_broker
from tracecheck.probe.brokers import Outgoing, connect
from tracecheck.probe.observe import Match, observing
from tracecheck.probe.sql_state import open_engine, sql_probe
from tracecheck.probe.wait import Wake, await_until
from tracecheck.probe.waiting import Answer, Pause, Rules, waiting
from tracecheck.store import open_store

EARLIEST_S, LATEST_S = 0.03, 0.4
AT_MOST_S = 30.0
POLL_S = 0.1
NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Something that can be committed, and seen from outside. `wake` where it tells when it was."""

    commit: Callable[[int], None]
    seen: Callable[[int], bool]
    wake: Wake | None = None


def main(waits: int = 60) -> None:
    """Prints the milliseconds from commit to return, and the ratio to polling."""
    print(f"{waits} waits a row; milliseconds from the commit to the return of the wait")
    print(f"{'':42}{'p50':>8}{'p99':>8}{'worst':>8}{'looks':>8}")
    _by_schedule_alone()
    with ExitStack() as stack:
        for name, world in _worlds(stack):
            ways = {"pushed": _ours(world)} if world.wake else {"looked for": _ours(world)}
            ways["polled every 100 ms"] = _polling(world)
            late, looks = _measured(world, ways, waits)
            for way in ways:
                _row(f"{name}, {way}", late[way], looks[way] / waits)
            _ratio(*(late[way] for way in ways))


def _by_schedule_alone() -> None:
    """What the order of looks costs on a machine that takes no time for anything: of 1000 commits, by a fake clock."""
    chance = random.Random(2)
    ours, polled, looks, polls = [], [], 0, 0
    for _ in range(1000):
        clock, at = FakeClock(), chance.uniform(EARLIEST_S, LATEST_S)
        steps = waiting(Rules(at_most_s=AT_MOST_S, until=bool), clock.now_ns)
        with suppress(StopIteration):
            request = next(steps)
            while True:
                if isinstance(request, Pause):
                    clock.now += request.for_s
                    request = steps.send(None)
                else:
                    looks += 1
                    request = steps.send(Answer(value=clock.now >= at))
        ours.append((clock.now - at) * 1000)
        polls += int(at / POLL_S) + 1
        polled.append(((int(at / POLL_S) + 1) * POLL_S - at) * 1000)
    for way, late, asked in (("looked for", ours, looks), ("polled every 100 ms", polled, polls)):
        _row(f"schedule alone, {way}", late, asked / 1000)
    _ratio(ours, polled)


def _row(name: str, late: list[float], looks: float) -> None:
    by_percent = quantiles(late, n=100, method="inclusive")
    print(f"{name:42}{by_percent[49]:8.1f}{by_percent[98]:8.1f}{max(late):8.1f}{looks:8.1f}")


def _ratio(ours: list[float], polled: list[float]) -> None:
    mine, theirs = (quantiles(late, n=100, method="inclusive") for late in (ours, polled))
    print(f"{'':42}{theirs[49] / mine[49]:7.1f}x{theirs[98] / mine[98]:7.1f}x sooner than polling")


def _measured(
    world: World, ways: dict[str, Callable[[int], int]], waits: int
) -> tuple[dict[str, list[float]], dict[str, int]]:
    late: dict[str, list[float]] = {way: [] for way in ways}
    looks = dict.fromkeys(ways, 0)
    chance = random.Random(1)
    for number in range(waits):
        for turn, way in enumerate(chance.sample(list(ways), len(ways))):
            key, after_s, committed = number * len(ways) + turn, chance.uniform(EARLIEST_S, LATEST_S), list[int]()

            def commit(key: int = key, committed: list[int] = committed) -> None:
                world.commit(key)
                committed.append(time.monotonic_ns())

            timer = threading.Timer(after_s, commit)
            timer.start()
            looks[way] += ways[way](key)
            returned = time.monotonic_ns()
            timer.join()
            late[way].append(max(returned - committed[0], 0) / NS_PER_MS)
    return late, looks


def _ours(world: World) -> Callable[[int], int]:
    def wait(key: int) -> int:
        looks = 0

        def look() -> bool:
            nonlocal looks
            looks += 1
            return world.seen(key)

        await_until(look, at_most_s=AT_MOST_S, wake=world.wake)
        return looks

    return wait


def _polling(world: World) -> Callable[[int], int]:
    """As the common libraries do it: the interval first, then a look, and the interval again from its end."""

    def wait(key: int) -> int:
        looks = 0
        while True:
            time.sleep(POLL_S)
            looks += 1
            if world.seen(key):
                return looks

    return wait


def _worlds(stack: ExitStack) -> Iterator[tuple[str, World]]:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    yield "spans in the store", stack.enter_context(_spans())
    yield "records on the bus", stack.enter_context(_records())
    yield "rows in SQLite", stack.enter_context(_rows(f"sqlite:///{folder}/orders.db"))
    if installed.absent("postgres") is None:
        yield "rows in PostgreSQL", stack.enter_context(_rows(stack.enter_context(postgres())))


@contextmanager
def _spans() -> Iterator[World]:
    store = open_store(":memory:")

    def commit(key: int) -> None:
        traces = Traces(correlation_id=f"o-{key}")
        traces.send("checkout", "orders", partition="0", offset=key)
        store.append(traces.spans)

    def seen(key: int) -> bool:
        return store.query("select 1 from spans where correlation_id = ?", [f"o-{key}"]).num_rows > 0

    yield World(commit=commit, seen=seen, wake=store)
    store.close()


@contextmanager
def _records() -> Iterator[World]:
    with embedded_broker() as address:
        broker = connect("kafka", address)
        broker.publish(Outgoing(destination="orders", value=b"0"))
        with observing(broker, ["orders"]) as observer:
            yield World(
                commit=lambda key: void(broker.publish(Outgoing(destination="orders", key=b"o-%d" % key))),
                seen=lambda key: bool(observer.matching(Match(key=f"o-{key}"))),
                wake=observer,
            )
        broker.close()


@contextmanager
def _rows(url: str) -> Iterator[World]:
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("create table orders (id integer primary key)"))
    writing = engine.connect()
    probe = sql_probe(url, "select max(id) from orders")

    def commit(key: int) -> None:
        with writing.begin():
            writing.execute(sqlalchemy.text("insert into orders values (:id)"), {"id": key})

    def seen(key: int) -> bool:
        newest = probe.sample()
        return isinstance(newest, int) and newest >= key

    yield World(commit=commit, seen=seen)
    probe.close()
    writing.close()
    engine.dispose()


def void(_: object) -> None:
    """Forgets a result."""


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
