"""DuckDB's errors, to ours. Nothing above the store ever meets a `duckdb.Error`."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from tracecheck.errors import (
    EnvironmentFault,
    QueryRefused,
    StoreForeign,
    StoreLocked,
    StoreUnavailable,
    TracecheckError,
)
from tracecheck.store.recovery import is_log_damage

HOLDER = re.compile(r"Conflicting lock is held in (?P<program>.*?) \(PID (?P<pid>\d+)\)")
NO_SPACE = ("no space left", "disk quota exceeded", "file too large", "out of memory", "could not allocate")
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
    return StoreForeign(
        f"{location} cannot be read as a tracecheck store: {first_line(said)}; name another file, or move this one away"
    )


@contextmanager
def writing(location: str) -> Iterator[None]:
    """Around everything that writes: what the database cannot do now becomes `StoreUnavailable`, a wrong statement a
    `TracecheckError`. Other exceptions pass."""
    try:
        yield
    except duckdb.Error as error:
        said = first_line(str(error))
        transient = isinstance(error, duckdb.IOException | duckdb.OutOfMemoryException | duckdb.FatalException)
        if transient or any(sign in said.lower() for sign in NO_SPACE):
            raise StoreUnavailable(
                f"{location} cannot be written now: {said}; free some space or memory and try again"
            ) from error
        raise TracecheckError(f"{location} refused a statement of tracecheck itself: {error}") from error


def refused(error: duckdb.Error) -> QueryRefused:
    """A query that DuckDB would not run, in its own words."""
    return QueryRefused(f"the query was refused: {str(error).strip()}")


def first_line(said: str) -> str:
    """The first line of a message, without the closing full stop."""
    return said.strip().partition("\n")[0].rstrip(".!")
