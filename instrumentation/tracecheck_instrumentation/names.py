"""The wire table: every name that crosses a process border or lands on a span. Nothing else is agreed with a reader.

Attribute names without a `tracecheck.` prefix are those of the OpenTelemetry messaging conventions.
"""

SCOPE = "tracecheck_instrumentation"
SCHEMA_URL = "https://opentelemetry.io/schemas/1.44.0"

# baggage keys; the same word is the attribute on every span
CORRELATION_ID = "correlation.id"
RUN_ID = "tracecheck.run.id"

# message headers
EVENT_ID_HEADER = "tracecheck-event-id"
RETRY_OF_HEADER = "tracecheck-retry-of"
CORRELATION_HEADER = "correlation-id"
CLOUD_EVENT_ID_HEADERS = ("ce_id", "cloudEvents:id", "cloudEvents_id")
"""Binary-mode CloudEvents: the Kafka binding's header, then the two spellings of the AMQP binding."""

# attributes of ours
EVENT_ID = "tracecheck.event.id"
RECORD_TIME_UNIX_NANO = "tracecheck.record.time_unix_nano"
ATTEMPT = "tracecheck.attempt"
RETRY_OF = "tracecheck.retry_of"
EFFECT_EVENT = "tracecheck.effect"
EFFECT_KEY = "tracecheck.effect.key"
START_SPAN = "tracecheck.start"
"""Sign of life: the first span of a process instance, so that a reader knows it before it has done anything."""
FLUSH_SPAN = "tracecheck.flush"
MARKS = (START_SPAN, FLUSH_SPAN)
"""Spans about the process instance; neither side counts them."""
FLUSH_SPAN_COUNT = "tracecheck.flush.span_count"
FLUSH_SAMPLED_OUT_COUNT = "tracecheck.flush.sampled_out_count"

# attributes of the conventions
SYSTEM = "messaging.system"
OPERATION_NAME = "messaging.operation.name"
OPERATION_TYPE = "messaging.operation.type"
DESTINATION = "messaging.destination.name"
PARTITION = "messaging.destination.partition.id"
OFFSET = "messaging.kafka.offset"
KEY = "messaging.kafka.message.key"
TOMBSTONE = "messaging.kafka.message.tombstone"
ROUTING_KEY = "messaging.rabbitmq.destination.routing_key"
GROUP = "messaging.consumer.group.name"
SUBSCRIPTION = "messaging.destination.subscription.name"
CLIENT_ID = "messaging.client.id"
MESSAGE_ID = "messaging.message.id"
CONVERSATION_ID = "messaging.message.conversation_id"
BODY_SIZE = "messaging.message.body.size"
BATCH_COUNT = "messaging.batch.message_count"
SERVER_ADDRESS = "server.address"
SERVER_PORT = "server.port"
ERROR_TYPE = "error.type"
