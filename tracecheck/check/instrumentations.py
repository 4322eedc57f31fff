"""What is known of each instrumentation library: by which scope name it is told, what it leaves out, what closes that.

A table as data. `doctor` matches the scope names of stored spans against it; a missing library is one entry more.
Each hole was seen in the library's source or by running it; tests keep what can be run.
"""

from dataclasses import dataclass
from enum import StrEnum

HELPER_SCOPE = "tracecheck_instrumentation"
"""Scope of our own helper library. Where a service has spans of it, the holes that it closes are closed."""


class Side(StrEnum):
    """On which side of the broker a hole is: it is told only where the service was seen there, of `ONE` only where it
    was not seen on the other."""

    SENDS = "sends"
    CONSUMES = "consumes"
    BOTH = "both"
    ONE = "one"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hole:
    """Something an instrumentation does not say. `close` is the line that helps; `by_helper`: our helper closes it."""

    code: str
    what: str
    close: str
    side: Side = Side.CONSUMES
    by_helper: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrumentation:
    """One library's instrumentation: `scopes` are the beginnings of its scope names, in lower case.

    `examined` is the version in which the holes were seen; a later one may have closed them.
    """

    library: str
    scopes: tuple[str, ...]
    holes: tuple[Hole, ...] = ()
    examined: str | None = None


_PYTHON = "0.66b1"
_LOOP = "for record in instrumented(consumer): handle(record)"
_RECORD = "with process(record): handle(record)"
_ASYNC_LOOP = "async for record in instrumented(consumer): await handle(record)"
_CONFIGURE = 'configure("SERVICE")'
_QUEUED = Hole(
    code="send_is_not_delivery",
    what="the send span ends when the record is queued; a delivery that fails later leaves it green",
    close=_CONFIGURE,
    side=Side.SENDS,
)
_DETACHED = "the receive span ends before the handler runs: its spans and sends begin new traces, without baggage"
_NO_GROUP = Hole(
    code="no_group",
    what="no consumer group on any span",
    close="{process: DESTINATION, service: SERVICE} in the expectation, in place of a group",
    by_helper=False,
)
_JAVA_POSITIONS = Hole(
    code="no_positions",
    what="partition and offset of each message of a batch are told only with the messaging conventions switched on",
    close="OTEL_SEMCONV_STABILITY_OPT_IN=messaging  (agents since August 2026)",
    by_helper=False,
)

KNOWN: tuple[Instrumentation, ...] = (
    Instrumentation(library="tracecheck-instrumentation", scopes=(HELPER_SCOPE,)),
    Instrumentation(
        library="kafka-python",
        scopes=("opentelemetry.instrumentation.kafka",),
        examined=_PYTHON,
        holes=(
            _QUEUED,
            Hole(
                code="handler_detached",
                what=_DETACHED,
                close=_LOOP,
            ),
            Hole(
                code="no_identity",
                what="no consumer group, offset, key or message id on any span; poll() makes no span at all",
                close=_LOOP,
            ),
        ),
    ),
    Instrumentation(
        library="aiokafka",
        scopes=("opentelemetry.instrumentation.aiokafka",),
        examined=_PYTHON,
        holes=(
            _QUEUED,
            Hole(
                code="handler_detached",
                what=_DETACHED,
                close=_ASYNC_LOOP,
            ),
        ),
    ),
    Instrumentation(
        library="confluent-kafka",
        scopes=("opentelemetry.instrumentation.confluent_kafka",),
        examined=_PYTHON,
        holes=(
            _QUEUED,
            Hole(
                code="no_identity",
                what="no consumer group and no key; the producer tells no partition",
                close=_RECORD,
            ),
            Hole(
                code="idle_time_counted",
                what="the process span lasts until the next poll, so that its duration holds idle time",
                close=_RECORD,
            ),
            Hole(
                code="no_tombstones",
                what="messages without a payload get no consumer span",
                close=_RECORD,
            ),
            Hole(
                code="batch_is_one_span",
                what="consume(n) makes one span named after the first record, without positions",
                close="with process(records): handle(records)",
            ),
        ),
    ),
    Instrumentation(
        library="pika",
        scopes=("opentelemetry.instrumentation.pika",),
        examined=_PYTHON,
        holes=(
            Hole(
                code="no_routing_key",
                what="of a publish to a named exchange the routing key is lost",
                close=_CONFIGURE,
                side=Side.SENDS,
            ),
            Hole(
                code="generator_loses_baggage",
                what="with channel.consume() the handler has no baggage, and basic_get() makes no span",
                close="with process(message): handle(message)",
            ),
        ),
    ),
    Instrumentation(
        library="aio-pika",
        scopes=("opentelemetry.instrumentation.aio_pika",),
        examined=_PYTHON,
        holes=(
            Hole(
                code="names_differ",
                what="sender and consumer name the destination differently (exchange,routing key against one of them)",
                close=_CONFIGURE,
                side=Side.BOTH,
            ),
            Hole(
                code="iterator_detached",
                what="with queue.iterator() the span ends before the handler runs",
                close="async for message in instrumented(iterator): await handle(message)",
            ),
        ),
    ),
    Instrumentation(
        library="celery",
        scopes=("opentelemetry.instrumentation.celery",),
        examined=_PYTHON,
        holes=(
            Hole(
                code="links_lose_baggage",
                what="with use_span_links=True the context is not attached, so that baggage is lost",
                close="CeleryInstrumentor().instrument(use_span_links=False)",
                by_helper=False,
            ),
        ),
    ),
    Instrumentation(
        library="boto3 SQS",
        scopes=("opentelemetry.instrumentation.boto3sqs",),
        examined=_PYTHON,
        holes=(
            Hole(
                code="undeleted_unseen",
                what="a process span is ended by the delete alone: a message that is never deleted has no process span",
                close='sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])',
                by_helper=False,
            ),
        ),
    ),
    Instrumentation(
        library="FastStream",
        scopes=("opentelemetry.instrumentation.faststream",),
        holes=(
            _NO_GROUP,
            Hole(
                code="stale_context",
                what="@broker.publisher passes the incoming context on: the next consumer looks like its sibling",
                close="await broker.publish(result, destination)",
                side=Side.SENDS,
                by_helper=False,
            ),
        ),
    ),
    Instrumentation(
        library="Kafka clients and Spring Kafka (Java agent)",
        scopes=("io.opentelemetry.kafka-clients", "io.opentelemetry.spring-kafka", "io.opentelemetry.kafka-streams"),
        holes=(_JAVA_POSITIONS,),
    ),
    Instrumentation(
        library="RabbitMQ, JMS and Spring messaging (Java agent)",
        scopes=(
            "io.opentelemetry.rabbitmq",
            "io.opentelemetry.spring-rabbit",
            "io.opentelemetry.jms",
            "io.opentelemetry.spring-jms",
            "io.opentelemetry.spring-integration",
        ),
        holes=(
            Hole(
                code="no_routing_key",
                what="of RabbitMQ both sides name the exchange alone: queues of one exchange cannot be told apart",
                close="OTEL_SEMCONV_STABILITY_OPT_IN=messaging  (agents since August 2026)",
                side=Side.BOTH,
                by_helper=False,
            ),
            Hole(
                code="pull_detached",
                what="a message that is pulled, by receive() or basicGet(), has a span only with receive telemetry on, "
                "and it ends before the handler runs: what that does and sends begins new traces",
                close="consumer.setMessageListener(message -> handle(message))  (basicConsume, @JmsListener likewise)",
                by_helper=False,
            ),
        ),
    ),
    Instrumentation(
        library="Spring (Micrometer Observation)",
        scopes=("org.springframework.boot", "io.micrometer.micrometer-tracing"),
        holes=(
            Hole(
                code="one_side_observed",
                what="templates and listeners are observed only where each is switched on: the side not seen here may "
                "be there without spans",
                close="spring.kafka.template.observation-enabled=true spring.kafka.listener.observation-enabled=true  "
                "(spring.rabbitmq.template, spring.rabbitmq.listener.simple likewise)",
                side=Side.ONE,
                by_helper=False,
            ),
            Hole(
                code="batches_unobserved",
                what="a listener of batches makes no spans, and what it sends begins new traces",
                close="containerProperties.setRecordObservationsInBatch(true)  (Kafka; RabbitMQ has none)",
                side=Side.BOTH,
                by_helper=False,
            ),
        ),
    ),
    Instrumentation(
        library="kafkajs",
        scopes=("@opentelemetry/instrumentation-kafkajs",),
        holes=(
            _NO_GROUP,
            Hole(
                code="batch_handlers_detached",
                what="in eachBatch the handler's spans hang under the poll, not under their message",
                close="consumer.run({ eachMessage: async ({ message }) => handle(message) })",
                by_helper=False,
            ),
        ),
    ),
    Instrumentation(
        library="Confluent.Kafka (.NET)",
        scopes=(
            "opentelemetry.autoinstrumentation.kafka",
            "opentelemetry.instrumentation.confluentkafka",
            "confluent.kafka",
        ),
        holes=(
            Hole(
                code="links_only",
                what="a consumer span links to its producer and begins a trace of its own, to which no baggage comes",
                close="Baggage.Current = Propagators.DefaultTextMapPropagator.Extract(default, headers, Get).Baggage",
                by_helper=False,
            ),
        ),
    ),
)


def known(scope_name: str) -> Instrumentation | None:
    """The entry whose scope name is the longest beginning of this one; None for a library that is not in the table."""
    name = scope_name.lower()
    fitting = [
        (len(scope), entry)
        for entry in KNOWN
        for scope in entry.scopes
        if name == scope or name.startswith((f"{scope}.", f"{scope}-", f"{scope}/"))
    ]
    return max(fitting, key=lambda one: one[0])[1] if fitting else None
