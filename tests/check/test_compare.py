"""`compare` names what changed between two sets of chains, and nothing that chance or one outlier explains."""

from collections.abc import Iterator, Sequence
from functools import cache
from hashlib import sha256
from itertools import permutations
from random import Random

import pytest

from tests.support.nezha import minute
from tests.support.spans import Traces
from tracecheck.check.compare import EdgeChange, Reason, Scope, compare
from tracecheck.errors import UsageError
from tracecheck.model import Span, SpanKind
from tracecheck.store import Store, open_store

DELAYED = {
    "2022-08-22_04_28": "cartservice",
    "2022-08-22_05_28": "currencyservice",
    "2022-08-22_07_18": "shippingservice",
}
"""Minute and service whose network was slowed in it, from the fault list beside the data."""

TREE = {"web": ("orders", "ads"), "orders": ("cart", "rates", "post"), "post": ("rates",), "ads": ()}


@pytest.fixture(scope="module")
def minutes() -> Iterator[dict[str, Store]]:
    stores = {name: stored(minute(name)) for name in DELAYED}
    yield stores
    for store in stores.values():
        store.close()


def stored(spans: Sequence[Span]) -> Store:
    store = open_store(":memory:")
    store.append(spans)
    return store


def of(spans: Sequence[Span]) -> Scope:
    return Scope(store=stored(spans))


@cache
def usual_calls() -> Scope:
    return of(calls(seed=1))


@cache
def usual_messages() -> Scope:
    return of(messages())


def named(changes: Sequence[EdgeChange], reason: Reason) -> set[str | None]:
    return {change.to_service for change in changes if change.flagged and change.reason is reason}


def flags(changes: Sequence[EdgeChange]) -> list[tuple[str, str | None, Reason | None]]:
    return [(change.from_service, change.to_service, change.reason) for change in changes if change.flagged]


@pytest.mark.parametrize(("baseline", "candidate"), list(permutations(DELAYED, 2)))
def test_of_two_recorded_minutes_the_delayed_callee_alone_is_slower(
    minutes: dict[str, Store], baseline: str, candidate: str
) -> None:
    changes = compare(Scope(store=minutes[baseline]), Scope(store=minutes[candidate]))
    assert named(changes, Reason.SLOWER) == {DELAYED[candidate]}
    assert named(changes, Reason.FASTER) == {DELAYED[baseline]}
    assert named(changes, Reason.APPEARED) == named(changes, Reason.VANISHED) == named(changes, Reason.FAILING) == set()


def test_two_halves_of_one_recorded_minute_do_not_differ() -> None:
    halves: tuple[list[Span], list[Span]] = ([], [])
    for span in minute("2022-08-22_05_28"):
        halves[sha256(span.trace_id.encode()).digest()[0] % 2].append(span)
    assert flags(compare(of(halves[0]), of(halves[1]))) == []


@pytest.mark.parametrize("slow", ["orders", "rates", "post"])
def test_a_service_behind_a_slow_network_is_named_and_neither_its_callers_nor_its_callees(slow: str) -> None:
    changes = compare(usual_calls(), of(calls(seed=2, slow=slow)))
    assert named(changes, Reason.SLOWER) == {slow}
    assert {change.explained_by for change in changes} <= {None, slow}


def test_a_slow_caller_at_the_top_shows_at_every_call_it_makes() -> None:
    changes = compare(usual_calls(), of(calls(seed=2, slow="web")))
    assert flags(changes) == [("web", "ads", Reason.SLOWER), ("web", "orders", Reason.SLOWER)] or flags(changes) == [
        ("web", "orders", Reason.SLOWER),
        ("web", "ads", Reason.SLOWER),
    ]


@pytest.mark.parametrize("seed", range(3, 5))
def test_nothing_is_flagged_where_nothing_changed(seed: int) -> None:
    assert flags(compare(usual_calls(), of(calls(seed=seed + 100)))) == []


def test_a_callee_that_works_longer_is_no_slower_edge() -> None:
    changes = compare(usual_calls(), of(calls(seed=2, busy="cart")))
    assert flags(changes) == []


def test_few_samples_or_few_outliers_do_not_carry_a_flag() -> None:
    slow_few = compare(usual_calls(), of(calls(seed=2, slow="cart", orders=4)))
    assert flags(slow_few) == []
    slow_once = compare(usual_calls(), of(calls(seed=2) + calls(seed=3, slow="cart", orders=6)))
    assert flags(slow_once) == []


def test_a_part_of_the_time_slowed_is_seen_though_the_median_stands_still() -> None:
    changes = compare(usual_calls(), of(calls(seed=2) + calls(seed=3, slow="cart", orders=20)))
    assert flags(changes) == [("orders", "cart", Reason.SLOWER)]
    (change,) = [change for change in changes if change.flagged]
    assert change.shift_p50_ns is not None
    assert abs(change.shift_p50_ns) < 5_000_000


def test_a_failing_callee_is_named_and_not_those_who_pass_its_error_on() -> None:
    changes = compare(usual_calls(), of(calls(seed=2, failing="rates")))
    assert named(changes, Reason.FAILING) == {"rates"}
    assert next(one for one in changes if one.to_service == "orders").candidate.error_rate > 0.2


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"transit_ms": 80}, [("shop", "billing", Reason.SLOWER)]),
        ({"error": True}, [("shop", "billing", Reason.FAILING)]),
        ({"group": "audit"}, [("shop", "audit", Reason.APPEARED), ("shop", "billing", Reason.VANISHED)]),
        ({"lost": 3}, [("shop", None, Reason.APPEARED)]),
        ({"skewed": True}, []),
        ({}, []),
    ],
)
def test_message_edges_change_by_transit_failure_appearance_and_loss(
    change: dict[str, object], expected: list[tuple[str, str | None, Reason]]
) -> None:
    found = compare(usual_messages(), of(messages(**change)))  # type: ignore[arg-type]
    assert sorted(flags(found), key=str) == sorted(expected, key=str)
    assert {one.kind for one in found} == {"message"}
    assert {one.destination for one in found} == {"orders"}


def test_runs_and_windows_of_one_store_are_told_apart() -> None:
    early, late = messages(run_id="r1"), messages(run_id="r2", transit_ms=80, start_s=100)
    store = stored(early + late)
    split = late[0].start_unix_nano
    by_run = compare(Scope(store=store, run_id="r1"), Scope(store=store, run_id="r2"))
    by_time = compare(Scope(store=store, until_unix_nano=split), Scope(store=store, since_unix_nano=split))
    assert by_run == by_time
    assert flags(by_run) == [("shop", "billing", Reason.SLOWER)]
    assert (by_run[0].baseline.count, by_run[0].candidate.count) == (40, 40)


def test_a_side_without_any_edge_is_refused() -> None:
    with pytest.raises(UsageError, match="the candidate holds no call between services and no message"):
        compare(usual_messages(), Scope(store=stored(messages()), run_id="no such run"))


def calls(*, seed: int, slow: str = "", busy: str = "", failing: str = "", orders: int = 40) -> list[Span]:
    """`TREE` called so many times: `slow` answers and asks 100 ms late, `busy` works 100 ms longer, a third fails."""
    random, story = Random(seed), Traces()

    def call(service: str, under: Span | None, at_ms: float) -> tuple[float, bool]:
        work = random.lognormvariate(1.5, 0.4) + (100 if service == busy else 0)
        inside, broken = at_ms, service == failing and random.random() < 0.35
        server = story.span(service, kind=SpanKind.SERVER, under=under, at_ms=at_ms)
        for callee in TREE.get(service, ()):
            way = random.lognormvariate(0.5, 0.5) + (100 if slow in (service, callee) else 0)
            client = story.span(service, kind=SpanKind.CLIENT, under=server, at_ms=inside)
            end, failed = call(callee, client, inside + way / 2)
            inside = end + way / 2
            end_unix_nano = story.start_unix_nano + round(inside * 1_000_000)
            broken |= failed
            story.change(client, end_unix_nano=end_unix_nano, status=2 if failed else 0)
        inside += work
        end_unix_nano = story.start_unix_nano + round(inside * 1_000_000)
        story.change(server, end_unix_nano=end_unix_nano, status=2 if broken else 0)
        return inside, broken

    for number in range(orders):
        call("web", None, number * 10_000)
    return story.spans


def messages(
    *,
    transit_ms: float = 4,
    group: str = "billing",
    error: bool = False,
    lost: int = 0,
    skewed: bool = False,
    run_id: str | None = None,
    start_s: int = 0,
) -> list[Span]:
    """Forty orders, one trace each; every third fails if `error`, every `lost`-th is never consumed."""
    random, story = Random(transit_ms), Traces(run_id=run_id)
    for number in range(40):
        at_ms = start_s * 1000 + number * 1000
        sent = story.send("shop", "orders", at_ms=at_ms)
        way = -500 if skewed else transit_ms + random.random() * 2
        if not (lost and number % lost == 0):
            failed = "broken" if error and number % 3 == 0 else None
            story.process(group, "orders", of=sent, at_ms=at_ms + 1 + way, took_ms=5, error=failed)
    return story.spans
