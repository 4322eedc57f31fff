"""Sums that a refresh keeps of instances and groups: what is told is the same as if everything were counted anew."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.random_traces import random_spans
from tests.support.spans import Traces
from tracecheck.chains import facts, refresh, surroundings
from tracecheck.chains.caveats import caveats
from tracecheck.model import Span
from tracecheck.store import Store, open_store
from tracecheck.store.facts import forget_facts
from tracecheck.store.retention import vacuum

COVERED = (
    "select (select count(*) from fact_block_rows) as blocks, (select max(ingest_number) from fact_progress) as until"
)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "KEPT_FROM", 5)
    monkeypatch.setattr(facts, "BLOCK_BITS", 2)


def told(store: Store) -> object:
    """All that is said of the store beside its chains, but when it was asked."""
    return replace(surroundings(store), as_of_unix_nano=0), caveats(store)


def told_anew(store: Store) -> object:
    """The same without any sums; they stay forgotten."""
    store.write(forget_facts)
    return told(store)


def some_spans(random: Random) -> list[Span]:
    """Random chains of instances that lose links, sample, and say how many spans they sent."""
    story = Traces()
    for number in range(3):
        instance = random.choice(["b1", "b2", None])
        story.send("checkout", "orders", partition="0", offset=number, instance=random.choice(["c1", "", None]))
        story.process("billing", "orders", group="billing", partition="0", offset=number, instance=instance)
        mark = random.choice([{}, {"tracecheck.flush.span_count": random.randrange(5)}])
        story.span("billing", "tracecheck.flush", at_ms=random.randrange(100), instance=instance, attributes=mark)
    spans = random_spans(random, 12) + story.spans
    changes = ({"dropped_links_count": 2}, {"trace_state": "ot=th:c"}, {"attributes": {"sampler.type": "lowerbound"}})
    return [replace(span, **random.choice(changes)) if random.random() < 0.1 else span for span in spans]


@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_kept_sums_say_what_counting_says_whatever_comes_late_or_twice_or_goes(seed: int) -> None:
    random = Random(seed)
    with open_store(":memory:") as store:  # type: ignore[attr-defined]
        waiting = [span for _ in range(2) for span in some_spans(random)]
        random.shuffle(waiting)
        for step in range(4):
            some, waiting = waiting[: len(waiting) // 2 + 1], waiting[len(waiting) // 2 + 1 :]
            twins = [replace(span, name="another") for span in random.sample(some, min(2, len(some)))]
            store.append(some + twins)
            if step < 3:
                refresh(store)
        covered = store.query(COVERED).to_pylist()[0]
        kept = told(store)
        assert kept == told_anew(store)
        assert covered["until"] is not None
        assert covered["blocks"] > 0


def test_what_is_removed_is_not_told_of_any_more() -> None:
    with open_store(":memory:") as store:  # type: ignore[attr-defined]
        store.append(some_spans(Random(1)))
        refresh(store)
        vacuum(store, older_than_ns=0, now_unix_nano=2**62)
        assert surroundings(store).instances == surroundings(store).groups == ()
