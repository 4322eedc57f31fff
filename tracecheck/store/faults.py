"""DuckDB's errors, to ours. Nothing above the store ever meets a `duckdb.Error`."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from tracecheck.errors import (
    EnvironmentFault,
    QueryRefused,
    StoreDamaged,
    StoreForeign,
    StoreLocked,
    StoreUnavailable,
    TracecheckError,
)
from tracecheck.store.progress import journal_folder
from tracecheck.store.recovery import is_log_damage

HOLDER = re.compile(r"Conflicting lock is held in (?P<program>.*?) \(PID (?P<pid>\d+)\)")
NO_SPACE = ("no space left", "disk quota exceeded", "file too large", "out of memory", "could not allocate")
DAMAGED = ("corrupt database file", "could not read enough bytes")
OUT_OF_REACH = ("cannot open file", "permission denied", "read-only file system", "too many open files")


def opening_fault(location: str, error: duckdb.Error) -> EnvironmentFault:
    """Why a file could not be opened, and what to do about it."""
    said = str(error)
    holder = HOLDER.search(said)
    if holder:
        return StoreLocked(
            f"{location} is held by process {holder['pid']} ({holder['program']}); expected nobody to hold it; stop "
            "that process, or reach its store with --store http://HOST:PORT"
        )
    if is_log_damage(error):
        return StoreUnavailable(
            f"{location} has a damaged write-ahead log: {first_line(said)}; open it for writing once, which sets the "
            "damaged part aside"
        )
    if any(sign in said.lower() for sign in OUT_OF_REACH):
        return StoreUnavailable(
            f"{location} could not be opened: {first_line(said)}; check that the folder exists and may be written"
        )
    if is_damage(error):
        return damaged(location, error)
    return StoreForeign(
        f"{location} cannot be read as a tracecheck store: {first_line(said)}; name another file, or move this one away"
    )


@contextmanager
def writing(location: str) -> Iterator[None]:
    """Around everything that writes: what the database cannot do now becomes `StoreUnavailable` (`StoreDamaged` for
    good), a wrong statement a `TracecheckError`. Other exceptions pass."""
    try:
        yield
    except duckdb.Error as error:
        if is_damage(error):
            raise damaged(location, error) from error
        said = first_line(str(error))
        transient = isinstance(error, duckdb.IOException | duckdb.OutOfMemoryException | duckdb.FatalException)
        if transient or any(sign in said.lower() for sign in NO_SPACE):
            raise StoreUnavailable(
                f"{location} cannot be written now: {said}; free some space or memory and try again"
            ) from error
        raise TracecheckError(f"{location} refused a statement of tracecheck itself: {error}") from error


def is_damage(error: duckdb.Error) -> bool:
    """Whether the file itself cannot be read, rather than what was asked of it."""
    return any(sign in str(error).lower() for sign in DAMAGED)


def damaged(location: str, error: duckdb.Error) -> StoreDamaged:
    """What is left to do with a file that is cut or altered, and with the journal beside it."""
    journal = journal_folder(Path(location))
    waiting = (
        f"; keep {journal}: beside a copy it goes on by itself, and `tracecheck import` reads it into a new store"
        if journal.is_dir()
        else ""
    )
    return StoreDamaged(
        f"{location} is damaged: {first_line(str(error))}; expected the file as it was written; put a copy in its "
        f"place, or move it away and begin a new one{waiting}"
    )


def refused(location: str, error: duckdb.Error) -> QueryRefused | StoreDamaged:
    """A query that DuckDB would not run, in its own words; a damaged file is no fault of the query."""
    if is_damage(error):
        return damaged(location, error)
    return QueryRefused(f"the query was refused: {str(error).strip()}")


def first_line(said: str) -> str:
    """The first line of a message, without the closing full stop."""
    return said.strip().partition("\n")[0].rstrip(".!")
