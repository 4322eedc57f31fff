"""Stores that are still open when the interpreter ends are closed before it takes their threads away.

A thread that is inside the database then (a query, an append) is ended by the interpreter in the middle of C++, which
aborts the whole process: row S49. What a receiver acknowledged is in its journal whatever happens.
"""

import atexit
from typing import Protocol
from weakref import WeakSet


class Closable(Protocol):
    """What has to be closed; closing it again does nothing."""

    def close(self) -> None:
        """Ends what runs in it."""
        ...


_open: WeakSet[Closable] = WeakSet()


def close_at_exit(store: Closable) -> None:
    """Has the store closed when the interpreter ends, if it still exists by then."""
    _open.add(store)


@atexit.register
def _close_all() -> None:
    for store in list(_open):
        store.close()
