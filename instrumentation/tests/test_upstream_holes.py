"""Where a Kafka system breaks with upstream's instrumentations alone, and with ours does not: one test a hole."""

import asyncio
import threading
from typing import Any

import confluent_kafka
import pytest
from confluent_kafka.serialization import StringSerializer
from opentelemetry.instrumentation.aiokafka import AIOKafkaInstrumentor
from opentelemetry.instrumentation.confluent_kafka import ConfluentKafkaInstrumentor
from opentelemetry.instrumentation.kafka import KafkaInstrumentor
from opentelemetry.trace import SpanKind, StatusCode
from tracecheck_instrumentation.conventions import OLD_NAMES
from tracecheck_instrumentation.testing import CapturedSpans

from instrumentation.tests.driver import Out
from instrumentation.tests.kafka_python_driver import KafkaPythonDriver, polled
from instrumentation.tests.test_aiokafka import WAIT_S, AIOKafkaDriver
from instrumentation.tests.test_confluent_kafka import ConfluentDriver
from instrumentation.tests.upstream import Handling, alone_and_ours, inside, received, sender, sent

# --- kafka-python -----------------------------------------------------------------------------------------------------


def test_kafka_python_begins_a_new_trace_after_receiving_and_loses_baggage(kafka_address: str) -> None:
    def story(spans: CapturedSpans, _: Handling) -> Any:
        driver = KafkaPythonDriver(kafka_address)
        place = driver.fresh()
        with sender(spans) as order:
            driver.producer.send(place, b"{}").get(timeout=10)
        for _record in driver.consumer(place, "g"):
            found = inside(spans, order)
            break
        driver.close()
        return found

    alone, ours = alone_and_ours(KafkaInstrumentor(), story)
    assert alone == (False, None)
    assert ours == (True, "t-1")


def statuses_of_a_send_in_vain(spans: CapturedSpans, driver: Any, out: Out) -> list[StatusCode]:
    driver.send_in_vain(out)
    driver.close()
    return [span.status.status_code for span in sent(spans)]


def test_kafka_python_makes_no_span_for_a_poll(kafka_address: str) -> None:
    def story(spans: CapturedSpans, handling: Handling) -> Any:
        driver = KafkaPythonDriver(kafka_address)
        place = driver.fresh()
        with sender(spans) as order:
            driver.producer.send(place, b"{}").get(timeout=10)
        (record,) = polled(driver.consumer(place, "g"))
        with handling(record):
            found = inside(spans, order)
        driver.close()
        return found, [span.name.replace(place, "T") for span in received(spans, place)]

    alone, ours = alone_and_ours(KafkaInstrumentor(), story)
    assert alone == ((False, None), [])
    assert ours == ((True, "t-1"), ["poll T", "process T"])


@pytest.mark.parametrize(
    ("arguments", "error"),
    [((b"1", b"k", (("a", b"1"),)), AttributeError), ((b"1", b"k", None), TypeError)],
    ids=["headers in a tuple", "headers by position and None"],
)
def test_kafka_python_breaks_a_send_that_the_client_takes(
    kafka_address: str, arguments: tuple[Any, ...], error: type[Exception]
) -> None:
    def story(_: CapturedSpans, __: Handling) -> Any:
        driver = KafkaPythonDriver(kafka_address)
        try:
            return driver.producer.send(driver.fresh(), *arguments).get(timeout=10).offset
        except (AttributeError, TypeError) as raised:
            return type(raised)
        finally:
            driver.close()

    assert alone_and_ours(KafkaInstrumentor(), story) == (error, 0)


def test_kafka_python_calls_a_send_good_that_the_broker_never_took(kafka_address: str) -> None:
    def story(spans: CapturedSpans, _: Handling) -> Any:
        driver = KafkaPythonDriver(kafka_address)
        return statuses_of_a_send_in_vain(spans, driver, Out(destination=driver.fresh(), headers=[]))

    assert alone_and_ours(KafkaInstrumentor(), story) == ([StatusCode.UNSET], [StatusCode.ERROR])


def test_kafka_python_does_not_say_which_message_of_which_group_it_received(kafka_address: str) -> None:
    def story(spans: CapturedSpans, _: Handling) -> Any:
        driver = KafkaPythonDriver(kafka_address)
        place = driver.fresh()
        driver.send(Out(destination=place, headers=[]))
        driver.handle(place, lambda _: [], group="billing")
        driver.close()
        (span,) = received(spans, place)
        known = ("messaging.kafka.offset", "messaging.consumer.group.name", "messaging.kafka.message.key")
        return span.attributes.keys() & {*known, *(OLD_NAMES[name] for name in known)}

    alone, ours = alone_and_ours(KafkaInstrumentor(), story)
    assert alone == set()
    assert ours == {"messaging.kafka.offset", "messaging.consumer.group.name", "messaging.kafka.message.key"}


# --- aiokafka ---------------------------------------------------------------------------------------------------------


def test_aiokafka_ends_a_send_before_it_is_sent_and_so_calls_a_failure_good(kafka_address: str) -> None:
    def story(spans: CapturedSpans, _: Handling) -> Any:
        driver = AIOKafkaDriver(kafka_address)
        return statuses_of_a_send_in_vain(spans, driver, Out(destination=driver.fresh()))

    assert alone_and_ours(AIOKafkaInstrumentor(), story) == ([StatusCode.UNSET], [StatusCode.ERROR])


def test_aiokafka_gives_the_handler_no_context(kafka_address: str) -> None:
    def story(spans: CapturedSpans, _: Handling) -> Any:
        driver = AIOKafkaDriver(kafka_address)
        place = driver.fresh()
        with sender(spans) as order:
            driver.send(Out(destination=place))

        async def script() -> Any:
            async with driver.receiver(place, "g") as consumer:
                async for _record in consumer:
                    inside_handler = inside(spans, order)
                    break
            return inside_handler

        found = asyncio.run(asyncio.wait_for(script(), WAIT_S))
        driver.close()
        return found

    assert alone_and_ours(AIOKafkaInstrumentor(), story) == ((False, None), (True, "t-1"))


def test_aiokafka_adds_a_second_traceparent_to_forwarded_headers(kafka_address: str) -> None:
    def story(spans: CapturedSpans, _: Handling) -> Any:
        driver = AIOKafkaDriver(kafka_address)
        first, second = driver.fresh(), driver.fresh()
        driver.send(Out(destination=first))
        (arrived,) = driver.raw(first, 1)
        driver.send(Out(destination=second, headers=list(arrived.headers)))
        (forwarded,) = driver.raw(second, 1)
        driver.close()
        newest = [f"{span.context.span_id:016x}" for span in sent(spans) if second in span.name]
        return [newest[0] in parent for parent in forwarded.header("traceparent")]

    alone, ours = alone_and_ours(AIOKafkaInstrumentor(), story)
    assert alone == [False, True], "and getters take the first, so the hop between vanishes"
    assert ours == [True]


def test_aiokafka_gives_the_records_of_a_fetch_of_many_no_context(kafka_address: str) -> None:
    def story(spans: CapturedSpans, handling: Handling) -> Any:
        driver = AIOKafkaDriver(kafka_address)
        place = driver.fresh()
        with sender(spans) as order:
            driver.send(Out(destination=place))

        async def script() -> Any:
            async with driver.receiver(place, "g") as consumer:
                while not (fetched := await consumer.getmany(timeout_ms=500)):
                    pass
                ((record,),) = fetched.values()
                with handling(record):
                    return inside(spans, order)

        found = asyncio.run(asyncio.wait_for(script(), WAIT_S))
        driver.close()
        return found, {span.name.replace(place, "T") for span in received(spans, place)}

    alone, ours = alone_and_ours(AIOKafkaInstrumentor(), story)
    assert alone == ((False, None), {"T receive"}), "the fetch, its partition and its record all have one name"
    assert ours == ((True, "t-1"), {"poll T", "process T"})


# --- confluent-kafka --------------------------------------------------------------------------------------------------


def test_confluent_makes_no_consumer_span_for_a_tombstone(kafka_address: str) -> None:
    def story(spans: CapturedSpans, handling: Handling) -> Any:
        driver = ConfluentDriver(kafka_address)
        place = driver.fresh()
        driver.send(Out(destination=place, value=None))
        message = driver.subscribed(place, "g").poll(WAIT_S)
        assert message.value() is None
        with handling(message):
            pass
        driver.close()
        return len(received(spans, place))

    assert alone_and_ours(ConfluentKafkaInstrumentor(), story) == (0, 1)


def test_confluent_counts_idle_time_as_processing(kafka_address: str) -> None:
    idle_s = 0.5

    def story(spans: CapturedSpans, handling: Handling) -> float:
        driver = ConfluentDriver(kafka_address)
        place = driver.fresh()
        driver.send(Out(destination=place))
        consumer = driver.subscribed(place, "g")
        with handling(consumer.poll(WAIT_S)):
            pass
        threading.Event().wait(idle_s)
        consumer.poll(0)
        driver.close()
        (span,) = received(spans, place)
        return (span.end_time - span.start_time) / 1e9

    alone, ours = alone_and_ours(ConfluentKafkaInstrumentor(), story)
    assert alone >= idle_s
    assert ours < idle_s / 2


def test_confluent_tells_no_message_of_a_batch_from_another(kafka_address: str) -> None:
    def story(spans: CapturedSpans, handling: Handling) -> Any:
        driver = ConfluentDriver(kafka_address)
        place = driver.fresh()
        driver.send(Out(destination=place), Out(destination=place))
        consumer = driver.subscribed(place, "g")
        messages = []
        while len(messages) < 2:
            messages += consumer.consume(2 - len(messages), timeout=WAIT_S)
        for message in messages:
            with handling(message):
                pass
        driver.close()
        processed = [span for span in received(spans, place) if "process" in span.name]
        return sorted({span.attributes.get("messaging.kafka.offset", "unknown") for span in processed})

    assert alone_and_ours(ConfluentKafkaInstrumentor(), story) == (["unknown"], [0, 1])


def test_confluent_begins_a_new_trace_in_a_worker_thread(kafka_address: str) -> None:
    def story(spans: CapturedSpans, handling: Handling) -> Any:
        driver = ConfluentDriver(kafka_address)
        place, found = driver.fresh(), []
        with sender(spans) as order:
            driver.send(Out(destination=place))
        message = driver.subscribed(place, "g").poll(WAIT_S)

        def work() -> None:
            with handling(message):
                found.append(inside(spans, order))

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        driver.close()
        return found

    assert alone_and_ours(ConfluentKafkaInstrumentor(), story) == ([(False, None)], [(True, "t-1")])


def test_confluent_calls_a_send_good_that_the_broker_never_took(kafka_address: str) -> None:
    def story(spans: CapturedSpans, _: Handling) -> Any:
        driver = ConfluentDriver(kafka_address)
        return statuses_of_a_send_in_vain(spans, driver, Out(destination="nowhere"))

    assert alone_and_ours(ConfluentKafkaInstrumentor(), story) == ([StatusCode.UNSET], [StatusCode.ERROR])


def test_confluent_says_neither_where_a_message_went_nor_who_polled_it(kafka_address: str) -> None:
    def story(spans: CapturedSpans, handling: Handling) -> Any:
        driver = ConfluentDriver(kafka_address)
        place = driver.fresh()
        driver.send(Out(destination=place))
        with handling(driver.subscribed(place, "g").poll(WAIT_S)):
            pass
        driver.close()
        (producer,), consumers = sent(spans), [span for span in spans.all() if span.kind is SpanKind.CONSUMER]
        groups = {span.attributes.get("messaging.consumer.group.name") for span in consumers}
        return producer.attributes.get("messaging.kafka.offset"), groups, "recv" in {span.name for span in consumers}

    alone, ours = alone_and_ours(ConfluentKafkaInstrumentor(), story)
    assert alone == (None, {None}, True)
    assert ours == (0, {"g"}, False)


def test_confluent_does_not_see_its_serializing_clients(kafka_address: str) -> None:
    def story(spans: CapturedSpans, _: Handling) -> Any:
        driver = ConfluentDriver(kafka_address)
        place = driver.fresh()
        producer = confluent_kafka.SerializingProducer(
            {"bootstrap.servers": kafka_address, "value.serializer": StringSerializer()}
        )
        producer.produce(place, value="text")
        producer.flush(WAIT_S)
        (arrived,) = driver.raw(place, 1)
        driver.close()
        return len(sent(spans)), len(arrived.header("traceparent"))

    assert alone_and_ours(ConfluentKafkaInstrumentor(), story) == ((0, 0), (1, 1))
