"""What a wait saw and when: every distinct state, for the report of a wait that was in vain."""

from dataclasses import dataclass, field, replace

from tracecheck.errors import ExpectationUnmet

KEPT = 50
"""States kept at the beginning and at the end of a timeline; those between them are counted."""

SHOWN_CHARACTERS = 300
NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenState:
    """One state of what was waited for, from when to when (since the wait began) and in how many looks.

    `shown` is the value's `repr`; `error` the exception that stood in for a value ("ConnectionError: refused").
    """

    first_ns: int
    last_ns: int
    looks: int = 1
    shown: str = ""
    error: str | None = None


@dataclass(slots=True, kw_only=True)
class Timeline:
    """The states in order. A state that comes back is listed again."""

    states: list[SeenState] = field(default_factory=list)
    left_out: int = 0
    looks: int = 0

    def add(self, at_ns: int, shown: str, error: str | None = None) -> None:
        """Notes what one look saw."""
        self.looks += 1
        last = self.states[-1] if self.states else None
        if last and (last.shown, last.error) == (shown, error):
            self.states[-1] = replace(last, last_ns=at_ns, looks=last.looks + 1)
            return
        self.states.append(SeenState(first_ns=at_ns, last_ns=at_ns, shown=shown, error=error))
        if len(self.states) > 2 * KEPT:
            del self.states[KEPT]
            self.left_out += 1

    def lines(self) -> list[str]:
        """One line per state: when it was first seen, how often, and what it was."""
        lines = [f"{_seconds(state.first_ns):>9}  {_times(state.looks)}  {_what(state)}" for state in self.states]
        if self.left_out:
            lines.insert(KEPT, f"           … {self.left_out} states between are not kept …")
        return lines


class NotReached(ExpectationUnmet):
    """What was waited for did not come true in time. `timeline` has every distinct state seen and when.

    `waited_ns` is how long the wait took, `last_error` the last exception that counted as "not yet", `stuck` where the
    condition still was when it was given up on (None where it had answered).
    """

    def __init__(
        self, what: str, *, timeline: Timeline, waited_ns: int, last_error: BaseException | None, stuck: str | None
    ) -> None:
        lines = [what, *(f"  {line}" for line in timeline.lines())]
        if stuck:
            lines.append(f"  the condition had not answered; it was in {stuck}")
        super().__init__("\n".join(lines))
        self.timeline = timeline
        self.waited_ns = waited_ns
        self.last_error = last_error
        self.stuck = stuck


class FailedFast(NotReached):
    """The wait was given up because it could no longer come true."""


def _seconds(ns: int) -> str:
    return f"{ns / NS_PER_S:.3f} s"


def _times(looks: int) -> str:
    return "once" if looks == 1 else f"{looks} times"


def _what(state: SeenState) -> str:
    text = state.error if state.error is not None else state.shown
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}… ({len(text)} characters)"
