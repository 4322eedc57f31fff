"""The view with corrected clocks moves what cannot have been, by the bound at most, and nothing that was measured."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.order_chain import odd_chain
from tests.support.spans import MS, Traces
from tests.support.stored import analysed
from tracecheck.chains import corrected
from tracecheck.model import Chain, SpanKind

HOUR = 3_600_000 * MS


def the_chain(story: Traces) -> Chain:
    (chain,) = analysed(story).chains
    return chain


def starts(chain: Chain, story: Traces) -> dict[str, float]:
    return {span.name: (span.start_unix_nano - story.start_unix_nano) / MS for span in chain.spans}


def test_a_callee_outside_its_caller_is_moved_to_the_middle_and_what_it_did_with_it() -> None:
    story = Traces()
    call = story.span("web", "call", kind=SpanKind.CLIENT, at_ms=100, took_ms=50, host="a")
    answer = story.span("db", "answer", kind=SpanKind.SERVER, under=call, at_ms=900, took_ms=30, host="b")
    story.span("db", "query", under=answer, at_ms=905, took_ms=10, host="b")
    view, moved = corrected(the_chain(story), HOUR)
    assert starts(view, story) == {"call": 100, "answer": 110, "query": 115}
    assert moved == 2


def test_a_consumer_before_its_send_is_moved_to_where_the_send_began_and_its_transit_stays_as_measured() -> None:
    story = Traces()
    sent = story.send("checkout", "orders", at_ms=500, took_ms=5, host="a")
    story.process("billing", "orders", of=sent, at_ms=200, took_ms=5, host="b")
    chain = the_chain(story)
    view, moved = corrected(chain, HOUR)
    assert starts(view, story) == {"send orders": 500, "process orders": 500}
    assert view.hops[0].consumer is not None
    assert view.hops[0].consumer.start_unix_nano == story.start_unix_nano + 500 * MS
    assert (view.hops[0].transit_ns, moved) == (chain.hops[0].transit_ns, 1)


@pytest.mark.parametrize("story_of", ["beyond the bound", "same host", "inside", "longer than its caller"])
def test_what_needs_no_correction_or_more_than_the_bound_is_left_alone(story_of: str) -> None:
    story = Traces()
    call = story.span("web", "call", kind=SpanKind.CLIENT, at_ms=100, took_ms=50, host="a")
    place = {
        "beyond the bound": {"at_ms": 10_000, "host": "b"},
        "same host": {"at_ms": 900, "host": "a"},
        "inside": {"at_ms": 101, "took_ms": 49, "host": "b"},
        "longer than its caller": {"at_ms": 90, "took_ms": 51, "host": "b"},
    }[story_of]
    story.span("db", "answer", kind=SpanKind.SERVER, under=call, **place)  # type: ignore[arg-type]
    chain = the_chain(story)
    assert corrected(chain, 1000 * MS) == (chain, 0)


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=12), st.integers(0, 10**9))
def test_any_graph_of_causes_ends_and_no_span_moves_beyond_the_bound_of_each_step(
    edges: list[tuple[int, int]], bound: int
) -> None:
    chain = odd_chain(8, edges)
    view, _ = corrected(chain, bound)
    before = {span.key: span for span in chain.spans}
    assert {span.key for span in view.spans} == set(before)
    for span in view.spans:
        old = before[span.key]
        assert abs(span.start_unix_nano - old.start_unix_nano) <= bound
        assert span.end_unix_nano - span.start_unix_nano == old.end_unix_nano - old.start_unix_nano
