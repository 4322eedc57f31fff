"""aio-pika passes the contract, on a real RabbitMQ; and what is special about it."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import aio_pika
import pytest
from aio_pika.exceptions import DeliveryError, PublishError
from aio_pika.exchange import Exchange
from aio_pika.queue import Queue, QueueIterator
from opentelemetry.trace import StatusCode
from tracecheck_instrumentation import instrumented, process
from tracecheck_instrumentation.testing import CapturedSpans, captured_spans

from instrumentation.tests.contract import ClientContract
from instrumentation.tests.driver import Handler, Out, Seen
from instrumentation.tests.test_pika import PikaDriver

pytestmark = pytest.mark.service("rabbitmq")
WAIT_S = 15


class AioPikaDriver(PikaDriver):
    """Sends and handles with aio-pika; reads and writes raw as its base does."""

    patched = ((Exchange, "publish"), (Queue, "consume"), (Queue, "__aiter__"), (QueueIterator, "__aiter__"))

    def send(self, *messages: Out) -> None:
        async def script() -> None:
            async with self.opened() as channel:
                await publish(channel, messages)

        asyncio.run(script())

    def send_in_vain(self, message: Out) -> None:
        self.channel().queue_delete(message.destination)

        async def script() -> None:
            async with self.opened(on_return_raises=True) as channel:
                with pytest.raises((DeliveryError, PublishError)):
                    await publish(channel, [message])

        asyncio.run(script())

    def handle(
        self,
        destination: str,
        handler: Handler,
        *,
        count: int = 1,
        group: str = "g",  # noqa: ARG002
        redeliver: bool = False,
    ) -> None:
        async def script() -> None:
            handled = 0
            async with self.opened() as channel:
                queue = await channel.get_queue(destination)
                while handled < count:
                    try:
                        async with queue.iterator() as messages:
                            async for message in instrumented(messages):
                                async with message.process(requeue=redeliver):
                                    await publish(channel, handler(seen(message)))
                                handled += 1
                                if handled == count:
                                    break
                    except ValueError:
                        if not redeliver:
                            raise

        asyncio.run(asyncio.wait_for(script(), WAIT_S))

    def handle_each(self, destination: str, handler: Handler, *, count: int = 1, group: str = "g") -> None:  # noqa: ARG002
        async def script() -> None:
            done = asyncio.Event()
            handled: list[str] = []
            async with self.opened() as channel:

                async def callback(message: Any) -> None:
                    await publish(channel, handler(seen(message)))
                    handled.append(message.delivery_tag)
                    if len(handled) == count:
                        done.set()

                await channel.set_qos(1)
                queue = await channel.get_queue(destination)
                await queue.consume(callback, no_ack=True)
                await done.wait()

        asyncio.run(asyncio.wait_for(script(), WAIT_S))

    def handle_batch(self, destination: str, handler: Callable[[list[Seen]], Iterable[Out]], *, count: int) -> None:
        async def script() -> None:
            async with self.opened() as channel:
                queue = await channel.get_queue(destination)
                messages = [await queue.get(no_ack=True) for _ in range(count)]
                with process(messages):
                    await publish(channel, handler([seen(message) for message in messages]))

        asyncio.run(asyncio.wait_for(script(), WAIT_S))

    @asynccontextmanager
    async def opened(self, **settings: Any) -> Any:
        async with await aio_pika.connect_robust(self.url) as connection, connection.channel(**settings) as channel:
            yield channel


async def publish(channel: Any, messages: Iterable[Out]) -> None:
    for message in messages:
        headers = {name: value.decode() for name, value in message.headers or ()}
        dressed = aio_pika.Message(message.value or b"", headers=headers)
        await channel.default_exchange.publish(dressed, message.destination)


def seen(message: Any) -> Seen:
    return Seen(
        value=message.body,
        headers=[
            (name, value.encode() if isinstance(value, str) else value) for name, value in message.headers.items()
        ],
        record=message,
    )


@pytest.fixture
def driver(spans: CapturedSpans, rabbitmq: str) -> Iterator[AioPikaDriver]:
    client = AioPikaDriver(rabbitmq)
    yield client
    client.close()


class TestAioPika(ClientContract):
    test_a_tombstone_is_a_message = None  # RabbitMQ has none

    @pytest.fixture
    def driver(self, spans: CapturedSpans, rabbitmq: str) -> Iterator[AioPikaDriver]:  # noqa: ARG002
        client = AioPikaDriver(rabbitmq)
        yield client
        client.close()


def test_uninstrumenting_restores_what_was_there() -> None:
    before = [(owner, name, owner.__dict__.get(name)) for owner, name in AioPikaDriver.patched]
    with captured_spans():
        assert all(owner.__dict__.get(name) is not was for owner, name, was in before)
    assert before == [(owner, name, owner.__dict__.get(name)) for owner, name in AioPikaDriver.patched]


def test_a_plain_loop_over_a_queue_is_instrumented_too(driver: AioPikaDriver, spans: CapturedSpans) -> None:
    place = driver.fresh()
    driver.send(Out(destination=place))

    async def script() -> None:
        async with driver.opened() as channel:
            async for message in await channel.get_queue(place):
                await message.ack()
                break

    asyncio.run(asyncio.wait_for(script(), WAIT_S))
    processed = spans.wait_for(f"process {place}")
    assert processed.parent.span_id == spans.wait_for(f"send {place}").context.span_id
    assert processed.attributes["messaging.destination.subscription.name"] == place


def test_an_unroutable_message_that_is_returned_is_an_error_on_its_span(
    driver: AioPikaDriver, spans: CapturedSpans
) -> None:
    place = driver.fresh()
    driver.channel().queue_delete(place)
    driver.send(Out(destination=place))
    assert spans.wait_for(f"send {place}").status.status_code is StatusCode.ERROR
