"""The five clients with their transport taken out, so that what is left to measure is what instrumentation adds.

Each client sends N messages and handles N records: `send(n)` and `process(n)` do no more than a service would write.
Below the instrumented methods stands a stub that answers at once. confluent-kafka's classes are written in C and have
no such place; it talks to the embedded broker, whose work happens in other threads and so is not on the measured one.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import confluent_kafka
from aio_pika import Message as AioPikaMessage
from aio_pika.exchange import Exchange
from aio_pika.queue import Queue
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import NewTopic
from opentelemetry.instrumentation.aio_pika import AioPikaInstrumentor
from opentelemetry.instrumentation.aiokafka import AIOKafkaInstrumentor
from opentelemetry.instrumentation.confluent_kafka import ConfluentKafkaInstrumentor
from opentelemetry.instrumentation.kafka import KafkaInstrumentor
from opentelemetry.instrumentation.pika import PikaInstrumentor
from pika import BasicProperties
from pika.adapters.blocking_connection import BlockingChannel

TOPIC, KEY, VALUE = "orders", b"order-7", b'{"total": 42}'
HOST, PORT = "127.0.0.1", 9092
REPORT = SimpleNamespace(partition=0, offset=41)


class Record(SimpleNamespace):
    """A record as kafka-python and aiokafka show it."""

    __hash__ = object.__hash__


Record.__module__ = "kafka.consumer.fetcher"


class Client(ABC):
    """One client on one side of the comparison, for the length of a `with` block (`ready`)."""

    ours: str
    stock: type

    def __init__(self) -> None:
        self.sent: list[Any] = []

    @contextmanager
    def stubbed(self) -> Iterator[None]:
        """Take the transport out; instrumentations are switched on inside."""
        yield

    @contextmanager
    def ready(self) -> Iterator[None]:
        """Make the client's objects, after an instrumentation was switched on."""
        yield

    @abstractmethod
    def send(self, count: int) -> None:
        """Send `count` messages."""

    @abstractmethod
    def process(self, count: int) -> None:
        """Handle the `count` messages sent last, with a handler that does nothing."""


def _patched(*places: tuple[type, str, Any]) -> AbstractContextManager[Any]:
    stack = ExitStack()
    for owner, name, stub in places:
        stack.enter_context(patch.object(owner, name, stub, create=True))
    return stack


def _records(sent: list[Any], count: int) -> list[Record]:
    return [
        Record(
            topic=TOPIC,
            partition=0,
            offset=offset,
            timestamp=1_700_000_000_000,
            headers=list(headers or ()),
            key=KEY,
            value=VALUE,
            serialized_value_size=len(VALUE),
        )
        for offset, headers in enumerate(sent[-count:])
    ]


class _Answered:
    """kafka-python's future of a send that the broker has acknowledged."""

    _produce_future = SimpleNamespace(topic_partition=(TOPIC, 0))

    def add_callback(self, function: Any) -> None:
        function(REPORT)

    def add_errback(self, function: Any) -> None:
        pass


class KafkaPython(Client):
    """kafka-python."""

    ours, stock = "kafka_python", KafkaInstrumentor

    @contextmanager
    def stubbed(self) -> Iterator[None]:
        def send(
            _: Any, topic: str, value: Any = None, key: Any = None, headers: Any = None, **_kwargs: Any
        ) -> _Answered:
            self.sent.append(headers)
            return _Answered()

        with _patched(
            (KafkaProducer, "send", send),
            (KafkaProducer, "__del__", lambda _: None),
            (KafkaConsumer, "__next__", lambda consumer: next(consumer.records)),
        ):
            self._producer, self._consumer = object.__new__(KafkaProducer), object.__new__(KafkaConsumer)
            config = {"bootstrap_servers": [f"{HOST}:{PORT}"], "client_id": "bench", "group_id": "billing"}
            self._producer.config = self._consumer.config = config
            yield

    def send(self, count: int) -> None:
        for _ in range(count):
            self._producer.send(TOPIC, VALUE, KEY)

    def process(self, count: int) -> None:
        self._consumer.records = iter(_records(self.sent, count))
        for _ in self._consumer:
            pass


class AIOKafka(Client):
    """aiokafka."""

    ours, stock = "aiokafka_client", AIOKafkaInstrumentor

    @contextmanager
    def stubbed(self) -> Iterator[None]:
        async def send(
            _: Any, topic: str, value: Any = None, key: Any = None, headers: Any = None, **_kwargs: Any
        ) -> Any:
            self.sent.append(headers)
            answered = asyncio.get_running_loop().create_future()
            answered.set_result(REPORT)
            return answered

        async def getone(consumer: Any, *_partitions: Any) -> Record:
            return next(consumer.records)

        async def known(_topic: str) -> None:
            pass

        with _patched(
            (AIOKafkaProducer, "send", send),
            (AIOKafkaConsumer, "getone", getone),
        ):
            self._producer, self._consumer = object.__new__(AIOKafkaProducer), object.__new__(AIOKafkaConsumer)
            connection = SimpleNamespace(
                _bootstrap_servers=f"{HOST}:{PORT}", _client_id="bench", _wait_on_metadata=known
            )
            for made in (self._producer, self._consumer):
                made._client = made.client = connection
                made._closed, made._group_id = False, "billing"
            self._producer._key_serializer = self._producer._value_serializer = None
            self._producer._partition = lambda *_: 0
            yield
            self._producer._closed = self._consumer._closed = True  # or they complain when they go

    def send(self, count: int) -> None:
        async def sending() -> None:
            for _ in range(count):
                await self._producer.send(TOPIC, VALUE, KEY)

        asyncio.run(sending())

    def process(self, count: int) -> None:
        async def handling() -> None:
            self._consumer.records = iter(_records(self.sent, count))
            left = count
            async for _ in self._consumer:
                left -= 1
                if left == 0:
                    break

        asyncio.run(handling())


class ConfluentKafka(Client):
    """confluent-kafka, on the embedded broker."""

    ours, stock = "confluent_kafka_client", ConfluentKafkaInstrumentor

    def __init__(self, servers: str) -> None:
        super().__init__()
        self._servers = servers

    @contextmanager
    def ready(self) -> Iterator[None]:
        topic = f"{TOPIC}-{uuid4().hex[:8]}"
        admin = KafkaAdminClient(bootstrap_servers=self._servers)
        admin.create_topics([NewTopic(topic, 1, 1)])
        admin.close()
        servers = {"bootstrap.servers": self._servers}
        self._topic = topic
        self._producer = confluent_kafka.Producer({**servers, "linger.ms": 5})
        self._consumer = confluent_kafka.Consumer({**servers, "group.id": "billing", "auto.offset.reset": "earliest"})
        self._consumer.assign([confluent_kafka.TopicPartition(topic, 0, 0)])
        yield
        self._consumer.close()

    def send(self, count: int) -> None:
        for _ in range(count):
            self._producer.produce(self._topic, VALUE, KEY)
        self._producer.flush()

    def process(self, count: int) -> None:
        from tracecheck_instrumentation.adapters.confluent_kafka_client import Consumer

        if isinstance(self._consumer, Consumer):
            from tracecheck_instrumentation import instrumented

            records = instrumented(self._consumer)
        else:
            records = iter(lambda: self._consumer.poll(1.0), False)
        handled = 0
        for record in records:
            handled += record is not None
            if handled == count:
                break


class Pika(Client):
    """pika."""

    ours, stock = "pika_client", PikaInstrumentor

    @contextmanager
    def stubbed(self) -> Iterator[None]:
        def publish(
            _: Any, exchange: str, routing_key: str, body: Any, properties: Any = None, mandatory: bool = False
        ) -> None:
            self.sent.append(properties)

        def consume(channel: Any, queue: str, on_message_callback: Any) -> None:
            channel._consumer_infos["tag"] = SimpleNamespace(on_message_callback=on_message_callback)

        with _patched((BlockingChannel, "basic_publish", publish), (BlockingChannel, "basic_consume", consume)):
            yield

    @contextmanager
    def ready(self) -> Iterator[None]:
        self._channel = object.__new__(BlockingChannel)
        connection = SimpleNamespace(params=SimpleNamespace(host=HOST, port=5672))
        self._channel._impl = SimpleNamespace(connection=connection)
        self._channel._connection = SimpleNamespace(_impl=connection)
        self._channel._consumer_infos = {}
        if PikaInstrumentor().is_instrumented_by_opentelemetry and not hasattr(
            BlockingChannel.basic_publish, "__wrapped__"
        ):
            PikaInstrumentor.instrument_channel(self._channel, self.provider)
        self._channel.basic_consume(TOPIC, lambda *_: None)
        yield

    def send(self, count: int) -> None:
        for _ in range(count):
            self._channel.basic_publish("", TOPIC, VALUE)

    def process(self, count: int) -> None:
        method = SimpleNamespace(exchange="", routing_key=TOPIC, redelivered=False, delivery_tag=1)
        handle = self._channel._consumer_infos["tag"].on_message_callback
        for properties in self.sent[-count:]:
            handle(self._channel, method, properties or BasicProperties(), VALUE)


class Incoming(AioPikaMessage):
    """A message as aio-pika's callbacks get it."""

    __slots__ = ("exchange", "redelivered", "routing_key")

    def __init__(self, headers: Any) -> None:
        super().__init__(VALUE, headers=headers)
        self.exchange, self.routing_key, self.redelivered = "", TOPIC, False


class AioPika(Client):
    """aio-pika."""

    ours, stock = "aio_pika_client", AioPikaInstrumentor

    @contextmanager
    def stubbed(self) -> Iterator[None]:
        async def publish(_: Any, message: Any, routing_key: str, **_kwargs: Any) -> None:
            self.sent.append(message.headers)

        async def consume(queue: Any, callback: Any, **_kwargs: Any) -> None:
            self._callback = callback

        with _patched((Exchange, "publish", publish), (Queue, "consume", consume)):
            url = SimpleNamespace(host=HOST, port=5672)
            connection = SimpleNamespace(connection=SimpleNamespace(url=url), url=url)
            channel = SimpleNamespace(_connection=connection, connection=connection)
            self._exchange, self._queue = object.__new__(Exchange), object.__new__(Queue)
            self._exchange.name, self._exchange.channel = "", channel
            self._queue.name, self._queue.channel = TOPIC, channel
            yield

    def send(self, count: int) -> None:
        async def sending() -> None:
            for _ in range(count):
                await self._exchange.publish(AioPikaMessage(VALUE), routing_key=TOPIC)

        asyncio.run(sending())

    def process(self, count: int) -> None:
        async def handle(_message: Any) -> None:
            pass

        async def handling() -> None:
            await self._queue.consume(handle)
            for headers in self.sent[-count:]:
                await self._callback(Incoming(headers))

        asyncio.run(handling())
