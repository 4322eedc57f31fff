"""The demo's topics and groups on whatever Kafka there is, and how to know that everything sent has been handled."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import NewTopic, OffsetSpec
from kafka.errors import KafkaError, TopicAlreadyExistsError

from tracecheck.errors import BrokerUnavailable, EnvironmentFault
from tracecheck.probe.brokers.reach import require_listener

READERS = (
    ("inventory", ("orders",)),
    ("billing", ("orders",)),
    ("shipping", ("reservations", "payments")),
    ("mailer", ("shipments",)),
    ("projector", ("shipments",)),
)
"""Consumer groups and what they read, upstream first."""

TOPICS = ("orders", "reservations", "payments", "shipments")
READY_WITHIN_S = 30.0
POLL_S = 0.1
"""Kafka pushes no news of commits; a look costs a few milliseconds."""


class Bus:
    """A connection to the broker for what is neither sending nor receiving. Raises `BrokerUnavailable`."""

    def __init__(self, bootstrap_servers: str) -> None:
        self.bootstrap_servers = bootstrap_servers
        self._partitions: dict[str, list[int]] = {}
        self._began: dict[tuple[str, TopicPartition], int] = {}
        require_listener("Kafka", bootstrap_servers)
        try:
            self._admin = KafkaAdminClient(bootstrap_servers=bootstrap_servers, bootstrap_timeout_ms=10_000)
        except KafkaError as error:
            raise BrokerUnavailable(
                f"no Kafka broker answers at {bootstrap_servers} ({error}); start one or leave the address out, "
                "and the demo brings its own"
            ) from error

    def create_topics(self) -> None:
        """Create the topics that are not there yet."""
        for topic in TOPICS:
            try:
                self._admin.create_topics([NewTopic(topic, 1, 1)])
            except TopicAlreadyExistsError:
                continue
        self._partitions = {
            topic["name"]: [partition["partition_index"] for partition in topic["partitions"]]
            for topic in self._admin.describe_topics(list(TOPICS))
        }

    def skip_what_is_there(self) -> None:
        """Move every group to the end of its topics, past what an earlier, broken-off demo left on a shared broker."""
        for group, topics in READERS:
            places = self._places(topics)
            _patiently(partial(self._admin.reset_group_offsets, group, dict.fromkeys(places, OffsetSpec.LATEST)))
            self._began |= {(group, place): offset for place, offset in self._committed(group, topics).items()}

    def await_handled(self, timeout_s: float) -> None:
        """Wait until every group has committed all there is. Raises `EnvironmentFault` naming the group that has not.

        Upstream groups are asked first. They commit after the broker took what they sent, so once they are through,
        all their events are there to be counted downstream.
        """
        deadline = time.monotonic() + timeout_s
        for group, topics in READERS:
            while behind := self._behind(group, topics):
                if time.monotonic() > deadline:
                    raise EnvironmentFault(
                        f"group {group} was still {behind} messages behind after {timeout_s:.0f} s; "
                        "see the service's log beside the demo's results"
                    )
                time.sleep(POLL_S)

    def handled(self) -> dict[tuple[str, str, str], int]:
        """Return the last offset that each group has committed since the demo began, by (group, topic, partition)."""
        last = {}
        for group, topics in READERS:
            for place, offset in self._committed(group, topics).items():
                if offset > self._began.get((group, place), 0):
                    last[(group, place.topic, str(place.partition))] = offset - 1
        return last

    def close(self) -> None:
        """Disconnect."""
        self._admin.close()

    def _places(self, topics: tuple[str, ...]) -> list[TopicPartition]:
        return [TopicPartition(topic, partition) for topic in topics for partition in self._partitions[topic]]

    def _behind(self, group: str, topics: tuple[str, ...]) -> int:
        places = self._places(topics)
        ends = _patiently(partial(self._admin.list_partition_offsets, dict.fromkeys(places, OffsetSpec.LATEST)))
        committed = self._committed(group, topics)
        return sum(max(0, int(ends[place].offset) - committed[place]) for place in places)

    def _committed(self, group: str, topics: tuple[str, ...]) -> dict[TopicPartition, int]:
        places = self._places(topics)
        found = _patiently(partial(self._admin.list_group_offsets, {group: places}))[group]
        return {place: max(0, found[place].offset) if place in found else 0 for place in places}


def _patiently(ask: Callable[[], Any]) -> Any:
    """Return the broker's answer; ask again while it says that it is not ready (a new one looks for coordinators)."""
    deadline = time.monotonic() + READY_WITHIN_S
    while True:
        try:
            return ask()
        except KafkaError as error:
            if not error.retriable or time.monotonic() > deadline:
                raise BrokerUnavailable(f"the Kafka broker refused what the demo needs: {error}") from error
        time.sleep(POLL_S)
