"""What went through a receiver since it started, as numbers: added up by any thread, read as one frozen snapshot."""

import threading
from bisect import bisect_left
from dataclasses import dataclass, fields
from typing import Any

COMMIT_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the buckets of a commit's duration."""


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
    set_aside: int = 0
    """Acknowledged spans that the database refused for good; their journal segments are kept under another name."""
    commits: int = 0
    commit_seconds: float = 0.0
    commit_buckets: tuple[int, ...] = (0,) * (len(COMMIT_BOUNDS_S) + 1)
    """How many commits took up to each of `COMMIT_BOUNDS_S`, and (last) longer."""
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
        self._now: dict[str, Any] = {field.name: field.default for field in fields(Counters)}

    def add(self, **more: float) -> None:
        """Adds to the counters named; negative for what is no longer held. `commit_seconds` are those of one commit."""
        with self._lock:
            for name, count in more.items():
                self._now[name] += count
            if "commit_seconds" in more:
                buckets = list(self._now["commit_buckets"])
                buckets[bisect_left(COMMIT_BOUNDS_S, more["commit_seconds"])] += 1
                self._now["commit_buckets"] = tuple(buckets)

    def add_within(self, name: str, more: int, limit: int) -> bool:
        """Adds to one counter, unless that would raise it over the limit: then False, and nothing is added."""
        with self._lock:
            if more > 0 and self._now[name] + more > limit:
                return False
            self._now[name] += more
            return True

    def put(self, **now: Any) -> None:
        """Sets the counters named."""
        with self._lock:
            self._now |= now

    def now(self, name: str) -> int:
        """One of the counters that are whole numbers."""
        with self._lock:
            return int(self._now[name])

    def snapshot(self) -> Counters:
        """All counters at one instant."""
        with self._lock:
            return Counters(**self._now)


COUNTERS = tuple(field.name for field in fields(Counters))
"""Names of all counters, in their order."""
