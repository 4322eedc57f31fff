"""The rules of waiting, apart from threads and event loops: what to do next, given what the last look saw.

The rules are a generator. It asks its driver for a look (`Look`) or a pause (`Pause`) and is sent what came of it.
`wait.py` drives it with a thread, `wait_async.py` in an event loop; tests drive it with a clock of their own.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar

from tracecheck.probe.timeline import NS_PER_S, FailedFast, NotReached, Timeline

T = TypeVar("T")

LAST_LOOK_S = 0.25
"""How long a look that begins at the deadline, or just before it, may take. A wait that hangs ends by then."""

FIRST_PAUSE_NS = 2_000_000
LONGEST_PAUSE_NS = 25_000_000
PART_OF_WAIT = 20

Ignored: TypeAlias = type[BaseException] | Callable[[BaseException], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Asks the driver to evaluate the condition, for no longer than this."""

    within_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Asks the driver to wait for news, or for this long."""

    for_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Generic[T]):
    """What a look saw: a value, or the exception it raised, or where it still was when its time was over."""

    value: T | None = None
    error: BaseException | None = None
    stuck: str | None = None
    hopeless: str | None = None
    """Why it can no longer come true, as the fail-fast condition said before the look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked(Generic[T]):
    """What a listener is told after each look. Times are since the wait began; `held_ns` None: not satisfied."""

    value: T | None
    error: BaseException | None
    satisfied: bool
    elapsed_ns: int
    remaining_ns: int
    held_ns: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules(Generic[T]):
    """One wait: see `tracecheck.probe.wait.await_until` for the meaning of each part."""

    at_most_s: float
    until: Callable[[T], bool]
    hold_s: float = 0.0
    ignoring: Sequence[Ignored] = ()
    alias: str | None = None
    listener: Callable[[Looked[T]], None] | None = None
    pushed: bool = False
    """News is pushed: between looks only the deadline and the end of the hold are waited for."""
    timeline: Timeline = field(default_factory=Timeline)


Steps: TypeAlias = Generator[Look | Pause, Answer[T] | None, T]


def waiting(rules: Rules[T], now_ns: Callable[[], int]) -> Steps[T]:
    """Looks until the condition has held for long enough; returns its value, or raises `NotReached`.

    A look always begins at or after the deadline before the wait is given up, and one at or after the end of a hold
    before it is over. A hold that began in time may end after the deadline; once broken there, it is over.
    """
    began = now_ns()
    deadline = began + int(rules.at_most_s * NS_PER_S)
    hold_ns = int(rules.hold_s * NS_PER_S)
    met_since: int | None = None
    last_error: BaseException | None = None
    while True:
        looked_at = now_ns()
        until = deadline if met_since is None else met_since + hold_ns
        answer = yield Look(within_s=max((until - looked_at) / NS_PER_S, LAST_LOOK_S))
        assert answer is not None
        if answer.stuck is not None or answer.hopeless is not None:
            raise _in_vain(rules, answer, now_ns() - began, last_error)
        error = answer.error
        if error is not None and not _is_not_yet(error, rules.ignoring):
            raise error
        last_error = error or last_error
        satisfied = error is None and rules.until(answer.value)  # type: ignore[arg-type]  # a value, without an error
        met_since = (looked_at if met_since is None else met_since) if satisfied else None
        answered_at = now_ns()
        _note(rules, answer, satisfied, answered_at - began, deadline - answered_at, met_since, looked_at)
        if met_since is not None and looked_at - met_since >= hold_ns:
            return answer.value  # type: ignore[return-value]  # as above
        if met_since is None and looked_at >= deadline:
            raise _in_vain(rules, answer, answered_at - began, last_error)
        pause_ns = _pause_ns(rules, began, deadline, hold_ns, met_since, looked_at, answered_at)
        if pause_ns > 0:
            yield Pause(for_s=pause_ns / NS_PER_S)


def _pause_ns(
    rules: Rules[T], began: int, deadline: int, hold_ns: int, met_since: int | None, looked_at: int, now: int
) -> int:
    left = (deadline if met_since is None else met_since + hold_ns) - now
    if rules.pushed:
        return left
    # Late by at most a twentieth of the wait, and never a strain: what is asked rests as long as it took to answer.
    since = now - (began if met_since is None else met_since)
    pause = min(max(since // PART_OF_WAIT, FIRST_PAUSE_NS), LONGEST_PAUSE_NS)
    return min(max(pause, now - looked_at), left)


def _is_not_yet(error: BaseException, ignoring: Sequence[Ignored]) -> bool:
    if isinstance(error, AssertionError):
        return True
    return any(isinstance(error, one) if isinstance(one, type) else one(error) for one in ignoring)


def _note(
    rules: Rules[T],
    answer: Answer[T],
    satisfied: bool,
    elapsed_ns: int,
    remaining_ns: int,
    met_since: int | None,
    looked_at: int,
) -> None:
    error = answer.error
    shown = f"{type(error).__name__}: {error}" if error is not None else None
    rules.timeline.add(elapsed_ns, "" if shown is not None else repr(answer.value), shown)
    if rules.listener is not None:
        rules.listener(
            Looked(
                value=answer.value,
                error=error,
                satisfied=satisfied,
                elapsed_ns=elapsed_ns,
                remaining_ns=max(remaining_ns, 0),
                held_ns=None if met_since is None else looked_at - met_since,
            )
        )


def _in_vain(rules: Rules[T], answer: Answer[T], waited_ns: int, last_error: BaseException | None) -> NotReached:
    name = rules.alias or "the condition"
    looks = f"{rules.timeline.looks} look{'' if rules.timeline.looks == 1 else 's'}"
    waited = f"{waited_ns / NS_PER_S:.3f} s and {looks}"
    if answer.hopeless is not None:
        return FailedFast(
            f"{name} can no longer come true, after {waited}: {answer.hopeless}",
            timeline=rules.timeline,
            waited_ns=waited_ns,
            last_error=last_error,
            stuck=None,
        )
    held = f" and hold for {rules.hold_s:g} s" if rules.hold_s else ""
    failure = NotReached(
        f"{name} did not come true within {rules.at_most_s:g} s{held} (waited {waited}); states seen:",
        timeline=rules.timeline,
        waited_ns=waited_ns,
        last_error=last_error,
        stuck=answer.stuck,
    )
    failure.__cause__ = last_error
    return failure
