"""Data at rest: DuckDB tables, and the one `Store` that rooms above see."""

from tracecheck.store.limits import NO_LIMITS, Limits
from tracecheck.store.open import open_store
from tracecheck.store.protocol import Appended, Reader, Store, Work, Writer

__all__ = ["NO_LIMITS", "Appended", "Limits", "Reader", "Store", "Work", "Writer", "open_store"]
