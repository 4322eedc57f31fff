"""One store per file and process: DuckDB lets one process open a file twice, and two writers would be wrong."""

import os
import threading
from pathlib import Path

from tracecheck.errors import StoreLocked

_claimed: set[Path] = set()
_lock = threading.Lock()


def claim(path: Path | None, location: str) -> None:
    """Takes the file for one store. Raises `StoreLocked` when another store of this process has it."""
    if path is None:
        return
    with _lock:
        if path in _claimed:
            raise StoreLocked(f"{location} is held by this process ({os.getpid()}) already; use that store or close it")
        _claimed.add(path)


def release(path: Path | None) -> None:
    """Gives the file back. Does nothing for one that was not taken."""
    if path is not None:
        with _lock:
            _claimed.discard(path)
