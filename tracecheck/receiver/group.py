"""Requests that share one append: rows decoded straight from protobuf, or written from the spans of JSON requests."""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import pyarrow as pa

from tracecheck.model import Span
from tracecheck.receiver.decode_columns import Batch, Taken
from tracecheck.store.rows import span_table

MAX_GROUP_SPANS = 122_880
"""A group that has so many takes no more requests: one full row group of the store."""

MAX_GROUP_BYTES = 128 * 1024 * 1024
"""Nor does one that was decoded from so many bytes, so that no text column comes near its 2 GiB."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """One request of a group, and where its rows stand in it."""

    first: int
    rows: int
    done: "Future[None]"


class Group:
    """Rows in the making, and who waits for them. Not for several threads at once.

    With a batch it takes protobuf bodies, without one it takes spans.
    """

    def __init__(self, batch: Batch | None) -> None:
        self.batch = batch
        self.waiting: list[Waiting] = []
        self._tables: list[pa.Table] = []
        self._rows = 0
        self._bytes = 0

    @property
    def is_full(self) -> bool:
        """Whether the next request needs a new group."""
        return self._rows >= MAX_GROUP_SPANS or self._bytes >= MAX_GROUP_BYTES

    def decode(self, body: bytes, done: "Future[None]") -> Taken:
        """Takes in one protobuf request. Raises `DecodeError`; nothing of it is in the group then."""
        if self.batch is None:
            raise TypeError("this group takes spans")
        taken = self.batch.take(body)
        self._bytes += len(body)
        self._wait(taken.rows, done)
        return taken

    def add(self, spans: Sequence[Span], done: "Future[None]") -> None:
        """Takes in the spans of one request of another encoding."""
        self._tables.append(span_table(spans))
        self._wait(len(spans), done)

    def rows(self) -> pa.Table:
        """All rows; valid until the batch is reset."""
        return pa.concat_tables(self._tables) if self.batch is None else self.batch.table()

    def _wait(self, rows: int, done: "Future[None]") -> None:
        if rows:
            self.waiting.append(Waiting(self._rows, rows, done))
            self._rows += rows
        else:
            done.set_result(None)
