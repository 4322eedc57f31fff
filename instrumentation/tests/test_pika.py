"""pika passes the contract, on a real RabbitMQ; and what is special about it."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any
from uuid import uuid4

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel
from pika.channel import Channel
from pika.exceptions import UnroutableError
from tracecheck_instrumentation import correlation, instrumented, process, sending
from tracecheck_instrumentation.testing import CapturedSpans, captured_spans

from instrumentation.tests.contract import ClientContract
from instrumentation.tests.driver import Driver, Handler, Out, Seen
from tests.support.polling import until

pytestmark = pytest.mark.service("rabbitmq")


class PikaDriver(Driver):
    system = "rabbitmq"
    has_partitions = names_group = False
    patched = (
        (BlockingChannel, "basic_publish"),
        (BlockingChannel, "basic_consume"),
        (BlockingChannel, "consume"),
        (Channel, "basic_publish"),
        (Channel, "basic_consume"),
    )

    def __init__(self, url: str) -> None:
        self.url = url
        self.connections: list[pika.BlockingConnection] = []

    def close(self) -> None:
        for connection in self.connections:
            connection.close()

    def channel(self) -> BlockingChannel:
        """A channel of a connection of its own: pika's are for one thread."""
        self.connections.append(pika.BlockingConnection(pika.URLParameters(self.url)))
        return self.connections[-1].channel()

    def fresh(self) -> str:
        queue = f"q-{uuid4().hex[:8]}"
        self.channel().queue_declare(queue)
        return queue

    def send(self, *messages: Out) -> None:
        channel = self.channel()
        channel.confirm_delivery()
        for message in messages:
            channel.basic_publish("", message.destination, message.value, properties_of(message))

    def send_in_vain(self, message: Out) -> None:
        channel = self.channel()
        channel.confirm_delivery()
        channel.queue_delete(message.destination)
        with pytest.raises(UnroutableError):
            channel.basic_publish("", message.destination, message.value, mandatory=True)

    def handle(
        self,
        destination: str,
        handler: Handler,
        *,
        count: int = 1,
        group: str = "g",  # noqa: ARG002
        redeliver: bool = False,
    ) -> None:
        channel, handled = self.channel(), 0
        while handled < count:
            tag = 0
            try:
                for record in instrumented(channel.consume(destination, inactivity_timeout=15)):
                    tag = record[0].delivery_tag
                    self.send(*handler(seen(record)))
                    channel.basic_ack(tag)
                    handled += 1
                    if handled == count:
                        break
            except ValueError:
                if not redeliver:
                    raise
                channel.basic_nack(tag)
        channel.cancel()

    def handle_each(self, destination: str, handler: Handler, *, count: int = 1, group: str = "g") -> None:  # noqa: ARG002
        channel, handled = self.channel(), []

        def callback(_channel: Any, method: Any, properties: Any, body: Any) -> None:
            self.send(*handler(seen((method, properties, body))))
            handled.append(method)
            if len(handled) == count:
                channel.stop_consuming()

        channel.basic_consume(destination, callback, auto_ack=True)
        channel.start_consuming()

    def handle_batch(self, destination: str, handler: Callable[[list[Seen]], Iterable[Out]], *, count: int) -> None:
        records = self.got(destination, count)
        with process(records):
            self.send(*handler([seen(record) for record in records]))

    def raw(self, destination: str, count: int) -> list[Seen]:
        return [seen(record) for record in self.got(destination, count)]

    def send_raw(self, message: Out) -> None:
        plain = BlockingChannel.basic_publish
        while (inner := getattr(plain, "__wrapped__", None)) is not None:
            plain = inner
        # The blocking channel publishes through the plain one, which stays patched: say that we are inside already.
        from tracecheck_instrumentation.adapters import pika_client

        token = pika_client._publishing.set(True)
        plain(self.channel(), "", message.destination, message.value, properties_of(message))
        pika_client._publishing.reset(token)

    def got(self, queue: str, count: int) -> list[Any]:
        channel = self.channel()
        return [
            until(lambda: record if (record := channel.basic_get(queue, auto_ack=True))[0] else None)
            for _ in range(count)
        ]


def properties_of(message: Out) -> pika.BasicProperties | None:
    return None if message.headers is None else pika.BasicProperties(headers=dict(message.headers))


def seen(record: Any) -> Seen:
    headers = record[1].headers or {}
    return Seen(
        value=record[2],
        headers=[(name, value.encode() if isinstance(value, str) else value) for name, value in headers.items()],
        record=record,
    )


@pytest.fixture
def driver(spans: CapturedSpans, rabbitmq: str) -> Iterator[PikaDriver]:
    client = PikaDriver(rabbitmq)
    yield client
    client.close()


class TestPika(ClientContract):
    test_a_tombstone_is_a_message = None  # RabbitMQ has none

    @pytest.fixture
    def driver(self, spans: CapturedSpans, rabbitmq: str) -> Iterator[PikaDriver]:  # noqa: ARG002
        client = PikaDriver(rabbitmq)
        yield client
        client.close()


def test_uninstrumenting_restores_what_was_there() -> None:
    before = [(owner, name, owner.__dict__.get(name)) for owner, name in PikaDriver.patched]
    with captured_spans():
        assert all(owner.__dict__.get(name) is not was for owner, name, was in before)
    assert before == [(owner, name, owner.__dict__.get(name)) for owner, name in PikaDriver.patched]


def test_a_message_fetched_by_get_is_handled_in_its_context(driver: PikaDriver, spans: CapturedSpans) -> None:
    place = driver.fresh()
    driver.send(Out(destination=place))
    (record,) = driver.got(place, 1)
    with process(record):
        pass
    assert spans.wait_for(f"process {place}").parent.span_id == spans.wait_for(f"send {place}").context.span_id


def test_both_sides_name_an_exchange_alike_and_the_queue_is_the_subscription(
    driver: PikaDriver, spans: CapturedSpans
) -> None:
    queue, exchange = driver.fresh(), f"e-{uuid4().hex[:8]}"
    channel = driver.channel()
    channel.exchange_declare(exchange, "topic")
    channel.queue_bind(queue, exchange, "order.*")
    channel.basic_publish(exchange, "order.placed", b"1")
    driver.handle(queue, lambda _: [])

    sent = spans.wait_for(f"send {exchange}:order.placed").attributes
    processed = spans.wait_for(f"process {exchange}:order.placed").attributes
    for found in (sent, processed):
        assert found["messaging.destination.name"] == f"{exchange}:order.placed"
        assert found["messaging.rabbitmq.destination.routing_key"] == "order.placed"
    assert processed["messaging.destination.subscription.name"] == queue


def test_the_callers_properties_are_kept_and_not_changed(driver: PikaDriver, spans: CapturedSpans) -> None:
    place = driver.fresh()
    mine = pika.BasicProperties(headers={"a": "1"}, message_id="m-1", correlation_id="rpc-1", timestamp=1_700_000_000)
    driver.channel().basic_publish("", place, b"1", mine)
    driver.handle(place, lambda _: [])

    assert mine.headers == {"a": "1"}
    processed = spans.wait_for(f"process {place}").attributes
    assert processed["messaging.message.id"] == "m-1"
    assert processed["tracecheck.event.id"] == spans.wait_for(f"send {place}").attributes["tracecheck.event.id"]
    assert processed["tracecheck.record.time_unix_nano"] == 1_700_000_000_000_000_000


def test_an_amqp_correlation_id_fills_in_for_baggage(driver: PikaDriver, spans: CapturedSpans) -> None:
    place = driver.fresh()
    driver.send_raw(Out(destination=place))
    from tracecheck_instrumentation.adapters import pika_client

    token = pika_client._publishing.set(True)
    driver.channel().basic_publish("", place, b"1", pika.BasicProperties(correlation_id="legacy-1"))
    pika_client._publishing.reset(token)
    driver.handle(place, lambda _: [], count=2)
    spans.wait_for(f"process {place}", count=2)
    assert spans.named(f"process {place}")[1].attributes["correlation.id"] == "legacy-1"


def test_the_amqp_correlation_id_is_written_on_request(driver: PikaDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "write_correlation_header", True)
    place = driver.fresh()
    with correlation("order-7"):
        driver.send(Out(destination=place))
    ((_, properties, _),) = driver.got(place, 1)
    assert properties.correlation_id == "order-7"


def test_waiting_in_vain_has_no_span(driver: PikaDriver, spans: CapturedSpans) -> None:
    for record in driver.channel().consume(driver.fresh(), inactivity_timeout=0.05):
        assert record == (None, None, None)
        break
    assert spans.all() == []
