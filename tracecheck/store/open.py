"""The one door to a store, by its location."""

from pathlib import Path

from tracecheck.config import is_url
from tracecheck.errors import StoreUnavailable
from tracecheck.store import files
from tracecheck.store.duckdb_store import DuckDBStore
from tracecheck.store.protocol import Store
from tracecheck.store.remote import RemoteStore


def open_store(location: str, *, read_only: bool = False, create: bool = True) -> Store:
    """Opens `:memory:`, a file by its path, or the store of a running `tracecheck serve` by `http://host:port`.

    For `https://` and a server that asks for a token, `access` says which variables are read.

    A missing file is created (readable by its owner alone) unless `create` is False or `read_only` is True. Raises
    `StoreLocked` when another process holds the file (naming it), `StoreForeign` when it is no tracecheck store of this
    schema version, `StoreUnavailable` when it is missing or cannot be reached.
    """
    if is_url(location):
        return RemoteStore(location)
    if location == files.MEMORY:
        return DuckDBStore(location)
    path = Path(location)
    if not path.exists():
        if read_only or not create:
            raise StoreUnavailable(
                f"there is no store at {location}; expected a file written by tracecheck; name one with --store"
            )
        files.create(path)
    return DuckDBStore(location, read_only=read_only)
