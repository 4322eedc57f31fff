"""What the demo's shop lacks, a second broker: takes its payments off Kafka and books each by a message on RabbitMQ.

    Kafka payments -> bookkeeping -> RabbitMQ bookings -> ledger (see `tests.support.ledger`)

What goes wrong with an order stands in a private file, by its id; no span, header or body shows it.
"""

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pika
from kafka import KafkaConsumer, OffsetAndMetadata, TopicPartition
from pika.adapters.blocking_connection import BlockingChannel
from tracecheck_instrumentation import configure, process

PLAN_VARIABLE = "BOOKS_PLAN"
GROUP, PAYMENTS, BOOKINGS = "bookkeeping", "payments", "bookings"

stopping = threading.Event()


def fault_of(content: bytes, who: str) -> str:
    """What goes wrong in `who` with the order that a message is about; nothing is the empty text."""
    fault = _plan().get(json.loads(content)["id"], "")
    return fault.removeprefix(f"{who} ") if fault.startswith(f"{who} ") else ""


@cache
def _plan() -> dict[str, str]:
    plan: dict[str, str] = json.loads(Path(os.environ[PLAN_VARIABLE]).read_text())
    return plan


def lose_context() -> None:
    """Puts an old relay before the broker that forwards some messages without their headers."""
    publish = BlockingChannel.basic_publish

    def relay(channel: Any, exchange: str, routing_key: str, body: bytes, properties: Any = None, **more: Any) -> Any:
        if fault_of(body, GROUP) == "loses context":
            properties = pika.BasicProperties(correlation_id=properties.correlation_id)
        return publish(channel, exchange, routing_key, body, properties, **more)

    BlockingChannel.basic_publish = relay


def book() -> None:
    connection = pika.BlockingConnection(pika.URLParameters(os.environ["RABBITMQ"]))
    channel = connection.channel()
    channel.confirm_delivery()
    consumer = KafkaConsumer(
        bootstrap_servers=os.environ["KAFKA"],
        group_id=GROUP,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    place = TopicPartition(PAYMENTS, 0)
    consumer.assign([place])
    while not stopping.is_set():
        for record in consumer.poll(timeout_ms=100).get(place, ()):
            with process(record, consumer=consumer):
                if fault_of(record.value, GROUP) != "sends nothing":
                    channel.basic_publish("", BOOKINGS, record.value)
            consumer.commit({place: OffsetAndMetadata(record.offset + 1, "", -1)})
        connection.process_data_events(0)
    consumer.close()
    connection.close()


def serve(name: str, work: Callable[[], None]) -> None:
    """Runs a service until it is told to stop, or whoever started it is gone."""
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    configure(name, correlation_header=True)
    threading.Thread(target=lambda: (sys.stdin.read(), stopping.set()), daemon=True).start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    work()


if __name__ == "__main__":
    lose_context()
    serve(GROUP, book)
