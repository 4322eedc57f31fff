"""A service started by `opentelemetry-instrument`, without a line of ours."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from uuid import uuid4

import pytest
from kafka import KafkaAdminClient
from kafka.admin import NewTopic

from instrumentation.tests.otlp_sink import Sink, attributes, sink

SERVICE = """
    from opentelemetry import baggage, context, propagate, trace
    context.attach(baggage.set_baggage("tracecheck.run.id", "run-1", baggage.set_baggage("correlation.id", "order-7")))
    trace.get_tracer("app").start_span("reserve stock").end()
    print(*(type(each).__name__ for each in propagate.get_global_textmap()._propagators))
"""


@pytest.mark.parametrize("configured", [False, True], ids=["without code", "and configure() on top"])
def test_every_span_has_the_ids_and_propagation_is_strict(tmp_path: Path, configured: bool) -> None:
    service = tmp_path / "service.py"
    first = 'from tracecheck_instrumentation import configure\nconfigure("billing")\n' if configured else ""
    service.write_text(first + textwrap.dedent(SERVICE))
    program = Path(sys.executable).with_name("opentelemetry-instrument")
    quiet = {"OTEL_SERVICE_NAME": "no-code", "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}

    with sink("http/protobuf") as received:
        result = subprocess.run(
            [program, sys.executable, service],
            env={**os.environ, **received.environment, **quiet},
            text=True,
            capture_output=True,
            timeout=60,
            check=False,
        )

    assert (result.returncode, result.stdout.strip()) == (0, "StrictTraceContext StrictBaggage"), result.stderr
    ((resource, span),) = received.spans("reserve stock")
    assert resource["service.name"] == "no-code"
    assert attributes(span) == {"correlation.id": "order-7", "tracecheck.run.id": "run-1"}
    assert len(received.marks()) == configured


def test_opentelemetry_instrument_finds_ours_without_code(
    http_receiver: Sink, kafka_address: str, tmp_path: Path
) -> None:
    topic = f"orders-{uuid4().hex[:8]}"
    admin = KafkaAdminClient(bootstrap_servers=kafka_address)
    admin.create_topics([NewTopic(topic, 1, 1)])
    admin.close()
    service = tmp_path / "service.py"
    service.write_text(
        textwrap.dedent(f"""
        from kafka import KafkaConsumer, KafkaProducer, TopicPartition
        producer = KafkaProducer(bootstrap_servers="{kafka_address}")
        producer.send("{topic}", b"1").get(timeout=10)
        consumer = KafkaConsumer(bootstrap_servers="{kafka_address}", group_id="g", auto_offset_reset="earliest")
        consumer.assign([TopicPartition("{topic}", 0)])
        for record in consumer:
            break
        consumer.close()
        """)
    )
    environment = {
        **os.environ,
        **http_receiver.environment,
        "OTEL_SERVICE_NAME": "no-code",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
    }
    program = Path(sys.executable).with_name("opentelemetry-instrument")
    result = subprocess.run(
        [program, sys.executable, service], env=environment, text=True, capture_output=True, timeout=60, check=False
    )

    assert result.returncode == 0, result.stderr
    ((_, sent),), ((_, processed),) = http_receiver.spans(f"send {topic}"), http_receiver.spans(f"process {topic}")
    assert sent.span_id == processed.parent_span_id
    assert attributes(sent)["correlation.id"] == attributes(processed)["correlation.id"]
