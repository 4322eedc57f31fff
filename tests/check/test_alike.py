"""What `evaluate` says of many chains at once is what it says of each."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random

import pytest

from tests.benchmarks.many_orders import YAML, fill
from tests.check.ordering import QUIET, STEPS, Order
from tests.check.test_properties import CLOSED, FAULTS, PLAIN, STRICT
from tests.check.test_sift import expectations_of, hostile
from tests.support.random_traces import random_spans
from tests.support.spans import START, Traces, new_span_id, new_trace_id
from tests.support.stored import analysed
from tracecheck.chains import GroupPosition, load_many, refresh, surroundings
from tracecheck.chains.surroundings import Surroundings
from tracecheck.check import alike, check_store, evaluate
from tracecheck.check.across import widened
from tracecheck.check.alike import evaluate_alike, is_bare
from tracecheck.check.anchors import chains_with, last_ingest
from tracecheck.check.lanes import Lanes, Many, Name
from tracecheck.expect import Expectation, expect_chain, load_expectations, process, send
from tracecheck.model import Result, Span
from tracecheck.store import Store, open_store


@pytest.fixture
def store() -> Iterator[Store]:
    with open_store(":memory:") as opened:  # type: ignore[attr-defined]
        yield opened


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many lanes each evaluation at once settled; two lanes are worth it."""
    monkeypatch.setattr(alike, "WORTH", 2)
    counts: list[int] = []
    spread = Lanes.spread

    def counted(lanes: Lanes, told: object) -> dict[int, object]:
        found = spread(lanes, told)
        counts.append(len(found))
        return found

    monkeypatch.setattr(Lanes, "spread", counted)
    return counts


def same_for_each(store: Store, expectation: Expectation, around: Surroundings | None = None) -> int:
    """That every chain has the results it has alone; counts the chains that have any."""
    ids = chains_with(store, expectation.anchor.pattern)
    around = around or replace(surroundings(store), as_of_unix_nano=START + 10**15)
    found = evaluate_alike(store, ids, expectation, around, settle_ns=1, by_chain=True)
    quiet = last_ingest(store, ids)
    chains = list(load_many(store, ids))
    own = {chain.chain_id: {span.key for span in chain.spans} for chain in chains}
    some = 0
    for wide in widened(store, chains):
        if (results := found.get(wide.chain_id)) is None:
            assert any(span.conflicting for span in wide.spans), wide.chain_id
            continue
        expected = evaluate(
            wide,
            expectation,
            around,
            settle_ns=1,
            quiet_since_unix_nano=quiet[wide.chain_id],
            among=own[wide.chain_id],
        )
        assert said(results) == said(expected)
        some += bool(expected)
    return some


def said(results: Sequence[Result]) -> list[str]:
    """All of it, fields that comparisons leave out included."""
    return [repr(result) for result in results]


def copies(random: Random, spans: Sequence[Span], many: int, jitter_ns: int) -> Iterator[Span]:
    """The spans as often under other ids, names and places, shifted in time, each span by a little of its own."""
    for copy in range(many):
        traces: dict[str, str] = {}
        ids: dict[str, str] = {}
        later = copy * 3_600_000_000_000

        def new(span_id: str, ids: dict[str, str] = ids) -> str:
            return ids.setdefault(span_id, new_span_id())

        for span in spans:
            shift = later + random.choice([0, 0, random.randint(0, jitter_ns)])
            messaging = span.messaging
            if messaging is not None:
                identity = messaging.identity
                messaging = replace(
                    messaging,
                    identity=replace(
                        identity,
                        offset=None if identity.offset is None else identity.offset + 1_000 * copy,
                        message_id=identity.message_id and f"{identity.message_id}/{copy}",
                    ),
                    event_id=messaging.event_id and f"{messaging.event_id}/{copy}",
                    key=messaging.key and f"{messaging.key}/{copy}",
                    retry_of=messaging.retry_of and f"{messaging.retry_of}/{copy}",
                )
            yield replace(
                span,
                trace_id=traces.setdefault(span.trace_id, new_trace_id()),
                span_id=new(span.span_id),
                parent_span_id=None if span.parent_span_id is None else new(span.parent_span_id),
                start_unix_nano=span.start_unix_nano + shift,
                end_unix_nano=span.end_unix_nano + shift + random.choice([0, random.randint(0, jitter_ns)]),
                correlation_id=span.correlation_id and f"{span.correlation_id}/{copy}",
                instance=random.choice([span.instance or "one", "another"]),
                links=tuple(
                    replace(
                        link,
                        trace_id=traces.setdefault(link.trace_id, new_trace_id()),
                        span_id=new(link.span_id),
                        identity=replace(
                            link.identity,
                            offset=None if link.identity.offset is None else link.identity.offset + 1_000 * copy,
                            message_id=link.identity.message_id and f"{link.identity.message_id}/{copy}",
                        ),
                    )
                    for link in span.links
                ),
                messaging=messaging,
            )


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(1, 20))])
def test_copies_of_random_graphs_have_the_results_they_have_alone(store: Store, settled: list[int], seed: int) -> None:
    random = Random(seed)
    graphs = [random_spans(random, 10) for _ in range(8)]
    store.append([span for graph in graphs for span in copies(random, graph, 5, random.choice([0, 3_000]))])
    refresh(store)
    some = sum(
        same_for_each(store, replace(expectation, closed=random.random() < 0.3))
        for graph in graphs
        for expectation in expectations_of(random, graph)
    )
    assert some > 3
    assert sum(count for count in settled if count > 1) > some / 4


def test_copies_of_orders_with_every_fault_have_the_results_they_have_alone(store: Store, settled: list[int]) -> None:
    random = Random(5)
    for number, fault in enumerate((*FAULTS, *random.sample(FAULTS, 2))):
        story = Order(correlation_id=f"o-{number}").whole()
        fault(story)
        if number >= len(FAULTS):
            story.spans = random.sample(story.spans, len(story.spans) - 2)
        store.append(list(copies(random, story.spans, 4, 5_000_000)))
    refresh(store)
    around = replace(surroundings(store), as_of_unix_nano=START + 10**15)
    asked = replace(
        around,
        positions=tuple(
            GroupPosition(consumer_group=name, destination=target, partition="0", committed=committed, end=9_000)
            for name, target, committed in (("mailer", "shipments", 3_000), ("billing", "orders", None))
        ),
    )
    for expectation in (STRICT, CLOSED, PLAIN, expect_chain("brief", steps=STEPS, within="50ms")):
        assert same_for_each(store, expectation, random.choice([around, asked])) > 0
    assert sum(count for count in settled if count > 1) > 30


def test_many_orders_have_the_results_they_have_alone_and_the_report_of_one_by_one(
    store: Store, settled: list[int], tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, 96, failing=0.4)
    refresh(store)
    spec = tmp_path_factory.mktemp("spec") / "order.yaml"
    spec.write_text(YAML)
    (order,) = load_expectations(spec)
    assert same_for_each(store, order) == 96
    assert max(settled) > 20
    same_for_each(store, hostile(Random(3), order))
    at_once = check_store(store, [order], settle_ns=0, now_unix_nano=START + 10**15)
    monkeypatch.setattr("tracecheck.check.store_check.ALIKE_FROM", 10**9)
    assert at_once == check_store(store, [order], settle_ns=0, now_unix_nano=START + 10**15)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(1, 10))])
def test_the_order_in_which_a_chain_lists_spans_and_edges_decides_nothing(store: Store, seed: int) -> None:
    random = Random(seed)
    graphs = [random_spans(random, 12) for _ in range(15)]
    store.append([span for graph in graphs for span in graph])
    refresh(store)
    ids = [row["chain_id"] for row in store.query("select chain_id from chains").to_pylist()]
    chains = list(widened(store, load_many(store, ids)))
    around = replace(surroundings(store), as_of_unix_nano=START + 10**15)
    some = 0
    for graph in graphs:
        for expectation in expectations_of(random, graph):
            for chain in chains:
                plain = evaluate(chain, expectation, around, settle_ns=0)
                some += bool(plain)
                mixed = replace(
                    chain,
                    spans=tuple(random.sample(chain.spans, len(chain.spans))),
                    edges=tuple(random.sample(chain.edges, len(chain.edges))),
                )
                assert not plain or evaluate(mixed, expectation, around, settle_ns=0) == plain
    assert some > 5


def test_the_span_around_a_failed_send_is_the_same_however_its_causes_are_listed() -> None:
    story = Traces()
    handled = story.process("billing", "orders")
    work = story.span("billing", "charge", under=handled, at_ms=2)
    story.send("billing", "payments", under=work, links=[handled], at_ms=5, error="no broker")
    (chain,) = analysed(story).chains
    mixed = replace(chain, edges=chain.edges[::-1])
    expectation = expect_chain("t", steps={"sent": send("payments")})
    (first,), (second,) = (evaluate(one, expectation, QUIET) for one in (chain, mixed))
    assert first.findings[0].last_good is not None
    assert first == second


def test_lanes_that_decide_otherwise_are_left_behind() -> None:
    lanes = Lanes(3)
    took, limit = Many(lanes, [5, 7, 30]), Many(lanes, [10, 10, 20])
    assert took - 1 <= limit
    assert lanes.left == [0, 1]
    assert lanes.spread((f"took {took + 1} ms", took, "as it is")) == {
        0: ("took 6 ms", 5, "as it is"),
        1: ("took 8 ms", 7, "as it is"),
    }


def test_a_value_looked_up_is_looked_up_for_the_lanes_that_have_it() -> None:
    lanes = Lanes(3)
    assert {"p0": 41}[Many(lanes, ["p0", "p1", "p0"])] == 41  # type: ignore[index]
    assert lanes.left == [0, 2]


def test_names_of_one_lane_are_told_apart_and_keep_every_lane() -> None:
    lanes = Lanes(2)
    one, other = Name(lanes, ["a", "x"]), Name(lanes, ["b", "y"])
    assert one != other
    assert {one: 1}.get(other) is None
    assert lanes.left == [0, 1]
    assert one != "x"
    assert lanes.left == [0]


def test_texts_that_only_some_lanes_share_leave_those_to_be_told_alone() -> None:
    lanes = Lanes(3)
    first, second = Many(lanes, [1, 2, 3]), Many(lanes, [4, 2, 5])
    assert lanes.spread((f"at {first}", f"at {second}")) == {0: ("at 1", "at 4"), 2: ("at 3", "at 5")}


@pytest.mark.parametrize(
    "ask", [int, float, len, list, "".join, range, lambda many: "x" * many, lambda many: many.upper()]
)
def test_what_lanes_cannot_answer_together_is_refused(ask: object) -> None:
    with pytest.raises((TypeError, AttributeError)):
        ask(Many(Lanes(2), [1, 2]))  # type: ignore[operator]


def test_an_expectation_of_attributes_is_not_for_bare_chains() -> None:
    plain = expect_chain("t", steps={"a": send("T"), "b": process("T", group="g", after="a")})
    assert is_bare(plain)
    assert not is_bare(expect_chain("t", steps={"a": send("T", where={"order.id": "1"})}))
