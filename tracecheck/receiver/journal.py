"""Requests on the disk before they are acknowledged: segment files beside the database, one record per request.

`write` hands bytes to the operating system, `sync` makes all that was written durable, for every request at once. What
the database holds is forgotten: whole segments are deleted. `replay` reads what an earlier process left.
"""

import os
import re
import threading
from contextlib import suppress
from pathlib import Path

from tracecheck.errors import StoreUnavailable
from tracecheck.receiver.journal_format import new_marker, record_header, segment_header
from tracecheck.store.progress import JournalPosition

SEGMENT_BYTES = 64 * 1024 * 1024
"""A segment that has so many takes no more records: what the database holds is given back in such pieces."""

_NAME = re.compile(r"(?P<number>\d{12})\.segment")
_sync = getattr(os, "fdatasync", os.fsync)


def segments(folder: Path) -> dict[int, Path]:
    """Segment files by their numbers, in order. What was set aside has another name and is left out."""
    if not folder.is_dir():
        return {}
    named = ((_NAME.fullmatch(path.name), path) for path in folder.iterdir())
    return dict(sorted((int(name["number"]), path) for name, path in named if name))


class Journal:
    """An open journal. One thread writes and rotates at a time, another may sync and forget meanwhile."""

    def __init__(self, folder: Path, identity: int, first_segment: int) -> None:
        """Starts a new segment with the first record. Raises `StoreUnavailable` when the folder cannot be made."""
        self._folder = folder
        self._identity = identity
        self._lock = threading.Lock()
        self._number = first_segment - 1
        self._open: _Segment | None = None
        self._full: list[_Segment] = []
        self._sizes: dict[int, int] = {}
        self._kept: set[int] = set()
        self._cut: dict[int, int] = {}
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            _sync_folder(folder.parent)
        except OSError as error:
            raise self._unavailable(error) from error

    @property
    def held_bytes(self) -> int:
        """Bytes of all segments on the disk."""
        with self._lock:
            return sum(self._sizes.values())

    def write(self, body: bytes, encoding: int) -> JournalPosition:
        """Appends one request, not yet durably, and returns where its record ends.

        Raises `StoreUnavailable`; nothing of it stays then.
        """
        with self._lock:
            try:
                segment = self._segment()
                end = segment.append(body, encoding)
            except OSError as error:
                self._restore()
                raise self._unavailable(error) from error
            self._sizes[segment.number] = end
            return JournalPosition(segment.number, end)

    def sync(self) -> None:
        """Makes durable what was written before the call.

        Raises `StoreUnavailable`: then nobody knows what is on the disk, so the segment takes no more records, and
        what it holds beyond the last sync is cut off.
        """
        with self._lock:
            full, self._full = self._full, []
            written = [*full, *([self._open] if self._open else [])]
        try:
            for segment in written:
                segment.sync()
        except OSError as error:
            self._give_up(written)
            raise self._unavailable(error) from error
        for segment in full:
            segment.close()

    def has_lost(self, until: JournalPosition) -> bool:
        """Whether a record that ends there was cut off by a sync that failed meanwhile."""
        with self._lock:
            return until.offset > self._cut.get(until.segment, until.offset)

    def keep(self, segment: int) -> None:
        """Has a segment set aside when it would be deleted: it holds something that the database refused."""
        with self._lock:
            self._kept.add(segment)

    def forget(self, until: JournalPosition) -> None:
        """Deletes the segments that lie wholly before the position."""
        with self._lock:
            self._delete([number for number in self._sizes if number < until.segment])

    def close(self, *, stored: bool) -> None:
        """Closes the files. If all is stored, nothing of the journal stays but what was set aside."""
        with self._lock:
            for segment in (*self._full, *([self._open] if self._open else [])):
                segment.close()
            self._open, self._full = None, []
            if stored:
                self._delete(list(self._sizes))
            with suppress(OSError):  # not empty: something was set aside
                self._folder.rmdir()

    def _segment(self) -> "_Segment":
        if self._open is not None and self._open.size >= SEGMENT_BYTES:
            self._full.append(self._open)
            self._open = None
        if self._open is None:
            self._number += 1
            path = self._folder / f"{self._number:012}.segment"
            self._open = _Segment(path, self._number, self._identity)
            _sync_folder(self._folder)
        return self._open

    def _restore(self) -> None:
        """Cuts off what a failed write left. Where that fails too, the next record gets a new segment."""
        if self._open is not None:
            try:
                self._open.cut(self._open.size)
            except OSError:
                self._full.append(self._open)
                self._open = None

    def _give_up(self, segments_written: list["_Segment"]) -> None:
        with self._lock:
            self._open = None
            for segment in segments_written:
                self._cut[segment.number] = segment.durable
                with suppress(OSError):
                    segment.cut(segment.durable)
                segment.close()

    def _delete(self, numbers: list[int]) -> None:
        for number in numbers:
            self._sizes.pop(number, None)
            path = self._folder / f"{number:012}.segment"
            with suppress(OSError):
                if number in self._kept:
                    path.rename(path.with_suffix(".refused"))
                else:
                    path.unlink()

    def _unavailable(self, error: OSError) -> StoreUnavailable:
        return StoreUnavailable(
            f"the journal {self._folder} cannot be written now: {error.strerror}; free some space and try again"
        )


class _Segment:
    """One file that is being written."""

    def __init__(self, path: Path, number: int, identity: int) -> None:
        self.number = number
        self._marker = new_marker()
        header = segment_header(identity, self._marker)
        self._fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0), 0o600)
        try:
            _write_all(self._fd, [header])
        except OSError:
            os.close(self._fd)
            path.unlink()
            raise
        self.size = self.durable = len(header)

    def append(self, body: bytes, encoding: int) -> int:
        header = record_header(self._marker, body, encoding)
        _write_all(self._fd, [header, body])
        self.size += len(header) + len(body)
        return self.size

    def sync(self) -> None:
        size = self.size
        _sync(self._fd)
        self.durable = size

    def cut(self, size: int) -> None:
        os.ftruncate(self._fd, size)
        os.lseek(self._fd, size, os.SEEK_SET)
        self.size = size

    def close(self) -> None:
        with suppress(OSError):
            os.close(self._fd)


def _write_all(fd: int, pieces: list[bytes]) -> None:
    """Like `os.writev`, until everything is written; piece by piece on Windows, which has no such call."""
    left = [memoryview(piece) for piece in pieces]
    while left:
        written = os.writev(fd, left) if hasattr(os, "writev") else os.write(fd, left[0])
        while left and written >= len(left[0]):
            written -= len(left.pop(0))
        if left:
            left[0] = left[0][written:]


def _sync_folder(folder: Path) -> None:
    """Makes the names in a folder durable. Windows lets nobody open one, and its file system sees to them itself."""
    if os.name == "nt":
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
