"""What a broker must do for tracecheck: take a message and say where it went."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A message to publish. Header values are bytes, as on the wire."""

    destination: str
    key: bytes | None = None
    value: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """Where the broker put a message, as it acknowledged it."""

    partition: str | None
    offset: int | None


class Broker(Protocol):
    """An open connection to one broker."""

    system: str
    """`messaging.system` of the conventions."""

    def publish(self, message: Outgoing) -> Published:
        """Publishes and waits for the broker's acknowledgement. Raises `BrokerUnavailable`."""
        ...

    def close(self) -> None:
        """Closes the connection. Idempotent."""
        ...
