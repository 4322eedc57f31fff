"""How far a read model is behind: looks for each entity from when its event was due until it is there."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue

from tracecheck.errors import TracecheckError
from tracecheck.probe.json_path import MISSING
from tracecheck.probe.state import StateProbe, criterion
from tracecheck.scenario.load.figures import quantiles
from tracecheck.scenario.load.model import Event, Staleness

LOOK_EVERY_S = 0.01
LOOKS_AT_ONCE = 25
"""Entities asked for in one round, the oldest first: a read model that lags is behind with those."""

MOST_ENTITIES = 400
"""Entities followed; of more events, evenly many are chosen. Each has a probe, and with it a connection, of its own."""

SERIES_EVERY_NS = 100_000_000


@dataclass(slots=True)
class _Entity:
    number: int
    due_unix_nano: int
    probe: StateProbe | None = None
    meets: Callable[[object], bool] | None = None
    seen_unix_nano: int | None = None


class Follower:
    """Follows the read model in a thread of its own. Tell it what is due; `finish` waits for the rest to show up.

    Raises `StateUnavailable` at once where the read model cannot be asked.
    """

    def __init__(self, asked: Callable[[int], tuple[StateProbe, object]], *, events: int) -> None:
        self._asked = asked
        self._be_ready()
        self._every = max(1, -(-events // MOST_ENTITIES))
        self._coming: SimpleQueue[_Entity] = SimpleQueue()
        self._missing: list[_Entity] = []
        self._entities: list[_Entity] = []
        self._series: list[tuple[int, int]] = []
        self._resolution_ns = 0
        self._fault: TracecheckError | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="tracecheck-staleness", daemon=True)
        self._thread.start()

    def _be_ready(self) -> None:
        # A database that cannot be asked is better known now; and what the first look takes to load is no staleness.
        probe, _ = self._asked(0)
        try:
            probe.sample()
        finally:
            probe.close()

    def due(self, event: Event) -> None:
        """An event that is due now: from now on its entity is missing until it is seen."""
        if event.number % self._every == 0:
            entity = _Entity(event.number, event.due_unix_nano)
            self._entities.append(entity)
            self._coming.put(entity)

    def finish(self, last_due_unix_nano: int, within_s: float) -> Staleness:
        """Waits until every entity has shown up, or the time is over. Raises `StateUnavailable`."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline and self._thread.is_alive():
            if all(entity.seen_unix_nano is not None for entity in self._entities):
                break
            self._ended.wait(LOOK_EVERY_S)
        self._ended.set()
        self._thread.join()
        if self._fault is not None:
            raise self._fault
        behind = [one.seen_unix_nano - one.due_unix_nano for one in self._entities if one.seen_unix_nano is not None]
        last = max((one.seen_unix_nano or 0 for one in self._entities), default=0)
        return Staleness(
            sampled=len(self._entities),
            seen=len(behind),
            behind=quantiles(behind),
            each_ns=tuple(sorted(behind)),
            series=tuple(self._series),
            catch_up_ns=max(0, last - last_due_unix_nano) if behind and len(behind) == len(self._entities) else None,
            resolution_ns=self._resolution_ns,
        )

    def _follow(self) -> None:
        looked_unix_nano = time.time_ns()
        try:
            while not self._ended.is_set():
                while not self._coming.empty():
                    self._missing.append(self._coming.get())
                round_unix_nano = time.time_ns()
                for entity in self._missing[:LOOKS_AT_ONCE]:
                    self._look(entity)
                self._missing = [entity for entity in self._missing if entity.seen_unix_nano is None]
                self._note(time.time_ns())
                self._resolution_ns = max(self._resolution_ns, round_unix_nano - looked_unix_nano)
                looked_unix_nano = round_unix_nano
                self._ended.wait(LOOK_EVERY_S)
        except TracecheckError as fault:
            self._fault = fault
        finally:
            for entity in self._missing:
                if entity.probe is not None:
                    entity.probe.close()

    def _look(self, entity: _Entity) -> None:
        if entity.probe is None:
            entity.probe, wanted = self._asked(entity.number)
            entity.meets = criterion(wanted)
        assert entity.meets is not None
        value = entity.probe.sample()
        if value is not MISSING and entity.meets(value):
            entity.seen_unix_nano = time.time_ns()
            entity.probe.close()

    def _note(self, now_unix_nano: int) -> None:
        if self._series and now_unix_nano - self._series[-1][0] < SERIES_EVERY_NS:
            return
        oldest = min((entity.due_unix_nano for entity in self._missing), default=now_unix_nano)
        self._series.append((now_unix_nano, max(0, now_unix_nano - oldest)))
