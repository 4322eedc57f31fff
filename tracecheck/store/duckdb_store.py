"""The local store: one DuckDB database, in memory or in a file; one writer at a time, readers that never wait."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb
import pyarrow as pa

from tracecheck.errors import StoreUnavailable, UsageError
from tracecheck.model import Span
from tracecheck.store import conflicts, files, progress, traces
from tracecheck.store.at_exit import close_at_exit
from tracecheck.store.claims import claim, release
from tracecheck.store.faults import refused, writing
from tracecheck.store.limits import INTERRUPT_EVERY_S, NO_LIMITS, Limits, read_within, require_single_select, time_limit
from tracecheck.store.neighbours import by_trace
from tracecheck.store.progress import JournalPosition
from tracecheck.store.protocol import Appended, Work
from tracecheck.store.rows import span_table
from tracecheck.store.writer import TransactionWriter

Listener = Callable[[pa.Table], None]
"""Must not raise, and not take long: senders wait for it."""


class DuckDBStore:
    """A `Store` over one DuckDB database.

    Every query has a connection and a read-only snapshot of its own. Appends take turns on one connection, writes and
    refreshes on another: a refresh may take long, and an append (which somebody's exporter waits for) goes past it. A
    write may change any table, so appends wait for it. All methods may be called from any thread.

    A receiver may hold rows that it has acknowledged and not appended yet (`settle_before_reading`): whatever reads has
    them appended first, so that nobody sees a difference.
    """

    def __init__(self, location: str, *, read_only: bool = False) -> None:
        """Opens a database that has its schema already. Use `open_store`."""
        self.location = location
        self._read_only = read_only
        self._path = None if location == files.MEMORY else Path(location).resolve()
        claim(self._path, location)
        try:
            self._connection = files.connect(location, read_only=read_only)
            try:
                if self._path is None:
                    files.apply_schema(self._connection)
                files.require_schema(self._connection, location)
                self._ingest_number, self._rows = self._extent()
            except BaseException:
                self._connection.close()
                raise
        except BaseException:
            release(self._path)
            raise
        self._work_connection = self._connection.cursor()
        self._work_lock = threading.Lock()  # before the append lock, where both are taken
        self._append_lock = threading.Lock()
        self._changed = threading.Condition()
        # Wall clock in microseconds: grows across restarts too, and fits a JSON number.
        self._generation = time.time_ns() // 1_000
        self._readers: set[duckdb.DuckDBPyConnection] = set()
        self._settle: Callable[[], None] | None = None
        self._listeners: tuple[Listener, ...] = ()
        self._writing_thread: int | None = None
        self._closed = False
        close_at_exit(self)

    @property
    def path(self) -> Path | None:
        """The file, or None in memory."""
        return self._path

    @property
    def read_only(self) -> bool:
        """Whether it was opened for reading only."""
        return self._read_only

    @property
    def identity(self) -> int:
        """A number that tells this database from any other: a copy keeps it, a new file at the same path does not."""
        with self._reader() as connection:
            return int(connection.execute("select min(created_unix_nano) from schema_version").fetchall()[0][0])

    @property
    def journal_position(self) -> JournalPosition:
        """All that a receiver's journal holds before this place is stored."""
        with self._reader() as connection:
            return progress.stored_until(connection)

    def settle_before_reading(self, settle: Callable[[], None] | None) -> None:
        """Has `settle` called before anything is read or rewritten, until it is replaced by None.

        It appends what was acknowledged before the call, or raises `StoreUnavailable`.
        """
        self._settle = settle

    def query(
        self,
        sql: str,
        parameters: Mapping[str, object] | Sequence[object] | None = None,
        *,
        limits: Limits = NO_LIMITS,
    ) -> pa.Table:
        """See `Reader.query`."""
        self._settled()
        with self._reader() as connection:
            try:
                require_single_select(connection, sql)
                connection.execute("begin transaction read only")
                with time_limit(connection, limits):
                    return read_within(connection.sql(sql, params=_bound(parameters)), limits)
            except duckdb.InterruptException as error:
                if self._closed:
                    raise StoreUnavailable(f"{self.location} was closed during the query") from error
                raise
            except duckdb.Error as error:
                raise refused(self.location, error) from error

    def append(self, spans: Sequence[Span]) -> Appended:
        """See `Store.append`."""
        return self.append_arrow(span_table(spans)) if spans else Appended(stored=0)

    def append_arrow(self, batch: pa.Table) -> Appended:
        """Stores rows shaped as `rows.span_table` makes them, durably before it returns."""
        appended = self._append(batch, None, time.time_ns())
        if appended.stored:
            self.announce(batch)
        return appended

    def append_journaled(self, batch: pa.Table, until: JournalPosition | None, ingested_unix_nano: int) -> Appended:
        """As `append_arrow`, for rows that a receiver acknowledged, and announced, at `ingested_unix_nano`. Notes in
        the same transaction, if told, that its journal is stored until there."""
        return self._append(batch, until, ingested_unix_nano)

    def warm_up(self) -> None:
        """Has DuckDB import what it imports before its first append (pandas, where that is installed: half a second),
        so that nobody waits for it later."""
        with self._append_lock, suppress(duckdb.Error), conflicts.registered(self._connection, incoming=span_table([])):
            pass

    def write(self, work: Work) -> None:
        """See `Store.write`."""
        self._settled()
        with (
            self._work_lock,
            self._append_lock,
            self._unsettled(),
            self._transaction(self._work_connection) as connection,
        ):
            writer = TransactionWriter(connection)
            work(writer)
        if writer.changed:
            self.announce()

    def refresh(self, pipeline: Work) -> None:
        """See `Store.refresh`. Conflicts that an append could not see are marked first; what is appended while the
        pipeline runs is not seen by it."""
        self._settled()
        with self._work_lock, self._unsettled():
            if self._rows >= conflicts.COMPARE_ALL_ROWS:
                with self._append_lock, self._transaction(self._connection) as connection:
                    conflicts.mark_late(connection)
            with self._transaction(self._work_connection) as connection:
                writer = TransactionWriter(connection)
                pipeline(writer)
        if writer.changed:
            self.announce()

    def checkpoint(self) -> None:
        """Folds the write-ahead log into the file and frees what was deleted. Raises `StoreUnavailable`."""
        self._settled()
        with self._work_lock, self._append_lock, writing(self.location):
            self._require_open()
            self._connection.execute("checkpoint")
            self._ingest_number, self._rows = self._extent(at_least=self._ingest_number)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Has `listener` called with rows as soon as they are durable, before their senders are answered and before
        any query shows them. Returns what ends that. The rows may be repeats; they are the listeners' to keep."""
        with self._changed:
            self._listeners = (*self._listeners, listener)

        def end() -> None:
            with self._changed:
                self._listeners = tuple(each for each in self._listeners if each is not listener)

        return end

    @property
    def has_listeners(self) -> bool:
        """Whether rows have to be handed to `announce`."""
        return bool(self._listeners)

    def announce(self, *news: pa.Table) -> None:
        """Tells waiters that there is something new, and grows the generation; `news` are the rows, for listeners."""
        if listeners := self._listeners:
            for rows in map(_kept, news):
                for listener in listeners:
                    listener(rows)
        with self._changed:
            self._generation += 1
            self._changed.notify_all()

    def generation(self) -> int:
        """See `Reader.generation`."""
        with self._changed:
            return self._generation

    def wait(self, after: int, timeout_s: float) -> int:
        """See `Reader.wait`. Closing the store ends the wait."""
        with self._changed:
            self._changed.wait_for(lambda: self._generation > after or self._closed, max(timeout_s, 0))
            return self._generation

    def interrupt(self) -> None:
        """Ends what runs now, queries and writes, with an error; a write leaves nothing behind."""
        with self._changed:
            for connection in () if self._closed else (*self._readers, self._work_connection, self._connection):
                connection.interrupt()

    def close(self) -> None:
        """See `Reader.close`. Running queries are interrupted; a running append is finished first."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._changed.notify_all()
            while self._readers:
                for reader in self._readers:
                    reader.interrupt()
                self._changed.wait(INTERRUPT_EVERY_S)
        with self._work_lock, self._append_lock:
            self._work_connection.close()
            self._connection.close()
        release(self._path)

    def __enter__(self) -> "DuckDBStore":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _reader(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection of one's own, so that neither the writer nor another reader is ever waited for."""
        with self._changed:
            self._require_open()
            connection = self._connection.cursor()
            self._readers.add(connection)
        try:
            yield connection
        finally:
            connection.close()
            with self._changed:
                self._readers.discard(connection)
                self._changed.notify_all()

    @contextmanager
    def _transaction(self, connection: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
        """A writing connection in a transaction: committed at the end, rolled back by any exception."""
        if self._read_only:
            raise UsageError(f"{self.location} was opened for reading only; open it for writing")
        with writing(self.location):
            self._require_open()
            _begin(connection)
            try:
                yield connection
                connection.execute("commit")
            except BaseException:
                _roll_back(connection)
                raise
            finally:
                self._keep_private()

    def _append(self, batch: pa.Table, until: JournalPosition | None, ingested_unix_nano: int) -> Appended:
        if batch.num_rows == 0:
            return Appended(stored=0)
        batch = by_trace(batch)
        with self._append_lock:
            number = self._ingest_number + 1
            window = conflicts.Window.around(batch, self._rows)
            with self._transaction(self._connection) as connection:
                appended = conflicts.insert_new(connection, batch, window, number, ingested_unix_nano)
                if appended.stored:
                    traces.note(connection, batch, number)
                if until is not None:
                    progress.note_stored(connection, until)
            self._ingest_number = number
            self._rows += appended.stored
        return appended

    def _settled(self) -> None:
        """Has acknowledged rows appended, unless this thread holds the locks that an append needs."""
        if self._settle is not None and self._writing_thread != threading.get_ident():
            self._settle()

    @contextmanager
    def _unsettled(self) -> Iterator[None]:
        self._writing_thread = threading.get_ident()
        try:
            yield
        finally:
            self._writing_thread = None

    def _require_open(self) -> None:
        if self._closed:
            raise StoreUnavailable(f"{self.location} is closed")

    def _extent(self, at_least: int = 0) -> tuple[int, int]:
        """The last append's number, which never goes back even if its rows are removed, and how many rows there are."""
        last_append, rows = progress.extent(self._connection)
        return max(last_append, at_least), rows

    def _keep_private(self) -> None:
        """The write-ahead log holds the same data as the file, and DuckDB creates it anew with the process's umask."""
        if self._path is not None:
            log = self._path.with_name(self._path.name + ".wal")
            with suppress(OSError):
                if log.stat().st_mode & 0o077:
                    log.chmod(0o600)


def _begin(connection: duckdb.DuckDBPyConnection) -> None:
    try:
        connection.execute("begin transaction")
    except duckdb.TransactionException:  # an earlier one that could not be rolled back is open still
        connection.execute("rollback")
        connection.execute("begin transaction")


def _roll_back(connection: duckdb.DuckDBPyConnection) -> None:
    with suppress(duckdb.Error):  # a failed commit has ended the transaction already
        connection.execute("rollback")


def _bound(parameters: Mapping[str, object] | Sequence[object] | None) -> object:
    return parameters if parameters is None or isinstance(parameters, Mapping) else list(parameters)


def _kept(rows: pa.Table) -> pa.Table:
    """A copy in memory of its own: what a decoder made looks into the decoder's, which the next request overwrites."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    return pa.ipc.open_stream(sink.getvalue()).read_all()
