"""What an earlier process acknowledged and did not get into the database: decoded again from its journal, and stored.

Nothing that is on the disk is deleted unread. A record that was being written when the process ended was never
acknowledged and is dropped. Anything else that cannot be read, or that the database refuses, is counted and said, and
its segment is kept under another name.
"""

import logging
import time
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from tracecheck.errors import DecodeError
from tracecheck.receiver.decode_columns import Batch
from tracecheck.receiver.decode_json import decode_json
from tracecheck.receiver.group import Group
from tracecheck.receiver.journal import segments
from tracecheck.receiver.journal_format import JSON, ForeignSegment, Gap, Record, read_segment
from tracecheck.receiver.limits import SpanLimits, limited
from tracecheck.receiver.storing import store_group
from tracecheck.semconv import canonical
from tracecheck.store.duckdb_store import DuckDBStore
from tracecheck.store.progress import JournalPosition, journal_folder
from tracecheck.store.protocol import Appended, Store

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What came of a replay: spans decoded again, how many of them the database lacked, and damaged places."""

    spans: int = 0
    stored: int = 0
    duplicates: int = 0
    conflicting: int = 0
    damaged_records: int = 0
    last_segment: int = 0


def replay(store: Store, limits: SpanLimits | None = None) -> Replayed:
    """Stores what the journal beside the store's file holds beyond what is stored, and deletes the journal.

    Does nothing where there is none; a store that is open for reading only is left as it is, which is said. Raises
    `StoreUnavailable` when the store cannot be written now; the journal stays then.
    """
    if not isinstance(store, DuckDBStore) or store.path is None:
        return Replayed()
    if store.read_only:
        if segments(journal_folder(store.path)):
            _log.warning("%s: acknowledged spans wait in its journal; open it for writing to see them", store.location)
        return Replayed()
    replaying = _Replay(store, journal_folder(store.path), limits or SpanLimits())
    found = replaying.run()
    if found.spans:
        _log.warning(
            "%s: %d acknowledged spans of an earlier process were read from its journal; %d were not stored yet",
            store.location,
            found.spans,
            found.stored,
        )
    return found


class _Replay:
    def __init__(self, store: DuckDBStore, folder: Path, limits: SpanLimits) -> None:
        self._store = store
        self._folder = folder
        self._limits = limits
        self._group = Group(Batch(limits))
        self._spans = self._stored = self._duplicates = self._conflicting = self._damaged = 0
        self._now = time.time_ns()

    def run(self) -> Replayed:
        done = self._store.journal_position
        found = segments(self._folder)
        last = max([done.segment, *found])
        for number, path in found.items():
            if number < done.segment:
                path.unlink()  # its last rows were committed, then the process ended
                continue
            whole = self._read(path, number, done.offset if number == done.segment else 0)
            if whole:
                path.unlink()
            else:
                path.rename(path.with_suffix(f".damaged-{time.time_ns()}"))
        with suppress(OSError):  # not empty: something was set aside
            self._folder.rmdir()
        return Replayed(
            spans=self._spans,
            stored=self._stored,
            duplicates=self._duplicates,
            conflicting=self._conflicting,
            damaged_records=self._damaged,
            last_segment=last,
        )

    def _read(self, path: Path, number: int, offset: int) -> bool:
        """Stores the rest of one segment. False: something in it could not be read or stored."""
        whole = True
        end = offset
        try:
            for found in read_segment(path, self._store.identity, offset):
                end = found.end
                if isinstance(found, Gap):
                    whole = self._passed(path, found) and whole
                else:
                    whole = self._take(path, found) and whole
                if self._group.is_full:
                    whole = self._append(path, JournalPosition(number, end)) and whole
        except ForeignSegment as foreign:
            whole = False
            self._damaged += 1
            _log.error("%s: the journal segment cannot be read: %s; it is kept under another name", path, foreign)
        return self._append(path, JournalPosition(number, end)) and whole

    def _passed(self, path: Path, gap: Gap) -> bool:
        if gap.torn:
            _log.info("%s: the last record was being written when the process ended; it was not acknowledged", path)
            return True
        self._damaged += 1
        _log.error(
            "%s: bytes %d to %d are damaged; acknowledged spans may be lost; the segment is kept under another name",
            path,
            gap.start,
            gap.end,
        )
        return False

    def _take(self, path: Path, record: Record) -> bool:
        done: Future[None] = Future()
        try:
            if record.encoding == JSON:
                spans = limited(decode_json(record.body), self._limits).spans
                self._group.add([canonical(span) for span in spans], len(record.body), done)
            else:
                self._group.decode(record.body, done)
        except DecodeError as error:
            self._damaged += 1
            _log.error("%s: the record at byte %d is not understood: %s", path, record.start, error)
            return False
        return True

    def _append(self, path: Path, until: JournalPosition) -> bool:
        def append(rows: pa.Table, whole: bool) -> Appended:
            return self._store.append_journaled(rows, until if whole else None, self._now)

        outcome = store_group(self._group, append)
        for waiting, error in outcome.refused:
            self._damaged += 1
            _log.error("%s: %d acknowledged spans were refused by the store: %s", path, waiting.rows, error)
        self._spans += sum(each.rows for each in self._group.accepted)
        self._stored += outcome.stored
        self._duplicates += outcome.duplicates
        self._conflicting += outcome.conflicting
        self._group.batch.reset()
        self._group = Group(self._group.batch)
        return not outcome.refused
