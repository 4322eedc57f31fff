"""The figures of a load: quantiles by rank, never interpolated, so that each is a duration that really occurred."""

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantiles:
    """Durations in nanoseconds. By nearest rank: p99 of 100 values is the 99th smallest."""

    count: int
    p50_ns: int
    p90_ns: int
    p95_ns: int
    p99_ns: int
    max_ns: int


def quantiles(durations_ns: Iterable[int]) -> Quantiles | None:
    """The quantiles of some durations, None of no duration: nothing measured is not zero."""
    ordered = sorted(durations_ns)
    if not ordered:
        return None

    def rank(percent: int) -> int:
        return ordered[max(0, math.ceil(percent * len(ordered) / 100) - 1)]

    return Quantiles(
        count=len(ordered),
        p50_ns=rank(50),
        p90_ns=rank(90),
        p95_ns=rank(95),
        p99_ns=rank(99),
        max_ns=ordered[-1],
    )
