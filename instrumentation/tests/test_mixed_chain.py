"""One chain across all five clients and both brokers, with an outbox, a CloudEvent and a join: nothing falls off it."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from types import SimpleNamespace

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.trace import SpanContext
from tracecheck_instrumentation import capture, correlation, effect, join, restore
from tracecheck_instrumentation.testing import CapturedSpans

from instrumentation.tests.driver import Driver, Out, Seen
from instrumentation.tests.kafka_python_driver import KafkaPythonDriver
from instrumentation.tests.test_aio_pika import AioPikaDriver
from instrumentation.tests.test_aiokafka import AIOKafkaDriver
from instrumentation.tests.test_confluent_kafka import ConfluentDriver
from instrumentation.tests.test_pika import PikaDriver
from tracecheck.chains import load_many, refresh, summaries
from tracecheck.config import Listen
from tracecheck.model import Evidence
from tracecheck.receiver import start_receiver
from tracecheck.store import open_store

pytestmark = pytest.mark.service("rabbitmq")

ANY_PORT = Listen(grpc_port=0, http_port=0, api_port=0)


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


@pytest.fixture
def places(
    drivers: dict[str, Driver], spans: CapturedSpans, belong_to_run: Callable[[str | None], None]
) -> SimpleNamespace:
    """Where an order went, once all of its spans have ended."""
    belong_to_run("run-1")
    placed, reserved, charged = (drivers["kafka-python"].fresh() for _ in range(3))
    shipped, mailed = drivers["pika"].fresh(), drivers["pika"].fresh()
    outbox: list[str] = []
    waiting: list[str] = []

    with correlation("order-7"), spans.provider.get_tracer("app").start_as_current_span("POST /orders"):
        outbox.append(json.dumps(capture()))

    with restore(json.loads(outbox.pop())):
        drivers["kafka-python"].send(Out(destination=placed))
    belong_to_run(None)

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
    return SimpleNamespace(placed=placed, reserved=reserved, charged=charged, mailed=mailed)


def test_a_chain_across_every_client_stays_one_chain_of_context(places: SimpleNamespace, spans: CapturedSpans) -> None:
    made = {span.context.span_id: span for span in spans.all() if not span.name.startswith("poll ")}
    assert len(made) == 12
    origins = [span.name for span in made.values() if not causes(span)]
    assert origins == ["POST /orders"]
    assert all(cause.span_id in made for span in made.values() for cause in causes(span))
    assert {("order-7", "run-1")} == {
        (span.attributes["correlation.id"], span.attributes["tracecheck.run.id"]) for span in made.values()
    }
    assert spans.wait_for(f"process {places.reserved}").attributes["messaging.message.id"] == "event-1"
    joined = {made[cause.span_id].name for cause in causes(spans.wait_for(f"process {places.charged}"))}
    assert {f"send {places.charged}", f"process {places.reserved}"} == joined


def test_the_analyzer_finds_one_chain_with_every_edge_at_evidence_context(
    places: SimpleNamespace, spans: CapturedSpans
) -> None:
    made = [span for span in spans.all() if not span.name.startswith("poll ")]
    with open_store(":memory:") as store, start_receiver(store, ANY_PORT) as receiver:
        exporter = OTLPSpanExporter(f"{receiver.http_endpoint}/v1/traces")
        assert exporter.export(spans.all()) is SpanExportResult.SUCCESS
        exporter.shutdown()
        refresh(store)
        chains = load_many(store, [summary.chain_id for summary in summaries(store)])
        (chain,) = [each for each in chains if each.summary.correlation_id == "order-7"]

    assert {span.context.span_id for span in made} == {int(span.span_id, 16) for span in chain.spans}
    assert {Evidence.CONTEXT} == {edge.evidence for edge in chain.edges}
    assert {(places.placed, 2), (places.reserved, 1), (places.charged, 1), (places.mailed, 1)} <= {
        (destination, sum(hop.destination == destination for hop in chain.hops))
        for destination in {hop.destination for hop in chain.hops}
    }
    assert {Evidence.CONTEXT} == {hop.evidence for hop in chain.hops}
    assert (chain.correlation_ids, chain.run_ids) == (("order-7",), ("run-1",))


def causes(span: ReadableSpan) -> list[SpanContext]:
    return [*([span.parent] if span.parent else []), *(link.context for link in span.links)]
