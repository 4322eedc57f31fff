"""kafka-python as the contract drives it."""

from collections.abc import Callable, Iterable
from typing import Any
from uuid import uuid4

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from kafka.errors import KafkaError
from tracecheck_instrumentation import instrumented, process

from instrumentation.tests.driver import Driver, Handler, Out, Seen
from tracecheck.demo.broker import embedded_broker

WAIT_MS = 15_000


class KafkaPythonDriver(Driver):
    system = "kafka"
    patched = (
        (KafkaProducer, "send"),
        (KafkaConsumer, "__iter__"),
        (KafkaConsumer, "__next__"),
        (KafkaConsumer, "poll"),
    )

    def __init__(self, address: str) -> None:
        self.address = address
        self.producer = KafkaProducer(bootstrap_servers=address, acks="all")
        self.admin = KafkaAdminClient(bootstrap_servers=address)
        self.consumers: list[KafkaConsumer] = []

    def close(self) -> None:
        for client in (*self.consumers, self.producer, self.admin):
            client.close()

    def fresh(self) -> str:
        topic = f"t-{uuid4().hex[:8]}"
        self.admin.create_topics([NewTopic(topic, 1, 1)])
        return topic

    def consumer(self, topic: str, group: str | None) -> KafkaConsumer:
        """A consumer that has its partition at once: assigned, so that no group has to form."""
        consumer = KafkaConsumer(
            bootstrap_servers=self.address,
            group_id=group,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            consumer_timeout_ms=WAIT_MS,
        )
        consumer.assign([TopicPartition(topic, 0)])
        self.consumers.append(consumer)
        return consumer

    def send(self, *messages: Out) -> None:
        for message in messages:
            self._send(self.producer, message).get(timeout=10)

    def send_in_vain(self, message: Out) -> None:
        with embedded_broker() as doomed:
            producer = KafkaProducer(bootstrap_servers=doomed, request_timeout_ms=300, delivery_timeout_ms=600)
            assert producer.partitions_for(message.destination)
        future = self._send(producer, message)
        assert not future.is_done
        with pytest.raises(KafkaError):
            future.get(timeout=10)
        producer.close()

    def handle(
        self, destination: str, handler: Handler, *, count: int = 1, group: str = "g", redeliver: bool = False
    ) -> None:
        consumer, handled = self.consumer(destination, group), 0
        while handled < count:
            try:
                for record in instrumented(consumer):
                    self.send(*handler(seen(record)))
                    handled += 1
                    if handled == count:
                        break
                else:
                    raise TimeoutError(f"{handled} of {count} messages came")
            except ValueError:
                if not redeliver:
                    raise
                consumer.seek(TopicPartition(destination, 0), 0)

    def handle_each(self, destination: str, handler: Handler, *, count: int = 1, group: str = "g") -> None:
        consumer, handled = self.consumer(destination, group), 0
        while handled < count:
            for record in polled(consumer):
                with process(record):
                    self.send(*handler(seen(record)))
                handled += 1

    def handle_batch(self, destination: str, handler: Callable[[list[Seen]], Iterable[Out]], *, count: int) -> None:
        consumer, records = self.consumer(destination, "g"), []
        while len(records) < count:
            records += polled(consumer)
        with process(records):
            self.send(*handler([seen(record) for record in records]))

    def raw(self, destination: str, count: int) -> list[Seen]:
        consumer, records = self.consumer(destination, None), []
        while len(records) < count:
            records += polled(consumer)
        return [seen(record) for record in records]

    def send_raw(self, message: Out) -> None:
        plain = KafkaProducer.send
        while (inner := getattr(plain, "__wrapped__", None)) is not None:
            plain = inner
        plain(self.producer, message.destination, message.value, b"key", message.headers).get(timeout=10)

    @staticmethod
    def _send(producer: KafkaProducer, message: Out) -> Any:
        return producer.send(message.destination, message.value, b"key", message.headers)


def seen(record: Any) -> Seen:
    return Seen(value=record.value, headers=record.headers, record=record)


def polled(consumer: KafkaConsumer) -> list[Any]:
    records = consumer.poll(timeout_ms=WAIT_MS)
    assert records, "nothing came"
    return [record for batch in records.values() for record in batch]
