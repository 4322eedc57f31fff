"""Data at rest: DuckDB tables, and the one `Store` that rooms above see."""

from tracecheck.store.forget import forget_selftest
from tracecheck.store.limits import NO_LIMITS, Limits
from tracecheck.store.open import open_store
from tracecheck.store.protocol import Appended, Reader, Store, Work, Writer
from tracecheck.store.retention import Retention, Vacuumed, compact, vacuum

__all__ = [
    "NO_LIMITS",
    "Appended",
    "Limits",
    "Reader",
    "Retention",
    "Store",
    "Vacuumed",
    "Work",
    "Writer",
    "compact",
    "forget_selftest",
    "open_store",
    "vacuum",
]
