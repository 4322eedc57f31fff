"""A watch's chains are those of the refreshed store, however their spans came in."""

from dataclasses import replace
from random import Random

import pytest

from tests.chains.test_assembly import comparable
from tests.support.random_traces import ANOTHER, random_spans
from tests.support.spans import START, Traces, absent, link
from tests.support.stored import read
from tracecheck.chains import arrivals as arrivals_kept
from tracecheck.chains.live import watching
from tracecheck.model import Span
from tracecheck.store import Store, open_store
from tracecheck.store.rows import span_table


def arrivals(random: Random, graphs: list[list[Span]]) -> list[list[Span]]:
    """All spans, shuffled, in batches, some of them twice."""
    spans = [span for graph in graphs for span in graph]
    shuffled = random.sample(spans, len(spans)) + random.sample(spans, min(3, len(spans)))
    size = random.randint(1, 40)
    return [shuffled[start : start + size] for start in range(0, len(shuffled), size)]


def watched_as_stored(store: Store, batches: list[list[Span]], before: int, **asked: str) -> int:
    """Appends some batches before the watch begins and some while it lasts; compares, and counts the chains."""
    for batch in batches[:before]:
        store.append(batch)
    with watching(store, **asked) as watch:  # type: ignore[arg-type]
        assert watch is not None
        for batch in batches[before:]:
            store.append(batch)
            watch.chains()
        chains = watch.chains()
        assert chains is not None
    stored = {chain.chain_id: comparable(chain) for chain in read(store).chains}
    concerned = [chain for chain in chains if watch.concerns(chain)]
    for chain in chains:
        assert comparable(chain) == stored[chain.chain_id]
    return len(concerned)


@pytest.mark.parametrize("seed", range(6))
def test_the_chains_of_a_run_are_those_of_the_store(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    random = Random(seed)
    monkeypatch.setattr(arrivals_kept, "MOST_ROWS", random.choice([1, 20, 25_000]))
    graphs = [[one for one in random_spans(random, 9) if one.name != ANOTHER] for _ in range(25)]
    ours = [[replace(span, run_id="r") if random.random() < 0.5 else span for span in graph] for graph in graphs[:9]]
    batches = arrivals(random, ours + graphs[9:])
    with open_store(":memory:") as store:  # type: ignore[attr-defined]
        found = watched_as_stored(store, batches, random.randint(0, len(batches)), run_id="r")
        runs = store.query("select count(*) as n from chains where list_contains(run_ids, 'r')")["n"][0].as_py()
        assert found == runs > 0


def test_the_chain_of_an_id_grows_across_traces_links_and_parents_that_come_later() -> None:
    story = Traces()
    sent = story.send("checkout", "orders", message_id="m-1")
    handled = story.process("billing", "orders", of=sent, style="link")
    inner = story.span("billing", "charge", under=handled)
    paid = story.send("billing", "payments", under=inner)
    other = Traces().send("checkout", "orders")
    batches = [[inner, other], [paid], [handled], [sent]]
    for name in (sent.trace_id, "m-1", ":".join(sent.key)):
        with open_store(":memory:") as store:  # type: ignore[attr-defined]
            assert watched_as_stored(store, batches, 1, name=name) == 1


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("before", [0, 1])
def test_a_message_that_only_a_link_names_is_found_whichever_side_comes_first(
    order: tuple[int, int], before: int
) -> None:
    for name in ({"message_id": "m-1"}, {"partition": "0", "offset": 41}):
        story = Traces(run_id="r")
        sent = story.send("checkout", "orders", **name)
        poll = Traces(run_id="r").poll("billing", "orders", links=[link(absent(), **name)])  # type: ignore[arg-type]
        batches = [[(sent, poll)[place]] for place in order]
        with open_store(":memory:") as store:  # type: ignore[attr-defined]
            assert watched_as_stored(store, batches, before, run_id="r") == 1


def test_a_span_that_is_no_longer_kept_in_memory_is_found_in_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals_kept, "MOST_ROWS", 1)
    story = Traces()
    sent = story.send("checkout", "orders", message_id="m-1")
    handled = replace(story.process("billing", "orders", of=sent, style="link"), run_id="r")
    with open_store(":memory:") as store, watching(store, run_id="r") as watch:  # type: ignore[attr-defined]
        assert watch is not None
        for span in (sent, *(Traces().send("checkout", "others") for _ in range(5)), handled):
            store.append([span])
            watch.chains()
        (chain,) = watch.chains()
        assert {span.key for span in chain.spans} == {sent.key, handled.key}


def test_two_spans_that_were_stored_under_one_id_leave_the_answer_to_the_store() -> None:
    story = Traces(run_id="r")
    sent = story.send("checkout", "orders")
    with open_store(":memory:") as store:  # type: ignore[attr-defined]
        store.append([sent, replace(sent, start_unix_nano=START + 5)])
        with watching(store, run_id="r") as watch:
            assert watch is not None
            assert watch.chains() is None


def test_a_different_span_under_known_ids_leaves_the_answer_to_the_store() -> None:
    story = Traces(run_id="r")
    sent = story.send("checkout", "orders")
    with open_store(":memory:") as store, watching(store, run_id="r") as watch:  # type: ignore[attr-defined]
        assert watch is not None
        store.append([sent])
        assert watch.chains()
        store.append([replace(sent, start_unix_nano=START + 5)])
        assert watch.chains() is None


def test_spans_of_our_own_and_of_a_receiver_are_kept_together() -> None:
    story = Traces(run_id="r")
    sent = story.send("checkout", "orders")
    handled = story.process("billing", "orders", of=sent)
    with open_store(":memory:") as store, watching(store, run_id="r") as watch:  # type: ignore[attr-defined]
        assert watch is not None
        store.append([sent])
        assert watch.chains()
        received = span_table([handled])
        number = received.schema.get_field_index("service")
        watch.hear(received.set_column(number, "service", received.column(number).dictionary_encode()))
        (chain,) = watch.chains()
        assert len(chain.spans) == 2


def test_a_remote_store_or_no_id_is_not_watched() -> None:
    with open_store(":memory:") as store, watching(store) as watch:  # type: ignore[attr-defined]
        assert watch is None
