"""How far behind the chain tables of a running service may be: little, unless following a flood would slow it down."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tracecheck import service
from tracecheck.service import FLOOD_SPANS_PER_S, REFRESH_AFTER_QUIET_S, REFRESH_EVERY_S, REFRESH_IN_FLOOD_EVERY_S


class Traffic:
    """Spans that come at a rate for so long, on a clock that moves when it is waited for."""

    def __init__(self, spans_per_s: float, lasts_s: float) -> None:
        self.now = 0.0
        self.spans_per_s, self.lasts_s = spans_per_s, lasts_s

    @property
    def counters(self) -> SimpleNamespace:
        return SimpleNamespace(received=self.generation())

    def generation(self) -> int:
        return int(self.spans_per_s * min(self.now, self.lasts_s))

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        return False


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> Callable[[Traffic], float]:
    """How long after the first span the chains are rebuilt."""

    def wait(traffic: Traffic) -> float:
        monkeypatch.setattr(service, "time", SimpleNamespace(monotonic=lambda: traffic.now))
        running = cast(Any, service.Service.__new__(service.Service))
        running.store = running._receiver = running._stopped = traffic
        running._until_quiet()
        return traffic.now

    return wait


def test_chains_are_rebuilt_as_soon_as_spans_pause(waited: Callable[[Traffic], float]) -> None:
    for rate in (100, 50 * FLOOD_SPANS_PER_S):
        assert 2 < waited(Traffic(rate, lasts_s=2)) <= 2 + 2 * REFRESH_AFTER_QUIET_S


def test_spans_that_never_pause_leave_chains_a_little_behind(waited: Callable[[Traffic], float]) -> None:
    assert waited(Traffic(FLOOD_SPANS_PER_S * 0.9, lasts_s=1000)) == pytest.approx(REFRESH_EVERY_S, abs=1)


def test_a_flood_is_followed_now_and_then_only(waited: Callable[[Traffic], float]) -> None:
    assert waited(Traffic(FLOOD_SPANS_PER_S * 1.1, lasts_s=1000)) == pytest.approx(REFRESH_IN_FLOOD_EVERY_S, abs=1)
