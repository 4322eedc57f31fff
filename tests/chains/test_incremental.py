"""The chain tables are the same whatever the order of arrival, the size of the batches, or the repetitions."""

import sys
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.random_traces import random_spans
from tests.support.spans import Traces
from tests.support.stored import analysed, rebuilt
from tracecheck.chains import find, hops, is_current, load, refresh, summaries
from tracecheck.chains.refresh import pipeline
from tracecheck.model import Span
from tracecheck.store import Store, open_store

VIEWS = ("chains", "chain_spans", "edges", "messages", "hops", "chain_feeds", "shapes")

SHAPES = "(select chain_id, shape, instants from chain_shape_rows join chain_rows using (chain_number)) as shapes"


def contents(store: Store) -> dict[str, list[str]]:
    """Every row of every view, as text, in no order."""
    froms = {view: SHAPES if view == "shapes" else view for view in VIEWS}
    return {view: sorted(map(repr, store.query(f"select * from {of}").to_pylist())) for view, of in froms.items()}


def arriving(spans: list[Span], batches: int, random: Random) -> dict[str, list[str]]:
    """The tables after the spans came shuffled, in batches, some of them again, with a refresh after each batch."""
    shuffled = random.sample(spans, len(spans))
    with open_store(":memory:") as store:  # type: ignore[attr-defined]
        for number in range(batches):
            batch = shuffled[number::batches]
            store.append(batch + random.sample(spans, min(3, len(spans))))
            refresh(store)
        return contents(store)


def at_once(spans: list[Span]) -> dict[str, list[str]]:
    with open_store(":memory:") as store:  # type: ignore[attr-defined]
        store.append(spans)
        refresh(store)
        return contents(store)


@pytest.mark.parametrize(("most", "batches", "way"), [(6, 3, "in SQL"), (14, 5, "in SQL"), (14, 5, "in memory")])
def test_any_arrival_gives_the_same_tables(most: int, batches: int, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    random = Random(most)
    spans = [span for _ in range(50) for span in random_spans(random, most)]
    rebuilt("in SQL", monkeypatch)
    whole = at_once(spans)
    rebuilt(way, monkeypatch)
    assert arriving(spans, batches, random) == whole


def test_small_windows_give_the_same_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    random = Random(7)
    spans = [span for _ in range(20) for span in random_spans(random, 9)]
    whole = at_once(spans)
    monkeypatch.setattr(sys.modules["tracecheck.chains.refresh"], "WINDOW_SPANS", 30)
    shuffled = random.sample(spans, len(spans))
    with open_store(":memory:") as store:  # type: ignore[attr-defined]
        for start in range(0, len(shuffled), 20):
            store.append(shuffled[start : start + 20])
        refresh(store)
        assert contents(store) == whole


@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 2**32), batches=st.integers(1, 5))
def test_any_arrival_of_one_graph_gives_the_same_tables(seed: int, batches: int) -> None:
    random = Random(seed)
    spans = random_spans(random, 9)
    assert arriving(spans, batches, random) == at_once(spans)


def test_a_late_span_merges_two_stored_chains() -> None:
    story = Traces()
    sent = story.send("checkout", "orders")
    handled = story.process("billing", "orders", of=sent)
    paid = story.send("billing", "payments", under=handled)
    mailed = story.process("mailer", "payments", of=paid, style="link")
    with open_store(":memory:") as store:  # type: ignore[attr-defined]
        store.append([sent, handled, mailed])
        refresh(store)
        assert len(summaries(store)) == 2
        store.append([paid])
        refresh(store)
        (chain,) = summaries(store)
        assert chain.chain_id == ":".join(sent.key)
        assert [hop.outcome for hop in hops(store)] == ["delivered", "delivered"]


def test_a_late_root_renames_the_chain_it_began() -> None:
    story = Traces()
    root = story.span("gateway", "POST /orders")
    sent = story.send("checkout", "orders", under=root)
    with open_store(":memory:") as store:  # type: ignore[attr-defined]
        store.append([sent])
        refresh(store)
        assert [(chain.origin.span_id, chain.origin.cause_absent) for chain in summaries(store)] == [
            (sent.span_id, True)
        ]
        store.append([root])
        refresh(store)
        assert [(chain.origin.span_id, chain.origin.cause_absent) for chain in summaries(store)] == [
            (root.span_id, False)
        ]
        assert load(store, find(store, root.trace_id)[0]).summary.findings == ()


def test_a_refresh_without_news_changes_nothing() -> None:
    story = Traces()
    story.send("checkout", "orders")
    with open_store(":memory:") as store:  # type: ignore[attr-defined]
        assert is_current(store)
        store.append(story.spans)
        assert not is_current(store)
        refresh(store)
        assert is_current(store)
        before = store.generation()
        refresh(store)
        assert store.generation() == before


def test_a_correlation_id_on_more_traces_than_the_cap_joins_nothing_any_more() -> None:
    story = Traces(correlation_id="constant")
    story.send("checkout", "orders")
    lost = story.process("billing", "orders")
    with open_store(":memory:") as store:  # type: ignore[attr-defined]
        store.append(story.spans)
        refresh(store, correlation_trace_cap=2)
        assert len(summaries(store)) == 1
        more = Traces(correlation_id="constant")
        more.span("checkout", "another trace")
        store.append(more.spans)
        refresh(store, correlation_trace_cap=2)
        assert len(summaries(store)) == 3
        assert [hop.outcome for hop in hops(store) if hop.consumer] == ["origin_unknown"]
        assert analysed(story).chain_of(lost).summary.spans == 2


def test_a_refresh_that_waited_while_another_covered_what_it_needs_does_nothing() -> None:
    story = Traces()
    with open_store(":memory:") as store:  # type: ignore[attr-defined]
        store.append([story.send("checkout", "orders")])
        refresh(store)
        store.append([story.send("checkout", "orders")])
        store.refresh(lambda writer: pipeline(writer, last=1))
        assert store.query("select count(*) as n from chains")["n"].to_pylist() == [1]
        refresh(store)
        assert store.query("select count(*) as n from chains")["n"].to_pylist() == [2]
