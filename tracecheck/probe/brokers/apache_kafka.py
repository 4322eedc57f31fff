"""Kafka, through kafka-python's uninstrumented producer: what is injected must not depend on what is being tested."""

from tracecheck.errors import BrokerUnavailable, UsageError
from tracecheck.probe.brokers.protocol import Outgoing, Published
from tracecheck.probe.brokers.reach import require_listener

ACKNOWLEDGE_WITHIN_S = 10.0


class KafkaBroker:
    """A Kafka cluster named by its bootstrap servers (`host:port,host:port`)."""

    system = "kafka"

    def __init__(self, bootstrap_servers: str) -> None:
        try:
            from kafka import KafkaProducer
            from kafka.errors import KafkaError
        except ImportError as absent:
            msg = "kafka-python is not installed; run: pip install 'tracecheck[kafka]'"
            raise UsageError(msg) from absent
        require_listener("Kafka", bootstrap_servers)
        self._fault = KafkaError
        self._address = bootstrap_servers
        try:
            self._producer = KafkaProducer(
                bootstrap_servers=bootstrap_servers.split(","),
                acks="all",
                max_block_ms=ACKNOWLEDGE_WITHIN_S * 1000,
                bootstrap_timeout_ms=5000,
            )
        except (KafkaError, ValueError, OSError) as fault:
            raise self._unavailable(fault) from fault

    def publish(self, message: Outgoing) -> Published:
        """Publishes and waits for the acknowledgement of all in-sync replicas."""
        try:
            report = self._producer.send(
                message.destination, key=message.key, value=message.value, headers=list(message.headers)
            ).get(timeout=ACKNOWLEDGE_WITHIN_S)
        except self._fault as fault:
            raise self._unavailable(fault) from fault
        return Published(partition=str(report.partition), offset=report.offset)

    def close(self) -> None:
        """Closes the producer; everything published was acknowledged before."""
        self._producer.close(timeout=1)

    def _unavailable(self, fault: Exception) -> BrokerUnavailable:
        reason = str(fault) or type(fault).__name__
        return BrokerUnavailable(
            f"Kafka at {self._address} did not answer: {reason}; is a broker running there, and does the topic exist?"
        )
