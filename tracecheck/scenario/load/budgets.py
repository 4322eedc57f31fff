"""Budgets of a load: limits on its figures, each of which fails the run when it is broken."""

import math
from collections.abc import Sequence

from tracecheck.errors import UsageError
from tracecheck.expect.durations import duration_ns
from tracecheck.scenario.load.figures import Quantiles
from tracecheck.scenario.load.model import Budget, Completeness, Staleness

QUANTILES = ("p50", "p90", "p95", "p99", "max")
COUNTS = ("failed", "lost", "duplicated", "out_of_order", "late")
STALENESS = tuple(f"staleness_{name}" for name in QUANTILES)
NAMES = (*QUANTILES, *STALENESS, "catch_up", "send_delay", *COUNTS)


def written_budgets(written: Sequence[str]) -> dict[str, int]:
    """`["p99=2s", "lost=0"]` as limits by name: nanoseconds, or a number. Raises `UsageError`."""
    limits = {}
    for text in written:
        name, separator, limit = text.partition("=")
        if not separator or name not in NAMES:
            raise UsageError(f"budget {text!r}: expected NAME=LIMIT, NAME one of {', '.join(NAMES)}")
        try:
            limits[name] = int(limit) if name in COUNTS else duration_ns(limit)
        except ValueError as error:
            expected = "a number" if name in COUNTS else str(error)
            raise UsageError(f"budget {text!r}: {expected}") from None
    return limits


def judged(
    limits: dict[str, int],
    completeness: Completeness,
    whole: Quantiles | None,
    send_delay: Quantiles | None,
    staleness: Staleness | None,
) -> tuple[Budget, ...]:
    """Each budget with what was measured."""

    def measured(name: str) -> int | None:
        if name in COUNTS:
            count: int = getattr(completeness, name)
            return count
        if name == "catch_up":
            return staleness.catch_up_ns if staleness is not None else None
        if name == "send_delay":
            return send_delay.p99_ns if send_delay is not None else None
        if name in STALENESS:
            return _behind(name.removeprefix("staleness_"), staleness)
        value: int | None = getattr(whole, f"{name}_ns", None)
        return value

    return tuple(Budget(name=name, limit=limit, measured=measured(name)) for name, limit in limits.items())


def _behind(quantile: str, staleness: Staleness | None) -> int | None:
    """By nearest rank among all that were looked for: what never showed up is behind without end."""
    if staleness is None or not staleness.sampled:
        return None
    percent = 100 if quantile == "max" else int(quantile[1:])
    rank = max(1, math.ceil(percent * staleness.sampled / 100))
    return staleness.each_ns[rank - 1] if rank <= staleness.seen else None
