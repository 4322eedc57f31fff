"""Whatever the sift passes, `evaluate` passes; and it passes what is plain."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random

import pytest

from tests.benchmarks.many_orders import YAML, fill
from tests.support.random_traces import random_spans
from tests.support.spans import START, Traces
from tracecheck.chains import load_many, refresh, surroundings
from tracecheck.check import check_store, evaluate
from tracecheck.check.across import widened
from tracecheck.check.sift import decidable, sift
from tracecheck.expect import Expectation, Pattern, Role, Step, expect_chain, load_expectations, process, send
from tracecheck.expect.model import After, Duplicates, Join, Policy, Predicate, Times
from tracecheck.model import Basis, Chain, Span, Verdict
from tracecheck.store import Store, open_store

ORDERS = 120


@pytest.fixture
def store() -> Iterator[Store]:
    with open_store(":memory:") as opened:  # type: ignore[attr-defined]
        yield opened


def everything(store: Store) -> list[Chain]:
    """All chains, as a check sees them."""
    ids = [row["chain_id"] for row in store.query("select chain_id from chains").to_pylist()]
    return list(widened(store, load_many(store, ids)))


def held(store: Store, expectation: Expectation, chains: Sequence[Chain]) -> int:
    """That `evaluate` passes whatever the sift passes, and knows no chain that the sift forgot; counts the passes."""
    sifted = sift(store, expectation, basis=Basis.PROVEN)
    if sifted is None:
        return 0
    around = replace(surroundings(store), as_of_unix_nano=START + 10**15)
    others = set(sifted.others)
    passes = 0
    for chain in chains:
        if chain.chain_id in others:
            continue
        results = evaluate(chain, expectation, around, settle_ns=0)
        own = [result for result in results if result.chain_id == chain.chain_id]
        if own:
            passes += 1
            assert [result.verdict for result in own] == [Verdict.PASS], (expectation, chain)
    assert passes == sifted.passed
    return passes


def test_what_the_sift_passes_of_orders_passes(store: Store, tmp_path_factory: pytest.TempPathFactory) -> None:
    fill(store, ORDERS, failing=0.3)
    refresh(store)
    spec = tmp_path_factory.mktemp("spec") / "order.yaml"
    spec.write_text(YAML)
    (order,) = load_expectations(spec)
    chains = everything(store)
    plain = held(store, order, chains)
    assert 0.6 * ORDERS < plain < 0.8 * ORDERS
    random = Random(1)
    for _ in range(6):
        held(store, hostile(random, order), chains)


def hostile(random: Random, order: Expectation) -> Expectation:
    """The same steps in another causal order, with budgets that many miss, optional ones, claims and times."""
    names = [step.name for step in order.steps]
    steps = []
    for place, step in enumerate(order.steps):
        before = random.sample(names[:place], random.randint(1, place)) if place and random.random() < 0.3 else None
        after = step.after if before is None else After(steps=tuple(before), join=random.choice(list(Join)))
        steps.append(
            replace(
                step,
                after=after,
                within_ns=random.choice([None, None, 4_000_000, 20_000_000, 3_000_000_000]) if place else None,
                optional=place > 0 and random.random() < 0.2,
                times=random.choice([Times(), Times(at_most=1), Times(at_least=0)]),
            )
        )
    return replace(
        order,
        steps=tuple(steps),
        within_ns=random.choice([None, 50_000_000, 1]),
        never=random.choice([(), (Pattern(role=Role.SEND, target="refunds"),), (order.steps[-1].pattern,)]),
        duplicates=random.choice([None, Duplicates(sends=Policy.FORBID, deliveries=Policy.FORBID)]),
    )


@pytest.mark.parametrize("seed", range(2))
def test_what_the_sift_passes_of_random_graphs_passes(store: Store, seed: int) -> None:
    random = Random(seed)
    graphs = [random_spans(random, 8) for _ in range(20)]
    store.append([span for graph in graphs for span in graph])
    refresh(store)
    for graph in graphs:
        for expectation in expectations_of(random, graph):
            held_for(store, expectation, {span.trace_id for span in graph})


def expectations_of(random: Random, graph: list[Span]) -> Iterator[Expectation]:
    """A few guesses at what the graph may hold."""
    named = sorted({span.messaging.destination for span in graph if span.messaging and span.messaging.destination})
    for _ in range(1 if named else 0):
        groups = random.sample([None, "g", "h"], 2)
        first, last = random.choice(named), random.choice(named)
        yield (
            expect_chain(
                "guess",
                steps={
                    "sent": send(first),
                    "handled": process(first, group=groups[0], after="sent"),
                    "passed": process(last, group=groups[1], after="handled", within=random.choice([None, "1us"])),
                },
            )
            if first != last
            else expect_chain(
                "guess", steps={"sent": send(first), "handled": process(first, group=groups[0], after="sent")}
            )
        )


def held_for(store: Store, expectation: Expectation, traces: set[str]) -> None:
    sifted = sift(store, expectation, basis=Basis.PROVEN)
    assert sifted is not None
    if not sifted.passed:
        return
    own = [row["chain_id"] for row in store.query("select chain_id from chains").to_pylist()]
    own = [chain_id for chain_id in own if chain_id.split(":")[0] in traces and chain_id not in sifted.others]
    around = replace(surroundings(store), as_of_unix_nano=START + 10**15)
    for chain in widened(store, load_many(store, own)):
        for result in evaluate(chain, expectation, around, settle_ns=0):
            assert result.verdict is Verdict.PASS, (expectation, chain)


def test_effects_below_a_join_of_two_chains_are_left_to_evaluate(store: Store) -> None:
    story = Traces()
    sent = [story.send("a", "T") for _ in range(2)]
    handled = [story.process("b", "T", of=each, style="link", effects=["paid"]) for each in sent]
    story.span("b", links=handled, effects=["paid"])
    store.append(story.spans)
    refresh(store)
    expectation = expect_chain("t", steps={"sent": send("T"), "handled": process("T", group="b", after="sent")})
    assert held(store, expectation, everything(store)) == 0


@pytest.mark.parametrize(
    "change",
    [
        {"closed": True},
        {"never": (Pattern(role=Role.SPAN, target="x"),)},
        {"steps": (Step(name="a", pattern=Pattern(role=Role.CALL, target="x")),)},
        {"steps": (Step(name="a", pattern=Pattern(role=Role.SEND, target="x", where=(Predicate(attribute="y"),))),)},
        {"steps": (Step(name="a", pattern=Pattern(role=Role.SEND, target="x"), times=Times(at_least=2)),)},
    ],
)
def test_what_is_no_matter_of_counts_is_not_decided(change: dict[str, object]) -> None:
    plain = expect_chain("t", steps={"a": send("T"), "b": process("T", group="g", after="a")})
    assert decidable(plain)
    assert not decidable(replace(plain, **change))  # type: ignore[arg-type]


def test_a_check_of_many_chains_counts_plain_passes_and_lists_the_others(
    store: Store, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracecheck.check.store_check.SIFT_FROM", 1)
    fill(store, ORDERS, failing=0.1)
    spec = tmp_path_factory.mktemp("spec") / "order.yaml"
    spec.write_text(YAML)
    report = check_store(store, load_expectations(spec), settle_ns=0)
    assert report.verdict is Verdict.FAIL
    assert report.passed_by_sift + len(report.results) == ORDERS
    assert {result.verdict for result in report.results} == {Verdict.FAIL}
