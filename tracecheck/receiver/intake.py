"""The open end of a store: what is admitted, and within which budgets.

Two budgets bound the memory: bytes of requests that are not answered yet, as received and inflated, and decoded rows
that the store does not have yet. A client that meets a full budget is told to come back.
"""

from concurrent.futures import Future
from types import TracebackType

from tracecheck.errors import StoreUnavailable
from tracecheck.receiver.decode_columns import Taken
from tracecheck.receiver.decoded import Decoded
from tracecheck.receiver.hot_tier import HotTier, OnAppended, Stopping
from tracecheck.receiver.journal import Journal
from tracecheck.receiver.journal_format import JSON, PROTOBUF
from tracecheck.receiver.limits import SpanLimits
from tracecheck.receiver.metrics import Counters, Metrics
from tracecheck.receiver.replay import replay
from tracecheck.semconv import canonical
from tracecheck.store.duckdb_store import DuckDBStore
from tracecheck.store.progress import journal_folder
from tracecheck.store.protocol import Store

ROOM_WAIT_S = 2.0
"""A request that meets a full budget of rows waits so long before it is refused: slow clients down, then turn away."""

__all__ = ["Intake", "OnAppended", "Overloaded", "Reservation", "Stopping"]


class Overloaded(StoreUnavailable):
    """More bytes are in flight than the budget allows. The client may try again."""


class Intake:
    """Takes requests from any thread, answers each when its spans are durable.

    A store in a file gets a journal beside it. What an earlier process left there is stored first; that raises
    `StoreUnavailable` when the store cannot be written now.
    """

    def __init__(
        self,
        store: Store,
        *,
        inflight_bytes: int,
        hot_bytes: int = 384 * 1024 * 1024,
        limits: SpanLimits | None = None,
        on_appended: OnAppended | None = None,
    ) -> None:
        limits = limits or SpanLimits()
        self._budget = inflight_bytes
        self._hot_bytes = hot_bytes
        self._metrics = Metrics()
        self._file = store if isinstance(store, DuckDBStore) and store.path is not None else None
        self._journal = None if self._file is None else self._opened_journal(self._file, limits)
        self._hot = HotTier(
            store, self._journal, self._metrics, limits=limits, most_bytes=hot_bytes, on_appended=on_appended
        )
        if self._file is not None:
            self._file.settle_before_reading(self._hot.settle)

    @property
    def counters(self) -> Counters:
        """A snapshot of what went through."""
        return self._metrics.snapshot()

    def reserve(self) -> "Reservation":
        """A share of the byte budget for one request, to grow while its body arrives."""
        return Reservation(self)

    def submit(self, decoded: Decoded, body: bytes) -> "Future[None]":
        """Hands over one decoded JSON request, and its bytes for the journal. The future ends when its spans are
        durable, or with the store's error.

        Raises `Stopping` after `close`, `Overloaded` when there is no room for rows.
        """
        spans = [canonical(span) for span in decoded.spans]
        self._require_room()
        _, done = self._hot.take(body, JSON, lambda group, done: group.add(spans, len(body), done))
        self._count(len(spans), decoded.rejected, decoded.repaired)
        return done

    def decode(self, body: bytes) -> "tuple[Taken, Future[None]]":
        """As `submit`, from the bytes of a protobuf request. Raises `DecodeError` as well."""
        self._require_room()
        taken, done = self._hot.take(body, PROTOBUF, lambda group, done: group.decode(body, done))
        self._count(taken.rows, taken.rejected, taken.repaired)
        return taken, done

    def close(self) -> None:
        """Stores what was handed over, answers it, and takes nothing more. Idempotent."""
        stored = self._hot.close()
        if self._file is not None:
            self._file.settle_before_reading(None)
        if self._journal is not None:
            self._journal.close(stored=stored)
            self._journal = None

    def note_request(self, *, refused: bool) -> None:
        """Counts one answered request."""
        self._metrics.add(requests=1, refused_requests=int(refused))

    def hold(self, size: int) -> None:
        """Takes bytes of the budget (negative: gives them back). Raises `Overloaded` when too few are left."""
        if not self._metrics.add_within("inflight_bytes", size, self._budget):
            raise Overloaded(f"over {self._budget} bytes are in flight; send again later")

    def _opened_journal(self, store: DuckDBStore, limits: SpanLimits) -> Journal | None:
        if store.path is None:
            return None
        replayed = replay(store, limits)
        self._metrics.add(
            replayed=replayed.spans,
            stored=replayed.stored,
            duplicates=replayed.duplicates,
            conflicting=replayed.conflicting,
            damaged_records=replayed.damaged_records,
        )
        return Journal(journal_folder(store.path), store.identity, replayed.last_segment + 1)

    def _require_room(self) -> None:
        if not self._hot.wait_for_room(ROOM_WAIT_S):
            raise Overloaded(f"over {self._hot_bytes} bytes of decoded spans wait for the store; send again later")

    def _count(self, rows: int, rejected: int, repaired: int) -> None:
        self._metrics.add(received=rows + rejected, rejected=rejected, repaired=repaired)


class Reservation:
    """Bytes of the intake's budget held by one request, until it gives them back or its `with` block ends."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._held = 0

    def grow(self, size: int) -> None:
        """Holds so many bytes more. Raises `Overloaded` when the budget is spent."""
        self._intake.hold(size)
        self._held += size

    def release(self) -> None:
        """Gives all back."""
        self._intake.hold(-self._held)
        self._held = 0

    def __enter__(self) -> "Reservation":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
