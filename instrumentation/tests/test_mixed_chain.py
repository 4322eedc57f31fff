"""One chain across all five clients and both brokers, with an outbox, a CloudEvent and a join: nothing falls off it."""

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext
from tracecheck_instrumentation import capture, correlation, effect, join, restore
from tracecheck_instrumentation.testing import CapturedSpans

from instrumentation.tests.driver import Driver, Out, Seen
from instrumentation.tests.test_aio_pika import AioPikaDriver
from instrumentation.tests.test_aiokafka import AIOKafkaDriver
from instrumentation.tests.test_confluent_kafka import ConfluentDriver
from instrumentation.tests.test_kafka_python import KafkaPythonDriver
from instrumentation.tests.test_pika import PikaDriver

pytestmark = pytest.mark.service("rabbitmq")


@pytest.fixture
def drivers(spans: CapturedSpans, kafka_address: str, rabbitmq: str) -> Iterator[dict[str, Driver]]:
    with ExitStack() as stack:
        made = {
            "kafka-python": KafkaPythonDriver(kafka_address),
            "confluent": ConfluentDriver(kafka_address),
            "aiokafka": AIOKafkaDriver(kafka_address),
            "pika": PikaDriver(rabbitmq),
            "aio-pika": AioPikaDriver(rabbitmq),
        }
        for driver in made.values():
            stack.callback(driver.close)
        yield made


def test_a_chain_across_every_client_stays_one_chain_of_context(
    drivers: dict[str, Driver], spans: CapturedSpans, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACECHECK_RUN_ID", "run-1")
    placed, reserved, charged = (drivers["kafka-python"].fresh() for _ in range(3))
    shipped, mailed = drivers["pika"].fresh(), drivers["pika"].fresh()
    outbox: list[str] = []
    waiting: list[str] = []

    with correlation("order-7"), spans.provider.get_tracer("app").start_as_current_span("POST /orders"):
        outbox.append(json.dumps(capture()))

    with restore(json.loads(outbox.pop())):
        drivers["kafka-python"].send(Out(destination=placed))
    monkeypatch.delenv("TRACECHECK_RUN_ID")

    drivers["confluent"].handle(
        placed, lambda _: [Out(destination=reserved, headers=[("ce_id", b"event-1"), ("ce_source", b"/stock")])]
    )
    drivers["kafka-python"].handle(placed, lambda _: [Out(destination=charged)], group="billing")

    def reserve(_: Seen) -> Iterable[Out]:
        waiting.append(json.dumps(capture()))
        return ()

    def charge(_: Seen) -> Iterable[Out]:
        join(json.loads(waiting.pop()))
        drivers["pika"].send(Out(destination=shipped))
        return ()

    drivers["aiokafka"].handle(reserved, reserve)
    drivers["aiokafka"].handle(charged, charge)
    drivers["pika"].handle(shipped, lambda _: [Out(destination=mailed)])

    def mail(_: Seen) -> Iterable[Out]:
        effect("mail-7")
        return ()

    drivers["aio-pika"].handle(mailed, mail)

    spans.wait_for(f"process {mailed}")
    spans.wait_for(f"send {placed}")
    made = {span.context.span_id: span for span in spans.all() if not span.name.startswith("poll ")}
    assert len(made) == 12
    origins = [span.name for span in made.values() if not causes(span)]
    assert origins == ["POST /orders"]
    assert all(cause.span_id in made for span in made.values() for cause in causes(span))
    assert {("order-7", "run-1")} == {
        (span.attributes["correlation.id"], span.attributes["tracecheck.run.id"]) for span in made.values()
    }
    assert spans.wait_for(f"process {reserved}").attributes["messaging.message.id"] == "event-1"
    joined = {made[cause.span_id].name for cause in causes(spans.wait_for(f"process {charged}"))}
    assert {f"send {charged}", f"process {reserved}"} == joined


def causes(span: ReadableSpan) -> list[SpanContext]:
    return [*([span.parent] if span.parent else []), *(link.context for link in span.links)]
