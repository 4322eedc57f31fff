"""A batch says on its links which messages it took: that stands where a link's own target was never stored."""

import pytest

from tests.support.spans import Traces, absent, link
from tests.support.stored import Analysed, analysed, rebuilt
from tracecheck.model import Hop, Span

FOUND = "checkout > orders > billing: delivered, by identity [context_lost]"


@pytest.fixture(params=["in SQL", "in memory"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    rebuilt(request.param, monkeypatch)


def poll(story: Traces, *links: object, **more: object) -> Span:
    return story.poll("billing", "orders", group="billing", links=links, **more)


def places(found: Analysed) -> list[tuple[str, int | None]]:
    def place(hop: Hop) -> tuple[str, int | None]:
        return (hop.outcome.value, hop.offset)

    return sorted(map(place, found.hops), key=repr)


@pytest.mark.parametrize("name", [{"partition": "0", "offset": 41}, {"message_id": "m-1"}])
def test_a_link_to_a_span_that_was_never_stored_finds_the_message_it_names(name: dict[str, object]) -> None:
    story = Traces()
    story.send("checkout", "orders", **name)
    poll(story, link(absent(), **name))  # type: ignore[arg-type]
    found = analysed(story)
    assert found.lines == [FOUND]
    assert len(found.chains) == 1


def test_a_batch_has_a_hop_of_each_message_whether_context_or_position_tells_it() -> None:
    story = Traces()
    first, _ = (story.send("checkout", "orders", partition="0", offset=offset) for offset in (41, 42))
    links = [link(first, partition="0", offset=41), link(absent(), partition="0", offset=42)]
    poll(story, *links, batch_count=2)
    assert analysed(story).lines == [
        "checkout > orders > billing: delivered, by identity [batch_fan_in context_lost]",
        "checkout > orders > billing: delivered, by link [batch_fan_in]",
    ]


def test_the_only_process_span_of_a_batch_handles_what_its_poll_names() -> None:
    story = Traces()
    root = story.span("checkout", "root")
    for offset in (41, 42):
        story.send("checkout", "orders", under=root, partition="0", offset=offset)
    outer = poll(story, *(link(absent(), partition="0", offset=offset) for offset in (41, 42)), batch_count=2)
    story.process("billing", "orders", under=outer)
    found = analysed(story)
    assert found.lines == [FOUND] * 2
    assert {hop.consumer.name for hop in found.hops if hop.consumer} == {"process orders"}


def test_a_consumer_that_names_its_own_message_joins_others_by_its_links() -> None:
    story = Traces()
    story.send("stock", "reserved", message_id="m-1")
    charged = story.send("billing", "charged", message_id="m-2")
    story.process("shipping", "charged", of=charged, message_id="m-2", links=[link(absent(), message_id="m-1")])
    assert analysed(story).lines == [
        "billing > charged > shipping: delivered, by parent",
        "stock > reserved > ?: undelivered",
    ]


def test_a_batch_of_unknown_senders_has_a_hop_of_each_message_it_names() -> None:
    story = Traces()
    poll(story, *(link(absent(), partition="0", offset=offset) for offset in (41, 42, 42)), batch_count=3)
    assert places(analysed(story)) == [("origin_unknown", 41), ("origin_unknown", 42)]


def test_the_poll_of_a_record_that_is_seen_handled_is_no_second_delivery() -> None:
    story = Traces()
    sender = absent()
    story.process("billing", "orders", under=sender, links=[sender], partition="0", offset=41)
    poll(story, link(sender, partition="0", offset=41))
    found = analysed(story)
    assert places(found) == [("origin_unknown", 41)]
    assert found.hops[0].consumer is not None
    assert found.hops[0].consumer.name == "process orders"
