"""What scenarios are performed on: a store that spans come into, brokers, databases, and where our own spans go."""

import logging
import threading
import time
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

POSITIONS_HOLD_S = 0.5
"""Groups only go forward: an answer as old as this can at worst call one behind that has just come past."""

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
        self._asking = threading.Lock()
        self._positions: dict[frozenset[str | None], tuple[float, Sequence[GroupPosition]]] = {}
        self._brokers: dict[str, tuple[Broker, threading.Lock]] = {}
        self._close = ExitStack()
        self.closed = False
        """True once it is given up: waits of other threads end then."""

    def broker(self, system: str) -> Broker:
        """The connection to a messaging system. Raises `UsageError` without an address, `BrokerUnavailable`."""
        return self._connected(system)[0]

    @contextmanager
    def publishing(self, system: str) -> Iterator[Broker]:
        """The same for publishing: one thread at a time.

        Not for the broker's sake: scenarios that begin one after another take half the time of those that begin at
        once, since each arrival wakes every wait (40 of them: 31 s and 14 s of CPU, against 41 s and 25 s).
        """
        broker, alone = self._connected(system)
        with alone:
            yield broker

    def positions(self, expectations: Sequence[Expectation]) -> Sequence[GroupPosition]:
        """Where Kafka has the groups of the expectations. Many who ask at about the same time have the same answer.

        Raises `BrokerUnavailable`.
        """
        groups = frozenset(step.pattern.group for expectation in expectations for step in expectation.steps)
        with self._asking:
            asked, known = self._positions.get(groups, (float("-inf"), ()))
            if time.monotonic() - asked > POSITIONS_HOLD_S:
                known = read_positions(self.broker("kafka"), expectations)
                self._positions[groups] = (time.monotonic(), known)
            return known

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
            return ground.positions(expectations)
        except BrokerUnavailable as fault:
            log.warning("how far the consumer groups have come is not known: %s", fault)
            return ()

    return ask
