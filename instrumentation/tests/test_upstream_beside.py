"""Upstream's instrumentation and ours switched on together: each span once, each message with one context."""

from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.instrumentation.aio_pika import AioPikaInstrumentor
from opentelemetry.instrumentation.aiokafka import AIOKafkaInstrumentor
from opentelemetry.instrumentation.confluent_kafka import AutoInstrumentedConsumer, ConfluentKafkaInstrumentor
from opentelemetry.instrumentation.kafka import KafkaInstrumentor
from opentelemetry.instrumentation.pika import PikaInstrumentor
from tracecheck_instrumentation.testing import captured_spans

from instrumentation.tests.driver import Driver, Out
from instrumentation.tests.kafka_python_driver import KafkaPythonDriver
from instrumentation.tests.test_aio_pika import AioPikaDriver
from instrumentation.tests.test_aiokafka import AIOKafkaDriver
from instrumentation.tests.test_confluent_kafka import ConfluentDriver
from instrumentation.tests.test_pika import PikaDriver
from instrumentation.tests.upstream import switch_off, upstream_alone

RABBITMQ = pytest.mark.service("rabbitmq")


@pytest.mark.parametrize("upstream_first", [True, False], ids=["upstream first", "ours first"])
@pytest.mark.parametrize(
    ("client", "instrumentor", "broker"),
    [
        pytest.param(KafkaPythonDriver, KafkaInstrumentor, "kafka_address", id="kafka-python"),
        pytest.param(AIOKafkaDriver, AIOKafkaInstrumentor, "kafka_address", id="aiokafka"),
        pytest.param(ConfluentDriver, ConfluentKafkaInstrumentor, "kafka_address", id="confluent-kafka"),
        pytest.param(PikaDriver, PikaInstrumentor, "rabbitmq", id="pika", marks=RABBITMQ),
        pytest.param(AioPikaDriver, AioPikaInstrumentor, "rabbitmq", id="aio-pika", marks=RABBITMQ),
    ],
)
def test_nothing_is_doubled(
    request: pytest.FixtureRequest,
    client: Callable[[str], Driver],
    instrumentor: Callable[[], Any],
    broker: str,
    upstream_first: bool,
) -> None:
    address = request.getfixturevalue(broker)
    upstream = instrumentor()

    def use() -> tuple[str, set[int]]:
        driver: Any = client(address)
        place = driver.fresh()
        driver.send(Out(destination=place), Out(destination=place))
        driver.handle(place, lambda _: [])
        traceparents = {len(arrived.header("traceparent")) for arrived in driver.raw(place, 1)}
        driver.close()
        return place, traceparents

    try:
        if upstream_first:
            upstream.instrument()
        with captured_spans() as spans:
            if not upstream_first:
                upstream.instrument(tracer_provider=spans.provider)
            place, traceparents = use()
            spans.wait_for(f"send {place}", count=2)
            made = sorted(span.name for span in spans.all() if place in span.name and not span.name.startswith("poll"))
            others = {span.instrumentation_scope.name for span in spans.all()} - {"tracecheck_instrumentation"}
        assert made == [f"process {place}", f"send {place}", f"send {place}"]
        assert others == set()
        assert traceparents == {1}
        assert upstream_first is upstream.is_instrumented_by_opentelemetry, "it is given back as it was found"
    finally:
        if upstream.is_instrumented_by_opentelemetry:
            switch_off(upstream)


def test_after_ours_confluents_upstream_is_not_wrapped_twice() -> None:
    def layers() -> int:
        method, found = AutoInstrumentedConsumer.__dict__["consume"], 0
        while (inner := getattr(method, "__wrapped__", None)) is not None:
            method, found = inner, found + 1
        return found

    assert layers() == 0
    for _ in range(2):
        with captured_spans():
            pass
    assert layers() == 0
    with upstream_alone(ConfluentKafkaInstrumentor()):
        assert layers() == 1
        with captured_spans():
            pass
        assert layers() == 1
    assert layers() == 0
