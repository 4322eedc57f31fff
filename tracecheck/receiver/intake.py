"""From a decoded request to its acknowledgement: canonical columns, one durable append, and only then the answer.

Requests that arrive together share one append, because a commit costs the store far more than a row. Everything in
flight counts against a byte budget; a client that meets a full budget is told to come back.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from types import TracebackType

from tracecheck.errors import StoreUnavailable, TracecheckError
from tracecheck.model import Span
from tracecheck.receiver.decoded import Decoded
from tracecheck.semconv import canonical
from tracecheck.store.protocol import Store

MAX_GROUP_SPANS = 122_880
"""Most spans in one append: one full row group of the store."""

_log = logging.getLogger(__name__)

OnAppended = Callable[[Sequence[Span]], None]
"""Called with each group of spans once it is committed, from the writer's thread."""


class Overloaded(StoreUnavailable):
    """More bytes are in flight than the budget allows. The client may try again."""


class Stopping(StoreUnavailable):
    """The receiver is closing. The client may try again, elsewhere or later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """What went through since the start, in spans unless the name says otherwise."""

    requests: int = 0
    refused_requests: int = 0
    received: int = 0
    stored: int = 0
    duplicates: int = 0
    conflicting: int = 0
    rejected: int = 0
    repaired: int = 0
    commits: int = 0
    inflight_bytes: int = 0


@dataclass(frozen=True, slots=True)
class _Waiting:
    spans: Sequence[Span]
    done: "Future[None]"


class Intake:
    """The open end of a store: takes decoded requests from any thread, answers each when its spans are durable."""

    def __init__(self, store: Store, *, inflight_bytes: int, on_appended: OnAppended | None = None) -> None:
        self._store = store
        self._on_appended = on_appended
        self._budget = inflight_bytes
        self._changed = threading.Condition()
        self._queue: deque[_Waiting] = deque()
        self._counters = Counters()
        self._closed = False
        self._writer = threading.Thread(target=self._write, name="tracecheck-intake", daemon=True)
        self._writer.start()

    @property
    def counters(self) -> Counters:
        """A snapshot of what went through."""
        with self._changed:
            return self._counters

    def reserve(self) -> "Reservation":
        """A share of the byte budget for one request, to grow while its body arrives."""
        return Reservation(self)

    def submit(self, decoded: Decoded) -> "Future[None]":
        """Hands over one decoded request. The future ends when its spans are durable, or with the store's error.

        Raises `Stopping` after `close`.
        """
        spans = [canonical(span) for span in decoded.spans]
        done: Future[None] = Future()
        done.set_running_or_notify_cancel()  # a client that goes away must not cancel what others share
        with self._changed:
            if self._closed:
                raise Stopping("the receiver is stopping; send again later")
            self._count(received=len(spans) + decoded.rejected, rejected=decoded.rejected, repaired=decoded.repaired)
            if spans:
                self._queue.append(_Waiting(spans, done))
                self._changed.notify_all()
            else:
                done.set_result(None)
        return done

    def close(self) -> None:
        """Stores what was handed over, answers it, and takes nothing more. Idempotent."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._writer.join()

    def note_request(self, *, refused: bool) -> None:
        """Counts one answered request."""
        with self._changed:
            self._count(requests=1, refused_requests=int(refused))

    def hold(self, size: int) -> None:
        """Takes bytes of the budget (negative: gives them back). Raises `Overloaded` when too few are left."""
        with self._changed:
            if size > 0 and self._counters.inflight_bytes + size > self._budget:
                raise Overloaded(f"over {self._budget} bytes are in flight; send again later")
            self._count(inflight_bytes=size)

    def _count(self, **more: int) -> None:
        self._counters = replace(
            self._counters, **{name: getattr(self._counters, name) + count for name, count in more.items()}
        )

    def _write(self) -> None:
        while group := self._next_group():
            self._commit(group)

    def _next_group(self) -> list[_Waiting]:
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closed)
            group: list[_Waiting] = []
            size = 0
            while self._queue and (not group or size + len(self._queue[0].spans) <= MAX_GROUP_SPANS):
                group.append(self._queue.popleft())
                size += len(group[-1].spans)
            return group

    def _commit(self, group: list[_Waiting]) -> None:
        spans = [span for waiting in group for span in waiting.spans]
        try:
            appended = self._store.append(spans)
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to the waiting clients
            self._answer_failure(group, error)
            return
        with self._changed:
            self._count(
                stored=appended.stored,
                duplicates=appended.duplicates,
                conflicting=appended.conflicting,
                commits=1,
            )
        self._tell(spans)
        for waiting in group:
            waiting.done.set_result(None)

    def _answer_failure(self, group: list[_Waiting], error: Exception) -> None:
        """A known fault is everyone's; an unknown one may be the fault of one request, so each gets its own try."""
        if isinstance(error, TracecheckError) or len(group) == 1:
            for waiting in group:
                waiting.done.set_exception(error)
        else:
            for waiting in group:
                self._commit([waiting])

    def _tell(self, spans: Sequence[Span]) -> None:
        if self._on_appended is not None:
            try:
                self._on_appended(spans)
            except Exception:  # noqa: BLE001 - a listener's fault must not reach the clients
                _log.exception("a listener failed after spans were stored; they stay stored")


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
