"""Keeps the long pauses of Python's garbage collector out of a wait."""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_waits = 0
_froze = False


@contextmanager
def without_long_pauses() -> Iterator[None]:
    """While anybody waits, the collector leaves alone what was there before the first of them.

    A full collection stops every thread while it looks at each object of the process: 70 to 100 ms with a store and a
    receiver loaded, ten times what a verdict takes. Freezing and giving back cost nothing; cycles that were there
    before and became garbage are found after the wait. A process that froze objects of its own is left as it is.
    """
    _begin()
    try:
        yield
    finally:
        _end()


def _begin() -> None:
    global _waits, _froze
    with _lock:
        _waits += 1
        if _waits == 1 and gc.get_freeze_count() == 0:
            gc.freeze()
            _froze = True


def _end() -> None:
    global _waits, _froze
    with _lock:
        _waits -= 1
        if _waits == 0 and _froze:
            gc.unfreeze()
            _froze = False
