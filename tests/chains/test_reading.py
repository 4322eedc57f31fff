"""Chains are found by any name a user has, and what surrounds them is told as it is stored."""

from collections.abc import Iterator

import pytest

from tests.support.spans import MS, START, Traces
from tests.support.stored import analysed, rebuilt
from tracecheck.chains import (
    clock_skews,
    critical_path,
    find,
    graph,
    hops,
    load,
    load_many,
    refresh,
    summaries,
    surroundings,
    timings,
)
from tracecheck.errors import UsageError
from tracecheck.model import Span
from tracecheck.store import Store, open_store


@pytest.fixture(scope="module")
def stories() -> list[Traces]:
    built = []
    for number in (1, 10):
        story = Traces(correlation_id=f"o-{number}", run_id=f"run-{number}", start_unix_nano=START + number * MS * 1000)
        root = story.span("checkout", "POST /orders", instance="c1")
        sent = story.send("checkout", "orders", under=root, message_id=f"event-{number}", instance="c1")
        record = {"partition": "0", "offset": 40 + number, "record_time_unix_nano": sent.end_unix_nano + MS // 2}
        handled = story.process("billing", "orders", of=sent, instance="b1", took_ms=5, **record)
        story.send("billing", "payments", under=handled, instance="b1", at_ms=6)
        built.append(story)
    return built


@pytest.fixture(scope="module")
def store(stories: list[Traces]) -> Iterator[Store]:
    with open_store(":memory:") as opened:  # type: ignore[attr-defined]
        opened.append([span for story in stories for span in story.spans])
        opened.append([start_mark("billing", "b1"), flush_mark("billing", "b1", 4), flush_mark("checkout", "c1", 5)])
        refresh(opened)
        yield opened


def start_mark(service: str, instance: str) -> Span:
    return Traces(start_unix_nano=START).span(service, "tracecheck.start", instance=instance)


def flush_mark(service: str, instance: str, spans: int) -> Span:
    story = Traces(start_unix_nano=START + 60_000 * MS)
    attributes = {"tracecheck.flush.span_count": spans}
    return story.span(service, "tracecheck.flush", instance=instance, attributes=attributes)


def test_every_id_of_a_chain_and_every_prefix_finds_it(store: Store, stories: list[Traces]) -> None:
    origin = stories[1].spans[0]
    chain_id = f"{origin.trace_id}:{origin.span_id}"
    for needle in (chain_id, chain_id[:40], origin.trace_id, "o-10", "run-10", "event-10"):
        assert find(store, needle) == [chain_id]


def test_an_exact_name_wins_over_a_prefix_and_a_prefix_finds_all(store: Store, stories: list[Traces]) -> None:
    ids = [":".join(story.spans[0].key) for story in stories]
    assert find(store, "o-1") == ids[:1]
    assert find(store, "o-") == ids
    assert find(store, "nobody") == []
    assert find(store, "") == []


def test_summaries_narrow_by_run_and_time_and_keep_the_latest(store: Store, stories: list[Traces]) -> None:
    ids = [":".join(story.spans[0].key) for story in stories]
    assert [chain.chain_id for chain in summaries(store)] == ids
    assert [chain.chain_id for chain in summaries(store, run_id="run-10")] == ids[1:]
    assert [chain.chain_id for chain in summaries(store, since_unix_nano=START + 5_000 * MS)] == ids[1:]
    assert [chain.chain_id for chain in summaries(store, limit=1)] == ids[1:]


def test_marks_of_processes_are_chains_only_for_who_asks(store: Store) -> None:
    asked = summaries(store, since_unix_nano=START + 50_000 * MS, marks=True)
    assert [chain.origin.name for chain in asked] == ["tracecheck.flush"] * 2


def test_many_chains_load_in_the_order_asked_and_equal_each_alone(store: Store, stories: list[Traces]) -> None:
    ids = [":".join(story.spans[0].key) for story in reversed(stories)]
    chains = list(load_many(store, [ids[0], "no such chain", ids[1]]))
    assert chains == [load(store, chain_id) for chain_id in ids]
    assert [hop for chain in reversed(chains) for hop in chain.hops] == hops(store)
    assert hops(store, ids[0]) == list(chains[0].hops)


def test_an_unknown_chain_is_refused_with_the_way_to_list_them(store: Store) -> None:
    with pytest.raises(UsageError, match="tracecheck chains"):
        load(store, "0" * 32 + ":" + "0" * 16)


def test_the_graph_runs_from_cause_to_effect(store: Store, stories: list[Traces]) -> None:
    root, sent, handled, paid = stories[0].spans
    built = graph(load(store, ":".join(root.key)))
    assert list(built.edges) == [(root.key, sent.key), (sent.key, handled.key), (handled.key, paid.key)]
    assert built.edges[sent.key, handled.key]["is_message"]
    assert built.nodes[sent.key]["span"] == sent


def test_surroundings_tell_flush_marks_against_stored_spans(store: Store) -> None:
    seen = {instance.service: instance for instance in surroundings(store).instances}
    assert (seen["billing"].spans_marked, seen["billing"].spans_stored, seen["billing"].whole) == (4, 4, True)
    assert (seen["checkout"].spans_marked, seen["checkout"].spans_stored, seen["checkout"].whole) == (5, 4, False)


def test_surroundings_tell_how_far_each_group_came_and_narrow_to_a_run(store: Store) -> None:
    (group,) = surroundings(store).groups
    assert (group.destination, group.consumer_group, group.services) == ("orders", "billing", ("billing",))
    assert group.max_offsets == {"0": 50}
    (group,) = surroundings(store, run_id="run-1").groups
    assert group.max_offsets == {"0": 41}
    assert surroundings(store, run_id="nobody").instances == ()


def test_timings_tell_queue_and_forwarding_apart(store: Store, stories: list[Traces]) -> None:
    first, _ = timings(load(store, ":".join(stories[0].spans[0].key)))
    assert (first.transit_ns, first.queue_ns, first.processing_ns, first.forwarding_ns) == (
        MS,
        MS // 2,
        5 * MS,
        2 * MS,
    )


def test_skew_is_told_per_host_pair() -> None:
    story = Traces()
    for early_ms in (3, 7):
        sent = story.send("checkout", "orders", host="left", at_ms=10)
        story.process("billing", "orders", of=sent, host="right", at_ms=10 - early_ms)
    with open_store(":memory:") as opened:  # type: ignore[attr-defined]
        opened.append(story.spans)
        refresh(opened)
        ids = [chain.chain_id for chain in summaries(opened)]
        (skew,) = clock_skews(load_many(opened, ids))
    assert (skew.producer_host, skew.consumer_host, skew.hops, skew.at_least_ns) == ("left", "right", 2, 7 * MS)


def test_a_trace_id_of_64_bits_is_found_as_the_tracer_wrote_it() -> None:
    with open_store(":memory:") as store:  # type: ignore[attr-defined]
        span = Traces().span("web", trace_id="00000000000000006c3cf93508f20577")
        store.append([span])
        refresh(store)
        assert find(store, "6c3cf93508f20577") == find(store, "6C3CF93508F20577") == [":".join(span.key)]
        assert find(store, "6c3cf93508f2057") == []


@pytest.mark.parametrize("way", ["in SQL", "in memory"])
def test_a_span_that_ends_before_it_began_or_never_is_part_of_its_chain(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rebuilt(way, monkeypatch)
    story = Traces()
    sent = story.send("checkout", "orders", at_ms=0, took_ms=2)
    story.change(story.process("billing", "orders", of=sent, at_ms=10), end_unix_nano=0)
    (chain,) = analysed(story).chains
    assert [span.name for span in chain.spans] == ["send orders", "process orders"]
    assert chain.summary.duration_ns == 10 * MS
    alone = Traces()
    alone.change(alone.span("a"), end_unix_nano=START - 5)
    (short,) = analysed(alone).chains
    assert (len(short.spans), short.summary.duration_ns, critical_path(short)) == (1, 0, ())
