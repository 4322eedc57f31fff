"""Decoded rows on their way into the store, and who is answered when.

With a journal a request is answered once its bytes are durable there; its rows wait, decoded, until they make a batch
worth appending, and whoever reads has them appended first. Without one (a store in memory, say) rows are appended at
once, and the answer comes after that.

Why readers wait for an append and do not see the rows where they are: a union of waiting and stored rows would have to
find repeats and conflicts anew for every query, and the decoder could not use its memory again, which costs it a
quarter of its speed. The append has to be done anyway; it takes some milliseconds for few rows, and some tenths of a
second for a full batch.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TypeVar

import pyarrow as pa

from tracecheck.errors import StoreUnavailable
from tracecheck.receiver.decode_columns import Batch
from tracecheck.receiver.group import Group, Waiting
from tracecheck.receiver.journal import Journal
from tracecheck.receiver.journal_format import OVERHEAD
from tracecheck.receiver.limits import SpanLimits
from tracecheck.receiver.metrics import Metrics
from tracecheck.receiver.storing import Outcome, store_group
from tracecheck.receiver.syncing import Syncing, Written
from tracecheck.store.duckdb_store import DuckDBStore
from tracecheck.store.protocol import Appended, Store

QUIET_S = 0.1
"""Few rows are appended when nothing came for so long. Not sooner: the smallest append costs 10 ms of a core."""

FULL_QUIET_S = 2.0
"""The fuller a batch, the longer it waits for more, up to so long: half a row group costs as much as a whole one, and
on a busy machine senders pause for some tenths of a second. Whoever reads has it appended at once."""

MOST_WAIT_S = 2.0
"""Rows wait no longer than this for their batch, unless"""

FULL_WITHIN_S = 10.0
"""it fills so fast that it will be a full row group within this time: only those are written straight into the file,
anything less goes through the database's log first, at twice the cost."""

RETRY_S = 0.5
"""After the store could not write, it is tried again so often."""

LAST_TRIES = 3
"""When closing. Then the journal keeps what the store does not take."""

_SPARE_BATCHES = 2
"""One decodes while the other is written. A batch that has grown is worth keeping: new memory costs a quarter more."""

_log = logging.getLogger(__name__)
T = TypeVar("T")

OnAppended = Callable[[pa.Table], None]
"""Called with rows when they are durable and before their senders are answered. The rows are gone when it returns: keep
copies, or `store.spans.spans_of` them. It may query the store, but then does not see rows that are not appended yet."""


class Stopping(StoreUnavailable):
    """The receiver is closing. The client may try again, elsewhere or later."""


class HotTier:
    """Takes decoded requests from any thread; a thread of its own appends them to the store."""

    def __init__(
        self,
        store: Store,
        journal: Journal | None,
        metrics: Metrics,
        *,
        limits: SpanLimits,
        most_bytes: int,
        on_appended: OnAppended | None = None,
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._limits = limits
        self._most_bytes = most_bytes
        self._on_appended = on_appended
        self._decoding = threading.Lock()  # before `_lock`, where both are taken
        self._lock = threading.Lock()
        self._news = threading.Condition(self._lock)  # for the thread that appends
        self._appended = threading.Condition(self._lock)  # for those who wait for it
        self._groups: deque[Group] = deque()
        self._appending: Group | None = None
        self._last_number = self._done_number = self._wanted_number = 0
        self._full_since = 0.0
        self._faults = 0
        self._fault: StoreUnavailable | None = None
        self._spare: list[Batch] = []
        self._closed = self._ended = False
        self._journal = journal
        self._file = store if journal is not None and isinstance(store, DuckDBStore) else None
        self._syncing = None if journal is None else Syncing(journal, metrics, self._became_durable)
        self._thread = threading.Thread(target=self._run, name="tracecheck-intake", daemon=True)
        self._thread.start()

    def take(self, body: bytes, encoding: int, add: Callable[[Group, "Future[None]"], T]) -> "tuple[T, Future[None]]":
        """Has `add` decode a request into the present group. The future ends when its rows are durable, or with why
        they are not.

        Raises what `add` raises, `Stopping` after `close`, and `StoreUnavailable` when the journal takes nothing now.
        """
        done: Future[None] = Future()
        done.set_running_or_notify_cancel()  # a client that goes away must not cancel what others share
        with self._decoding:
            group = self._present_group()
            requests, memory_bytes = len(group.waiting), group.memory_bytes
            added = add(group, done)
            if len(group.waiting) > requests:
                self._metrics.add(hot_bytes=group.memory_bytes - memory_bytes)
                self._write(group, body, encoding)
        return added, done

    def wait_for_room(self, timeout_s: float) -> bool:
        """Waits while the decoded rows take more memory than they may, at most so long since they began to. False: they
        still do. (If each request waited anew, those behind it would be told too late that they should come back.)"""
        with self._lock:
            if not self._has_room():
                now = time.monotonic()
                self._full_since = self._full_since or now
                if not self._appended.wait_for(self._has_room, max(self._full_since + timeout_s - now, 0)):
                    return False
            self._full_since = 0.0
            return True

    def settle(self) -> None:
        """Returns when all rows are appended that were taken before the call.

        Raises `StoreUnavailable` when the store cannot take them now.
        """
        if threading.current_thread() in (self._thread, self._syncing and self._syncing.thread):
            return
        with self._lock:
            waiting = [
                group.number for group in (self._appending, *self._groups) if group is not None and group.waiting
            ]
            if not waiting:
                return
            wanted = max(waiting)
            self._wanted_number = max(self._wanted_number, wanted)
            self._news.notify()
            faults = self._faults
            self._appended.wait_for(lambda: self._done_number >= wanted or self._faults > faults or self._ended)
            if self._done_number < wanted and self._fault is not None:
                raise self._fault

    def close(self) -> bool:
        """Appends and answers what was taken, and takes nothing more. False: some of it is in the journal only."""
        with self._decoding, self._lock:
            self._closed = True
            self._news.notify()
        self._thread.join()
        if self._syncing is not None:
            self._syncing.close()
        return self._appending is None

    def _has_room(self) -> bool:
        return self._metrics.now("hot_bytes") < self._most_bytes

    def _present_group(self) -> Group:
        with self._lock:
            if self._closed:
                raise Stopping("the receiver is stopping; send again later")
            if not self._groups or self._groups[-1].is_full:
                batch = self._spare.pop() if self._spare else Batch(self._limits)
                self._last_number += 1
                group = Group(batch, number=self._last_number, most_memory_bytes=self._most_bytes // 3)
                self._groups.append(group)
            return self._groups[-1]

    def _write(self, group: Group, body: bytes, encoding: int) -> None:
        waiting = group.waiting[-1]
        if self._journal is not None and self._syncing is not None:
            try:
                group.journaled(self._journal.write(body, encoding))
            except StoreUnavailable:
                waiting.refused = True
                raise
            finally:
                if len(group.waiting) == 1 or group.is_full:
                    self._notify()
            self._metrics.add(journal_bytes=len(body) + OVERHEAD)
            self._syncing.add(group, waiting)
        else:
            self._notify()

    def _notify(self) -> None:
        with self._lock:
            self._news.notify()

    def _became_durable(self, written: Sequence[Written]) -> None:
        """Tells everyone. Readers find the rows from now on, since they have them appended first."""
        self._metrics.add(hot_spans=sum(waiting.rows for _, waiting in written))
        news: list[pa.Table] = []
        if self._on_appended is not None or (self._file is not None and self._file.has_listeners):
            with self._decoding:
                news = [_copied(group.rows(requests)) for group, requests in _by_group(written)]
            for each in news:
                self._tell(each)
        if self._file is not None:
            self._file.announce(*news)

    def _tell(self, rows: pa.Table) -> None:
        if self._on_appended is not None:
            try:
                self._on_appended(rows)
            except Exception:  # noqa: BLE001 - a listener's fault must not reach the clients
                _log.exception("a listener failed after spans were stored; they stay stored")

    def _run(self) -> None:
        if isinstance(self._store, DuckDBStore):
            self._store.warm_up()
        while (group := self._next_group()) is not None:
            if self._syncing is not None:
                self._syncing.wait_for(group)
            if not self._append(group):
                break
            self._finish(group)
        with self._lock:
            self._ended = True
            self._appended.notify_all()

    def _next_group(self) -> Group | None:
        with self._lock:
            while (left_s := self._due_in_s()) is None or left_s > 0:
                if left_s is None and self._closed:
                    return None
                self._news.wait(left_s)
        with self._decoding, self._lock:  # whoever decodes into the group has ended then
            self._appending = self._groups.popleft()
            return self._appending

    def _due_in_s(self) -> float | None:
        """How long the oldest group may wait. None: there is nothing to append."""
        if not self._groups or not self._groups[0].waiting:
            return None
        group = self._groups[0]
        if self._journal is None or self._closed or group.is_full or group.number <= self._wanted_number:
            return 0
        most_wait_s = max(MOST_WAIT_S, FULL_WITHIN_S * group.filled)
        quiet_s = max(QUIET_S, FULL_QUIET_S * group.filled)
        return min(group.began + most_wait_s, group.changed + quiet_s) - time.monotonic()

    def _append(self, group: Group) -> bool:
        """Stores the group, however long the store cannot write. False: the receiver closes, and it still cannot."""
        tries = 0
        while True:
            began = time.monotonic()
            try:
                outcome = store_group(group, lambda rows, whole: self._append_rows(rows, group, whole=whole))
            except StoreUnavailable as error:
                if self._journal is None:
                    self._answer(group, Outcome(refused=[(each, error) for each in group.accepted]))
                    return True
                tries = tries + 1 if self._closed else 0
                if tries == LAST_TRIES:
                    _log.error("%s; acknowledged spans stay in the journal, and are stored at the next start", error)
                    return False
                self._pause_after(error)
                continue
            self._count(outcome, time.monotonic() - began)
            self._answer(group, outcome)
            return True

    def _append_rows(self, rows: pa.Table, group: Group, *, whole: bool) -> Appended:
        if self._file is not None:
            return self._file.append_journaled(rows, group.until if whole else None, group.received_unix_nano)
        appended = self._store.append_arrow(rows)
        self._tell(rows)
        return appended

    def _pause_after(self, error: StoreUnavailable) -> None:
        if self._fault is None:
            _log.error("%s; acknowledged spans wait in the journal and in memory", error)
        with self._lock:
            self._fault = error
            self._faults += 1
            self._appended.notify_all()
            if not self._closed:
                self._news.wait(RETRY_S)

    def _count(self, outcome: Outcome, seconds: float) -> None:
        if self._fault is not None:
            self._fault = None
            _log.warning("%s", "the store can write again; what waited is stored")
        self._metrics.add(
            stored=outcome.stored,
            duplicates=outcome.duplicates,
            conflicting=outcome.conflicting,
            commits=1,
            commit_seconds=seconds,
        )

    def _answer(self, group: Group, outcome: Outcome) -> None:
        """Without a journal, everyone of the group; with one they have their answer, and what failed is set aside."""
        for waiting, error in outcome.refused:
            if self._journal is None:
                waiting.done.set_exception(error)
                continue
            for segment in group.segments:
                self._journal.keep(segment)
            self._metrics.add(set_aside=waiting.rows)
            _log.error(
                "%d acknowledged spans were refused by the store and set aside with their journal segment: %s",
                waiting.rows,
                error,
            )
        if self._journal is None:
            failed = {id(waiting) for waiting, _ in outcome.refused}
            for waiting in group.accepted:
                if id(waiting) not in failed:
                    waiting.done.set_result(None)

    def _finish(self, group: Group) -> None:
        if self._journal is not None:
            if group.until is not None:
                self._journal.forget(group.until)
            self._metrics.add(hot_spans=-sum(each.rows for each in group.accepted))
            self._metrics.put(journal_held_bytes=self._journal.held_bytes)
        self._metrics.add(hot_bytes=-group.memory_bytes)
        group.batch.reset()
        with self._lock:
            if len(self._spare) < _SPARE_BATCHES and not group.is_oversized:
                self._spare.append(group.batch)
            self._appending = None
            self._done_number = group.number
            self._appended.notify_all()


def _by_group(written: Sequence[Written]) -> list[tuple[Group, list[Waiting]]]:
    groups: dict[int, tuple[Group, list[Waiting]]] = {}
    for group, waiting in written:
        groups.setdefault(group.number, (group, []))[1].append(waiting)
    return list(groups.values())


def _copied(rows: pa.Table) -> pa.Table:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    return pa.ipc.open_stream(sink.getvalue()).read_all()
