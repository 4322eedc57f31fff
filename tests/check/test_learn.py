"""What `learn` writes, `check` passes on the chains it was learned from, and fails on those that went wrong."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.good_orders import orders
from tests.support.spans import Traces
from tracecheck.check import check_store
from tracecheck.check.learn import Learned, learn
from tracecheck.errors import UsageError
from tracecheck.expect import parse_expectations
from tracecheck.expect.durations import duration_ns
from tracecheck.expect.model import After, Comparison, Expectation, Join, Pattern, Predicate, Role, Step, Times
from tracecheck.expect.write_yaml import write_yaml, written_duration
from tracecheck.model import Cause, Span, Verdict
from tracecheck.store import Store, open_store


def stored(*parts: list[Span]) -> Store:
    store = open_store(":memory:")
    for part in parts:
        store.append(part)
    return store


@pytest.fixture(scope="module")
def learned() -> Learned:
    (found,) = learn(stored(orders(40)), name="order")
    return found


def test_steps_order_and_rarity_are_those_of_the_chains(learned: Learned) -> None:
    steps = {step.name: step for step in learned.expectation.steps}
    assert {name: (step.after.steps if step.after else (), step.optional) for name, step in steps.items()} == {
        "orders-sent": ((), False),
        "orders-by-inventory": (("orders-sent",), False),
        "orders-by-billing": (("orders-sent",), False),
        "reserved-sent": (("orders-by-inventory",), False),
        "charged-sent": (("orders-by-billing",), False),
        "reserved-by-shipping": (("reserved-sent",), False),
        "charged-by-shipping": (("charged-sent",), False),
        "charged-by-mailer": (("charged-sent",), True),
    }
    assert (learned.instances, learned.passing) == (40, 40)
    assert {step.name: step.seen_in for step in learned.steps}["charged-by-mailer"] == 10
    assert 0.92 < learned.sure_share < 0.94


def test_what_was_learned_reads_back_and_passes_where_it_came_from(learned: Learned) -> None:
    (read,) = parse_expectations(write_yaml(learned.expectation, header=["as learned"]))
    assert read == learned.expectation
    report = check_store(stored(orders(40)), [read], settle_ns=0)
    assert (report.verdict, len(report.results)) == (Verdict.PASS, 40)


def test_of_many_chains_a_choice_is_read_and_said_and_rare_kinds_stay_whole() -> None:
    rare = Traces()
    for _ in range(20):
        rare.process("auditor", "refunds", of=rare.send("desk", "refunds"))
    store = stored(orders(60), rare.spans)
    often, seldom = learn(store, most=30)
    assert (often.instances, often.sampled_of, seldom.instances) == (30, 80, 20)
    assert learn(store, most=30)[0] == often
    (whole, _) = learn(store)
    assert (whole.instances, whole.sampled_of) == (60, None)
    assert [step.name for step in often.steps] == [step.name for step in whole.steps]


@pytest.mark.parametrize(
    ("broken", "cause", "step"),
    [
        ({"stuck": True}, Cause.NOT_CONSUMED, "orders-by-billing"),
        ({"slow_ms": 2000}, Cause.LATE, "orders-by-billing"),
    ],
)
def test_what_was_learned_fails_on_a_chain_that_went_wrong(
    learned: Learned, broken: dict[str, float], cause: Cause, step: str
) -> None:
    report = check_store(stored(orders(40), orders(1, start_s=99, **broken)), [learned.expectation], settle_ns=0)  # type: ignore[arg-type]
    failed = [result for result in report.results if result.verdict is Verdict.FAIL]
    assert [(failed[0].findings[0].code, failed[0].findings[0].step), len(failed)] == [(cause, step), 1]


def test_budgets_leave_a_margin_and_one_outlier_does_not_set_them() -> None:
    story = orders(150) + orders(1, slow_ms=60_000, start_s=1000)
    (found,) = learn(stored(story))
    budgets = {step.name: step.within_ns for step in found.expectation.steps}
    assert budgets["orders-by-billing"] == 100_000_000
    assert (found.instances, found.passing) == (151, 150)


def test_too_few_chains_are_refused_with_what_there_is() -> None:
    with pytest.raises(UsageError, match=r"12 that begin with send orders by checkout, 0 left out; expected at least"):
        learn(stored(orders(12)))


def test_chains_with_something_wrong_are_no_examples() -> None:
    broken = Traces(start_unix_nano=1_800_000_000_000_000_000)
    for _ in range(3):
        sent = broken.send("checkout", "orders")
        broken.process("inventory", "orders", of=sent, error="boom")
    (found,) = learn(stored(orders(20), broken.spans))
    assert (found.instances, found.skipped) == (20, (("processing_failed", 3),))


def test_each_kind_of_first_message_is_learned_by_itself() -> None:
    refunds = Traces(start_unix_nano=1_800_000_000_000_000_000)
    for _ in range(20):
        refunds.process("billing", "refunds", of=refunds.send("desk", "refunds", trace_id=None))
    found = learn(stored(orders(25), refunds.spans))
    assert [one.expectation.name for one in found] == ["orders-by-checkout", "refunds-by-desk"]
    (only,) = learn(stored(orders(25), refunds.spans), anchor="charged")
    assert [step.name for step in only.expectation.steps][:2] == ["charged-sent", "charged-by-shipping"]


TEXTS = st.text(min_size=1, max_size=20).filter(str.strip)
PLAIN_VALUES = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | TEXTS
PATTERNS = st.one_of(
    st.builds(Pattern, role=st.just(Role.SEND), target=TEXTS, service=st.none() | TEXTS),
    st.builds(
        Pattern,
        role=st.just(Role.PROCESS),
        target=TEXTS,
        group=st.none() | TEXTS,
        where=st.lists(
            st.builds(Predicate, attribute=TEXTS, comparison=st.just(Comparison.EQUALS), value=PLAIN_VALUES),
            max_size=2,
            unique_by=lambda one: one.attribute,
        ).map(tuple),
    ),
)


@settings(max_examples=30, deadline=None)
@given(
    TEXTS,
    PATTERNS,
    st.lists(st.tuples(PATTERNS, st.integers(0, 10**13), st.booleans(), st.integers(1, 4)), max_size=3),
    st.lists(PATTERNS, max_size=2),
    st.booleans(),
)
def test_whatever_is_written_reads_back_as_it_was(
    name: str,
    anchor: Pattern,
    others: list[tuple[Pattern, int, bool, int]],
    never: list[Pattern],
    closed: bool,
) -> None:
    steps = [Step(name="first", pattern=anchor)]
    for number, (pattern, within, optional, times) in enumerate(others):
        after = After(steps=tuple(step.name for step in steps), join=Join.ANY if number % 2 else Join.ALL)
        steps.append(
            Step(
                name=f"s{number}",
                pattern=pattern,
                after=after,
                within_ns=within,
                optional=optional,
                times=Times(at_least=times, at_most=times if number % 2 else None),
            )
        )
    expectation = Expectation(name=name, steps=tuple(steps), never=tuple(never), closed=closed, within_ns=10**9)
    assert parse_expectations(write_yaml(expectation, comments={"first": "seen"})) == [expectation]


@given(st.integers(0, 10**18 - 1))
def test_durations_are_written_exactly(nanoseconds: int) -> None:
    assert duration_ns(written_duration(nanoseconds)) == nanoseconds
