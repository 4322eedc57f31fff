"""Durations as people write them: `3s`, `200ms`, `1.5m`."""

import re
from datetime import timedelta
from decimal import Decimal

UNITS_NS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000, "h": 3_600_000_000_000}

DURATION_PATTERN = r"^(0|[0-9]{1,9}(\.[0-9]{1,9})?(ns|us|ms|s|m|h))$"
"""Bounded digits: the longest duration is far below 2^63 ns, and matching is linear."""

_PARTS = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ns|us|ms|s|m|h)")


def duration_ns(written: object) -> int:
    """Nanoseconds of a written duration or a `timedelta`. Raises ValueError saying what was expected."""
    if isinstance(written, timedelta):
        nanoseconds = (written.days * 86_400 + written.seconds) * 1_000_000_000 + written.microseconds * 1_000
        if nanoseconds < 0:
            raise ValueError(f"a duration cannot be negative, got {written}")
        return nanoseconds
    if isinstance(written, str):
        if written == "0":
            return 0
        if parts := _PARTS.fullmatch(written):
            nanoseconds = int(Decimal(parts[1]) * UNITS_NS[parts[2]])
            if nanoseconds < 2**63:
                return nanoseconds
    hint = f"; did you mean {written}s?" if isinstance(written, int) and not isinstance(written, bool) else ""
    raise ValueError(f"expected a duration with its unit such as 3s, 200ms or 1m, got {_shown(written)}{hint}")


def _shown(value: object) -> str:
    return f"the text {value[:40]!r}" if isinstance(value, str) else f"{value!r}"[:40]
