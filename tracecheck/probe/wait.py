"""Waits until something is true: woken where news is pushed, looking on its own only where it is not."""

import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextvars import copy_context
from queue import SimpleQueue
from sys import _current_frames
from typing import Any, Protocol, TypeVar

from tracecheck.probe.timeline import FailedFast, NotReached
from tracecheck.probe.waiting import Answer, Ignored, Look, Looked, Rules, waiting

__all__ = ["SYSTEM", "Clock", "FailedFast", "Looked", "NotReached", "Wake", "await_until"]

T = TypeVar("T")


class Wake(Protocol):
    """A source of news: a `Store` (spans), an `Observer` (the bus), a `Bell`."""

    def generation(self) -> int:
        """A number that grows with every piece of news."""
        ...

    def wait(self, after: int, timeout_s: float) -> int:
        """Blocks until `generation() > after` or the timeout; returns the generation then."""
        ...


class Clock(Protocol):
    """Time as a wait sees it. Monotonic; tests bring their own."""

    def now_ns(self) -> int:
        """Nanoseconds since any fixed instant."""
        ...

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        """Blocks until the event is set (True) or the time is over (False)."""
        ...


class _System:
    def now_ns(self) -> int:
        return time.monotonic_ns()

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        return event.wait(timeout_s)


SYSTEM: Clock = _System()


def await_until(
    condition: Callable[[], T],
    *,
    at_most_s: float,
    until: Callable[[T], bool] = bool,
    hold_s: float = 0.0,
    fail_fast: Callable[[], str | bool | None] | None = None,
    ignoring: Sequence[Ignored] = (),
    alias: str | None = None,
    listener: Callable[[Looked[T]], None] | None = None,
    wake: Wake | None = None,
    clock: Clock = SYSTEM,
) -> T:
    """Evaluates `condition` until its value satisfies `until` (is true, by default), and returns that value.

    - `wake` tells when to look again; nothing is polled then. Without it the condition is looked at again after 2 ms
      at first, then after a twentieth of the time waited, at most 25 ms, and never sooner than the look itself took.
    - `hold_s`: it must then hold without a break for so long. A hold that began in time may end after the deadline.
    - An `AssertionError` means "not yet", as does any exception that is an instance of a class in `ignoring` or for
      which a function in it returns True. Any other exception ends the wait at once.
    - `fail_fast` is asked before every look; a reason (or True, or an `AssertionError`) ends the wait as `FailedFast`.
    - `listener` is told of every look.

    A last look is always begun at the deadline. The condition runs in a thread of its own, with this one's context
    variables, and never keeps the wait beyond the deadline (a look begun in its last quarter second may take so long).

    Raises `NotReached`, whose message has every distinct state seen and when; its cause is the last exception that
    meant "not yet".
    """
    rules = Rules(
        at_most_s=at_most_s,
        until=until,
        hold_s=hold_s,
        ignoring=ignoring,
        alias=alias,
        listener=listener,
        pushed=wake is not None,
    )
    looker = _Looker(condition, fail_fast, clock)
    steps = waiting(rules, clock.now_ns)
    try:
        request, known = next(steps), 0
        while True:
            if isinstance(request, Look):
                known = wake.generation() if wake is not None else 0
                request = steps.send(looker.look(request.within_s))
            else:
                if wake is not None:
                    wake.wait(known, request.for_s)
                else:
                    clock.wait(NEVER, request.for_s)
                request = steps.send(None)
    except StopIteration as reached:
        value: T = reached.value
        return value
    finally:
        looker.dismiss()


NEVER = threading.Event()
"""Never set: to wait for it is to let time pass."""


class _Looker:
    """Evaluates a condition in a thread that may be left behind, should it hang."""

    def __init__(
        self, condition: Callable[[], T], fail_fast: Callable[[], str | bool | None] | None, clock: Clock
    ) -> None:
        self._condition, self._fail_fast, self._clock = condition, fail_fast, clock
        self._tasks: SimpleQueue[threading.Event | None] = SimpleQueue()
        self._answer: Answer[Any] = Answer()
        self._thread = threading.Thread(
            target=copy_context().run, args=(self._work,), name="tracecheck-wait", daemon=True
        )
        self._thread.start()

    def look(self, within_s: float) -> Answer[Any]:
        done = threading.Event()
        self._tasks.put(done)
        if self._clock.wait(done, within_s):
            return self._answer
        return Answer(stuck=where(self._thread))

    def dismiss(self) -> None:
        self._tasks.put(None)

    def _work(self) -> None:
        while (done := self._tasks.get()) is not None:
            self._answer = self._evaluate()
            done.set()

    def _evaluate(self) -> Answer[Any]:
        if self._fail_fast is not None and (reason := hopeless(self._fail_fast)) is not None:
            return Answer(hopeless=reason)
        try:
            return Answer(value=self._condition())
        except BaseException as error:  # noqa: BLE001 - the rules decide what it means, in the waiting thread
            return Answer(error=error)


def hopeless(fail_fast: Callable[[], str | bool | None]) -> str | None:
    """Why a wait can no longer come true, or None."""
    try:
        said = fail_fast()
    except AssertionError as error:
        return str(error) or "the fail-fast condition failed"
    if not said:
        return None
    return said if isinstance(said, str) else "the fail-fast condition holds"


def where(thread: threading.Thread) -> str:
    """The place in which a thread is, innermost call first."""
    frame = _current_frames().get(thread.ident or -1)
    calls = traceback.extract_stack(frame)[-3:] if frame is not None else []
    return " < ".join(f"{call.name} ({call.filename}:{call.lineno})" for call in reversed(calls)) or "a place unknown"
