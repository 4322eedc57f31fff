"""How commands get at stored data: an open store whose chains are current, and one chain by any name a user has."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tracecheck.cli.interrupts import hearing_interrupts
from tracecheck.cli.output import say
from tracecheck.config import is_url, store_location
from tracecheck.errors import UsageError

if TYPE_CHECKING:
    from tracecheck.store import Store

MAX_CANDIDATES = 20


@contextmanager
def opened(given: str | None, *, create: bool = False) -> Iterator["Store"]:
    """The store of `--store`, closed at the end. A file that may not be written is opened for reading.

    What a receiver acknowledged and could not store before it was killed is stored first.
    """
    from tracecheck.store import open_store
    from tracecheck.store.progress import journal_folder

    location = store_location(given)
    remote = is_url(location)
    read_only = not remote and os.path.exists(location) and not os.access(location, os.W_OK)  # noqa: PTH110
    store = open_store(location, create=create, read_only=read_only)
    try:
        if not remote and journal_folder(Path(location)).exists():
            from tracecheck.receiver import replay

            replay(store)
        yield store
    finally:
        store.close()


@contextmanager
def asked(given: str | None, *, create: bool = False) -> Iterator["Store"]:
    """The same for a command that only asks or stores: Ctrl-C ends whatever the store is at."""
    with opened(given, create=create) as store, hearing_interrupts(store):
        yield store


@contextmanager
def current(given: str | None) -> Iterator["Store"]:
    """The same, its chain tables brought up to date first."""
    from tracecheck.chains import is_current, refresh

    with asked(given) as store:
        location = store_location(given)
        if not is_current(store):
            if not is_url(location) and not os.access(location, os.W_OK):
                say(f"{location} may not be written, so its chains are as of its last refresh")
            else:
                refresh(store)
        yield store


def the_chain(store: "Store", needle: str) -> str:
    """The one chain that `needle` names: a chain, trace, correlation, run, message or event id, or a prefix.

    Raises `UsageError` when none does, or when several do, naming them.
    """
    from tracecheck.chains import find

    found = find(store, needle)
    if len(found) == 1:
        return found[0]
    if not found:
        raise UsageError(
            f"nothing stored is named {needle!r}; expected a chain, trace, correlation, run or message id, or a prefix "
            "of one; `tracecheck chains` lists the chains"
        )
    listed = found[:MAX_CANDIDATES] + (
        [f"and {len(found) - MAX_CANDIDATES} more"] if len(found) > MAX_CANDIDATES else []
    )
    raise UsageError("\n".join([f"{needle!r} names {len(found)} chains; give one of", *listed]))
