"""Where a RabbitMQ system breaks with upstream's instrumentations alone, and with ours does not: one test a hole."""

import asyncio
from typing import Any

import pytest
from opentelemetry import baggage
from opentelemetry.instrumentation.aio_pika import AioPikaInstrumentor
from opentelemetry.instrumentation.pika import PikaInstrumentor
from tracecheck_instrumentation.testing import CapturedSpans

from instrumentation.tests.driver import Out
from instrumentation.tests.test_aio_pika import WAIT_S, AioPikaDriver
from instrumentation.tests.test_pika import PikaDriver
from instrumentation.tests.upstream import Handling, alone_and_ours, inside, received, sender, sent

pytestmark = pytest.mark.service("rabbitmq")


def test_pika_loses_baggage_in_a_generators_loop(rabbitmq: str) -> None:
    def story(spans: CapturedSpans, _: Handling) -> Any:
        driver = PikaDriver(rabbitmq)
        place = driver.fresh()
        with sender(spans) as order:
            driver.send(Out(destination=place))
        channel = driver.channel()
        for _record in channel.consume(place, inactivity_timeout=WAIT_S):
            found = inside(spans, order)
            break
        channel.cancel()
        driver.close()
        return found

    assert alone_and_ours(PikaInstrumentor(), story) == ((True, None), (True, "t-1"))


def test_pika_makes_no_span_for_a_get(rabbitmq: str) -> None:
    def story(spans: CapturedSpans, handling: Handling) -> Any:
        driver = PikaDriver(rabbitmq)
        place = driver.fresh()
        with sender(spans) as order:
            driver.send(Out(destination=place))
        (record,) = driver.got(place, 1)
        with handling(record):
            found = inside(spans, order)
        driver.close()
        return found, len(received(spans, place))

    assert alone_and_ours(PikaInstrumentor(), story) == (((False, None), 0), ((True, "t-1"), 1))


def test_aio_pika_gives_a_loop_over_an_iterator_no_context(rabbitmq: str) -> None:
    def story(spans: CapturedSpans, _: Handling) -> Any:
        driver = AioPikaDriver(rabbitmq)
        place = driver.fresh()
        with sender(spans) as order:
            driver.send(Out(destination=place))

        async def script() -> Any:
            async with driver.opened() as channel, (await channel.get_queue(place)).iterator() as messages:
                async for message in messages:
                    found = inside(spans, order)
                    await message.ack()
                    break
            return found

        found = asyncio.run(asyncio.wait_for(script(), WAIT_S))
        driver.close()
        return found

    assert alone_and_ours(AioPikaInstrumentor(), story) == ((False, None), (True, "t-1"))


def test_aio_pika_names_a_destination_differently_on_both_sides(rabbitmq: str) -> None:
    def story(spans: CapturedSpans, _: Handling) -> Any:
        driver = AioPikaDriver(rabbitmq)
        place, inside_handler = driver.fresh(), []
        driver.send(Out(destination=place))
        driver.handle_each(place, lambda _: inside_handler.append(baggage.get_all()) or [])
        driver.close()
        assert len(inside_handler) == 1
        (producer,), (consumer,) = sent(spans), received(spans, place)
        named = [
            span.attributes.get("messaging.destination.name", span.attributes.get("messaging.destination"))
            for span in (producer, consumer)
        ]
        return [name.replace(place, "Q") for name in named]

    assert alone_and_ours(AioPikaInstrumentor(), story) == ([",Q", "Q"], ["Q", "Q"])
