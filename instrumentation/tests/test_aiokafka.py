"""aiokafka passes the contract, on a real broker; and what is special about it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from opentelemetry.trace import StatusCode
from tracecheck_instrumentation import instrumented, process
from tracecheck_instrumentation.testing import CapturedSpans, captured_spans

from instrumentation.tests.contract import ClientContract
from instrumentation.tests.driver import Handler, Out, Seen
from instrumentation.tests.kafka_python_driver import KafkaPythonDriver, seen
from tracecheck.demo.broker import embedded_broker

WAIT_S = 15


class AIOKafkaDriver(KafkaPythonDriver):
    """Sends and handles with aiokafka; reads and writes raw as its base does."""

    patched = (
        (AIOKafkaProducer, "send"),
        (AIOKafkaConsumer, "getone"),
        (AIOKafkaConsumer, "getmany"),
        (AIOKafkaConsumer, "__aiter__"),
    )

    def send(self, *messages: Out) -> None:
        async def script() -> None:
            async with self.sender() as send:
                await send(messages)

        asyncio.run(script())

    def send_in_vain(self, message: Out) -> None:
        async def script() -> None:
            with embedded_broker() as doomed:
                producer = AIOKafkaProducer(bootstrap_servers=doomed, request_timeout_ms=500, retry_backoff_ms=50)
                await producer.start()
                await producer.partitions_for(message.destination)
            delivered = await producer.send(message.destination, message.value, b"key", headers=message.headers)
            with pytest.raises(KafkaError):
                await asyncio.wait_for(delivered, WAIT_S)
            await producer.stop()

        asyncio.run(script())

    def handle(
        self, destination: str, handler: Handler, *, count: int = 1, group: str = "g", redeliver: bool = False
    ) -> None:
        async def script() -> None:
            handled = 0
            async with self.receiver(destination, group) as consumer, self.sender() as send:
                while handled < count:
                    try:
                        async for record in instrumented(consumer):
                            await send(handler(seen(record)))
                            handled += 1
                            if handled == count:
                                break
                    except ValueError:
                        if not redeliver:
                            raise
                        consumer.seek(TopicPartition(destination, 0), 0)

        asyncio.run(asyncio.wait_for(script(), WAIT_S))

    def handle_each(self, destination: str, handler: Handler, *, count: int = 1, group: str = "g") -> None:
        async def script() -> None:
            handled = 0
            async with self.receiver(destination, group) as consumer, self.sender() as send:
                while handled < count:
                    for records in (await consumer.getmany(timeout_ms=500)).values():
                        for record in records:
                            with process(record):
                                await send(handler(seen(record)))
                            handled += 1

        asyncio.run(asyncio.wait_for(script(), WAIT_S))

    def handle_batch(self, destination: str, handler: Callable[[list[Seen]], Iterable[Out]], *, count: int) -> None:
        async def script() -> None:
            async with self.receiver(destination, "g") as consumer, self.sender() as send:
                records = [await consumer.getone() for _ in range(count)]
                with process(records):
                    await send(handler([seen(record) for record in records]))

        asyncio.run(asyncio.wait_for(script(), WAIT_S))

    @asynccontextmanager
    async def receiver(self, topic: str, group: str) -> Any:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.address, group_id=group, auto_offset_reset="earliest", enable_auto_commit=False
        )
        consumer.assign([TopicPartition(topic, 0)])
        async with consumer:
            yield consumer

    @asynccontextmanager
    async def sender(self) -> Any:
        async with AIOKafkaProducer(bootstrap_servers=self.address, acks="all") as producer:

            async def send(messages: Iterable[Out]) -> None:
                for message in messages:
                    await producer.send_and_wait(message.destination, message.value, b"key", headers=message.headers)

            yield send


@pytest.fixture
def driver(spans: CapturedSpans, kafka_address: str) -> Iterator[AIOKafkaDriver]:
    client = AIOKafkaDriver(kafka_address)
    yield client
    client.close()


class TestAIOKafka(ClientContract):
    @pytest.fixture
    def driver(self, spans: CapturedSpans, any_kafka: str) -> Iterator[AIOKafkaDriver]:  # noqa: ARG002
        client = AIOKafkaDriver(any_kafka)
        yield client
        client.close()


def test_uninstrumenting_restores_what_was_there() -> None:
    before = [(owner, name, owner.__dict__.get(name)) for owner, name in AIOKafkaDriver.patched]
    with captured_spans():
        assert all(owner.__dict__.get(name) is not was for owner, name, was in before)
    assert before == [(owner, name, owner.__dict__.get(name)) for owner, name in AIOKafkaDriver.patched]


def test_tasks_that_interleave_keep_their_contexts_apart(driver: AIOKafkaDriver, spans: CapturedSpans) -> None:
    places = [driver.fresh() for _ in range(3)]
    onward = driver.fresh()
    for place in places:
        driver.send(Out(destination=place))

    async def handle(place: str, send: Callable[[Iterable[Out]], Awaitable[None]]) -> None:
        async with driver.receiver(place, "g") as consumer:
            async for _ in consumer:
                await asyncio.sleep(0.05)
                await send([Out(destination=onward)])
                break

    async def script() -> None:
        async with driver.sender() as send:
            await asyncio.gather(*(handle(place, send) for place in places))

    asyncio.run(asyncio.wait_for(script(), WAIT_S))
    spans.wait_for(f"send {onward}", count=3)
    parents = {span.parent.span_id for span in spans.named(f"send {onward}") if span.parent}
    assert {spans.wait_for(f"process {place}").context.span_id for place in places} == parents


def test_a_send_nobody_awaits_is_acknowledged_on_its_span(driver: AIOKafkaDriver, spans: CapturedSpans) -> None:
    place = driver.fresh()

    async def script() -> None:
        async with AIOKafkaProducer(bootstrap_servers=driver.address) as producer:
            await producer.send(place, b"1", headers=(("a", b"1"),))

    asyncio.run(script())
    sent = spans.wait_for(f"send {place}")
    assert sent.attributes["messaging.kafka.offset"] == 0
    assert sent.status.status_code is StatusCode.UNSET
