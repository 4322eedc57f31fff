"""RabbitMQ's queues are its consumer groups: an exchange copies one message to several of them."""

import pytest

from tests.support.spans import Traces
from tests.support.stored import analysed, rebuilt


@pytest.fixture(params=["in SQL", "in memory"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    rebuilt(request.param, monkeypatch)


def test_queues_of_one_exchange_are_told_by_the_names_of_their_spans() -> None:
    # Java agent 2.33 (conventions as before) and amqplib's 0.x: both sides name the exchange, the span the queue.
    story = Traces()
    sent = story.send("shop", "events", system="rabbitmq", name="events publish")
    for queue in ("billing", "audit"):
        story.process("shop", "events", of=sent, system="rabbitmq", group=None, name=f"{queue} process")
    assert analysed(story).lines == [
        "shop > events > audit: delivered, by parent",
        "shop > events > billing: delivered, by parent",
    ]


def test_queues_of_one_exchange_are_told_by_what_they_say_of_their_place() -> None:
    # Java agent 2.33 with the messaging conventions: exchange:key on one side, exchange:key:queue on the other.
    story = Traces()
    sent = story.send("shop", "events:order.new", system="rabbitmq")
    for queue in ("billing", "audit"):
        place = f"events:order.new:{queue}"
        story.process("shop", place, of=sent, style="both", system="rabbitmq", group=None)
    hops = analysed(story).hops
    assert [(hop.attempts, hop.findings) for hop in hops] == [(1, ()), (1, ())]


def test_what_a_queue_gives_up_and_another_takes_was_not_delivered_by_the_first() -> None:
    # Spring AMQP below the Java agent: the listener fails, and the broker moves the message on to another queue.
    story = Traces()
    sent = story.send("shop", "orders", system="rabbitmq")
    story.process("shop", "orders", of=sent, system="rabbitmq", group=None, error="bad card")
    story.process("shop", "dead", of=sent, system="rabbitmq", group=None)
    hops = analysed(story).hops
    assert sorted((hop.outcome.value, hop.findings) for hop in hops) == [
        ("delivered", ()),
        ("failed", ("processing_failed",)),
    ]


def test_services_named_by_one_exchange_stay_apart() -> None:
    story = Traces()
    sent = story.send("shop", "events:order.new", system="rabbitmq")
    for service in ("billing", "audit"):
        story.process(service, "events:order.new", of=sent, system="rabbitmq", group=None, name="events process")
    assert [(hop.attempts, hop.findings) for hop in analysed(story).hops] == [(1, ()), (1, ())]


@pytest.mark.parametrize("name", ["orders process", "process orders", "<generated> process", "handle"])
def test_a_name_that_tells_no_queue_of_its_own_leaves_it_to_the_service(name: str) -> None:
    story = Traces()
    sent = story.send("shop", "orders", system="rabbitmq")
    for _ in range(2):
        story.process("shop", "orders", of=sent, system="rabbitmq", group=None, name=name)
    assert analysed(story).lines == ["shop > orders > shop(): delivered, 2 attempts, by parent [duplicate_delivery]"]
