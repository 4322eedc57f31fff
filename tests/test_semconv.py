"""Whatever a library calls it, the canonical columns say the same."""

import pytest
from hypothesis import given

from tests.support.any_span import raw_spans
from tests.support.both_ways import canonical
from tests.support.spans import a_link, a_span
from tracecheck.model import MessageIdentity, Messaging, Operation, SpanKind

PRODUCER, CONSUMER, CLIENT = SpanKind.PRODUCER, SpanKind.CONSUMER, SpanKind.CLIENT
KAFKA = {"messaging.system": "kafka"}


def kafka(operation: Operation, partition=None, offset=None, message_id=None, **rest) -> Messaging:
    identity = MessageIdentity(partition=partition, offset=offset, message_id=message_id)
    return Messaging(system="kafka", operation=operation, destination="orders", identity=identity, **rest)


LIBRARIES = {
    "kafka-python send": (
        PRODUCER,
        "orders send",
        {**KAFKA, "messaging.destination": "orders", "messaging.kafka.partition": 0, "messaging.url": '["b:9092"]'},
        kafka(Operation.SEND, "0"),
    ),
    "kafka-python receive": (
        CONSUMER,
        "orders receive",
        {**KAFKA, "messaging.destination": "orders", "messaging.kafka.partition": 0},
        kafka(Operation.RECEIVE, "0"),
    ),
    "aiokafka send": (
        PRODUCER,
        "orders send",
        {
            **KAFKA,
            "server.address": '"b:9092"',
            "messaging.destination.name": "orders",
            "messaging.destination.partition.id": "3",
            "messaging.kafka.message.key": '"k"',
            "messaging.operation.name": "send",
            "messaging.operation.type": "publish",
        },
        kafka(Operation.SEND, "3", key="k"),
    ),
    "aiokafka getone": (
        CONSUMER,
        "orders receive",
        {
            **KAFKA,
            "messaging.destination.name": "orders",
            "messaging.destination.partition.id": "3",
            "messaging.consumer.group.name": "billing",
            "messaging.kafka.message.offset": 41,
            "messaging.message.id": "orders.3.41",
            "messaging.operation.type": "receive",
        },
        kafka(Operation.RECEIVE, "3", 41, "orders.3.41", consumer_group="billing"),
    ),
    "an SQS send that names its queue by the address alone": (
        CLIENT,
        "SQS.SendMessage",
        {
            "messaging.system": "aws.sqs",
            "messaging.url": "https://sqs.eu-west-1.amazonaws.com/123456789012/orders",
            "rpc.method": "SendMessage",
            "messaging.message.id": "m-1",
        },
        Messaging(
            system="aws_sqs",
            operation=Operation.SEND,
            destination="orders",
            identity=MessageIdentity(message_id="m-1"),
        ),
    ),
    "an SQS receive that names its queue by the address alone": (
        CLIENT,
        "SQS.ReceiveMessage",
        {
            "messaging.system": "AmazonSQS",
            "aws.sqs.queue.url": "http://localhost:9324/000000000000/orders/",
            "rpc.method": "ReceiveMessage",
        },
        Messaging(system="aws_sqs", operation=Operation.RECEIVE, destination="orders"),
    ),
    "Kafka's brokers are no queue": (
        CLIENT,
        "SQS.GetQueueUrl",
        {**KAFKA, "messaging.url": "b/orders", "rpc.method": "GetQueueUrl"},
        Messaging(system="kafka"),
    ),
    "a Zipkin receive of SERVER kind": (
        SpanKind.SERVER,
        "receive orders",
        {"kafka.partition": "56"},
        kafka(Operation.RECEIVE, "56"),
    ),
    "a SERVER span at a named place": (
        SpanKind.SERVER,
        "handle",
        {**KAFKA, "messaging.destination": "orders"},
        kafka(Operation.PROCESS),
    ),
    "confluent produce": (
        PRODUCER,
        "orders send",
        {**KAFKA, "messaging.destination": "orders", "messaging.operation": "publish"},
        kafka(Operation.SEND),
    ),
    "confluent recv": (CONSUMER, "recv", {}, Messaging(operation=Operation.RECEIVE)),
    "confluent process": (
        CONSUMER,
        "orders process",
        {
            **KAFKA,
            "messaging.destination": "orders",
            "messaging.operation": "process",
            "messaging.kafka.partition": 3,
            "messaging.message.id": "orders.3.41",
        },
        kafka(Operation.PROCESS, "3", 41, "orders.3.41"),
    ),
    "confluent process without a partition": (
        CONSUMER,
        "orders process",
        {**KAFKA, "messaging.operation": "process", "messaging.message_id": "orders.3.41"},
        kafka(Operation.PROCESS, "3", 41, "orders.3.41"),
    ),
    "pika publish": (
        PRODUCER,
        "orders send",
        {
            "messaging.system": "rabbitmq",
            "messaging.destination": "orders",
            "messaging.temp_destination": True,
            "messaging.message.id": "m-1",
            "net.peer.name": "b",
        },
        Messaging(
            system="rabbitmq",
            operation=Operation.SEND,
            destination="orders",
            identity=MessageIdentity(message_id="m-1"),
        ),
    ),
    "pika consume": (
        CONSUMER,
        "orders receive",
        {"messaging.system": "rabbitmq", "messaging.destination": "orders", "messaging.operation": "receive"},
        Messaging(system="rabbitmq", operation=Operation.RECEIVE, destination="orders"),
    ),
    "aio-pika publish to an exchange": (
        PRODUCER,
        "shop,orders send",
        {"messaging.system": "rabbitmq", "messaging.destination": "shop,orders"},
        Messaging(system="rabbitmq", operation=Operation.SEND, destination="shop"),
    ),
    "aio-pika publish to the nameless exchange": (
        PRODUCER,
        ",orders send",
        {"messaging.system": "rabbitmq", "messaging.destination": ",orders"},
        Messaging(system="rabbitmq", operation=Operation.SEND, destination="orders"),
    ),
    "celery apply": (
        PRODUCER,
        "apply_async/charge",
        {"celery.action": "apply_async", "messaging.message.id": "task-1", "messaging.destination": "celery"},
        Messaging(
            system="celery",
            operation=Operation.SEND,
            destination="celery",
            identity=MessageIdentity(message_id="task-1"),
        ),
    ),
    "celery run": (
        CONSUMER,
        "run/charge",
        {"celery.action": "run", "messaging.message.id": "task-1", "messaging.destination": "celery"},
        Messaging(
            system="celery",
            operation=Operation.PROCESS,
            destination="celery",
            identity=MessageIdentity(message_id="task-1"),
        ),
    ),
    "celery run, nothing but the name": (
        CONSUMER,
        "run/charge",
        {},
        Messaging(operation=Operation.PROCESS, destination="charge"),
    ),
    "boto3sqs send": (
        PRODUCER,
        "orders send",
        {"messaging.system": "aws.sqs", "messaging.destination": "orders", "messaging.message_id": "m-1"},
        Messaging(
            system="aws_sqs",
            operation=Operation.SEND,
            destination="orders",
            identity=MessageIdentity(message_id="m-1"),
        ),
    ),
    "boto3sqs process": (
        CONSUMER,
        "orders process",
        {"messaging.system": "aws_sqs", "messaging.destination": "orders", "messaging.operation": "process"},
        Messaging(system="aws_sqs", operation=Operation.PROCESS, destination="orders"),
    ),
    "faststream create": (
        PRODUCER,
        "orders create",
        {**KAFKA, "messaging.destination.name": "orders"},
        kafka(Operation.CREATE),
    ),
    "faststream publish": (
        PRODUCER,
        "orders publish",
        {**KAFKA, "messaging.destination.name": "orders", "messaging.operation": "publish"},
        kafka(Operation.SEND),
    ),
    "faststream process": (
        CONSUMER,
        "orders process",
        {
            **KAFKA,
            "messaging.destination_publish.name": "orders",
            "messaging.message.id": "41-1700000000000",
            "messaging.kafka.destination.partition": 3,
            "messaging.kafka.message.offset": 41,
            "messaging.kafka.message.key": b"k",
            "messaging.operation": "process",
        },
        kafka(Operation.PROCESS, "3", 41, "41-1700000000000", key="k"),
    ),
    "faststream batch": (
        CONSUMER,
        "orders create",
        {**KAFKA, "messaging.destination_publish.name": "orders", "messaging.batch.message_count": 2},
        kafka(Operation.RECEIVE, batch_count=2),
    ),
    "spring kafka's own observation": (
        CONSUMER,
        "orders receive",
        {
            **KAFKA,
            "spring.kafka.listener.id": "billing-0",
            "messaging.source.name": "orders",
            "messaging.source.kind": "topic",
            "messaging.operation": "receive",
            "messaging.kafka.consumer.group": "billing",
            "messaging.kafka.source.partition": "3",
            "messaging.kafka.message.offset": "41",
        },
        kafka(Operation.RECEIVE, "3", 41, consumer_group="billing"),
    ),
    "java publish, old": (
        PRODUCER,
        "orders publish",
        {
            **KAFKA,
            "messaging.destination.name": "orders",
            "messaging.operation": "publish",
            "messaging.destination.partition.id": "0",
            "messaging.kafka.message.offset": 7,
        },
        kafka(Operation.SEND, "0", 7),
    ),
    "java process, older": (
        CONSUMER,
        "orders process",
        {
            **KAFKA,
            "messaging.destination": "orders",
            "messaging.operation": "process",
            "messaging.kafka.partition": 0,
            "messaging.kafka.consumer_group": "billing",
            "messaging.kafka.tombstone": True,
        },
        kafka(Operation.PROCESS, "0", consumer_group="billing", tombstone=True),
    ),
    "java send, new": (
        PRODUCER,
        "send orders",
        {
            **KAFKA,
            "messaging.destination.name": "orders",
            "messaging.operation.name": "send",
            "messaging.operation.type": "send",
        },
        kafka(Operation.SEND),
    ),
    "java poll, new": (
        CLIENT,
        "poll orders",
        {
            **KAFKA,
            "messaging.destination.name": "orders",
            "messaging.operation.name": "poll",
            "messaging.operation.type": "receive",
            "messaging.batch.message_count": 2,
        },
        kafka(Operation.RECEIVE, batch_count=2),
    ),
    "java rabbit, nameless exchange": (
        PRODUCER,
        "<default> publish",
        {
            "messaging.system": "rabbitmq",
            "messaging.destination.name": "<default>",
            "messaging.rabbitmq.destination.routing_key": "orders",
            "messaging.operation": "publish",
        },
        Messaging(system="rabbitmq", operation=Operation.SEND, destination="orders"),
    ),
    "kafkajs poll": (
        CLIENT,
        "poll orders",
        {**KAFKA, "messaging.destination.name": "orders", "messaging.operation.name": "poll"},
        kafka(Operation.RECEIVE),
    ),
    "kafkajs process, offset as text": (
        CONSUMER,
        "process orders",
        {
            **KAFKA,
            "messaging.destination.name": "orders",
            "messaging.operation.type": "process",
            "messaging.destination.partition.id": "0",
            "messaging.kafka.offset": "41",
            "messaging.kafka.message.tombstone": "true",
        },
        kafka(Operation.PROCESS, "0", 41, tombstone=True),
    ),
    ".NET publish": (
        PRODUCER,
        "orders publish",
        {
            **KAFKA,
            "messaging.destination.name": "orders",
            "messaging.operation": "publish",
            "messaging.client_id": "c",
            "messaging.kafka.destination.partition": 0,
            "messaging.kafka.message.offset": 41,
        },
        kafka(Operation.SEND, "0", 41),
    ),
    ".NET receive": (
        CONSUMER,
        "orders receive",
        {
            **KAFKA,
            "messaging.destination.name": "orders",
            "messaging.operation": "receive",
            "messaging.kafka.consumer.group": "billing",
            "messaging.kafka.message.offset": 41.0,
        },
        kafka(Operation.RECEIVE, None, 41, consumer_group="billing"),
    ),
    "batch send of the conventions": (
        CLIENT,
        "send orders",
        {**KAFKA, "messaging.operation.type": "send", "messaging.batch.message_count": "2"},
        kafka(Operation.SEND, batch_count=2),
    ),
    "settle": (
        CLIENT,
        "ack orders",
        {**KAFKA, "messaging.operation.name": "ack"},
        kafka(Operation.SETTLE),
    ),
    "our helper": (
        CONSUMER,
        "process orders",
        {
            **KAFKA,
            "messaging.destination.name": "orders",
            "messaging.operation.type": "process",
            "messaging.consumer.group.name": "billing",
            "messaging.message.id": "evt-1",
            "tracecheck.record.time_unix_nano": 1_700_000_000_000_000_000,
            "tracecheck.attempt": 2,
            "tracecheck.retry_of": "evt-0",
        },
        kafka(
            Operation.PROCESS,
            message_id="evt-1",
            event_id="evt-1",
            consumer_group="billing",
            record_time_unix_nano=1_700_000_000_000_000_000,
            attempt=2,
            retry_of="evt-0",
        ),
    ),
    "event id beside the system's own": (
        PRODUCER,
        "orders send",
        {
            "messaging.system": "aws_sqs",
            "messaging.message.id": "m-1",
            "tracecheck.event.id": "evt-1",
        },
        Messaging(
            system="aws_sqs",
            operation=Operation.SEND,
            destination="orders",
            identity=MessageIdentity(message_id="m-1"),
            event_id="evt-1",
        ),
    ),
    "zipkin publish": (
        PRODUCER,
        "publish",
        {"peer.service": "rabbitmq"},
        Messaging(system="rabbitmq", operation=Operation.SEND),
    ),
    "zipkin next-message": (
        CONSUMER,
        "next-message",
        {"peer.service": "rabbitmq", "rabbit.exchange": "", "rabbit.queue": "orders", "rabbit.routing_key": "orders"},
        Messaging(system="rabbitmq", operation=Operation.RECEIVE, destination="orders"),
    ),
    "zipkin producer that knows its remote endpoint alone": (
        PRODUCER,
        "emit",
        {"peer.service": "orders"},
        Messaging(operation=Operation.SEND, destination="orders"),
    ),
    "opentracing consumer": (
        CONSUMER,
        "on order",
        {"message_bus.destination": "orders"},
        Messaging(operation=Operation.PROCESS, destination="orders"),
    ),
}


@pytest.mark.parametrize(("kind", "name", "attributes", "expected"), LIBRARIES.values(), ids=LIBRARIES.keys())
def test_each_librarys_spelling_becomes_the_same_columns(kind, name, attributes, expected):
    assert canonical(a_span(name, kind=kind, attributes=attributes)).messaging == expected


@pytest.mark.parametrize(
    ("kind", "name", "attributes"),
    [
        (SpanKind.SERVER, "POST /orders", {"http.request.method": "POST"}),
        (SpanKind.INTERNAL, "process orders", {}),
        (CLIENT, "send orders", {"messaging.client_id": "c"}),
    ],
)
def test_a_span_that_names_no_message_is_no_messaging_span(kind, name, attributes):
    assert canonical(a_span(name, kind=kind, attributes=attributes)).messaging is None


def test_identity_of_a_batch_is_read_from_its_links():
    links = (
        a_link(messaging__destination__partition__id="0", messaging__kafka__offset=7),
        a_link(messaging__message__id="orders.1.8"),
        a_link(),
    )
    span = canonical(
        a_span("poll orders", kind=CLIENT, attributes={**KAFKA, "messaging.operation.type": "receive"}, links=links)
    )
    assert [link.identity for link in span.links] == [
        MessageIdentity(partition="0", offset=7),
        MessageIdentity(partition="1", offset=8, message_id="orders.1.8"),
        MessageIdentity(),
    ]


def test_destination_of_a_batch_is_what_all_its_links_agree_on():
    def polled(*destinations: str) -> str | None:
        links = tuple(a_link(messaging__destination__name=destination) for destination in destinations)
        attributes = {**KAFKA, "messaging.operation.type": "receive"}
        return canonical(a_span("poll", kind=CLIENT, attributes=attributes, links=links)).messaging.destination

    assert polled("orders", "orders") == "orders"
    assert polled("orders", "refunds") is None


def test_ids_on_the_wire_are_found_in_span_and_resource():
    span = canonical(
        a_span(
            attributes={"correlation.id": "c-1", "messaging.message.conversation_id": "other"},
            resource={
                "service.name": "billing",
                "service.instance.id": "i-1",
                "host.name": "h-1",
                "tracecheck.run.id": "r-1",
            },
        )
    )
    assert (span.service, span.instance, span.host, span.correlation_id, span.run_id) == (
        "billing",
        "i-1",
        "h-1",
        "c-1",
        "r-1",
    )


def test_a_conversation_id_is_a_correlation_id():
    span = canonical(a_span("orders send", kind=PRODUCER, attributes={"messaging.conversation_id": 17}))
    assert span.correlation_id == "17"


@pytest.mark.parametrize("service", [None, "", 7, ["a"], b"x"])
def test_a_missing_or_wrong_service_name_is_the_unknown_service(service):
    assert canonical(a_span(resource={"service.name": service})).service == "unknown_service"


def test_an_endless_correlation_id_is_kept_as_a_digest():
    long = "x" * 1_000_000
    first = canonical(a_span(attributes={"correlation.id": long}))
    again = canonical(a_span(attributes={"correlation.id": long}))
    assert first.correlation_id == again.correlation_id
    assert first.correlation_id.startswith("sha256:")
    assert len(first.correlation_id) < 100


@pytest.mark.parametrize("offset", [-1, True, "x", 2**63, 1.5, None, [1], "9" * 40])
def test_an_offset_that_is_none_is_left_out(offset):
    span = a_span("orders receive", kind=CONSUMER, attributes={**KAFKA, "messaging.kafka.offset": offset})
    assert canonical(span).messaging.identity.offset is None


@given(raw_spans)
def test_any_span_has_canonical_columns_and_only_one_set_of_them(span):
    once = canonical(span)
    assert canonical(once) == once
    assert (once.attributes, once.resource, once.events) == (span.attributes, span.resource, span.events)
    assert once.service
