"""What a message's handler took and how it ended, where only the receive span knows of the message."""

import pytest

from tests.support.shared_data import shared_data
from tests.support.spans import MS, Traces
from tests.support.stored import Analysed, analysed, read, rebuilt
from tracecheck.importers import import_files
from tracecheck.model import Outcome, SpanKind
from tracecheck.store import open_store


@pytest.fixture(params=["in SQL", "in memory"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    rebuilt(request.param, monkeypatch)


def imported(name: str) -> Analysed:
    with open_store(":memory:") as store:  # type: ignore[attr-defined]
        import_files(store, [shared_data(name)])
        return read(store)


def test_a_handler_that_follows_a_receive_span_is_what_was_processed() -> None:
    story = Traces()
    sent = story.send("checkout", "orders", at_ms=0, took_ms=1)
    received = story.receive("billing", "orders", of=sent, at_ms=5, took_ms=1)
    story.span("billing", "on message", under=received, at_ms=7, took_ms=50)
    hop = analysed(story).hop("orders")
    assert (hop.transit_ns, hop.processing_ns, hop.succeeded_after_ns) == (4 * MS, 50 * MS, 56 * MS)
    assert (hop.outcome, hop.attempts, hop.consumer_instant) == (Outcome.DELIVERED, 1, "receive_start")


def test_a_receive_span_that_wraps_its_handler_was_as_long_as_that() -> None:
    story = Traces()
    received = story.receive("billing", "orders", of=story.send("checkout", "orders"), at_ms=5, took_ms=9)
    story.span("billing", "on message", under=received, at_ms=6, took_ms=7)
    assert analysed(story).hop("orders").processing_ns == 9 * MS


@pytest.mark.parametrize("kind", [SpanKind.CLIENT, SpanKind.PRODUCER])
def test_a_call_after_a_receive_span_is_not_its_handler(kind: SpanKind) -> None:
    story = Traces()
    received = story.receive("billing", "orders", of=story.send("checkout", "orders"), at_ms=5, took_ms=1)
    story.span("billing", "select", kind=kind, under=received, at_ms=8, took_ms=7)
    assert analysed(story).hop("orders").processing_ns is None


def test_another_services_work_is_not_its_handler() -> None:
    story = Traces()
    received = story.receive("billing", "orders", of=story.send("checkout", "orders"), at_ms=5, took_ms=1)
    story.span("ledger", "work", under=received, at_ms=8, took_ms=7)
    assert analysed(story).hop("orders").processing_ns is None


def test_a_handler_that_fails_after_its_receive_span_fails_the_attempt() -> None:
    story = Traces()
    received = story.receive("billing", "orders", of=story.send("checkout", "orders"))
    story.span("billing", "on message", under=received, error="no such account")
    hop = analysed(story).hop("orders")
    assert (hop.outcome, hop.findings) == (Outcome.FAILED, ("processing_failed",))
    assert hop.consumer is not None
    assert hop.consumer.error == "no such account"


def test_a_handler_that_is_tried_again_after_one_receive_span_did_not_fail() -> None:
    story = Traces()
    received = story.receive("billing", "orders", of=story.send("checkout", "orders"), at_ms=5, took_ms=0)
    story.span("billing", "on message", under=received, at_ms=6, took_ms=2, error="try again")
    story.span("billing", "on message", under=received, at_ms=9, took_ms=2)
    hop = analysed(story).hop("orders")
    assert (hop.outcome, hop.findings, hop.processing_ns) == (Outcome.DELIVERED, (), 5 * MS)


def test_a_poll_of_one_without_context_is_tied_in_by_its_position_and_its_handler_counts() -> None:
    story = Traces()
    story.send("checkout", "orders", partition="0", offset=41)
    polled = story.poll("billing", "orders", partition="0", offset=41)
    handled = story.span("billing", "handle", under=polled, took_ms=30)
    story.send("billing", "payments", under=handled)
    found = analysed(story)
    assert found.lines == [
        "billing > payments > ?: undelivered",
        "checkout > orders > billing(): delivered, by identity [context_lost]",
    ]
    assert found.hop("orders").processing_ns == 30 * MS
    assert len(found.chains) == 1


def test_a_server_span_that_receives_was_handed_the_message_when_it_began() -> None:
    story = Traces()
    sent = story.send("checkout", "orders", at_ms=0, took_ms=1)
    story.receive("billing", "orders", of=sent, kind=SpanKind.SERVER, at_ms=5, took_ms=3)
    hop = analysed(story).hop("orders")
    assert (hop.transit_ns, hop.consumer_instant, hop.outcome) == (4 * MS, "receive_start", Outcome.DELIVERED)


@pytest.mark.parametrize("name", ["send orders", "orders Publish"])
def test_a_call_named_as_the_send_of_what_was_received_below_it_sent_that(name: str) -> None:
    story = Traces()
    call = story.span("checkout", name, kind=SpanKind.CLIENT)
    story.receive("billing", "orders", under=call, kind=SpanKind.SERVER)
    assert analysed(story).lines == ["checkout > orders > billing(): delivered, by parent"]


@pytest.mark.parametrize("name", ["send", "send invoices", "send orders again", "POST /orders"])
def test_any_other_call_above_a_receive_is_no_send(name: str) -> None:
    story = Traces()
    call = story.span("checkout", name, kind=SpanKind.CLIENT)
    story.receive("billing", "orders", under=call, kind=SpanKind.SERVER, offset=1)
    assert analysed(story).lines == ["? > orders > billing(): origin_unknown"]


def test_handlers_of_different_names_in_one_service_may_be_different_consumers() -> None:
    story = Traces()
    sent = story.send("checkout", "orders")
    for name in ("archive", "notify"):
        story.span("hub", name, under=story.receive("hub", "orders", of=sent))
    assert analysed(story).hop("orders").findings == ("ambiguous",)


def test_one_handler_that_gets_a_message_twice_got_it_twice() -> None:
    story = Traces()
    sent = story.send("checkout", "orders")
    for _ in range(2):
        story.span("hub", "archive", under=story.receive("hub", "orders", of=sent))
    assert analysed(story).hop("orders").findings == ("duplicate_delivery",)


def test_a_service_that_names_no_group_is_one_consumer_however_often_it_receives_a_message() -> None:
    story = Traces()
    sent = story.send("checkout", "orders")
    for number in range(5):
        story.receive("hub", "orders", of=sent, instance=f"h{number}")
    assert analysed(story).lines == ["checkout > orders > hub(): delivered, 5 attempts, by parent [duplicate_delivery]"]


def test_the_zipkin_hop_through_rabbitmq_has_its_handlers_time() -> None:
    (hop,) = imported("zipkin/messaging.json").hops
    assert (hop.transit_ns, hop.processing_ns, hop.succeeded_after_ns) == (1_555_000, 371_000, 1_988_000)
    assert (hop.system, hop.destination, hop.context) == ("rabbitmq", "backend", "parent")


def test_the_production_zipkin_trace_has_one_message_that_three_handlers_took() -> None:
    (hop,) = imported("zipkin/smartthings-oauth-authorization.json").hops
    assert hop.producer is not None
    assert hop.consumer is not None
    assert (hop.producer.service, hop.consumer.service, hop.destination) == ("bouncer", "pusher", "iot-events360")
    assert (hop.system, hop.partition, hop.attempts, hop.outcome) == ("kafka", "56", 5, Outcome.DELIVERED)
    assert hop.findings == ("ambiguous",)
