"""`doctor` tells each known library by its scope, closes what the helper closes, and reads the rest off the spans."""

from dataclasses import replace

import pytest

from tests.support.spans import a_span
from tracecheck.check.doctor import ServiceSeen, doctor
from tracecheck.check.instrumentations import HELPER_SCOPE, KNOWN, Side, known
from tracecheck.model import Attributes, Resource, Span, SpanKind
from tracecheck.semconv import canonical
from tracecheck.store import open_store

LIBRARIES = {
    "opentelemetry.instrumentation.kafka": "kafka-python",
    "opentelemetry.instrumentation.aiokafka": "aiokafka",
    "opentelemetry.instrumentation.confluent_kafka": "confluent-kafka",
    "opentelemetry.instrumentation.pika.pika_instrumentor": "pika",
    "opentelemetry.instrumentation.aio_pika": "aio-pika",
    "opentelemetry.instrumentation.celery": "celery",
    "opentelemetry.instrumentation.boto3sqs": "boto3 SQS",
    "opentelemetry.instrumentation.faststream": "FastStream",
    "io.opentelemetry.kafka-clients-0.11": "Kafka clients and Spring Kafka (Java agent)",
    "io.opentelemetry.spring-kafka-2.7": "Kafka clients and Spring Kafka (Java agent)",
    "io.opentelemetry.rabbitmq-2.7": "RabbitMQ, JMS and Spring messaging (Java agent)",
    "io.opentelemetry.jms-1.1": "RabbitMQ, JMS and Spring messaging (Java agent)",
    "org.springframework.boot": "Spring (Micrometer Observation)",
    "io.micrometer.micrometer-tracing": "Spring (Micrometer Observation)",
    "@opentelemetry/instrumentation-kafkajs": "kafkajs",
    "OpenTelemetry.AutoInstrumentation.Kafka": "Confluent.Kafka (.NET)",
    "tracecheck_instrumentation": "tracecheck-instrumentation",
}
SEND = {"messaging.system": "kafka", "messaging.destination": "orders"}
TAKE = SEND | {"messaging.operation": "process"}


def seen(*spans: Span) -> ServiceSeen:
    store = open_store(":memory:")
    store.append([canonical(span) for span in spans])
    (service,) = doctor(store).services
    return service


def emitted(
    scope: str,
    attributes: Attributes,
    kind: SpanKind = SpanKind.CONSUMER,
    resource: Attributes | None = None,
    **fields: object,
) -> Span:
    held = Resource(attributes={"service.name": "shop"} | dict(resource or {}), scope_name=scope, scope_version="1.2")
    return replace(a_span("orders x", kind=kind, attributes=attributes), resource=held, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(("scope", "library"), LIBRARIES.items())
def test_each_listed_library_is_known_by_its_scope(scope: str, library: str) -> None:
    entry = known(scope)
    assert entry is not None
    assert entry.library == library


def test_every_entry_of_the_table_is_tested_and_its_holes_say_what_to_do() -> None:
    assert {entry.library for entry in KNOWN} == set(LIBRARIES.values())
    for hole in (hole for entry in KNOWN for hole in entry.holes):
        assert hole.what
        assert hole.close
        assert "\n" not in hole.close


@pytest.mark.parametrize("scope", ["", "opentelemetry.instrumentation.kafkaesque", "my.own.scope", "kafka"])
def test_what_is_not_in_the_table_is_not_guessed(scope: str) -> None:
    assert known(scope) is None


@pytest.mark.parametrize("side", [Side.SENDS, Side.CONSUMES])
def test_a_hole_is_told_only_on_the_side_where_the_service_was_seen(side: Side) -> None:
    scope = "opentelemetry.instrumentation.kafka"
    attributes, kind = (SEND, SpanKind.PRODUCER) if side is Side.SENDS else (TAKE, SpanKind.CONSUMER)
    codes = [advice.code for advice in seen(emitted(scope, attributes, kind)).advice if advice.scope == scope]
    assert (
        codes
        == {
            Side.SENDS: ["send_is_not_delivery"],
            Side.CONSUMES: ["handler_detached", "no_identity"],
        }[side]
    )


@pytest.mark.parametrize(("sides", "told"), [((0,), True), ((1,), True), ((0, 1), False), ((), False)])
def test_spring_that_is_seen_on_one_side_alone_may_have_the_other_switched_off(
    sides: tuple[int, ...], told: bool
) -> None:
    scope = "org.springframework.boot"
    both = (emitted(scope, SEND, SpanKind.PRODUCER), emitted(scope, TAKE))
    spans = [both[side] for side in sides] or [emitted(scope, {}, SpanKind.SERVER)]
    assert ("one_side_observed" in [advice.code for advice in seen(*spans).advice]) is told


@pytest.mark.parametrize(
    ("version", "said"),
    [("0.66b1", ""), ("0.48b0", ""), ("", ""), ("0.67b0", "(seen in 0.66b1; 0.67b0 may have closed it)")],
)
def test_of_a_version_later_than_the_one_examined_a_hole_is_said_with_a_reserve(version: str, said: str) -> None:
    span = emitted("opentelemetry.instrumentation.kafka", SEND, SpanKind.PRODUCER)
    advice = seen(replace(span, resource=replace(span.resource, scope_version=version))).advice[0]
    assert advice.what.endswith(f"leaves it green {said}".rstrip())


@pytest.mark.parametrize(("start", "missed"), [(0, False), (10, True)])
def test_a_receive_that_wraps_its_handler_covers_it(start: int, missed: bool) -> None:
    received = emitted("x", SEND | {"messaging.operation": "receive"})
    below = replace(
        emitted("x", {}, SpanKind.CLIENT),
        trace_id=received.trace_id,
        parent_span_id=received.span_id,
        start_unix_nano=received.start_unix_nano + start * 1_000_000,
    )
    assert ("no_process_span" in [advice.code for advice in seen(received, below).advice]) == missed


def test_beside_the_helper_only_what_it_cannot_close_is_left() -> None:
    helper = emitted(HELPER_SCOPE, {"messaging.operation.type": "process", "messaging.consumer.group.name": "g"})
    upstream = emitted("opentelemetry.instrumentation.kafka", TAKE)
    assert [advice.code for advice in seen(upstream, helper).advice] == ["no_flush_mark"]


@pytest.mark.parametrize(
    ("attributes", "vocabulary"),
    [
        ({"messaging.system": "kafka", "messaging.destination": "orders"}, "old"),
        ({"messaging.system": "kafka", "messaging.destination.name": "orders"}, "current"),
        ({"messaging.destination.name": "orders", "messaging.operation": "process"}, "mixed"),
        ({"messaging.destination.name": "orders", "messaging.kafka.partition": 3}, "mixed"),
    ],
)
def test_the_vocabulary_is_read_off_the_attributes(attributes: Attributes, vocabulary: str) -> None:
    (scope,) = seen(emitted("x", attributes)).scopes
    assert (scope.vocabulary, scope.version, scope.library) == (vocabulary, "1.2", None)


@pytest.mark.parametrize(
    ("span", "code", "close"),
    [
        (emitted("x", TAKE), "no_group", "service:"),
        (emitted("x", SEND | {"messaging.operation": "receive"}), "no_process_span", "a CONSUMER span"),
        (
            emitted("x", SEND | {"messaging.operation": "receive"}, resource={"telemetry.sdk.language": "python"}),
            "no_process_span",
            "with process(record)",
        ),
        (emitted("x", TAKE), "no_flush_mark", "tracecheck.flush"),
        (emitted("x", {}, resource={"service.name": ""}), "no_service_name", "OTEL_SERVICE_NAME"),
        (emitted("x", {}, dropped_attributes_count=3), "dropped", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"),
        (replace(emitted("x", {}), name="tracecheck.flush"), "no_instance_id", "service.instance.id"),
    ],
)
def test_what_the_spans_themselves_show_is_told_whatever_wrote_them(span: Span, code: str, close: str) -> None:
    (advice,) = [advice for advice in seen(span).advice if advice.code == code]
    assert close in advice.close


def test_a_service_without_messages_is_left_in_peace() -> None:
    assert seen(emitted("x", {}, SpanKind.SERVER)).advice == ()


def test_the_decoder_in_use_is_named() -> None:
    assert doctor(open_store(":memory:")).decoder in ("compiled", "python")
