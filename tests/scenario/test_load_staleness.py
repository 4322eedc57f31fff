"""The read model under load is followed entity by entity, whatever became of some of them."""

import time
from collections.abc import Callable

import pytest

from tests.support.polling import until
from tracecheck.probe.json_path import MISSING
from tracecheck.scenario.load.model import Event
from tracecheck.scenario.load.staleness import LOOKS_AT_ONCE, Follower


class ReadModel:
    """Holds every entity that `has` says; keeps what it gave, and counts who is connected to it."""

    def __init__(self, has: Callable[[int], bool]) -> None:
        self.has = has
        self.connected: set[int] = set()
        self.most_connected = 0
        self.given: set[int] = set()

    def probe(self, number: int) -> tuple["Probe", object]:
        return Probe(self, number), "there"


class Probe:
    name = query = "the read model"

    def __init__(self, model: ReadModel, number: int) -> None:
        self._model, self._number = model, number

    def sample(self) -> object:
        self._model.connected.add(self._number)
        self._model.most_connected = max(self._model.most_connected, len(self._model.connected))
        if not self._model.has(self._number):
            return MISSING
        self._model.given.add(self._number)
        return "there"

    def close(self) -> None:
        self._model.connected.discard(self._number)


@pytest.mark.parametrize("lost", [0, 1, LOOKS_AT_ONCE, 3 * LOOKS_AT_ONCE])
def test_however_many_are_lost_the_others_are_seen_over_few_connections(lost: int) -> None:
    events = 4 * LOOKS_AT_ONCE
    model = ReadModel(lambda number: number >= lost)
    follower = Follower(model.probe, events=events)
    for number in range(events):
        follower.due(Event(number=number, due_unix_nano=time.time_ns()))

    until(lambda: len(model.given) == events - lost)
    found = follower.finish(time.time_ns(), within_s=0.0)

    assert (found.sampled, found.seen) == (events, events - lost)
    assert model.most_connected <= LOOKS_AT_ONCE
    assert not model.connected
