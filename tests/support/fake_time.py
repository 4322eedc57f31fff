"""Time that passes only when somebody waits, for a thread and for an event loop, and news that come on time."""

import asyncio
import selectors
import threading
from collections.abc import Callable
from typing import Any

from tracecheck.probe.wait import await_until
from tracecheck.probe.wait_async import await_until_async

NS_PER_S = 1_000_000_000
HANG = object()
"""A state that a condition never finds out: it hangs."""


class FakeClock:
    """A `Clock` whose time is `now`. Waiting for nothing passes it; so does a condition that says it takes long."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []
        self._hanging = threading.Event()
        self._released = threading.Event()

    def now_ns(self) -> int:
        return round(self.now * NS_PER_S)

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        if event.is_set() or threading.current_thread().name == "tracecheck-wait":
            return True
        if self._is_pause(event):
            self.pauses.append(timeout_s)
            self.now += timeout_s
            return False
        while not event.wait(0.0005):
            if self._hanging.is_set():
                self.now += timeout_s
                return False
        return True

    def hang(self) -> None:
        """Called by a condition: does not return before `release`."""
        self._hanging.set()
        self._released.wait(60)

    def release(self) -> None:
        self._released.set()

    def _is_pause(self, event: threading.Event) -> bool:
        from tracecheck.probe import wait

        return event is wait.NEVER


class FakeNews:
    """A `Wake` on a `FakeClock` that has news at the given instants; counts how often it was waited for."""

    def __init__(self, clock: FakeClock, *at_s: float) -> None:
        self.clock, self.at_s, self.waits = clock, sorted(at_s), 0

    def generation(self) -> int:
        return sum(at <= self.clock.now for at in self.at_s)

    def wait(self, after: int, timeout_s: float) -> int:
        self.waits += 1
        deadline = self.clock.now + timeout_s
        if self.generation() <= after:
            self.clock.now = min(next((at for at in self.at_s if at > self.clock.now), deadline), deadline)
        return self.generation()


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop that skips the time in which nothing happens."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_Skipping(self))

    def time(self) -> float:
        return self.now


class _Skipping(selectors.SelectSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0 if timeout is not None else 1.0)
        if not ready and timeout:
            self._loop.now += timeout
        return ready


class ThreadWorld:
    """Waits with `await_until`. A state is a function of the time; looking at it takes `took_s`."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.looks: list[float] = []

    @property
    def now(self) -> float:
        return round(self.clock.now, 6)

    def wait_for(self, state: Callable[[float], Any], *, took_s: float = 0.0, **rules: Any) -> Any:
        def look() -> Any:
            self.looks.append(self.now)
            value = state(self.now)
            if value is HANG:
                self.clock.hang()
            self.clock.now += took_s
            return value

        try:
            return await_until(look, clock=self.clock, **rules)
        finally:
            self.clock.release()


class LoopWorld:
    """Waits with `await_until_async`, the same way."""

    def __init__(self) -> None:
        self.loop = VirtualLoop()
        self.looks: list[float] = []

    @property
    def now(self) -> float:
        return round(self.loop.now, 6)

    def wait_for(self, state: Callable[[float], Any], *, took_s: float = 0.0, **rules: Any) -> Any:
        async def look() -> Any:
            self.looks.append(self.now)
            value = state(self.now)
            if value is HANG:
                await asyncio.get_running_loop().create_future()
            if took_s:
                await asyncio.sleep(took_s)
            return value

        try:
            return self.loop.run_until_complete(await_until_async(look, **rules))
        finally:
            self.loop.close()
