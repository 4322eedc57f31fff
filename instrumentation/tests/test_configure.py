"""`configure` in a service of its own: what it exports, and what the environment decides."""

from uuid import uuid4

import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewTopic

from instrumentation.tests.child import THREE_SPANS, run, start
from instrumentation.tests.otlp_sink import Sink, attributes
from tests.support.polling import until


def test_the_ten_line_start_works_as_written(receiver: Sink, kafka_address: str) -> None:
    topic = f"orders-{uuid4().hex[:8]}"
    admin = KafkaAdminClient(bootstrap_servers=kafka_address)
    admin.create_topics([NewTopic(topic, 1, 1), NewTopic(f"{topic}-paid", 1, 1)])
    admin.close()
    with KafkaProducer(bootstrap_servers=kafka_address) as producer:
        producer.send(topic, b"1").get(timeout=10)
        producer.send(topic, b"2").get(timeout=10)

    result = run(
        f"""
        from kafka import KafkaConsumer, KafkaProducer
        from tracecheck_instrumentation import configure, instrumented

        configure("billing")
        producer = KafkaProducer(bootstrap_servers="{kafka_address}")
        consumer = KafkaConsumer(
            "{topic}", bootstrap_servers="{kafka_address}", group_id="billing", auto_offset_reset="earliest",
            session_timeout_ms=6000,
        )

        def handle(record):
            producer.send("{topic}-paid", record.value)
            if record.value == b"2":
                raise ValueError("out of money")

        for record in instrumented(consumer): handle(record)
        """,
        receiver.environment,
    )

    assert "ValueError: out of money" in result.stderr
    assert result.returncode == 1
    processed, sent = receiver.spans(f"process {topic}"), receiver.spans(f"send {topic}-paid")
    assert [span.span_id for _, span in processed] == [span.parent_span_id for _, span in sent]
    assert [span.status.code for _, span in processed] == [0, 2]
    assert {"billing"} == {attributes(span)["messaging.consumer.group.name"] for _, span in processed}
    assert [attributes(span)["messaging.kafka.offset"] for _, span in sent] == [0, 1]
    assert receiver.marks() == receiver.counts()


def test_the_environment_names_the_service(http_receiver: Sink) -> None:
    named = {"OTEL_SERVICE_NAME": "ledger", "OTEL_RESOURCE_ATTRIBUTES": "team=money,service.instance.id=i-1"}
    run(THREE_SPANS, http_receiver.environment, named)
    resource, _ = http_receiver.spans()[0]
    assert (
        resource["service.name"],
        resource["team"],
        resource["service.instance.id"],
    ) == ("ledger", "money", "i-1")


def test_the_code_names_the_service_where_the_environment_does_not(http_receiver: Sink) -> None:
    run(THREE_SPANS, http_receiver.environment)
    assert {"billing"} == {resource["service.name"] for resource, _ in http_receiver.spans()}


def test_a_disabled_sdk_exports_nothing_and_breaks_nothing(http_receiver: Sink) -> None:
    result = run(THREE_SPANS, http_receiver.environment, {"OTEL_SDK_DISABLED": "true"})
    assert (result.returncode, result.stderr) == (0, "")
    assert http_receiver.spans() == []


def test_an_exporter_of_none_exports_nothing(http_receiver: Sink) -> None:
    result = run(THREE_SPANS, http_receiver.environment, {"OTEL_TRACES_EXPORTER": "none"})
    assert (result.returncode, result.stderr) == (0, "")
    assert http_receiver.spans() == []


def test_the_sampler_is_asked_and_the_mark_says_what_it_left_out(http_receiver: Sink) -> None:
    run(THREE_SPANS, http_receiver.environment, {"OTEL_TRACES_SAMPLER": "always_off"})
    (_, start), (_, mark) = http_receiver.spans()
    assert start.name == "tracecheck.start"
    assert attributes(mark) == {"tracecheck.flush.span_count": 0, "tracecheck.flush.sampled_out_count": 3}


def test_the_propagators_are_those_of_the_environment() -> None:
    code = """
        from tracecheck_instrumentation import capture, configure, correlation
        configure("billing")
        from opentelemetry import trace
        with correlation("c-1"), trace.get_tracer("app").start_as_current_span("a"):
            print(sorted(capture()))
    """
    assert run(code, {"OTEL_TRACES_EXPORTER": "none"}).stdout == "['baggage', 'traceparent']\n"
    only = {"OTEL_TRACES_EXPORTER": "none", "OTEL_PROPAGATORS": "baggage"}
    assert run(code, only).stdout == "['baggage']\n"


def test_the_batch_delay_is_that_of_the_environment(http_receiver: Sink) -> None:
    code = THREE_SPANS + "\n    input()"
    process = start(code, http_receiver.environment, {"OTEL_BSP_SCHEDULE_DELAY": "50"})
    until(lambda: len(http_receiver.spans()) == 1 + 3)
    process.communicate("\n", timeout=20)


def test_configuring_twice_does_nothing_more(http_receiver: Sink) -> None:
    code = THREE_SPANS.replace('configure("billing")', 'configure("billing"); configure("other")')
    assert run(code, http_receiver.environment).stderr == ""
    assert list(http_receiver.counts().values()) == [3]
    assert {"billing"} == {resource["service.name"] for resource, _ in http_receiver.spans()}


def test_a_provider_that_is_there_already_is_joined_and_not_replaced(http_receiver: Sink) -> None:
    code = """
        from opentelemetry import trace
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        provider = TracerProvider(resource=Resource.create({"service.name": "theirs"}))
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        trace.set_tracer_provider(provider)
        from tracecheck_instrumentation import configure, correlation
        configure("billing")
        with correlation("c-1"):
            trace.get_tracer("app").start_span("a").end()
    """
    result = run(code, http_receiver.environment)
    assert (result.returncode, result.stderr) == (0, "")
    ((resource, span),) = http_receiver.spans("a")
    assert (resource["service.name"], attributes(span)["correlation.id"]) == ("theirs", "c-1")
    assert list(http_receiver.marks().values()) == [1]


@pytest.mark.parametrize("wrong", [{"OTEL_EXPORTER_OTLP_PROTOCOL": "smoke"}, {"OTEL_TRACES_EXPORTER": "pigeon"}])
def test_a_wrong_setting_is_logged_and_the_service_runs(wrong: dict[str, str]) -> None:
    result = run(THREE_SPANS, {"TRACECHECK_EXIT_FLUSH_SECONDS": "0.2"}, wrong)
    assert result.returncode == 0
    assert next(iter(wrong.values())) in result.stderr
    assert "Traceback" not in result.stderr


def test_importing_the_package_is_light() -> None:
    code = """
        import sys
        import tracecheck_instrumentation
        heavy = ("opentelemetry.sdk", "opentelemetry.exporter", "grpc", "kafka", "requests", "wrapt")
        print([name for name in sys.modules if name in heavy])
    """
    assert run(code).stdout == "[]\n"


def test_a_disabled_instrumentation_is_left_alone() -> None:
    code = """
        from tracecheck_instrumentation import configure
        import kafka
        send = kafka.KafkaProducer.send
        configure("billing")
        print(kafka.KafkaProducer.send is send)
    """
    quiet = {"OTEL_TRACES_EXPORTER": "none"}
    assert run(code, quiet).stdout == "False\n"
    assert run(code, quiet, {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "redis,kafka-python"}).stdout == "True\n"
