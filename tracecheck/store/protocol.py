"""What every store can do, and nothing more: the one seam between data at rest and the rooms above it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from tracecheck.model import Span
from tracecheck.store.limits import NO_LIMITS, Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    """What became of an append, in spans. `duplicates` were identical repeats and dropped; `conflicting` were stored
    beside a different span of the same (trace id, span id)."""

    stored: int
    duplicates: int = 0
    conflicting: int = 0


class Reader(Protocol):
    """Read access. Queries are single SELECTs over the documented tables; anything else raises `QueryRefused`."""

    def query(
        self,
        sql: str,
        parameters: Mapping[str, object] | Sequence[object] | None = None,
        *,
        limits: Limits = NO_LIMITS,
    ) -> pa.Table:
        """Rows of one SELECT as an Arrow table. Parameters are bound (`$name` or `?`), never spliced.

        Beyond its limits the query is refused, never cut short. Raises `StoreUnavailable` once closed, and
        `StoreDamaged` where the file cannot be read.
        """
        ...

    def generation(self) -> int:
        """A number that grows with every committed append or chain refresh; equal numbers mean equal contents."""
        ...

    def wait(self, after: int, timeout_s: float) -> int:
        """Blocks until `generation() > after` or the timeout; returns the generation then. Pushed, not polled."""
        ...

    def close(self) -> None:
        """Releases the file or connection. Idempotent."""
        ...


class Writer(Protocol):
    """One open write transaction of a local store; lives only inside `Store.write`."""

    def execute(self, sql: str, parameters: Mapping[str, object] | Sequence[object] | None = None) -> pa.Table | None:
        """Runs one statement inside the transaction; returns rows for a SELECT or RETURNING, else None."""
        ...

    def insert(self, table: str, rows: pa.Table) -> None:
        """Appends Arrow rows to a table by column name."""
        ...


class Work(Protocol):
    """What a caller does inside one write transaction."""

    def __call__(self, writer: Writer) -> None:
        """Does it. An exception rolls everything back and reaches the caller."""
        ...


class Store(Reader, Protocol):
    """A store: memory, file, or the remote one of a running `tracecheck serve`."""

    def append(self, spans: Sequence[Span]) -> Appended:
        """Stores spans durably before it returns. Raises `StoreUnavailable` when that is impossible now."""
        ...

    def append_arrow(self, batch: pa.Table) -> Appended:
        """As `append`, for rows shaped as `rows.span_table` makes them. Text columns may be dictionaries."""
        ...

    def write(self, work: Work) -> None:
        """Runs `work` in one transaction. A remote store does not write: it raises `UsageError`."""
        ...

    def refresh(self, pipeline: Work) -> None:
        """Brings the chain tables up to date: a local store runs `pipeline` as `write` does, a remote one asks its
        owner, which runs its own."""
        ...
