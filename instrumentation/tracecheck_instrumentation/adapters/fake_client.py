"""A client without a broker, for unit tests of handlers: topics are lists in memory, with the same spans and headers.

It passes the contract suite of the real clients, so a handler sees with it what it will see with them. Reached through
`tracecheck_instrumentation.testing`.
"""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import cast

from tracecheck_instrumentation.health import harmless
from tracecheck_instrumentation.loop import HandledLoop
from tracecheck_instrumentation.messages import Endpoint, Message
from tracecheck_instrumentation.sending import Sending, start_send
from tracecheck_instrumentation.tracing import tracer

Headers = list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FakeRecord:
    """One record; every topic has the one partition 0. `group` is who fetched it, if someone did."""

    topic: str
    value: bytes | None = b""
    key: bytes | None = None
    headers: Headers = field(default_factory=list)
    offset: int = 0
    time_unix_nano: int = field(default_factory=time.time_ns)
    group: str | None = None

    partition = 0


class FakeBroker:
    """Topics and the places groups have come to. `refuse(topic, error)` makes later sends there fail."""

    def __init__(self) -> None:
        self._topics: dict[str, list[FakeRecord]] = {}
        self._next: dict[tuple[str, str], int] = {}
        self._refused: dict[str, Exception] = {}

    def producer(self) -> "FakeProducer":
        """Return a producer."""
        return FakeProducer(self)

    def consumer(self, topic: str, *, group: str) -> "FakeConsumer":
        """Return a consumer of `topic` for `group`."""
        return FakeConsumer(self, topic, group)

    def records(self, topic: str) -> list[FakeRecord]:
        """Return what was sent to `topic` so far, with the headers as they went over the wire."""
        return list(self._topics.get(topic, ()))

    def put(self, record: FakeRecord) -> FakeRecord:
        """Append a record as it is, as a service without instrumentation would; return it with its offset."""
        log = self._topics.setdefault(record.topic, [])
        log.append(_with(record, offset=len(log)))
        return log[-1]

    def refuse(self, topic: str, error: Exception | None) -> None:
        """Let every send to `topic` fail with `error`; None lets them pass again."""
        if error is None:
            self._refused.pop(topic, None)
        else:
            self._refused[topic] = error

    def accept(self, record: FakeRecord) -> FakeRecord:
        """Append a record that a producer sent, or raise what `refuse` named."""
        if record.topic in self._refused:
            raise self._refused[record.topic]
        return self.put(record)

    def fetch(self, topic: str, group: str) -> FakeRecord | None:
        """Return the record after the last committed one of `group`, or None."""
        log, place = self._topics.get(topic, []), self._next.get((topic, group), 0)
        return _with(log[place], group=group) if place < len(log) else None

    def commit(self, record: FakeRecord) -> None:
        """Move the group that fetched `record` past it."""
        self._next[record.topic, record.group or ""] = record.offset + 1


class FakeProducer:
    """Sends at once: when `send` returns, the broker has the record."""

    def __init__(self, broker: FakeBroker) -> None:
        self._broker = broker

    def send(
        self, topic: str, value: bytes | None = b"", *, key: bytes | None = None, headers: Headers | None = None
    ) -> FakeRecord:
        """Append a record and return it; raises what `FakeBroker.refuse` named for the topic."""
        sending, carried = _open_send(topic, value, key, headers) or (None, list(headers or ()))
        try:
            record = self._broker.accept(FakeRecord(topic=topic, value=value, key=key, headers=carried))
        except Exception as error:
            if sending is not None:
                sending.failed(error)
            raise
        if sending is not None:
            sending.acknowledged(partition=record.partition, offset=record.offset)
        return record


class FakeConsumer:
    """Iterates over what its group has not handled yet, and stops where a real one would wait.

    A record is committed when the next one is asked for; leaving the loop by an exception leaves it uncommitted, so
    that the next loop gets it again.
    """

    def __init__(self, broker: FakeBroker, topic: str, group: str) -> None:
        self._broker = broker
        self._topic = topic
        self.group = group
        self._in_hand: FakeRecord | None = None

    def __iter__(self) -> Iterator[FakeRecord]:
        return ADAPTER.handled(self)

    def poll(self, max_records: int = sys.maxsize) -> list[FakeRecord]:
        """Return and commit what there is, without spans: handle it with `process`."""
        found: list[FakeRecord] = []
        while len(found) < max_records and (record := self._broker.fetch(self._topic, self.group)) is not None:
            self._broker.commit(record)
            found.append(record)
        return found

    def receive(self) -> FakeRecord:
        """Commit the record in hand and return the next; raises StopIteration where there is none."""
        if self._in_hand is not None:
            self._broker.commit(self._in_hand)
        self._in_hand = self._broker.fetch(self._topic, self.group)
        if self._in_hand is None:
            raise StopIteration
        return self._in_hand

    def restart(self) -> None:
        """Begin a loop: what an earlier one left unfinished is fetched again."""
        self._in_hand = None


class FakeClient:
    """The adapter of this client."""

    NAMES = ("tracecheck-fake",)

    def delivery(
        self, record: FakeRecord, consumer: FakeConsumer | None = None, group: str | None = None
    ) -> tuple[Endpoint, Message]:
        """Return endpoint and message of a `FakeRecord`."""
        message = Message(
            destination=record.topic,
            carrier=record.headers,
            partition=record.partition,
            offset=record.offset,
            key=record.key,
            body_size=None if record.value is None else len(record.value),
            tombstone=record.value is None,
            time_unix_nano=record.time_unix_nano,
        )
        return _endpoint(group or (consumer.group if consumer is not None else record.group)), message

    def handled(self, consumer: FakeConsumer, group: str | None = None) -> HandledLoop[FakeRecord]:
        """Return a loop over the consumer's records."""
        consumer.restart()
        receive: Callable[[], FakeRecord] = consumer.receive
        return HandledLoop(receive, lambda record: self.delivery(record, consumer, group))


ADAPTER = FakeClient()


@harmless
def _open_send(topic: str, value: bytes | None, key: bytes | None, headers: Headers | None) -> tuple[Sending, Headers]:
    message = Message(
        destination=topic,
        carrier=headers,
        key=key,
        body_size=None if value is None else len(value),
        tombstone=value is None,
    )
    sending, kept = start_send(tracer(), _endpoint(None), message)
    given = cast("Headers", kept)
    return sending, [*given, *((name, text.encode()) for name, text in sending.headers())]


def _endpoint(group: str | None) -> Endpoint:
    return Endpoint(system="kafka", group=group, server_address="127.0.0.1", server_port=9092)


def _with(record: FakeRecord, *, offset: int | None = None, group: str | None = None) -> FakeRecord:
    return FakeRecord(
        topic=record.topic,
        value=record.value,
        key=record.key,
        headers=record.headers,
        offset=record.offset if offset is None else offset,
        time_unix_nano=record.time_unix_nano,
        group=group or record.group,
    )
