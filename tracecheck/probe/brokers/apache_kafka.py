"""Kafka, through kafka-python's uninstrumented clients: what is injected must not depend on what is being tested."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from threading import Lock
from typing import Any, TypeVar

from tracecheck.errors import BrokerUnavailable, DestinationMissing, UsageError
from tracecheck.probe.brokers.kafka_config import client_settings, how_spoken_to
from tracecheck.probe.brokers.protocol import GroupOffset, Outgoing, Published, Subscription
from tracecheck.probe.brokers.reach import require_listener

ACKNOWLEDGE_WITHIN_S = 10.0
NOTICE_WITHIN_S = 1.0
ANSWER_WITHIN_S = 10.0
ASK_AGAIN_S = 0.1
"""A coordinator that moves, or a group that is rebalancing, answers "not now"; Kafka does not tell when it is done."""

T = TypeVar("T")


class KafkaBroker:
    """A Kafka cluster named by its bootstrap servers (`host:port,host:port`)."""

    system = "kafka"

    def __init__(self, bootstrap_servers: str) -> None:
        try:
            from kafka.errors import KafkaError
        except ImportError as absent:
            msg = "kafka-python is not installed; run: pip install 'tracecheck[kafka]'"
            raise UsageError(msg) from absent
        require_listener("Kafka", bootstrap_servers)
        self._fault = KafkaError
        self._address = bootstrap_servers
        self._opening = Lock()

    def prepare(self) -> None:
        """Starts the producer."""
        try:
            with self._opening:
                _ = self._producer
        except (self._fault, ValueError, OSError) as fault:
            raise self._unavailable(fault) from fault

    def publish(self, message: Outgoing) -> Published:
        """Publishes and waits for the acknowledgement of all in-sync replicas.

        A message with neither key nor value is sent with an empty value: the client takes no other.
        """
        headers = list(message.headers)
        if message.content_type and not any(name.lower() == "content-type" for name, _ in headers):
            headers.append(("content-type", message.content_type.encode()))
        try:
            with self._opening:
                producer = self._producer
            value = b"" if message.key is message.value is None else message.value
            sent = producer.send(message.destination, key=message.key, value=value, headers=headers)
            report = self._acknowledged(sent)
        except (self._fault, ValueError, OSError) as fault:
            require_listener("Kafka", self._address)
            self._require_topic(message.destination)
            raise self._unavailable(fault) from fault
        return Published(partition=str(report.partition), offset=report.offset)

    def subscribe(self, destinations: Sequence[str]) -> Subscription:
        """Reads the topics from their present ends on, without a group, and commits nothing."""
        from tracecheck.probe.brokers.kafka_view import KafkaView

        return KafkaView(self._address, destinations)

    def group_offsets(self, group: str) -> Mapping[tuple[str, str], GroupOffset]:
        """Committed, first and end offsets of every partition in which the group has committed.

        A group that is rebalancing is asked again until it answers, for 10 s.
        """
        from kafka.admin import OffsetSpec

        require_listener("Kafka", self._address)
        with self._opening:
            committed: dict[Any, Any] = self._patiently(lambda: self._admin.list_group_offsets({group: None}))[group]
            if not committed:
                return {}
            starts, ends = (
                self._patiently(partial(self._admin.list_partition_offsets, dict.fromkeys(committed, spec)))
                for spec in (OffsetSpec.EARLIEST, OffsetSpec.LATEST)
            )
        return {
            (place.topic, str(place.partition)): GroupOffset(
                destination=place.topic,
                partition=str(place.partition),
                committed=said.offset if said.offset >= 0 else None,
                start=max(int(starts[place].offset), 0),
                end=max(int(ends[place].offset), 0),
            )
            for place, said in committed.items()
        }

    def close(self) -> None:
        """Closes what was opened; everything published was acknowledged before."""
        with self._opening:
            for name in ("_producer", "_admin"):
                if name in self.__dict__:
                    client = self.__dict__.pop(name)
                    client.close()

    def _require_topic(self, topic: str) -> None:
        with self._opening:
            topics: list[str] = self._patiently(lambda: self._admin.list_topics())
        if topic not in topics:
            msg = f"Kafka at {self._address} has no topic {topic!r} and makes none of itself; create it first"
            raise DestinationMissing(msg)

    def _acknowledged(self, sent: Any) -> Any:
        # The client goes on trying when nobody listens any more; that is not worth its whole patience.
        deadline = time.monotonic() + ACKNOWLEDGE_WITHIN_S
        while True:
            try:
                return sent.get(timeout=NOTICE_WITHIN_S)
            except self._fault:
                if sent.is_done or time.monotonic() > deadline:
                    raise
                require_listener("Kafka", self._address)

    @cached_property
    def _producer(self) -> Any:
        from tracecheck.probe.brokers.kafka_clients import Producer

        return Producer(
            **client_settings(self._address),
            acks="all",
            max_block_ms=ACKNOWLEDGE_WITHIN_S * 1000,
        )

    @cached_property
    def _admin(self) -> Any:
        from kafka import KafkaAdminClient

        return KafkaAdminClient(**client_settings(self._address))

    def _patiently(self, ask: Callable[[], T]) -> T:
        deadline = time.monotonic() + ANSWER_WITHIN_S
        while True:
            try:
                return ask()
            except (self._fault, ValueError, OSError) as fault:
                require_listener("Kafka", self._address)
                if not getattr(fault, "retriable", False) or time.monotonic() > deadline:
                    raise self._unavailable(fault) from fault
            time.sleep(ASK_AGAIN_S)

    def _unavailable(self, fault: Exception) -> BrokerUnavailable:
        reason = str(fault) or type(fault).__name__
        return BrokerUnavailable(
            f"Kafka at {self._address} did not answer: {reason}; is a broker running there, and does the topic exist?"
            f"{how_spoken_to(reason)}"
        )
