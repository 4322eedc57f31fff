"""Instants and durations as a person reads them. Instants are shown in UTC; a zone that changes with the machine would
make two reports of one run differ."""

import re
from datetime import UTC, datetime, timedelta

NONE = "–"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_NS = 253_402_300_799 * 10**9
_ISO = re.compile(r"\d{4}-\d\d-\d\dT(\d\d:\d\d:\d\d)(?:[.,]\d+)?(?:Z|\+00:00)")
_STEPS = ((86_400_000_000_000, "d"), (3_600_000_000_000, "h"), (60_000_000_000, "min"), (1_000_000_000, "s"))


def duration(ns: int | None) -> str:
    """`850 ns`, `14 ms`, `1.204 s`, `2 min 3 s`, `3 h 5 min`; negative ones keep their sign. `–` for None."""
    if ns is None:
        return NONE
    sign, ns = ("-" if ns < 0 else ""), abs(ns)
    if ns >= 60_000_000_000:
        return sign + _compound(ns)
    if ns >= 1_000_000_000:
        return f"{sign}{_decimals(ns / 1e9, 3)} s"
    if ns >= 1_000_000:
        return f"{sign}{_decimals(ns / 1e6, 1)} ms"
    if ns >= 1_000:
        return f"{sign}{_decimals(ns / 1e3, 1)} µs"
    return f"{sign}{ns} ns"


def instant(unix_nano: int | None) -> str:
    """ISO 8601 in UTC with milliseconds, `2026-01-01T12:00:03.204Z`. An instant no calendar holds stays a number."""
    if unix_nano is None:
        return NONE
    if not 0 <= unix_nano <= _LAST_NS:
        return f"{unix_nano} ns"
    moment = _EPOCH + timedelta(microseconds=unix_nano // 1000)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def clock(unix_nano: int | None) -> str:
    """The time of day in UTC, `12:00:03.204`; for lines whose date is told elsewhere."""
    text = instant(unix_nano)
    return text[11:-1] if text.endswith("Z") else text


def clocks_only(text: str) -> str:
    """The text with its UTC instants shortened to the time of day, for headlines."""
    return _ISO.sub(r"\1", text)


def _compound(ns: int) -> str:
    parts = []
    for size, unit in _STEPS:
        count, ns = divmod(ns, size)
        if count:
            parts.append(f"{count} {unit}")
        elif parts:
            break
    return " ".join(parts[:2])


def _decimals(value: float, digits: int) -> str:
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".")
