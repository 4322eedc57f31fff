"""What scenarios are performed on: a store that spans come into, brokers, databases, and where our own spans go."""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from tracecheck.chains import GroupPosition
from tracecheck.check.positions import read_positions
from tracecheck.errors import BrokerUnavailable, UsageError
from tracecheck.expect import Expectation
from tracecheck.model import Span
from tracecheck.probe.brokers import connect
from tracecheck.probe.brokers.protocol import Broker
from tracecheck.store import Store

log = logging.getLogger(__name__)

ADDRESS_OPTIONS = {"kafka": "--bootstrap-servers HOST:PORT or $KAFKA", "rabbitmq": "--broker rabbitmq=URL or $RABBITMQ"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Addresses: of brokers by system, of the database that a scenario means when it names none, of read models."""

    brokers: Mapping[str, str] = field(default_factory=dict)
    database: str | None = None
    http: str | None = None


class Ground:
    """The open connections; a context manager. Brokers are connected to when first needed, and shared by threads.

    `sink` takes our own spans (default: the store itself); `keeps` is False for a store that only its owner writes.
    """

    def __init__(
        self, store: Store, places: Places, *, sink: Callable[[Span], None] | None = None, keeps: bool = True
    ) -> None:
        self.store = store
        self.places = places
        self.sink = sink or self._store_span
        self.records: Store | None = store if keeps else None
        self._lock = threading.Lock()
        self._brokers: dict[str, tuple[Broker, threading.Lock]] = {}
        self._close = ExitStack()
        self.closed = False
        """True once it is given up: waits of other threads end then."""

    def broker(self, system: str) -> Broker:
        """The connection to a messaging system. Raises `UsageError` without an address, `BrokerUnavailable`."""
        return self._connected(system)[0]

    @contextmanager
    def publishing(self, system: str) -> Iterator[Broker]:
        """The same for publishing: one thread at a time."""
        broker, alone = self._connected(system)
        with alone:
            yield broker

    def close(self) -> None:
        """Closes every connection. Idempotent."""
        self.closed = True
        self._close.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _connected(self, system: str) -> tuple[Broker, threading.Lock]:
        with self._lock:
            if system not in self._brokers:
                address = self.places.brokers.get(system)
                if address is None:
                    msg = f"no address of {system} is known; give {ADDRESS_OPTIONS.get(system, '--broker')}"
                    raise UsageError(msg)
                broker = connect(system, address)
                self._close.callback(broker.close)
                self._brokers[system] = (broker, threading.Lock())
            return self._brokers[system]

    def _store_span(self, span: Span) -> None:
        self.store.append([span])


def group_positions(
    ground: Ground, expectations: Sequence[Expectation]
) -> Callable[[], Sequence[GroupPosition]] | None:
    """What asks Kafka how far the groups of the expectations have come; None where no address of it is known.

    The system under test may have taken its broker along when it ended, so one that does not answer says nothing.
    """
    if "kafka" not in ground.places.brokers:
        return None

    def ask() -> Sequence[GroupPosition]:
        try:
            return read_positions(ground.broker("kafka"), expectations)
        except BrokerUnavailable as fault:
            log.warning("how far the consumer groups have come is not known: %s", fault)
            return ()

    return ask
