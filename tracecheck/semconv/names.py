"""Which spelling means what: the attribute names and words of every instrumentation known to us, as tables.

In each tuple the first name found wins: our own wire name first, then the current OpenTelemetry convention, then older
conventions, then single libraries, then what OpenTracing (`message_bus.*`) and Zipkin's Brave (`kafka.*`, `rabbit.*`,
`jms.*`) wrote. A new library's spelling is one more word in one tuple.
"""

from tracecheck.model import Operation

FLUSH_SPAN = "tracecheck.flush"
START_SPAN = "tracecheck.start"
"""Name of the span with which a service instance says how many spans it has exported."""

FLUSH_COUNT = "tracecheck.flush.span_count"
"""Attribute of the flush span: spans exported before it by this instance, an integer."""

EFFECT_EVENT = "tracecheck.effect"
"""Name of the span event that says an effect was applied."""

# --- resource attributes ----------------------------------------------------------------------------------------------

UNKNOWN_SERVICE = "unknown_service"
SERVICE = ("service.name",)
INSTANCE = ("service.instance.id",)
HOST = ("host.name", "host.id", "hostname")

# --- span attributes --------------------------------------------------------------------------------------------------

RUN_ID = ("tracecheck.run.id",)
CORRELATION_ID = ("correlation.id", "messaging.message.conversation_id", "messaging.conversation_id")

SYSTEM = ("messaging.system",)
OPERATION = (
    "messaging.operation.type",
    "messaging.operation",
    "messaging.operation.name",
    "celery.action",
    "rpc.method",
)
DESTINATION = (
    "messaging.destination.name",
    "messaging.destination",
    "messaging.destination_publish.name",
    "messaging.source.name",
    "messaging.source",
    "message_bus.destination",
    "kafka.topic",
    "jms.queue",
    "jms.topic",
    "rabbit.exchange",
)
ROUTING_KEY = (
    "messaging.rabbitmq.destination.routing_key",
    "messaging.rabbitmq.routing_key",
    "rabbit.routing_key",
    "rabbit.queue",
)
QUEUE_ADDRESS = ("messaging.url", "aws.sqs.queue.url", "aws.queue.url", "aws.queue_url")
"""Where an SQS queue is: its name is the last part. Some of its clients write no other destination."""

PARTITION = (
    "messaging.destination.partition.id",
    "messaging.kafka.destination.partition",
    "messaging.kafka.partition",
    "messaging.kafka.source.partition",
    "kafka.partition",
)
OFFSET = ("messaging.kafka.offset", "messaging.kafka.message.offset", "kafka.offset")
MESSAGE_ID = ("messaging.message.id", "messaging.message_id")
EVENT_ID = ("tracecheck.event.id", "cloudevents.event_id")
CONSUMER_GROUP = (
    "messaging.consumer.group.name",
    "messaging.kafka.consumer.group",
    "messaging.kafka.consumer_group",
    "messaging.destination.subscription.name",
)
KEY = ("messaging.kafka.message.key", "messaging.kafka.message_key", "kafka.key")
TOMBSTONE = ("messaging.kafka.message.tombstone", "messaging.kafka.tombstone")
BATCH_COUNT = ("messaging.batch.message_count",)
RECORD_TIME = ("tracecheck.record.time_unix_nano",)
ATTEMPT = ("tracecheck.attempt",)
RETRY_OF = ("tracecheck.retry_of",)
PEER = ("peer.service",)
"""The remote side, where a producer or consumer span says nothing else about its destination (Zipkin, Jaeger)."""

MESSAGING_PREFIXES = ("messaging.", "message_bus.", "celery.", "kafka.", "rabbit.", "jms.")
"""A span without any attribute below these, and of no messaging kind, has nothing to do with messages."""

# --- words ------------------------------------------------------------------------------------------------------------

OPERATION_WORDS = {
    word: operation
    for operation, words in {
        Operation.CREATE: "create",
        Operation.SEND: "send publish produce apply_async sendmessage sendmessagebatch",
        Operation.RECEIVE: "receive recv poll pull fetch next-message receivemessage",
        Operation.PROCESS: "process deliver consume run on-message",
        Operation.SETTLE: "settle ack nack reject commit deletemessage deletemessagebatch",
    }.items()
    for word in words.split()
}
"""What an operation attribute, or a word of a span name, means."""

SYSTEM_WORDS = {
    "apache_kafka": "kafka",
    "confluent_kafka": "kafka",
    "kafka": "kafka",
    "rabbit": "rabbitmq",
    "rabbitmq": "rabbitmq",
    "aws.sqs": "aws_sqs",
    "aws_sqs": "aws_sqs",
    "amazonsqs": "aws_sqs",
    "sqs": "aws_sqs",
    "aws.sns": "aws_sns",
    "aws_sns": "aws_sns",
    "amazonsns": "aws_sns",
}
"""One spelling per system; a system not listed keeps its own, in lower case."""

SYSTEM_BY_PREFIX = {
    "messaging.kafka.": "kafka",
    "kafka.": "kafka",
    "messaging.rabbitmq.": "rabbitmq",
    "rabbit.": "rabbitmq",
    "celery.": "celery",
    "jms.": "jms",
}
"""The system, where no attribute names it: Celery and Brave never do."""

NO_DESTINATION = frozenset({"<default>", "(default)", "amq.default", "(anonymous)", "(unknown)"})
"""What libraries write for RabbitMQ's nameless exchange; the routing key is the destination then."""

WITHOUT_OWN_MESSAGE_ID = frozenset({"kafka"})
"""Systems whose messages have no id of their own: there `messaging.message.id` is an application's event id."""
