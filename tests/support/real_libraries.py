"""Runs the real instrumentations, each over its library's own path, and returns the spans as they arrive by OTLP.

What runs without a service: the Kafka clients against the embedded broker, Celery over a broker in memory, FastStream
over its test broker, SQS against stubbed answers. Every story is the same: `orders` is sent and handled, and the
handler sends `payments`, which nobody takes.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tracecheck.demo.broker import embedded_broker
from tracecheck.model import Span
from tracecheck.receiver import decode_protobuf
from tracecheck.semconv import canonical


class Recorded:
    """A tracer provider for a service called `shop`, and what came of it."""

    def __init__(self) -> None:
        self._kept = InMemorySpanExporter()
        self.provider = TracerProvider(resource=Resource.create({"service.name": "shop"}), shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self._kept))

    def spans(self) -> list[Span]:
        """The finished spans, through OTLP and the decoder."""
        request = encode_spans(self._kept.get_finished_spans())
        return [canonical(span) for span in decode_protobuf(request.SerializeToString()).spans]


@contextmanager
def instrumented_by(instrumentor: Any, **options: Any) -> Iterator[Recorded]:
    """The instrumentor is on while the block runs."""
    recorded = Recorded()
    instrumentor.instrument(tracer_provider=recorded.provider, skip_dep_check=True, **options)
    try:
        yield recorded
    finally:
        instrumentor.uninstrument()


def kafka_python() -> list[Span]:
    """kafka-python: `send` and iteration."""
    from kafka import KafkaConsumer, KafkaProducer, TopicPartition
    from opentelemetry.instrumentation.kafka import KafkaInstrumentor

    with embedded_broker() as servers, instrumented_by(KafkaInstrumentor()) as recorded:
        producer = KafkaProducer(bootstrap_servers=servers)
        consumer = KafkaConsumer(bootstrap_servers=servers, group_id="billing", consumer_timeout_ms=20000)
        consumer.assign([TopicPartition("orders", 0)])
        producer.send("orders", value=b"1", partition=0).get(timeout=20)
        consumer.seek(TopicPartition("orders", 0), 0)
        next(consumer)
        producer.send("payments", value=b"2").get(timeout=20)
        consumer.close()
        producer.close()
        return recorded.spans()


def aiokafka(batch: bool = False) -> list[Span]:
    """aiokafka: `getone`, or `getmany` of two."""
    from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
    from opentelemetry.instrumentation.aiokafka import AIOKafkaInstrumentor

    async def story(servers: str) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=servers)
        consumer = AIOKafkaConsumer(bootstrap_servers=servers, group_id="billing")
        await producer.start()
        try:
            for number in range(2 if batch else 1):
                await producer.send_and_wait("orders", b"%d" % number, partition=0)
            await consumer.start()
            consumer.assign([TopicPartition("orders", 0)])
            consumer.seek(TopicPartition("orders", 0), 0)
            taken = 0
            while taken < (2 if batch else 1):
                if batch:
                    taken += sum(map(len, (await consumer.getmany(timeout_ms=20000)).values()))
                else:
                    await consumer.getone()
                    taken += 1
            await producer.send_and_wait("payments", b"2")
        finally:
            await consumer.stop()
            await producer.stop()

    with embedded_broker() as servers, instrumented_by(AIOKafkaInstrumentor()) as recorded:
        asyncio.run(asyncio.wait_for(story(servers), 60))
        return recorded.spans()


def confluent_kafka(batch: bool = False) -> list[Span]:
    """confluent-kafka: `poll`, or `consume` of two."""
    import confluent_kafka as library
    from opentelemetry.instrumentation.confluent_kafka import ConfluentKafkaInstrumentor

    instrumentor, recorded = ConfluentKafkaInstrumentor(), Recorded()
    with embedded_broker() as servers:
        producer = instrumentor.instrument_producer(library.Producer({"bootstrap.servers": servers}), recorded.provider)
        settings = {"bootstrap.servers": servers, "group.id": "billing"}
        for number in range(2 if batch else 1):
            producer.produce("orders", value=str(number), partition=0)
        producer.flush(20)
        taker = library.Consumer(settings)
        taker.assign([library.TopicPartition("orders", 0, 0)])
        consumer = instrumentor.instrument_consumer(taker, recorded.provider)
        taken: Any = consumer.consume(2, 30) if batch else None
        while not taken:
            taken = consumer.poll(20)
        producer.produce("payments", value="2")
        producer.flush(20)
        consumer.close()
    return recorded.spans()


def celery(use_span_links: bool = False) -> list[Span]:
    """Celery: a task that calls another, which is never run, over a broker in memory."""
    from celery import Celery
    from celery.contrib.testing.worker import start_worker
    from opentelemetry.instrumentation.celery import CeleryInstrumentor

    app = Celery("shop", broker="memory://", backend="cache+memory://")

    @app.task(name="charge", shared=False)  # type: ignore[untyped-decorator]
    def charge() -> None:
        app.send_task("mail", queue="payments")

    with instrumented_by(CeleryInstrumentor(), use_span_links=use_span_links) as recorded:
        with start_worker(app, perform_ping_check=False, pool="solo", loglevel="ERROR"):
            charge.apply_async().get(timeout=30)
        return recorded.spans()


def faststream() -> list[Span]:
    """FastStream: a subscriber that publishes inside its handler, over the library's own test broker."""
    from faststream.kafka import KafkaBroker, TestKafkaBroker
    from faststream.kafka.opentelemetry import KafkaTelemetryMiddleware

    recorded = Recorded()
    broker = KafkaBroker(middlewares=(KafkaTelemetryMiddleware(tracer_provider=recorded.provider),))

    @broker.subscriber("orders", group_id="billing")
    async def charge(message: str) -> None:
        await broker.publish(message, "payments")

    async def story() -> None:
        async with TestKafkaBroker(broker):
            await broker.publish("1", "orders")

    asyncio.run(story())
    return recorded.spans()


def boto3_sqs() -> list[Span]:
    """SQS over boto3, its answers stubbed: sent, taken, another sent while it is handled, and the first deleted."""
    import boto3
    from botocore.stub import Stubber
    from opentelemetry.instrumentation.boto3sqs import Boto3SQSInstrumentor

    url = "https://sqs.eu-central-1.amazonaws.com/123456789012/"
    with instrumented_by(Boto3SQSInstrumentor()) as recorded:
        client = boto3.client("sqs", region_name="eu-central-1", aws_access_key_id="none", aws_secret_access_key="none")
        sent: dict[str, Any] = {}
        client.meta.events.register(
            "before-parameter-build.sqs.SendMessage", lambda params, **_: sent.setdefault("first", dict(params))
        )
        with Stubber(client) as stub:
            stub.add_response("send_message", {"MessageId": "m-1", "MD5OfMessageBody": "x"})
            client.send_message(QueueUrl=url + "orders", MessageBody="1", MessageAttributes={})
            attributes = sent["first"]["MessageAttributes"]
            message = {"MessageId": "m-1", "ReceiptHandle": "r-1", "Body": "1", "MessageAttributes": attributes}
            stub.add_response("receive_message", {"Messages": [message]})
            for taken in client.receive_message(QueueUrl=url + "orders")["Messages"]:
                stub.add_response("send_message", {"MessageId": "m-2", "MD5OfMessageBody": "x"})
                client.send_message(QueueUrl=url + "payments", MessageBody="2", MessageAttributes={})
                stub.add_response("delete_message", {})
                client.delete_message(QueueUrl=url + "orders", ReceiptHandle=taken["ReceiptHandle"])
        return recorded.spans()


def pika(url: str, orders: str, payments: str, exchange: str = "") -> list[Span]:
    """pika: a callback that publishes, to the nameless exchange or to one with a name. Queues are called as told."""
    from opentelemetry.instrumentation.pika import PikaInstrumentor
    from pika import BlockingConnection, URLParameters

    with instrumented_by(PikaInstrumentor()) as recorded:
        connection = BlockingConnection(URLParameters(url))
        channel = connection.channel()
        channel.queue_declare(orders, auto_delete=True)
        if exchange:
            channel.exchange_declare(exchange, "direct", auto_delete=True)
            channel.queue_bind(orders, exchange, orders)

        def handle(channel: Any, method: Any, _properties: object, _body: bytes) -> None:
            channel.basic_publish(exchange="", routing_key=payments, body=b"2")
            channel.basic_ack(method.delivery_tag)
            channel.stop_consuming()

        channel.basic_consume(orders, handle)
        channel.basic_publish(exchange=exchange, routing_key=orders, body=b"1")
        connection.call_later(20, channel.stop_consuming)
        channel.start_consuming()
        connection.close()
        return recorded.spans()


def aio_pika(url: str, orders: str, payments: str, iterate: bool = False) -> list[Span]:
    """aio-pika: a callback that publishes, or a loop over the queue's iterator that does."""
    from aio_pika import Message, connect
    from opentelemetry.instrumentation.aio_pika import AioPikaInstrumentor

    async def story() -> None:
        async with await connect(url) as connection:
            channel = await connection.channel()
            queue = await channel.declare_queue(orders, auto_delete=True)
            done = asyncio.Event()

            async def handle(message: Any) -> None:
                async with message.process():
                    await channel.default_exchange.publish(Message(b"2"), routing_key=payments)
                done.set()

            if not iterate:
                await queue.consume(handle)
            await channel.default_exchange.publish(Message(b"1"), routing_key=orders)
            if iterate:
                async with queue.iterator(timeout=20) as messages:
                    async for message in messages:
                        await handle(message)
                        break
            await asyncio.wait_for(done.wait(), 20)

    with instrumented_by(AioPikaInstrumentor()) as recorded:
        asyncio.run(story())
        return recorded.spans()


STORIES: dict[str, Callable[[], list[Span]]] = {
    "kafka-python": kafka_python,
    "aiokafka": aiokafka,
    "aiokafka getmany": lambda: aiokafka(batch=True),
    "confluent-kafka": confluent_kafka,
    "confluent-kafka consume": lambda: confluent_kafka(batch=True),
    "celery": celery,
    "celery links": lambda: celery(use_span_links=True),
    "FastStream": faststream,
    "boto3 SQS": boto3_sqs,
}
