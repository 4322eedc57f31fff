"""A small system across two brokers and a database, in one process: what a scenario must be able to follow.

    Kafka orders -> billing -> RabbitMQ payments -> ledger -> PostgreSQL table ledger

An event's value may say what goes wrong with it, which no span shows. All names have the prefix `$PREFIX`.
"""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pika
import psycopg
from kafka import KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from pika.adapters.blocking_connection import BlockingChannel
from tracecheck_instrumentation import configure, effect, process

PREFIX, FOLDER = os.environ.get("PREFIX", ""), Path(os.environ.get("FOLDER", "."))
ORDERS, PAYMENTS, TABLE = f"{PREFIX}orders", f"{PREFIX}payments", f"{PREFIX}ledger"
SLOW_S = 4.0

stopping = threading.Event()


def fault_of(body: dict[str, Any], who: str) -> str:
    return str(body["fault"]).removeprefix(f"{who} ")


def first_time(what: str) -> bool:
    try:
        (FOLDER / what).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def lose_context() -> None:
    """Puts an old relay before the broker that forwards some messages without their headers."""
    publish = BlockingChannel.basic_publish

    def relay(channel: Any, exchange: str, routing_key: str, body: bytes, properties: Any = None, **more: Any) -> Any:
        if fault_of(json.loads(body), "billing") == "loses context":
            properties = pika.BasicProperties(correlation_id=properties.correlation_id)
        return publish(channel, exchange, routing_key, body, properties, **more)

    BlockingChannel.basic_publish = relay


def bill() -> None:
    connection = pika.BlockingConnection(pika.URLParameters(os.environ["RABBITMQ"]))
    channel = connection.channel()
    channel.confirm_delivery()
    consumer = KafkaConsumer(
        bootstrap_servers=os.environ["KAFKA"],
        group_id=f"{PREFIX}billing",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    place = TopicPartition(ORDERS, 0)
    consumer.assign([place])
    while not stopping.is_set():
        for record in consumer.poll(timeout_ms=100).get(place, ()):
            body = json.loads(record.value)
            fault = fault_of(body, "billing")
            try:
                with process(record, consumer=consumer):
                    if fault == "fails":
                        raise ValueError("billing cannot take this")
                    if fault != "sends nothing":
                        channel.basic_publish("", PAYMENTS, record.value)
            except ValueError:
                pass
            consumer.commit({place: OffsetAndMetadata(record.offset + 1, "", -1)})
        connection.process_data_events(0)
    consumer.close()
    connection.close()


def book() -> None:
    connection = pika.BlockingConnection(pika.URLParameters(os.environ["RABBITMQ"]))
    channel = connection.channel()
    channel.basic_qos(prefetch_count=1)
    database = psycopg.connect(os.environ["POSTGRES"], autocommit=True)

    def handle(channel: Any, method: Any, properties: Any, content: bytes) -> None:
        body = json.loads(content)
        fault = fault_of(body, "ledger")
        if fault == "is slow":
            time.sleep(SLOW_S)
        if fault != "is blind":
            row = (body["id"], "BOOKED")
            done = database.execute(f"insert into {TABLE} values (%s, %s) on conflict do nothing", row)
            if done.rowcount:
                effect(f"book:{body['id']}")

    def settle(channel: Any, method: Any, properties: Any, content: bytes) -> None:
        with process((method, properties, content), consumer=channel):
            handle(channel, method, properties, content)
        fault = fault_of(json.loads(content), "ledger")
        if fault == "takes twice" and first_time(json.loads(content)["id"]):
            channel.basic_nack(method.delivery_tag, requeue=True)
        else:
            channel.basic_ack(method.delivery_tag)

    while not stopping.is_set():
        got = channel.basic_get(PAYMENTS)
        if got[0] is None:
            connection.process_data_events(0.05)
        else:
            settle(channel, *got)
    connection.close()


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    lose_context()
    configure("books", correlation_header=True)
    KafkaProducer  # noqa: B018 - the import is what is instrumented
    threads = [threading.Thread(target=each, daemon=True) for each in (bill, book)]
    for thread in threads:
        thread.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    threading.Thread(target=lambda: (sys.stdin.read(), stopping.set()), daemon=True).start()
    stopping.wait()
    for thread in threads:
        thread.join(5)


if __name__ == "__main__":
    main()
