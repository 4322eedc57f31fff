"""Handle each event once: a redelivered, or twice sent, event is told from a new one by its event id.

with once(record, seen) as first:
    if first:
        charge(order)

A store decides how far the promise goes. `SqlSeen` on the connection that also writes the effect makes both one
transaction: they are there together, or not at all. `MemorySeen` knows what this process did, no more.
"""

import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any, Protocol

from tracecheck_instrumentation import names
from tracecheck_instrumentation.adapters import delivery_of
from tracecheck_instrumentation.fanin import effect
from tracecheck_instrumentation.headers import event_id, identifier, read_fields
from tracecheck_instrumentation.health import ignored


class SeenStore(Protocol):
    """Remembers the keys of events. What it raises reaches the service: guessing would repeat an effect or lose one."""

    def add(self, key: str) -> bool:
        """Remember `key`, in one step; return False if it was there already."""

    def discard(self, key: str) -> None:
        """Forget `key`, for its handling failed."""


def already_seen(record: Any, store: SeenStore) -> bool:
    """Return True if the event in `record` was seen before; from now on it was. `once` also undoes it on failure."""
    key = event_key(record)
    return key is not None and not store.add(key)


@contextmanager
def once(record: Any, store: SeenStore, *, effect_key: str | None = None) -> Iterator[bool]:
    """Yield True if the event in `record` is new, False if it was handled before.

    When a new one was handled, the effect `effect_key` (else the event's own key) is marked on the span; when the block
    raises, the event counts as not seen, so that the next attempt does the work. A record without any identity is
    always new, and counted in `health()` as `event_without_id`.
    """
    key = event_key(record)
    if key is None:
        yield True
        if effect_key:
            effect(effect_key)
        return
    if not store.add(key):
        yield False
        return
    try:
        yield True
    except BaseException:
        store.discard(key)
        raise
    effect(effect_key or key)


def event_key(record: Any) -> str | None:
    """Return what tells the event in `record` from others, or None.

    The event it is a retry of, else its event id (ours or a CloudEvent's), else the message's own id, else its place in
    Kafka, which tells a redelivery but not a second send.
    """
    if (delivery := delivery_of(record)) is None:
        ignored("event_without_id")
        return None
    message = delivery[1]
    fields = read_fields(message.carrier)
    found = identifier(fields.get(names.RETRY_OF_HEADER)) or event_id(fields) or identifier(message.message_id)
    if found is None and message.offset is not None:
        found = f"{message.destination}[{message.partition}]@{message.offset}"
    if found is None:
        ignored("event_without_id")
    return found


class MemorySeen:
    """The last `max_keys` events this process saw; nothing survives a restart."""

    def __init__(self, max_keys: int = 100_000) -> None:
        self._max_keys = max_keys
        self._keys: OrderedDict[str, None] = OrderedDict()
        self._lock = Lock()

    def add(self, key: str) -> bool:
        """Remember `key`; return False if it was there already."""
        with self._lock:
            new = key not in self._keys
            self._keys[key] = None
            self._keys.move_to_end(key)
            if len(self._keys) > self._max_keys:
                self._keys.popitem(last=False)
            return new

    def discard(self, key: str) -> None:
        """Forget `key`."""
        with self._lock:
            self._keys.pop(key, None)


class SqlSeen:
    """Events in a table, over a DB-API connection of the caller's, in the caller's transaction: it never commits.

    Works with SQLite (3.24 or later) and PostgreSQL; `placeholder` is the driver's (`?` for sqlite3, `%s` for psycopg).
    `consumer` keeps the events of several handlers apart. A connection is for one thread, and so is this.
    """

    def __init__(
        self, connection: Any, *, consumer: str = "", table: str = "tracecheck_seen", placeholder: str = "?"
    ) -> None:
        if not table.replace(".", "_").isidentifier():
            raise ValueError(f"table name {table!r}: expected letters, digits and _, like tracecheck_seen")
        self._connection = connection
        self._consumer = consumer
        self._table = table
        self._placeholder = placeholder

    def create_table(self) -> None:
        """Make the table if it is not there."""
        self._run(
            f"CREATE TABLE IF NOT EXISTS {self._table} (consumer VARCHAR(256) NOT NULL,"
            " event_key VARCHAR(512) NOT NULL, seen_unix_nano BIGINT NOT NULL, PRIMARY KEY (consumer, event_key))"
        )

    def add(self, key: str) -> bool:
        """Insert `key`; return False if it was there already. Waits for a transaction that is inserting the same."""
        values = (self._consumer, key, time.time_ns())
        columns = "(consumer, event_key, seen_unix_nano) VALUES (?, ?, ?)"
        return self._run(f"INSERT INTO {self._table} {columns} ON CONFLICT DO NOTHING", values) == 1

    def discard(self, key: str) -> None:
        """Delete `key`, unless the failure has closed the transaction: then its rollback forgets the key."""
        try:
            self._run(f"DELETE FROM {self._table} WHERE consumer = ? AND event_key = ?", (self._consumer, key))  # noqa: S608
        except Exception:  # noqa: BLE001 - the handler's own error is on its way and must not be replaced
            ignored("event_not_discarded")

    def forget_older_than(self, seconds: float) -> int:
        """Delete what was seen before that long; return how many. Choose more than a broker may redeliver after."""
        before_unix_nano = time.time_ns() - int(seconds * 1_000_000_000)
        return self._run(
            f"DELETE FROM {self._table} WHERE consumer = ? AND seen_unix_nano < ?",  # noqa: S608
            (self._consumer, before_unix_nano),
        )

    def _run(self, statement: str, values: tuple[object, ...] = ()) -> int:
        cursor = self._connection.cursor()
        try:
            cursor.execute(statement.replace("?", self._placeholder), values)
            count: int = cursor.rowcount
            return count
        finally:
            cursor.close()
