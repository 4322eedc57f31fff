"""When each event is due under an open model: the world does not wait for the system, so neither does the schedule."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from tracecheck.errors import UsageError

NS_PER_S = 1_000_000_000
MAX_EVENTS = 200_000
"""As many as are held in memory with their intended instants and evaluated one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """`rate_per_s` events a second for `duration_ns`, of which the first `ramp_ns` rise evenly from no rate to that.

    Raises `UsageError` where that is no event, or more than can be looked at.
    """

    rate_per_s: float
    duration_ns: int
    ramp_ns: int = 0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.rate_per_s) and self.rate_per_s > 0) or self.duration_ns <= 0:
            msg = f"a load of {self.rate_per_s:g} events a second over {self.duration_ns / NS_PER_S:g} s is none"
            raise UsageError(f"{msg}; expected both above 0")
        if not 0 <= self.ramp_ns <= self.duration_ns:
            msg = f"a ramp of {self.ramp_ns / NS_PER_S:g} s does not fit"
            raise UsageError(f"{msg} into a duration of {self.duration_ns / NS_PER_S:g} s")
        if not 1 <= self.events <= MAX_EVENTS:
            msg = f"a load of {self.events:,} events cannot be followed"
            raise UsageError(f"{msg}; expected 1 to {MAX_EVENTS:,}: change rate or duration")

    @property
    def events(self) -> int:
        """How many events fall due: the area under the rate."""
        return round(self.rate_per_s * (self.duration_ns - self.ramp_ns / 2) / NS_PER_S)

    def due_ns(self) -> Iterator[int]:
        """When each event is due, in nanoseconds from the start, ascending."""
        in_ramp = self.rate_per_s * self.ramp_ns / 2 / NS_PER_S
        for number in range(self.events):
            if number < in_ramp:
                yield round(math.sqrt(2 * self.ramp_ns * number * NS_PER_S / self.rate_per_s))
            else:
                yield round(self.ramp_ns + (number - in_ramp) * NS_PER_S / self.rate_per_s)
