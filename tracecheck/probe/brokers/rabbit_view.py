"""What is published to RabbitMQ exchanges from now on, in a queue of its own beside those of the system.

It sees every message that an exchange routes by a matching key, also those that no other queue takes. It cannot see:
what went before it was bound; what is sent to a queue by the default exchange, to which nothing can be bound; and who
of the system took or acknowledged a message. Where that is needed, `rabbitmqctl trace_on` copies everything to the
exchange `amq.rabbitmq.trace`, which can be observed (`amq.rabbitmq.trace:publish.#`, `amq.rabbitmq.trace:deliver.#`).
"""

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from tracecheck.errors import DestinationMissing, UsageError
from tracecheck.probe.brokers.protocol import Seen
from tracecheck.probe.brokers.rabbitmq import place, unavailable
from tracecheck.probe.brokers.reach import require_listener

EVERY_KEY = "#"
PREFETCH = 1000
NS_PER_S = 1_000_000_000


class RabbitView:
    """A subscription to exchanges, bound when it is made."""

    def __init__(self, parameters: Any, name: str, destinations: Sequence[str]) -> None:
        self._parameters, self._name = parameters, name
        self._arrived: list[Seen] = []
        self._woken = False
        require_listener("RabbitMQ", name)
        bindings = [_binding(destination) for destination in dict.fromkeys(destinations)]
        import pika
        from pika.exceptions import AMQPError

        self._faults: tuple[type[Exception], ...] = (AMQPError, OSError)
        try:
            self._connection: Any = pika.BlockingConnection(parameters)
        except self._faults as fault:
            raise unavailable(name, fault) from fault
        try:
            self._bind(bindings)
        except BaseException:
            self.close()
            raise

    def poll(self, timeout_s: float) -> list[Seen]:
        """See `Subscription.poll`. The broker pushes; nothing is asked for."""
        deadline = time.monotonic() + timeout_s
        try:
            while True:
                left_s = 0.0 if self._arrived or self._woken else max(deadline - time.monotonic(), 0.0)
                self._connection.process_data_events(time_limit=left_s)
                if self._arrived or self._woken or time.monotonic() >= deadline:
                    break
        except self._faults as fault:
            raise unavailable(self._name, fault) from fault
        self._woken = False
        arrived, self._arrived = self._arrived, []
        return arrived

    def wake(self) -> None:
        """See `Subscription.wake`."""
        with suppress(Exception):  # a connection that has gone away wakes by itself
            self._connection.add_callback_threadsafe(self._wake)

    def missing(self) -> tuple[str, ...]:
        """Nothing: what is bound exists."""
        return ()

    def caught_up(self, timeout_s: float) -> bool:  # noqa: ARG002 - bounded by the connection's own timeouts
        """True if the queue holds no message that has not been handed out."""
        try:
            waiting = self._channel.queue_declare(self._queue, passive=True).method.message_count
            self._connection.process_data_events(time_limit=0)
        except self._faults as fault:
            raise unavailable(self._name, fault) from fault
        return waiting == 0 and not self._arrived

    def close(self) -> None:
        """Disconnects, which deletes the queue."""
        with suppress(Exception):
            self._connection.close()

    def _wake(self) -> None:
        self._woken = True

    def _bind(self, bindings: Sequence[tuple[str, str]]) -> None:
        try:
            self._channel = self._connection.channel()
            self._queue = self._channel.queue_declare("", exclusive=True, auto_delete=True).method.queue
            for exchange, pattern in bindings:
                self._channel.queue_bind(self._queue, exchange, pattern)
            self._channel.basic_consume(self._queue, self._take, auto_ack=True, exclusive=True)
        except self._faults as fault:
            if "NOT_FOUND" in str(fault):
                names = ", ".join(repr(exchange) for exchange, _ in bindings)
                msg = f"RabbitMQ at {self._name} has no such exchange ({names}): {fault}; declare it before observing"
                raise DestinationMissing(msg) from fault
            raise unavailable(self._name, fault) from fault

    def _take(self, _channel: Any, method: Any, properties: Any, body: bytes) -> None:
        self._arrived.append(seen(method, properties, body))


def seen(method: Any, properties: Any, body: bytes) -> Seen:
    """A delivery of pika as it was seen now. AMQP properties that other systems have as headers are among them."""
    headers = [(str(name), _bytes(value)) for name, value in (properties.headers or {}).items()]
    given = {name.lower() for name, _ in headers}
    as_headers = {"content-type": properties.content_type, "correlation-id": properties.correlation_id}
    headers += [(name, value.encode()) for name, value in as_headers.items() if value and name not in given]
    return Seen(
        system="rabbitmq",
        destination=f"{method.exchange}:{method.routing_key}" if method.exchange else method.routing_key,
        value=body,
        headers=tuple(headers),
        message_id=properties.message_id,
        record_time_unix_nano=properties.timestamp * NS_PER_S if properties.timestamp else None,
        seen_unix_nano=time.time_ns(),
    )


def _binding(destination: str) -> tuple[str, str]:
    exchange, key = place(destination)
    if not exchange:
        msg = (
            f"{destination!r} names a queue, which only its own consumers can read without taking from them; "
            "expected exchange:routing_key (or exchange:# for all of an exchange). For messages sent to the queue "
            "by the default exchange, run rabbitmqctl trace_on and observe amq.rabbitmq.trace:publish.#"
        )
        raise UsageError(msg)
    return exchange, key or EVERY_KEY


def _bytes(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    return json.dumps(value, default=str).encode() if isinstance(value, Mapping | list) else str(value).encode()
