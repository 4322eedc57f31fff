"""Requests that share one append: rows decoded straight from protobuf, and rows written from spans of JSON requests."""

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import pyarrow as pa

from tracecheck.model import Span
from tracecheck.receiver.decode_columns import Batch, Taken
from tracecheck.store.progress import JournalPosition
from tracecheck.store.rows import span_table

MAX_GROUP_SPANS = 122_880
"""A group that has so many takes no more requests: one full row group of the store."""

MAX_GROUP_BYTES = 128 * 1024 * 1024
"""Nor does one that was decoded from so many bytes, so that no text column comes near its 2 GiB."""

MEASURE_EVERY_BYTES = 4 * 1024 * 1024
"""Of bodies: then the decoded memory is measured again; between, it is taken to grow as it did."""

FIRST_GUESS = 2
"""Decoded bytes per byte of body, before the first measurement. Usual traffic takes 1.3."""


_SCHEMA = Batch().table().schema
"""As the decoder of columns writes it, with dictionaries, so that rows of all encodings fit into one table."""


@dataclass(slots=True, eq=False)
class Waiting:
    """One request of a group, and where its rows stand: in table `part`, from `first` on. Refused rows are left out.
    `until` is where its record ends in the journal."""

    part: int
    first: int
    rows: int
    done: "Future[None]"
    refused: bool = False
    until: JournalPosition | None = None


class Group:
    """Rows in the making, and who waits for them. Not for several threads at once.

    `until` is where the journal ends that holds its requests, `unsynced` how many of them are not durable yet; `began`
    and `changed` are when its first and its last request came, by the monotonic clock, `received_unix_nano` the last by
    the wall clock.
    """

    def __init__(self, batch: Batch, *, number: int = 0, most_memory_bytes: int = MAX_GROUP_BYTES) -> None:
        self.batch = batch
        self.number = number
        self.waiting: list[Waiting] = []
        self.until: JournalPosition | None = None
        self.segments: set[int] = set()
        self.unsynced = 0
        self.began = self.changed = 0.0
        self.received_unix_nano = 0
        self.memory_bytes = 0
        self._tables: list[pa.Table] = []
        self._rows = 0
        self._bytes = 0
        self._measured_at = 0
        self._most_memory_bytes = most_memory_bytes
        self._growth = float(FIRST_GUESS)

    @property
    def is_full(self) -> bool:
        """Whether the next request needs a new group."""
        return (
            self._rows >= MAX_GROUP_SPANS
            or self._bytes >= MAX_GROUP_BYTES
            or self.memory_bytes >= self._most_memory_bytes
        )

    @property
    def filled(self) -> float:
        """How much of a row group it has."""
        return self._rows / MAX_GROUP_SPANS

    @property
    def is_oversized(self) -> bool:
        """Whether its batch grew beyond what is worth keeping."""
        return self.memory_bytes > 2 * self._most_memory_bytes

    def decode(self, body: bytes, done: "Future[None]") -> Taken:
        """Takes in one protobuf request. Raises `DecodeError`; nothing of it is in the group then."""
        first = len(self.batch)
        taken = self.batch.take(body)
        self._wait(Waiting(0, first, taken.rows, done), len(body))
        return taken

    def add(self, spans: Sequence[Span], size: int, done: "Future[None]") -> None:
        """Takes in the spans of one request of another encoding, whose body had this size."""
        if spans:
            self._tables.append(span_table(spans).cast(_SCHEMA))
        self._wait(Waiting(len(self._tables), 0, len(spans), done), size)

    def journaled(self, until: JournalPosition) -> None:
        """Notes that the last request ends there in the journal."""
        self.until = self.waiting[-1].until = until
        self.segments.add(until.segment)

    @property
    def accepted(self) -> list[Waiting]:
        """The requests that were not refused."""
        return [each for each in self.waiting if not each.refused]

    def rows(self, of: Iterable[Waiting] | None = None) -> pa.Table:
        """All rows that are not refused, or those of some requests. Valid until the batch is reset."""
        tables = [self.batch.table(), *self._tables]
        wanted = self.accepted if of is None else of
        pieces = [tables[part].slice(first, rows) for part, first, rows in _joined(wanted)]
        return pa.concat_tables(pieces) if pieces else tables[0].slice(0, 0)

    def _wait(self, waiting: Waiting, size: int) -> None:
        if not waiting.rows:
            waiting.done.set_result(None)
            return
        self.waiting.append(waiting)
        self.changed = time.monotonic()
        self.received_unix_nano = time.time_ns()
        self.began = self.began or self.changed
        self._rows += waiting.rows
        self._bytes += size
        self.memory_bytes += int(size * self._growth)
        if self._bytes - self._measured_at >= MEASURE_EVERY_BYTES:
            self._measured_at = self._bytes
            self.memory_bytes = self.batch.nbytes + sum(table.nbytes for table in self._tables)
            self._growth = self.memory_bytes / self._bytes


def _joined(requests: Iterable[Waiting]) -> Iterable[tuple[int, int, int]]:
    """Part, first row and number of rows, with neighbours made one."""
    part, first, rows = -1, 0, 0
    for each in sorted(requests, key=lambda one: (one.part, one.first)):
        if each.part == part and each.first == first + rows:
            rows += each.rows
            continue
        if rows:
            yield part, first, rows
        part, first, rows = each.part, each.first, each.rows
    if rows:
        yield part, first, rows
