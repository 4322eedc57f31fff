"""RabbitMQ, through pika. A destination is `exchange:routing_key`, or a queue's name alone by the default exchange.

The same names are on the spans of the instrumentation, so that a record seen, a span and an expectation agree.
"""

import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from threading import Lock
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from tracecheck.errors import BrokerUnavailable, DestinationMissing, UsageError
from tracecheck.probe.brokers.protocol import GroupOffset, Outgoing, Published, Subscription
from tracecheck.probe.brokers.reach import require_listener

ANSWER_WITHIN_S = 10.0
PERSISTENT = 2
EXPECTED = "amqp://user:password@host:port/vhost, or amqps:// for TLS"
TLS_FILES = ("cacertfile", "certfile", "keyfile")
"""Parameters of an `amqps` URL that name PEM files, by the names RabbitMQ's own clients give them."""


class RabbitBroker:
    """A RabbitMQ node named by its AMQP URL (`amqp://user:password@host:port/vhost`) or `host:port`.

    `amqps://` speaks TLS and trusts whom the system trusts, or with `?cacertfile=FILE` that authority; `certfile` and
    `keyfile` name the certificate to show. The broker's name is always checked.
    """

    system = "rabbitmq"

    def __init__(self, address: str) -> None:
        self._parameters = parameters(address)
        self._name = f"{self._parameters.host}:{self._parameters.port}"
        require_listener("RabbitMQ", self._name)
        self._using = Lock()
        self._connection: Any = None
        self._channel: Any = None

    def prepare(self) -> None:
        """Opens the connection and its channel."""
        from pika.exceptions import AMQPError

        with self._using:
            try:
                self._open()
            except (AMQPError, OSError) as fault:
                self._drop()
                raise unavailable(self._name, fault) from fault

    def publish(self, message: Outgoing) -> Published:
        """Publishes, and waits until the broker has put the message into every queue that takes it.

        Raises `DestinationMissing` where no queue takes it: RabbitMQ would drop it without a word.
        """
        import pika
        from pika.exceptions import AMQPError, NackError, UnroutableError

        exchange, routing_key = place(message.destination)
        properties = pika.BasicProperties(
            headers={name: _text(value) for name, value in message.headers},
            content_type=message.content_type,
            message_id=message.message_id,
            delivery_mode=PERSISTENT,
        )
        with self._using:
            try:
                self._open().basic_publish(exchange, routing_key, message.value or b"", properties, mandatory=True)
            except UnroutableError as dropped:
                msg = (
                    f"RabbitMQ at {self._name} has no queue for {message.destination!r}, so the message is lost; "
                    "declare the queue and bind it first"
                )
                raise DestinationMissing(msg) from dropped
            except (AMQPError, NackError, OSError) as fault:
                self._drop()
                if "NOT_FOUND" in str(fault):
                    msg = f"RabbitMQ at {self._name} has no exchange {exchange!r}; declare it first"
                    raise DestinationMissing(msg) from fault
                raise unavailable(self._name, fault) from fault
        return Published(partition=None, offset=None)

    def subscribe(self, destinations: Sequence[str]) -> Subscription:
        """Binds an exclusive, auto-delete queue of its own to each `exchange:pattern` (`#` without a pattern)."""
        from tracecheck.probe.brokers.rabbit_view import RabbitView

        return RabbitView(self._parameters, self._name, destinations)

    def group_offsets(self, group: str) -> Mapping[tuple[str, str], GroupOffset] | None:  # noqa: ARG002
        """None: RabbitMQ keeps no offsets; a queue's length is known to its broker, but not who will be late."""
        return None

    def close(self) -> None:
        """Disconnects; everything published was confirmed before."""
        with self._using:
            self._drop()

    def _open(self) -> Any:
        import pika
        from pika.exceptions import AMQPError

        if self._connection is not None:
            try:
                self._connection.process_data_events(time_limit=0)  # answers heartbeats, and tells if it was lost
            except (AMQPError, OSError):
                self._drop()
        if self._channel is None:
            self._connection = pika.BlockingConnection(self._parameters)
            self._channel = self._connection.channel()
            self._channel.confirm_delivery()
        return self._channel

    def _drop(self) -> None:
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None:
            with suppress(Exception):
                connection.close()


def parameters(address: str) -> Any:
    """pika's connection parameters of an address. Raises `UsageError` where it is none, or pika is not installed."""
    try:
        import pika
    except ImportError as absent:
        msg = "pika is not installed; run: pip install 'tracecheck[rabbitmq]'"
        raise UsageError(msg) from absent
    url = address if "://" in address else f"amqp://guest:guest@{address}/"
    parts = urlsplit(url)
    if parts.scheme not in ("amqp", "amqps"):
        msg = f"a RabbitMQ address cannot begin with {parts.scheme}://; expected {EXPECTED}"
        raise UsageError(msg)
    given = parse_qsl(parts.query, keep_blank_values=True)
    files = {name: value for name, value in given if name in TLS_FILES}
    others = urlencode([(name, value) for name, value in given if name not in TLS_FILES])
    try:
        made = pika.URLParameters(urlunsplit(parts._replace(query=others)))
    except (ValueError, TypeError, KeyError, AttributeError) as fault:  # whose text may hold a part of the password
        msg = f"the RabbitMQ address is no AMQP URL; expected {EXPECTED}, signs in a password as %40 for @"
        raise UsageError(msg) from fault
    if files:
        made.ssl_options = pika.SSLOptions(_tls(parts.scheme, files))
    made.connection_attempts = 1
    made.socket_timeout = made.stack_timeout = made.blocked_connection_timeout = ANSWER_WITHIN_S
    return made


def _tls(scheme: str, files: Mapping[str, str]) -> ssl.SSLContext:
    if scheme != "amqps":
        raise UsageError(f"{', '.join(files)} of a RabbitMQ address is for TLS; expected {EXPECTED}")
    try:
        context = ssl.create_default_context(cafile=files.get("cacertfile"))
        if "certfile" in files:
            context.load_cert_chain(files["certfile"], files.get("keyfile"))
    except (OSError, ssl.SSLError) as fault:
        named = " ".join(f"{name}={value}" for name, value in files.items())
        raise UsageError(f"{named} of the RabbitMQ address cannot be used ({fault}); expected PEM files") from fault
    return context


def place(destination: str) -> tuple[str, str]:
    """(exchange, routing key) of a destination; a name alone is a queue, by way of the default exchange."""
    exchange, separator, routing_key = destination.partition(":")
    return (exchange, routing_key) if separator else ("", destination)


def unavailable(name: str, fault: Exception) -> BrokerUnavailable:
    """What to raise when RabbitMQ is not there or refuses."""
    reason = str(fault) or type(fault).__name__
    return BrokerUnavailable(f"RabbitMQ at {name} did not answer: {reason}; is a broker running there?")


def _text(value: bytes) -> str | bytes:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value
