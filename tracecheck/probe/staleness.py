"""How long a read model is behind its write model, entity by entity, from looks at both.

A look cannot tell when a state came about, only that it was between two looks. Both bounds are kept; the estimate lies
in the middle, and `uncertainty_ns` says how far off it may be.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

from tracecheck.errors import StateUnavailable
from tracecheck.probe.json_path import MISSING
from tracecheck.probe.state import StateProbe

Versions: TypeAlias = Mapping[object, object]

LOOK_EVERY_S = 0.01
LEAVE_WITHIN_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An entity took on a value between two looks: after the one that began at `after_unix_nano` (None: it was there at
    the first look) and before the one that ended at `seen_unix_nano`."""

    entity: object
    value: object
    after_unix_nano: int | None
    seen_unix_nano: int

    @property
    def instant_unix_nano(self) -> int:
        """The middle between the bounds."""
        return self.seen_unix_nano - self.doubt_ns // 2

    @property
    def doubt_ns(self) -> int:
        """How far the bounds are apart."""
        return 0 if self.after_unix_nano is None else self.seen_unix_nano - self.after_unix_nano


@dataclass(frozen=True, slots=True, kw_only=True)
class Staleness:
    """How long one value of one entity was written and could not be read.

    `read_unix_nano` None: it never could, up to the last look. `superseded`: it was never read itself, but a later
    value was, from that instant on. `stale_ns` is within plus or minus `uncertainty_ns`.
    """

    entity: object
    value: object
    written_unix_nano: int
    read_unix_nano: int | None
    stale_ns: int | None
    uncertainty_ns: int
    superseded: bool = False


def staleness(written: Iterable[Change], read: Iterable[Change]) -> tuple[Staleness, ...]:
    """For each value written, when the read model first had it, or one that came after it. In order of writing.

    What was there at the first look is left out: nobody knows since when.
    """
    readings = list(read)
    histories: dict[object, list[Change]] = {}
    for change in written:
        histories.setdefault(change.entity, []).append(change)
    found = [
        _stale(history, place, readings)
        for history in histories.values()
        for place, change in enumerate(history)
        if change.after_unix_nano is not None
    ]
    return tuple(sorted(found, key=lambda one: one.written_unix_nano))


def by_first_column(state: object) -> Versions:
    """The rows of a query for (entity, value...) as entity -> value; no row at all is no entity."""
    if state is MISSING or state is None:
        return {}
    rows = [state] if isinstance(state, Mapping) else state
    if not isinstance(rows, Sequence) or not all(isinstance(row, Mapping) and len(row) >= 2 for row in rows):
        msg = "expected rows of two columns or more: what it is, and the value it has"
        raise StateUnavailable(msg)
    pairs = (list(row.values()) for row in rows)
    return {entity: values[0] if len(values) == 1 else tuple(values) for entity, *values in pairs}


class Watch:
    """Looks at a probe again and again, in a thread of its own, and keeps what changed. `watching` makes one."""

    def __init__(
        self, probe: StateProbe, *, versions: Callable[[object], Versions] = by_first_column, every_s: float
    ) -> None:
        self._probe, self._versions, self._every_s = probe, versions, every_s
        self._changes: list[Change] = []
        self._ended = threading.Event()
        self._looked = threading.Event()
        self.looks = 0
        self.failures = 0
        self.last_failure: str | None = None
        self._thread = threading.Thread(target=self._watch, name="tracecheck-watch", daemon=True)
        self._thread.start()

    @property
    def changes(self) -> tuple[Change, ...]:
        """Every change seen so far, in order."""
        return tuple(self._changes)

    def await_first_look(self, timeout_s: float = LEAVE_WITHIN_S) -> bool:
        """Blocks until the state before is known, which no change can be told without. False: it could not be asked."""
        return self._looked.wait(timeout_s)

    def close(self) -> None:
        """Looks once more and stops. Idempotent."""
        self._ended.set()
        self._thread.join(LEAVE_WITHIN_S)

    def _watch(self) -> None:
        known: Versions = {}
        before: int | None = None
        last = False
        while not last:
            last = self._ended.wait(0 if before is None else self._every_s)
            began = time.time_ns()
            try:
                now = self._versions(self._probe.sample())
            except StateUnavailable as fault:
                self.failures, self.last_failure = self.failures + 1, str(fault)
                last = last or self._ended.wait(self._every_s)
                continue
            seen = time.time_ns()
            self._changes += [
                Change(entity=entity, value=value, after_unix_nano=before, seen_unix_nano=seen)
                for entity, value in now.items()
                if entity not in known or known[entity] != value
            ]
            known, before, self.looks = dict(now), began, self.looks + 1
            self._looked.set()


@contextmanager
def watching(
    probe: StateProbe, *, versions: Callable[[object], Versions] = by_first_column, every_s: float = LOOK_EVERY_S
) -> Iterator[Watch]:
    """Watches a probe for the length of a `with` block, from its first look on.

    Raises `StateUnavailable` where there is none to be had.
    """
    watch = Watch(probe, versions=versions, every_s=every_s)
    try:
        if not watch.await_first_look():
            raise StateUnavailable(f"{probe.name} could not be watched: {watch.last_failure or 'it does not answer'}")
        yield watch
    finally:
        watch.close()


def _stale(history: Sequence[Change], place: int, readings: Sequence[Change]) -> Staleness:
    written = history[place]
    later = {_key(change.value) for change in history[place + 1 :]}
    for reading in readings:
        if reading.entity != written.entity or reading.seen_unix_nano < (written.after_unix_nano or 0):
            continue
        own = _key(reading.value) == _key(written.value)
        if own or _key(reading.value) in later:
            return Staleness(
                entity=written.entity,
                value=written.value,
                written_unix_nano=written.instant_unix_nano,
                read_unix_nano=reading.instant_unix_nano,
                stale_ns=max(reading.instant_unix_nano - written.instant_unix_nano, 0),
                uncertainty_ns=(written.doubt_ns + reading.doubt_ns) // 2,
                superseded=not own,
            )
    return Staleness(
        entity=written.entity,
        value=written.value,
        written_unix_nano=written.instant_unix_nano,
        read_unix_nano=None,
        stale_ns=None,
        uncertainty_ns=written.doubt_ns // 2,
    )


def _key(value: object) -> object:
    return (type(value), repr(value))
