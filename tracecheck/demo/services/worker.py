"""How each service takes its messages: an ordinary kafka-python loop, and the few lines that make it traceable.

At least once: a record is committed after its handler went through, or after the last attempt failed. So every handler
in this system may meet a record again, and is written to cope.
"""

import json
import logging
import signal
import sys
import threading
from collections.abc import Iterator
from os import environ
from pathlib import Path
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from tracecheck_instrumentation import configure, process

from tracecheck.demo import faults
from tracecheck.demo.services import Body, Handler, Send

ATTEMPTS = 3
RETRY_PAUSE_S = 0.05


def work(service: str, topics: list[str], handle: Handler) -> None:
    """Handle every message of `topics` as consumer group `service`, until told to stop (SIGTERM).

    `handle` takes the topic a message came from, its body, and what to send further events with. The three lines about
    `faults` are the demo's; a real service calls `handle(record.topic, body, send)` and always commits.
    """
    stopping = stop_signal()
    producer = start_tracing(service)
    send = sender(producer)
    consumer = KafkaConsumer(
        bootstrap_servers=environ["KAFKA_BOOTSTRAP_SERVERS"],
        group_id=service,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_poll_records=1,
        session_timeout_ms=6000,
        heartbeat_interval_ms=1000,
    )
    consumer.subscribe(topics)
    try:
        for record in _records(consumer, stopping):
            body = json.loads(record.value)
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    with process(record):
                        go = faults.prepared(service, record.topic, body, send, handle)
                        go()
                    break
                except Exception:
                    log.exception("attempt %d of %d failed", attempt, ATTEMPTS)
                    stopping.wait(RETRY_PAUSE_S)
            place = TopicPartition(record.topic, record.partition)
            if faults.commit_lost(service, record.topic, body):
                consumer.seek(place, record.offset)
            else:
                consumer.commit({place: OffsetAndMetadata(record.offset + 1, "", -1)})
    finally:
        consumer.close()
        producer.close()


def sender(producer: KafkaProducer) -> Send:
    """Return what sends an event about an order and waits until the broker has it."""

    def send(topic: str, body: Body) -> None:
        producer.send(topic, key=body["id"].encode(), value=json.dumps(body).encode()).get(timeout=10)

    return send


def start_tracing(service: str) -> KafkaProducer:
    """Make this process traceable; return a producer that waits for the broker's acknowledgement."""
    faults.lose_headers(service)
    configure(service, correlation_header=True)
    return KafkaProducer(bootstrap_servers=environ["KAFKA_BOOTSTRAP_SERVERS"], acks="all")


def stop_signal() -> threading.Event:
    """Return an event that is set on SIGTERM, or when whoever started this process is gone (its stdin closes)."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    stopping = threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the supervisor decides
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())

    def watch_stdin() -> None:
        sys.stdin.read()
        stopping.set()

    threading.Thread(target=watch_stdin, daemon=True).start()
    return stopping


def state_file(name: str) -> Path:
    """Return a file in the directory where this service keeps what must outlive it."""
    return Path(environ["STATE_DIRECTORY"]) / name


def announce_ready(where: object = "") -> None:
    """Tell whoever started this process that it can take work now, and where."""
    sys.stdout.write(f"ready {where}\n")
    sys.stdout.flush()


def _records(consumer: KafkaConsumer, stopping: threading.Event) -> Iterator[Any]:
    ready = False
    while not stopping.is_set():
        for records in consumer.poll(timeout_ms=200).values():
            yield from records
        if not ready and consumer.assignment():
            ready = True
            announce_ready()


log = logging.getLogger("worker")
