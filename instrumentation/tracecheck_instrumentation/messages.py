"""One message as any client shows it, and the attributes that say so in the current messaging conventions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from opentelemetry.util.types import AttributeValue

from tracecheck_instrumentation import names
from tracecheck_instrumentation.headers import BYTES, Carrier

MAX_KEY_LENGTH = 1024
"""A message key on a span is cut here; keys are for telling messages apart, not for carrying them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Which client, in which group, talks to which broker. All may be unknown.

    `subscription` is the group of a system without consumer groups: the queue a message was taken from.
    """

    system: str
    client_id: str | None = None
    group: str | None = None
    subscription: str | None = None
    server_address: str | None = None
    server_port: int | None = None
    _attributes: dict[str, AttributeValue] = field(init=False, repr=False, compare=False)

    def attributes(self, operation: str) -> dict[str, AttributeValue]:
        """Return the attributes all spans of this client share, `operation` (`send`, `process`) among them."""
        return self._attributes | {names.OPERATION_NAME: operation, names.OPERATION_TYPE: operation}

    def __post_init__(self) -> None:
        found: dict[str, AttributeValue] = {names.SYSTEM: self.system}
        if self.client_id:
            found[names.CLIENT_ID] = self.client_id
        if self.group:
            found[names.GROUP] = self.group
        if self.subscription:
            found[names.SUBSCRIPTION] = self.subscription
        if self.server_address:
            found[names.SERVER_ADDRESS] = self.server_address
            if self.server_port is not None:
                found[names.SERVER_PORT] = self.server_port
        object.__setattr__(self, "_attributes", found)  # once, for a client sends many messages


class Message(NamedTuple):
    """One message. A tuple, for a frozen dataclass takes three times as long to make, and two are made per message.

    `time_unix_nano` is the broker's record time; `extra` holds attributes only one system has.

    `delivered_before` is how often the broker says it was delivered already, at least. `has_own_id`: messages of this
    system have an id of their own, so `message_id` is that (or unknown), and the event id stands beside it.
    """

    destination: str
    carrier: Carrier = None
    partition: int | None = None
    offset: int | None = None
    key: object = None
    message_id: str | None = None
    has_own_id: bool = False
    body_size: int | None = None
    tombstone: bool = False
    time_unix_nano: int | None = None
    delivered_before: int = 0
    extra: Mapping[str, AttributeValue] = MappingProxyType({})

    def identity(self) -> dict[str, AttributeValue]:
        """Return what tells this message from another; on a link where one span covers many."""
        found: dict[str, AttributeValue] = {names.DESTINATION: self.destination}
        if self.partition is not None:
            found[names.PARTITION] = str(self.partition)
        if self.offset is not None and self.offset >= 0:
            found[names.OFFSET] = self.offset
        if self.message_id:
            found[names.MESSAGE_ID] = self.message_id
        return found

    @property
    def event_id_attribute(self) -> str:
        """The attribute that holds the event id."""
        return names.EVENT_ID if self.has_own_id else names.MESSAGE_ID

    def attributes(self) -> dict[str, AttributeValue]:
        """Return `identity` and everything else known about the message."""
        found = self.identity()
        if self.key is not None and (key := key_text(self.key)) is not None:
            found[names.KEY] = key
        if self.tombstone:
            found[names.TOMBSTONE] = True
        if self.body_size is not None and self.body_size >= 0:
            found[names.BODY_SIZE] = self.body_size
        if self.extra:
            found.update(self.extra)
        return found


def key_text(key: object) -> str | None:
    """Return a message key as text (bytes that are no UTF-8 as hex), or None for no key or one without a plain form."""
    if isinstance(key, str):
        return key[:MAX_KEY_LENGTH]
    if isinstance(key, BYTES):
        raw = bytes(key[:MAX_KEY_LENGTH])
        try:
            return raw.decode()
        except UnicodeDecodeError:
            return raw.hex()
    if isinstance(key, int | float) and not isinstance(key, bool):
        return str(key)
    return None


def first_server(servers: object, default_port: int) -> tuple[str | None, int | None]:
    """Return host and port of the first of `servers` (`"a:1,b:2"` or a list of such)."""
    if isinstance(servers, list | tuple) and servers:
        servers = servers[0]
    if not isinstance(servers, str) or not servers:
        return None, None
    first = servers.split(",", 1)[0].strip().rpartition("://")[2]
    host, colon, port = first.rpartition(":")
    if not colon or (first.count(":") > 1 and not host.endswith("]")):
        return first.strip("[]"), default_port
    return host.strip("[]"), int(port) if port.isdigit() else default_port
