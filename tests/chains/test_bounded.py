"""Input that makes naive analyzers explode gives a bounded number of rows, and ends."""

from collections import Counter

from tests.support.spans import Traces, absent, link, new_trace_id
from tests.support.stored import analysed, read
from tracecheck.chains import refresh
from tracecheck.model import Span
from tracecheck.store import open_store

MANY = 2_000


def test_one_span_sent_many_times_is_one_hop() -> None:
    story = Traces()
    story.send("a", "T")
    with open_store(":memory:") as store:  # type: ignore[attr-defined]
        store.append(story.spans * MANY)
        assert len(read(store).hops) == 1


def test_a_long_parent_cycle_is_one_chain() -> None:
    trace_id, story = new_trace_id(), Traces()
    ids = [f"{number:016x}" for number in range(1, MANY + 1)]
    for number, span_id in enumerate(ids):
        story.span("a", under=(trace_id, ids[number - 1]), span_id=span_id, at_ms=number)
    (chain,) = analysed(story).chains
    assert (len(chain.spans), chain.summary.findings) == (MANY, ("cycle",))


def test_sends_under_many_levels_find_their_owner() -> None:
    story = Traces()
    sent = story.send("a", "T")
    at: Span = story.process("b", "T", of=sent)
    for _ in range(MANY):
        at = story.span("b", under=at)
    story.send("b", "U", under=at)
    with open_store(":memory:") as store:  # type: ignore[attr-defined]
        store.append(story.spans)
        refresh(store)
        rows = store.query("select owner_destination, owner_group from messages where destination = 'U'").to_pylist()
        assert rows == [{"owner_destination": "T", "owner_group": "b"}]


def test_a_constant_message_id_gives_each_consumer_one_message() -> None:
    story = Traces()
    for _ in range(MANY):
        story.send("a", "T", message_id="same", system="rabbitmq")
        story.process("b", "T", message_id="same", system="rabbitmq")
    found = analysed(story)
    assert Counter(hop.outcome for hop in found.hops) == {"delivered": MANY}


def test_a_constant_correlation_id_joins_nothing() -> None:
    story = Traces(correlation_id="constant")
    for _ in range(MANY):
        story.send("a", "T")
        story.process("b", "T")
    found = analysed(story)
    assert len(found.chains) == 2 * MANY
    assert Counter(hop.outcome for hop in found.hops) == {"undelivered": MANY, "origin_unknown": MANY}


def test_one_poll_of_many_links_and_many_anonymous_process_spans_makes_no_product() -> None:
    story = Traces()
    sent = [story.send("a", "T") for _ in range(MANY)]
    poll = story.poll("b", "T", links=sent, batch_count=MANY)
    for _ in range(MANY):
        story.process("b", "T", under=poll)
    found = analysed(story)
    assert len(found.hops) == MANY
    assert {hop.findings for hop in found.hops} == {("ambiguous", "batch_fan_in")}


def test_constant_positions_on_links_and_process_spans_make_no_product() -> None:
    story = Traces()
    sent = [story.send("a", "T") for _ in range(MANY)]
    poll = story.poll("b", "T", links=[link(each, partition="0", offset=1) for each in sent], batch_count=MANY)
    for _ in range(MANY):
        story.process("b", "T", under=poll, partition="0", offset=1)
    assert len(analysed(story).hops) == MANY


def test_a_batch_under_one_correlation_id_makes_no_product_of_messages_and_sends() -> None:
    story = Traces(correlation_id="one")
    sent = [story.send("a", "T") for _ in range(MANY // 2)]
    batch = story.process("b", "T", links=sent, batch_count=MANY // 2)
    for _ in range(MANY // 2):
        story.send("b", "U", under=batch)
    with open_store(":memory:") as store:  # type: ignore[attr-defined]
        store.append(story.spans)
        refresh(store)
        edges = store.query("select count(*) as edges from edges").to_pylist()[0]["edges"]
        assert edges <= 2 * MANY


def test_orphans_and_sends_of_one_trace_make_no_product() -> None:
    story = Traces()
    root = story.span("a", "root")
    for _ in range(MANY // 2):
        story.send("a", "T", under=root)
        story.span("b", "work", under=absent(root))
    found = analysed(story)
    assert len(found.chains) == 1
    assert len(found.hops) == MANY // 2


def test_many_traces_in_a_row_and_in_a_ring_are_one_chain_each() -> None:
    row, ring = Traces(), Traces()
    sent = row.send("a", "T")
    for _ in range(MANY // 2):
        sent = row.send("a", "T", under=row.process("a", "T", of=sent, style="link"))
    keys = [(new_trace_id(), "a" * 16) for _ in range(MANY // 2)]
    for number, (trace_id, span_id) in enumerate(keys):
        ring.span("b", links=[keys[number - 1]], trace_id=trace_id, span_id=span_id)
    found = analysed(row, ring)
    assert sorted(chain.summary.findings for chain in found.chains) == [(), ("cycle",)]
