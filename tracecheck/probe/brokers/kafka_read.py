"""One record of Kafka by its place, read without a group."""

import time
from typing import Any

from tracecheck.errors import BrokerUnavailable
from tracecheck.probe.brokers.kafka_config import client_settings, how_spoken_to
from tracecheck.probe.brokers.kafka_view import seen
from tracecheck.probe.brokers.protocol import Seen
from tracecheck.probe.brokers.reach import require_listener


def read_record(bootstrap_servers: str, topic: str, partition: str, offset: int, within_s: float = 10.0) -> Seen | None:
    """The record at a place; None where it is no longer kept, or not yet there. Raises `BrokerUnavailable`."""
    from kafka import KafkaConsumer, TopicPartition
    from kafka.errors import KafkaError

    require_listener("Kafka", bootstrap_servers)
    consumer: Any = None
    try:
        consumer = KafkaConsumer(
            **client_settings(bootstrap_servers),
            group_id=None,
            enable_auto_commit=False,
        )
        place = TopicPartition(topic, int(partition))
        if topic not in consumer.topics():
            return None
        kept = consumer.beginning_offsets([place])[place], consumer.end_offsets([place])[place]
        if not kept[0] <= offset < kept[1]:
            return None
        consumer.assign([place])
        consumer.seek(place, offset)
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            for record in consumer.poll(timeout_ms=200, max_records=1).get(place, ()):
                return seen(record) if record.offset == offset else None  # compacted away
        return None
    except (KafkaError, ValueError, OSError) as fault:
        reason = str(fault) or type(fault).__name__
        raise BrokerUnavailable(
            f"Kafka at {bootstrap_servers} cannot be read: {reason}{how_spoken_to(reason)}"
        ) from fault
    finally:
        if consumer is not None:
            consumer.close()
