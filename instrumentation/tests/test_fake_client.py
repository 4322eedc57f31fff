"""The client without a broker keeps the contract of the real ones, so that a handler may be tested with it."""

from collections.abc import Callable, Iterable
from uuid import uuid4

import pytest
from opentelemetry.trace import StatusCode
from tracecheck_instrumentation import instrumented, process
from tracecheck_instrumentation.testing import CapturedSpans, FakeBroker, FakeRecord

from instrumentation.tests.contract import ClientContract
from instrumentation.tests.driver import Driver, Handler, Out, Seen
from tests.support.polling import until


class FakeDriver(Driver):
    system = "kafka"
    patched = ()

    def __init__(self) -> None:
        self.broker = FakeBroker()

    def fresh(self) -> str:
        return f"t-{uuid4().hex[:8]}"

    def send(self, *messages: Out) -> None:
        for message in messages:
            self.broker.producer().send(message.destination, message.value, key=b"key", headers=message.headers)

    def send_in_vain(self, message: Out) -> None:
        self.broker.refuse(message.destination, ConnectionError("gone"))
        with pytest.raises(ConnectionError):
            self.send(message)

    def handle(
        self, destination: str, handler: Handler, *, count: int = 1, group: str = "g", redeliver: bool = False
    ) -> None:
        consumer, handled = self.broker.consumer(destination, group=group), 0
        while handled < count:
            try:
                for record in instrumented(consumer):
                    self.send(*handler(seen(record)))
                    handled += 1
                    if handled == count:
                        break
                if handled < count:
                    until(lambda so_far=handled: len(self.broker.records(destination)) > so_far)
            except ValueError:
                if not redeliver:
                    raise

    def handle_each(self, destination: str, handler: Handler, *, count: int = 1, group: str = "g") -> None:
        records = self.broker.consumer(destination, group=group).poll()
        assert len(records) == count
        for record in records:
            with process(record):
                self.send(*handler(seen(record)))

    def handle_batch(self, destination: str, handler: Callable[[list[Seen]], Iterable[Out]], *, count: int) -> None:
        records = self.broker.consumer(destination, group="g").poll(max_records=count)
        assert len(records) == count
        with process(records):
            self.send(*handler([seen(record) for record in records]))

    def raw(self, destination: str, count: int) -> list[Seen]:
        return [seen(record) for record in self.broker.records(destination)[:count]]

    def send_raw(self, message: Out) -> None:
        self.broker.put(FakeRecord(topic=message.destination, value=message.value, headers=message.headers or []))


def seen(record: FakeRecord) -> Seen:
    return Seen(value=record.value, headers=record.headers, record=record)


class TestFakeClient(ClientContract):
    @pytest.fixture
    def driver(self, spans: CapturedSpans) -> FakeDriver:  # noqa: ARG002
        return FakeDriver()


def test_a_handler_is_tested_without_a_broker(spans: CapturedSpans) -> None:
    broker = FakeBroker()

    def charge(record: FakeRecord) -> None:
        broker.producer().send("payments", record.value)

    broker.producer().send("orders", b"7")
    for record in broker.consumer("orders", group="billing"):
        charge(record)

    assert [record.value for record in broker.records("payments")] == [b"7"]
    processed, onward = spans.wait_for("process orders"), spans.wait_for("send payments")
    assert onward.parent.span_id == processed.context.span_id


def test_a_loop_ends_where_a_real_one_would_wait_and_goes_on_later(spans: CapturedSpans) -> None:
    broker = FakeBroker()
    consumer = broker.consumer("orders", group="billing")
    broker.producer().send("orders", b"1")
    assert [record.value for record in consumer] == [b"1"]
    broker.producer().send("orders", b"2")
    assert [record.value for record in consumer] == [b"2"]


def test_without_capturing_it_works_and_makes_no_spans() -> None:
    broker = FakeBroker()
    broker.producer().send("orders", b"1")
    assert [record.value for record in broker.consumer("orders", group="g")] == [b"1"]


def test_a_refused_topic_takes_messages_again(spans: CapturedSpans) -> None:
    broker = FakeBroker()
    broker.refuse("orders", ConnectionError("gone"))
    with pytest.raises(ConnectionError):
        broker.producer().send("orders", b"1")
    broker.refuse("orders", None)
    assert broker.producer().send("orders", b"1").offset == 0
    assert [span.status.status_code for span in spans.named("send orders")] == [StatusCode.ERROR, StatusCode.UNSET]


def test_a_class_of_ours_that_stands_for_a_clients_is_still_the_clients() -> None:
    from tracecheck_instrumentation.adapters import adapter_of, confluent_kafka_client

    consumer = confluent_kafka_client.Consumer({"group.id": "g"})
    assert adapter_of(consumer) is confluent_kafka_client.ADAPTER
    consumer.close()
