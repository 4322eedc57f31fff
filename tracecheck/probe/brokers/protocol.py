"""What a broker must do for tracecheck: take a message and say where it went, and show what passes from now on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

Headers: TypeAlias = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A message to publish. Header values are bytes, as on the wire. `message_id` goes where the system has such."""

    destination: str
    key: bytes | None = None
    value: bytes | None = None
    headers: Headers = ()
    content_type: str | None = None
    message_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """Where the broker put a message, as it acknowledged it."""

    partition: str | None
    offset: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A message as it was seen on the bus.

    `message_id` is the system's own, None where it has none (see `tracecheck.probe.carried` for the ids in the
    headers). `record_time_unix_nano` is the broker's or producer's timestamp on the message, `seen_unix_nano` the wall
    clock of this process when it arrived.
    """

    system: str
    destination: str
    partition: str | None = None
    offset: int | None = None
    key: bytes | None = None
    value: bytes | None = None
    headers: Headers = ()
    message_id: str | None = None
    record_time_unix_nano: int | None = None
    seen_unix_nano: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupOffset:
    """How far a consumer group has come in one partition. `committed` None: it has committed nothing there.

    `end` is the offset the next record will get, so `lag` records wait (all that are kept, if nothing was committed).
    """

    destination: str
    partition: str
    committed: int | None
    start: int
    end: int

    @property
    def lag(self) -> int:
        """Records that the group has still to handle."""
        return max(self.end - max(self.committed or 0, self.start), 0)


class Subscription(Protocol):
    """Sees messages from the position that was fixed when it was made; takes none from anybody.

    One thread at a time uses it; only `wake` may be called from another.
    """

    def poll(self, timeout_s: float) -> list[Seen]:
        """What arrived, as soon as anything has; empty after the timeout or a `wake`. Raises `BrokerUnavailable`."""
        ...

    def wake(self) -> None:
        """Ends a `poll` that waits, soon. Callable from any thread."""
        ...

    def missing(self) -> tuple[str, ...]:
        """Destinations that do not exist on the broker yet. They are watched, and read from their start."""
        ...

    def caught_up(self, timeout_s: float) -> bool:
        """True if everything that the broker holds at this moment has been returned by `poll`.

        Absence is a fact only then. Raises `BrokerUnavailable` when the broker does not answer.
        """
        ...

    def close(self) -> None:
        """Leaves the broker as it was. Idempotent."""
        ...


class Broker(Protocol):
    """An open connection to one broker. Any number of threads may publish at the same time."""

    system: str
    """`messaging.system` of the conventions."""

    def prepare(self) -> None:
        """Opens now what the first `publish` would open, so that it takes no longer than the others.

        Raises `BrokerUnavailable`.
        """
        ...

    def publish(self, message: Outgoing) -> Published:
        """Publishes and waits for the broker's acknowledgement. Raises `BrokerUnavailable`, `DestinationMissing`."""
        ...

    def subscribe(self, destinations: Sequence[str]) -> Subscription:
        """A view of what is published from the moment this returns, apart from the groups and queues of the system.

        Raises `BrokerUnavailable`, and `UsageError` for a destination that the system does not let anybody watch.
        """
        ...

    def group_offsets(self, group: str) -> Mapping[tuple[str, str], GroupOffset] | None:
        """By (destination, partition), how far a consumer group has come; None where a system has no such thing.

        Empty for a group that has committed nothing. Raises `BrokerUnavailable`.
        """
        ...

    def close(self) -> None:
        """Closes the connection. Idempotent."""
        ...
