"""From a request to its acknowledgement: decoded rows, one durable append, and only then the answer.

Requests that arrive together share one append, because a commit costs the store far more than a row. Everything in
flight counts against a byte budget; a client that meets a full budget is told to come back.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from types import TracebackType

import pyarrow as pa

from tracecheck.errors import StoreUnavailable, TracecheckError
from tracecheck.receiver.decode_columns import Batch, Taken
from tracecheck.receiver.decoded import Decoded
from tracecheck.receiver.group import Group, Waiting
from tracecheck.receiver.limits import SpanLimits
from tracecheck.receiver.metrics import Counters, Metrics
from tracecheck.semconv import canonical
from tracecheck.store.protocol import Store

_log = logging.getLogger(__name__)

OnAppended = Callable[[pa.Table], None]
"""Called with the rows of each group once it is committed, from the writer's thread. They are gone when it returns:
keep copies, or `store.spans.spans_of` them."""

_SPARE_BATCHES = 2
"""One decodes while the other is written. A batch that has grown is worth keeping: new memory costs a quarter more."""


class Overloaded(StoreUnavailable):
    """More bytes are in flight than the budget allows. The client may try again."""


class Stopping(StoreUnavailable):
    """The receiver is closing. The client may try again, elsewhere or later."""


class Intake:
    """The open end of a store: takes requests from any thread, answers each when its spans are durable."""

    def __init__(
        self,
        store: Store,
        *,
        inflight_bytes: int,
        limits: SpanLimits | None = None,
        on_appended: OnAppended | None = None,
    ) -> None:
        self._store = store
        self._limits = limits or SpanLimits()
        self._on_appended = on_appended
        self._budget = inflight_bytes
        self._changed = threading.Condition()
        self._groups: deque[Group] = deque()
        self._decoding = threading.Lock()  # before `_changed`, where both are taken
        self._spare: list[Batch] = []
        self._metrics = Metrics()
        self._closed = False
        self._writer = threading.Thread(target=self._write, name="tracecheck-intake", daemon=True)
        self._writer.start()

    @property
    def counters(self) -> Counters:
        """A snapshot of what went through."""
        return self._metrics.snapshot()

    def reserve(self) -> "Reservation":
        """A share of the byte budget for one request, to grow while its body arrives."""
        return Reservation(self)

    def submit(self, decoded: Decoded) -> "Future[None]":
        """Hands over one decoded request. The future ends when its spans are durable, or with the store's error.

        Raises `Stopping` after `close`.
        """
        spans = [canonical(span) for span in decoded.spans]
        done = _answer_to_come()
        with self._decoding:
            self._group(of_spans=True).add(spans, done)
            self._handed_over(len(spans), decoded.rejected, decoded.repaired)
        return done

    def decode(self, body: bytes) -> "tuple[Taken, Future[None]]":
        """As `submit`, from the bytes of a protobuf request. Raises `DecodeError` as well."""
        done = _answer_to_come()
        with self._decoding:
            taken = self._group(of_spans=False).decode(body, done)
            self._handed_over(taken.rows, taken.rejected, taken.repaired)
        return taken, done

    def close(self) -> None:
        """Stores what was handed over, answers it, and takes nothing more. Idempotent."""
        with self._decoding, self._changed:
            self._closed = True
            self._changed.notify_all()
        self._writer.join()

    def note_request(self, *, refused: bool) -> None:
        """Counts one answered request."""
        self._metrics.add(requests=1, refused_requests=int(refused))

    def hold(self, size: int) -> None:
        """Takes bytes of the budget (negative: gives them back). Raises `Overloaded` when too few are left."""
        with self._changed:
            if size > 0 and self._metrics.snapshot().inflight_bytes + size > self._budget:
                raise Overloaded(f"over {self._budget} bytes are in flight; send again later")
            self._metrics.add(inflight_bytes=size)

    def _group(self, *, of_spans: bool) -> Group:
        """The group that the next request joins."""
        with self._changed:
            if self._closed:
                raise Stopping("the receiver is stopping; send again later")
            last = self._groups[-1] if self._groups else None
            if last is None or last.is_full or (last.batch is None) != of_spans:
                batch = None if of_spans else self._spare.pop() if self._spare else Batch(self._limits)
                last = Group(batch)
                self._groups.append(last)
            return last

    def _handed_over(self, rows: int, rejected: int, repaired: int) -> None:
        with self._changed:
            self._metrics.add(received=rows + rejected, rejected=rejected, repaired=repaired)
            self._changed.notify_all()

    def _write(self) -> None:
        while (group := self._next_group()) is not None:
            if group.waiting:
                self._commit(group.rows(), group.waiting)
            if group.batch is not None and len(self._spare) < _SPARE_BATCHES:
                group.batch.reset()
                self._spare.append(group.batch)

    def _next_group(self) -> Group | None:
        with self._changed:
            self._changed.wait_for(lambda: self._groups or self._closed)
        with self._decoding, self._changed:  # whoever decodes into the group has ended then
            return self._groups.popleft() if self._groups else None

    def _commit(self, rows: pa.Table, group: Sequence[Waiting]) -> None:
        began = time.monotonic()
        try:
            appended = self._store.append_arrow(rows)
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to the waiting clients
            self._answer_failure(rows, group, error)
            return
        self._metrics.add(
            stored=appended.stored,
            duplicates=appended.duplicates,
            conflicting=appended.conflicting,
            commits=1,
            commit_seconds=time.monotonic() - began,
        )
        self._tell(rows)
        for waiting in group:
            waiting.done.set_result(None)

    def _answer_failure(self, rows: pa.Table, group: Sequence[Waiting], error: Exception) -> None:
        """A known fault is everyone's; an unknown one may be the fault of one request, so each gets its own try."""
        if isinstance(error, TracecheckError) or len(group) == 1:
            for waiting in group:
                waiting.done.set_exception(error)
        else:
            for waiting in group:
                self._commit(rows.slice(waiting.first, waiting.rows), [waiting])

    def _tell(self, rows: pa.Table) -> None:
        if self._on_appended is not None:
            try:
                self._on_appended(rows)
            except Exception:  # noqa: BLE001 - a listener's fault must not reach the clients
                _log.exception("a listener failed after spans were stored; they stay stored")


def _answer_to_come() -> "Future[None]":
    done: Future[None] = Future()
    done.set_running_or_notify_cancel()  # a client that goes away must not cancel what others share
    return done


class Reservation:
    """Bytes of the intake's budget held by one request, given back when its `with` block ends."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._held = 0

    def grow(self, size: int) -> None:
        """Holds so many bytes more. Raises `Overloaded` when the budget is spent."""
        self._intake.hold(size)
        self._held += size

    def __enter__(self) -> "Reservation":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._intake.hold(-self._held)
        self._held = 0
