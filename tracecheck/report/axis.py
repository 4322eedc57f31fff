"""Where an instant stands in a picture of time whose long pauses are drawn short, and say so."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

PAUSE_SHARE = 0.2
"""A pause longer than this share of all activity is drawn as wide as this share: hours of waiting would leave
milliseconds of work no room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Nothing happened from `x` to `x + width` (as drawn), for `length_ns` (as it was)."""

    x: float
    width: float
    length_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """Instants (Unix nanoseconds) to places between `left` and `right`, in pieces that are each in proportion."""

    first_unix_nano: int
    offsets_ns: tuple[int, ...]
    places: tuple[float, ...]
    pauses: tuple[Pause, ...]

    def place(self, unix_nano: int) -> float:
        """Where an instant stands; one outside stands at the nearer end."""
        return _between(self.offsets_ns, self.places, unix_nano - self.first_unix_nano)

    def offset_ns(self, place: float) -> int:
        """How long after the first instant this place is."""
        return round(_between(self.places, self.offsets_ns, place))


def axis(intervals: Iterable[tuple[int, int]], left: float, right: float) -> Axis:
    """The axis on which these intervals of activity stand. Without any, everything stands at `left`."""
    busy = _merged(intervals)
    if not busy:
        return Axis(first_unix_nano=0, offsets_ns=(0,), places=(left,), pauses=())
    activity_ns = sum(end - start for start, end in busy)
    gaps_ns = [after[0] - before[1] for before, after in pairwise(busy)]
    longest_ns = max(round(activity_ns * PAUSE_SHARE), 1)
    drawn_ns = activity_ns + sum(min(gap, longest_ns) for gap in gaps_ns)
    scale = (right - left) / drawn_ns if drawn_ns else 0.0
    offsets_ns: list[int] = []
    places: list[float] = []
    pauses: list[Pause] = []
    at = left
    for number, (start, end) in enumerate(busy):
        if number:
            width = min(gaps_ns[number - 1], longest_ns) * scale
            if gaps_ns[number - 1] > longest_ns:
                pauses.append(Pause(x=at, width=width, length_ns=gaps_ns[number - 1]))
            at += width
        offsets_ns += [start - busy[0][0], end - busy[0][0]]
        places += [at, at + (end - start) * scale]
        at = places[-1]
    return Axis(first_unix_nano=busy[0][0], offsets_ns=tuple(offsets_ns), places=tuple(places), pauses=tuple(pauses))


def _merged(intervals: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted((start, max(start, end)) for start, end in intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def _between(known: Sequence[float], wanted: Sequence[float], value: float) -> float:
    after = bisect_right(known, value)
    if after == 0:
        return wanted[0]
    if after == len(known):
        return wanted[-1]
    before = after - 1
    share = (value - known[before]) / (known[after] - known[before])
    return wanted[before] + share * (wanted[after] - wanted[before])
