"""States as they were sampled, and the table `state_samples` beside the spans."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal

import pyarrow as pa

from tracecheck.probe.json_path import MISSING
from tracecheck.store.protocol import Store, Writer

COLUMNS = pa.schema(
    [
        ("run_id", pa.string()),
        ("name", pa.string()),
        ("case_id", pa.string()),
        ("query", pa.string()),
        ("expected", pa.string()),
        ("actual", pa.string()),
        ("met", pa.bool_()),
        ("error", pa.string()),
        ("sampled_unix_nano", pa.int64()),
        ("took_ns", pa.int64()),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One state: `actual` is its JSON text (None: it could not be asked, see `error`), `expected` in words.

    `sampled_unix_nano` is the wall clock when the look began, `took_ns` how long the source took to answer.
    """

    name: str
    query: str
    expected: str
    actual: str | None
    met: bool
    error: str | None
    sampled_unix_nano: int
    took_ns: int

    def differs(self, other: "Sample") -> bool:
        """True if the other shows another state."""
        return (self.actual, self.error, self.met) != (other.actual, other.error, other.met)


def store_samples(
    store: Store, samples: Sequence[Sample], *, run_id: str | None = None, case_id: str | None = None
) -> None:
    """Appends one row per sample, in one transaction."""
    if not samples:
        return
    names = [name for name in COLUMNS.names if name not in ("run_id", "case_id")]
    rows = [
        {"run_id": run_id, "case_id": case_id, **{name: getattr(sample, name) for name in names}} for sample in samples
    ]
    table = pa.Table.from_pylist(rows, schema=COLUMNS)

    def insert(writer: Writer) -> None:
        writer.insert("state_samples", table)

    store.write(insert)


def shown(value: object) -> str:
    """A value as JSON text; what JSON has no word for as the text it would print, and nothing at all as `absent`."""
    return "absent" if value is MISSING else json.dumps(value, default=_plain, ensure_ascii=False)


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    return str(value)
