"""What went through a receiver since it started, as numbers: added up by any thread, read as one frozen snapshot."""

import threading
from dataclasses import dataclass, fields, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """What went through since the start, in spans unless the name says otherwise.

    Two kinds of numbers: those that only grow, and (last) the present state of what is held.
    """

    requests: int = 0
    """Answered requests, refused ones included."""
    refused_requests: int = 0
    received: int = 0
    stored: int = 0
    """Rows committed to the database. An acknowledged span that still waits for its batch is in `hot_spans`."""
    duplicates: int = 0
    conflicting: int = 0
    rejected: int = 0
    repaired: int = 0
    replayed: int = 0
    """Spans decoded again from a journal that an earlier process left; also in `stored` or `duplicates`."""
    damaged_records: int = 0
    """Journal records that failed their checksum, and were set aside."""
    commits: int = 0
    commit_seconds: float = 0.0
    journal_syncs: int = 0
    journal_sync_seconds: float = 0.0
    journal_bytes: int = 0
    """Bytes written to the journal since the start."""

    inflight_bytes: int = 0
    """Bytes of requests that are not answered yet, as received and inflated."""
    hot_spans: int = 0
    """Acknowledged spans that are not in the database yet."""
    hot_bytes: int = 0
    """Memory that the decoded rows of all spans take that are not in the database yet."""
    journal_held_bytes: int = 0
    """Bytes of journal on the disk: what a restart would decode again."""


PRESENT = frozenset({"inflight_bytes", "hot_spans", "hot_bytes", "journal_held_bytes"})
"""Counters that tell a present state (gauges); all others only grow."""


class Metrics:
    """Counters that any thread may add to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counters = Counters()

    def add(self, **more: float) -> None:
        """Adds to the counters named; negative for what is no longer held."""
        with self._lock:
            self._counters = replace(
                self._counters, **{name: getattr(self._counters, name) + count for name, count in more.items()}
            )

    def snapshot(self) -> Counters:
        """All counters at one instant."""
        with self._lock:
            return self._counters


COUNTERS = tuple(field.name for field in fields(Counters))
"""Names of all counters, in their order."""
