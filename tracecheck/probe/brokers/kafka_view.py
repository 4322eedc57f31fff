"""What passes on Kafka topics from now on, read without a group so that nobody's offsets or assignments change."""

import time
from collections.abc import Sequence
from typing import Any

from tracecheck.errors import BrokerUnavailable
from tracecheck.probe.brokers.kafka_config import client_settings, how_spoken_to
from tracecheck.probe.brokers.protocol import Seen
from tracecheck.probe.brokers.reach import require_listener

SLICE_S = 0.1
"""How long one call of the client may block: it cannot be woken. Records end it at once, so this only bounds `wake`."""

LOOK_FOR_TOPICS_S = 0.2
LOOK_FOR_PARTITIONS_S = 3.0
ANSWER_WITHIN_MS = 10_000
FETCH_WAIT_MS = 100
"""How long a fetch may wait at the broker for records. Partitions that are new to us are in the next one."""

NS_PER_MS = 1_000_000


class KafkaView:
    """A subscription to topics. Partitions are positioned at their ends; those that appear later at their starts."""

    def __init__(self, bootstrap_servers: str, topics: Sequence[str]) -> None:
        from kafka import KafkaConsumer, TopicPartition
        from kafka.errors import KafkaError

        import tracecheck.probe.brokers.kafka_clients  # noqa: F401 - keeps the client silent

        self._fault = KafkaError
        self._place = TopicPartition
        self._address = bootstrap_servers
        self._topics = tuple(dict.fromkeys(topics))
        self._reading: dict[Any, None] = {}
        self._woken = False
        self._looked_s = 0.0
        require_listener("Kafka", bootstrap_servers)
        self._clients: list[Any] = []
        try:
            # What is asked on the connection that fetches waits for the fetch, so there is another one to ask on.
            for _ in ("reads", "asks"):
                client = KafkaConsumer(
                    **client_settings(bootstrap_servers),
                    group_id=None,
                    enable_auto_commit=False,
                    auto_offset_reset="earliest",
                    fetch_max_wait_ms=FETCH_WAIT_MS,
                )
                self._clients.append(client)
            self._consumer, self._asker = self._clients
            self._begin()
        except (KafkaError, ValueError, OSError) as fault:
            self.close()
            raise self._unavailable(fault) from fault
        except BaseException:
            self.close()
            raise

    def poll(self, timeout_s: float) -> list[Seen]:
        """See `Subscription.poll`. New partitions and topics are looked for in between."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                self._look_for_new()
                left_s = min(max(deadline - time.monotonic(), 0.0), SLICE_S)
                batches = self._consumer.poll(timeout_ms=int(left_s * 1000))
            except (self._fault, ValueError, OSError) as fault:
                raise self._unavailable(fault) from fault
            if batches:
                return [seen(record) for records in batches.values() for record in records]
            if self._woken or time.monotonic() >= deadline:
                self._woken = False
                return []

    def wake(self) -> None:
        """See `Subscription.wake`: within `SLICE_S`."""
        self._woken = True

    def missing(self) -> tuple[str, ...]:
        """Topics that the cluster does not have."""
        there = {place.topic for place in self._reading}
        return tuple(topic for topic in self._topics if topic not in there)

    def caught_up(self, timeout_s: float) -> bool:
        """True if every partition, those made meanwhile included, has been read to its present end."""
        require_listener("Kafka", self._address)
        try:
            self._look_for_new(at_once=True)
            places = list(self._reading)
            if not places:
                return True
            ends = self._asker.end_offsets(places, timeout_ms=max(int(timeout_s * 1000), 1))
            return all(self._consumer.position(place, timeout_ms=1000) >= ends[place] for place in places)
        except (self._fault, ValueError, OSError) as fault:
            raise self._unavailable(fault) from fault

    def close(self) -> None:
        """Disconnects; there is no group to leave."""
        for client in self._clients:
            client.close()

    def _begin(self) -> None:
        places = self._places()
        self._assign(places)
        ends = self._asker.end_offsets(places, timeout_ms=ANSWER_WITHIN_MS) if places else {}
        for place, end in ends.items():
            self._consumer.seek(place, end)

    def _look_for_new(self, *, at_once: bool = False) -> None:
        every_s = LOOK_FOR_TOPICS_S if self.missing() else LOOK_FOR_PARTITIONS_S
        if not at_once and time.monotonic() - self._looked_s < every_s:
            return
        new = [place for place in self._places() if place not in self._reading]
        if new:
            self._assign([*self._reading, *new])
            self._consumer.seek_to_beginning(*new)

    def _places(self) -> list[Any]:
        # All topics are listed and ours picked: to name a topic that is not there would make the broker create it.
        self._looked_s = time.monotonic()
        there = self._asker.topics()
        return [
            self._place(topic, partition)
            for topic in self._topics
            if topic in there
            for partition in sorted(self._asker.partitions_for_topic(topic))
        ]

    def _assign(self, places: list[Any]) -> None:
        self._consumer.assign(places)
        self._reading = dict.fromkeys(places)

    def _unavailable(self, fault: Exception) -> BrokerUnavailable:
        reason = str(fault) or type(fault).__name__
        return BrokerUnavailable(
            f"Kafka at {self._address} cannot be observed: {reason}; is a broker running there?{how_spoken_to(reason)}"
        )


def seen(record: Any) -> Seen:
    """A record of kafka-python as it was seen now. A header without a value counts as empty."""
    return Seen(
        system="kafka",
        destination=record.topic,
        partition=str(record.partition),
        offset=record.offset,
        key=record.key,
        value=record.value,
        headers=tuple((name, value or b"") for name, value in record.headers or ()),
        record_time_unix_nano=record.timestamp * NS_PER_MS if record.timestamp and record.timestamp > 0 else None,
        seen_unix_nano=time.time_ns(),
    )
