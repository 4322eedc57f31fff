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
"""Entities asked for in one round, and so connections open at a time."""

OLDEST_AT_ONCE = 20
"""Of these, the oldest that no younger one has overtaken: a read model that lags is behind with those. The others have
their turns, for what was lost stays missing for good and must hide nothing behind it."""

MOST_ENTITIES = 400
"""Entities followed; of more events, evenly many are chosen."""

SERIES_EVERY_NS = 100_000_000


@dataclass(slots=True)
class _Entity:
    number: int
    due_unix_nano: int
    looked_unix_nano: int
    asking: tuple[StateProbe, Callable[[object], bool]] | None = None
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
        self._newest_seen = -1
        self._turn = 0
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
            entity = _Entity(event.number, event.due_unix_nano, event.due_unix_nano)
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
        try:
            while not self._ended.is_set():
                while not self._coming.empty():
                    self._missing.append(self._coming.get())
                for entity in self._next():
                    self._look(entity)
                self._missing = [entity for entity in self._missing if entity.seen_unix_nano is None]
                self._note(time.time_ns())
                self._ended.wait(LOOK_EVERY_S)
        except TracecheckError as fault:
            self._fault = fault
        finally:
            for entity in self._missing:
                _let_go(entity)

    def _next(self) -> list[_Entity]:
        """Whom to ask for now; whoever is left out of it is disconnected."""
        in_order = [entity for entity in self._missing if entity.number > self._newest_seen][:OLDEST_AT_ONCE]
        chosen = {entity.number for entity in in_order}
        others = [entity for entity in self._missing if entity.number not in chosen]
        turn = self._turn % max(1, len(others))
        others = others[turn:] + others[:turn]
        room = LOOKS_AT_ONCE - len(in_order)
        self._turn = turn + room
        for entity in others[room:]:
            _let_go(entity)
        return in_order + others[:room]

    def _look(self, entity: _Entity) -> None:
        if entity.asking is None:
            probe, wanted = self._asked(entity.number)
            entity.asking = probe, criterion(wanted)
        probe, meets = entity.asking
        looked_unix_nano = time.time_ns()
        value = probe.sample()
        if value is not MISSING and meets(value):
            entity.seen_unix_nano = time.time_ns()
            self._resolution_ns = max(self._resolution_ns, entity.seen_unix_nano - entity.looked_unix_nano)
            self._newest_seen = max(self._newest_seen, entity.number)
            _let_go(entity)
        entity.looked_unix_nano = looked_unix_nano

    def _note(self, now_unix_nano: int) -> None:
        if self._series and now_unix_nano - self._series[-1][0] < SERIES_EVERY_NS:
            return
        oldest = min((entity.due_unix_nano for entity in self._missing), default=now_unix_nano)
        self._series.append((now_unix_nano, max(0, now_unix_nano - oldest)))


def _let_go(entity: _Entity) -> None:
    if entity.asking is not None:
        probe, _ = entity.asking
        probe.close()
        entity.asking = None
