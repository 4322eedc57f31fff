"""The critical path gives every operation the exclusive time that CRISP's cases expect, and crosses brokers."""

import json
from collections import Counter

import pytest

from tests.support.shared_data import shared_data
from tests.support.spans import MS, START, Traces
from tests.support.stored import analysed
from tracecheck.chains import critical_path, load, refresh, summaries
from tracecheck.importers import import_files
from tracecheck.store import open_store


@pytest.mark.parametrize("case", range(1, 7))
def test_crisp_cases_have_their_exclusive_times(case: int) -> None:
    path = shared_data(f"crisp/{case}.json")
    (expected,) = json.loads(path.read_text())["testing"]
    with open_store(":memory:") as store:  # type: ignore[attr-defined]
        import_files(store, [path])
        refresh(store)
        (summary,) = summaries(store)
        found: Counter[str] = Counter()
        for segment in critical_path(load(store, summary.chain_id)):
            found[f"[{segment.service}] {segment.name}"] += segment.end_unix_nano - segment.start_unix_nano
    assert {name: found[name] // 1000 for name in expected} == expected
    assert set(found) <= set(expected)


def test_a_consumer_comes_after_its_producer_not_inside_it() -> None:
    story = Traces()
    root = story.span("checkout", "POST /orders", at_ms=0, took_ms=20)
    sent = story.send("checkout", "orders", under=root, at_ms=5, took_ms=5)
    handled = story.process("billing", "orders", of=sent, at_ms=50, took_ms=30)
    story.span("billing", "charge", under=handled, at_ms=55, took_ms=20)
    assert told(story) == [
        ("process orders", 75, 80),
        ("charge", 55, 75),
        ("process orders", 50, 55),
        ("send orders", 5, 10),
        ("POST /orders", 0, 5),
    ]


def test_children_are_clipped_to_their_parent_and_those_outside_dropped() -> None:
    story = Traces()
    root = story.span("a", "root", at_ms=10, took_ms=20)
    story.span("a", "runs over", under=root, at_ms=25, took_ms=50)
    story.span("a", "before", under=root, at_ms=0, took_ms=5)
    story.span("a", "early", under=root, at_ms=5, took_ms=10)
    assert told(story) == [("runs over", 25, 30), ("root", 15, 25), ("early", 10, 15)]


def test_overlapping_children_are_not_both_on_the_path() -> None:
    story = Traces()
    root = story.span("a", "root", at_ms=0, took_ms=100)
    story.span("a", "short", under=root, at_ms=10, took_ms=50)
    story.span("a", "long", under=root, at_ms=20, took_ms=70)
    assert told(story) == [("root", 90, 100), ("long", 20, 90), ("root", 0, 20)]


def test_a_join_goes_on_at_the_message_it_waited_for_longest() -> None:
    story = Traces(correlation_id="o-1")
    root = story.span("checkout", "root", at_ms=0, took_ms=2)
    early = story.send("inventory", "reserved", under=root, at_ms=0, took_ms=1)
    late = story.send("billing", "charged", under=root, at_ms=0, took_ms=2)
    story.process("shipping", "both", links=[early, late], at_ms=10, took_ms=5, batch_count=2, system="rabbitmq")
    assert told(story)[:2] == [("process both", 10, 15), ("send charged", 0, 2)]


def test_three_thousand_levels_end() -> None:
    story = Traces()
    span = story.span("a", "level", at_ms=0, took_ms=10_000)
    for _ in range(3_000):
        span = story.span("a", "level", under=span, at_ms=0, took_ms=10_000)
    assert len(told(story)) == 1


def told(story: Traces) -> list[tuple[str, float, float]]:
    """The path of the story's one chain, in milliseconds."""
    (chain,) = analysed(story).chains
    return [
        (segment.name, (segment.start_unix_nano - START) / MS, (segment.end_unix_nano - START) / MS)
        for segment in critical_path(chain)
    ]


def test_a_handler_below_a_receive_span_that_ended_before_it_comes_after_it() -> None:
    with open_store(":memory:") as store:  # type: ignore[attr-defined]
        import_files(store, [shared_data("zipkin/messaging.json")])
        refresh(store)
        (summary,) = summaries(store)
        path = critical_path(load(store, summary.chain_id))
    assert [(segment.service, segment.name) for segment in path] == [
        ("backend", "on-message"),
        ("backend", "next-message"),
        ("frontend", "publish"),
        ("frontend", "get /"),
    ]
