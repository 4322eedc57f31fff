"""confluent-kafka passes the contract, on a real broker; and what is special about it."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import Any

import confluent_kafka
import pytest
from confluent_kafka import cimpl
from confluent_kafka.serialization import StringDeserializer, StringSerializer
from opentelemetry.trace import StatusCode
from tracecheck_instrumentation import instrumented, process
from tracecheck_instrumentation.testing import CapturedSpans, captured_spans

from instrumentation.tests.contract import ClientContract
from instrumentation.tests.driver import Handler, Out, Seen
from instrumentation.tests.kafka_python_driver import KafkaPythonDriver

WAIT_S = 15


class ConfluentDriver(KafkaPythonDriver):
    """Sends and handles with confluent-kafka; reads and writes raw as its base does."""

    patched = (
        (confluent_kafka, "Producer"),
        (confluent_kafka, "Consumer"),
        (confluent_kafka.SerializingProducer, "produce"),
        (confluent_kafka.SerializingProducer, "__init__"),
        (confluent_kafka.DeserializingConsumer, "poll"),
        (confluent_kafka.DeserializingConsumer, "__init__"),
    )

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.confluent = confluent_kafka.Producer({"bootstrap.servers": address})

    def close(self) -> None:
        super().close()
        self.confluent.close()

    def send(self, *messages: Out) -> None:
        for message in messages:
            self.confluent.produce(message.destination, message.value, b"key", headers=message.headers)
        assert self.confluent.flush(WAIT_S) == 0

    def send_in_vain(self, message: Out) -> None:
        nowhere = confluent_kafka.Producer(
            {"bootstrap.servers": "127.0.0.1:9", "message.timeout.ms": 300, "log_level": 0}
        )
        nowhere.produce(message.destination, message.value)
        nowhere.flush(WAIT_S)

    def handle(
        self, destination: str, handler: Handler, *, count: int = 1, group: str = "g", redeliver: bool = False
    ) -> None:
        consumer, handled = self.subscribed(destination, group), 0
        while handled < count:
            try:
                for message in instrumented(consumer):
                    self.send(*handler(seen(message)))
                    handled += 1
                    if handled == count:
                        break
            except ValueError:
                if not redeliver:
                    raise
                consumer.seek(confluent_kafka.TopicPartition(destination, 0, 0))

    def handle_each(self, destination: str, handler: Handler, *, count: int = 1, group: str = "g") -> None:
        consumer = self.subscribed(destination, group)
        for _ in range(count):
            message = consumer.poll(WAIT_S)
            assert message is not None
            with process(message):
                self.send(*handler(seen(message)))

    def handle_batch(self, destination: str, handler: Callable[[list[Seen]], Iterable[Out]], *, count: int) -> None:
        consumer, deadline, messages = self.subscribed(destination, "g"), time.monotonic() + WAIT_S, []
        while len(messages) < count and time.monotonic() < deadline:
            messages += consumer.consume(count - len(messages), timeout=1)
        with process(messages):
            self.send(*handler([seen(message) for message in messages]))

    def subscribed(self, topic: str, group: str, kind: Any = None, **settings: Any) -> Any:
        consumer = (kind or confluent_kafka.Consumer)(
            {
                "bootstrap.servers": self.address,
                "group.id": group,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                **settings,
            }
        )
        consumer.assign([confluent_kafka.TopicPartition(topic, 0, 0)])
        self.consumers.append(consumer)
        return consumer


def seen(message: Any) -> Seen:
    return Seen(value=message.value(), headers=message.headers() or [], record=message)


@pytest.fixture
def driver(spans: CapturedSpans, kafka_address: str) -> Iterator[ConfluentDriver]:
    client = ConfluentDriver(kafka_address)
    yield client
    client.close()


class TestConfluentKafka(ClientContract):
    @pytest.fixture
    def driver(self, spans: CapturedSpans, any_kafka: str) -> Iterator[ConfluentDriver]:  # noqa: ARG002
        client = ConfluentDriver(any_kafka)
        yield client
        client.close()


def test_uninstrumenting_restores_what_was_there() -> None:
    before = [(owner, name, owner.__dict__.get(name)) for owner, name in ConfluentDriver.patched]
    with captured_spans():
        assert all(owner.__dict__.get(name) is not was for owner, name, was in before)
    assert before == [(owner, name, owner.__dict__.get(name)) for owner, name in ConfluentDriver.patched]


def test_a_class_imported_by_name_before_is_replaced_and_given_back() -> None:
    service = ModuleType("a_service_of_long_ago")
    service.Producer = confluent_kafka.Producer
    sys.modules[service.__name__] = service
    try:
        with captured_spans():
            assert service.Producer is confluent_kafka.Producer
            assert service.Producer is not cimpl.Producer
        assert service.Producer is cimpl.Producer
    finally:
        del sys.modules[service.__name__]


def test_serializing_clients_have_the_same_spans(driver: ConfluentDriver, spans: CapturedSpans) -> None:
    place = driver.fresh()
    producer = confluent_kafka.SerializingProducer(
        {
            "bootstrap.servers": driver.address,
            "value.serializer": StringSerializer(),
            "key.serializer": StringSerializer(),
        }
    )
    producer.produce(place, "k", "text")
    producer.flush(WAIT_S)
    consumer = driver.subscribed(
        place, "g", confluent_kafka.DeserializingConsumer, **{"value.deserializer": StringDeserializer()}
    )

    for message in instrumented(consumer):
        assert message.value() == "text"
        break

    sent, processed = spans.wait_for(f"send {place}"), spans.wait_for(f"process {place}")
    assert processed.parent.span_id == sent.context.span_id
    assert sent.attributes["messaging.kafka.offset"] == 0
    assert (
        processed.attributes["messaging.kafka.message.key"],
        processed.attributes["messaging.consumer.group.name"],
    ) == ("k", "g")


@pytest.mark.parametrize("name", ["callback", "on_delivery"])
def test_the_callers_delivery_report_is_still_called(driver: ConfluentDriver, spans: CapturedSpans, name: str) -> None:
    place, reports = driver.fresh(), []
    driver.confluent.produce(place, b"1", **{name: lambda error, message: reports.append((error, message.offset()))})
    driver.confluent.flush(WAIT_S)
    assert reports == [(None, 0)]
    assert spans.wait_for(f"send {place}").attributes["messaging.kafka.offset"] == 0


def test_the_producers_own_delivery_report_is_still_called(driver: ConfluentDriver) -> None:
    place, reports = driver.fresh(), []
    producer = confluent_kafka.Producer(
        {"bootstrap.servers": driver.address, "on_delivery": lambda _error, message: reports.append(message.offset())}
    )
    producer.produce(place, b"1")
    producer.flush(WAIT_S)
    assert reports == [0]


@pytest.mark.parametrize("headers", [None, {}, {"a": b"1"}, {"a": "1"}, [("a", b"1")], (("a", b"1"),)])
def test_headers_may_be_absent_or_a_mapping_or_a_list(driver: ConfluentDriver, headers: Any) -> None:
    place = driver.fresh()
    driver.confluent.produce(place, b"1", headers=headers)
    driver.confluent.flush(WAIT_S)
    (arrived,) = driver.raw(place, 1)
    assert len(headers or ()) == len(arrived.header("a"))
    assert len(arrived.header("traceparent")) == 1


def test_a_call_that_fails_at_once_is_an_error_on_its_span(driver: ConfluentDriver, spans: CapturedSpans) -> None:
    with pytest.raises(TypeError):
        driver.confluent.produce("t", value=object())
    assert spans.wait_for("send t").status.status_code is StatusCode.ERROR


def test_consuming_many_has_a_client_span_with_a_link_each(driver: ConfluentDriver, spans: CapturedSpans) -> None:
    place = driver.fresh()
    driver.send(Out(destination=place), Out(destination=place))
    driver.handle_batch(place, lambda _: [], count=2)
    sent = {span.context.span_id for span in spans.named(f"send {place}")}
    assert sent == {link.context.span_id for span in spans.named(f"poll {place}") for link in span.links}


def test_a_loop_ends_when_its_consumer_is_closed(driver: ConfluentDriver) -> None:
    consumer = driver.subscribed(driver.fresh(), "g")
    consumer.close()
    assert list(instrumented(consumer)) == []
