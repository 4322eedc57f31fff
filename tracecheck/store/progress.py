"""How far the database has come, and how far a receiver's journal is in it: written in the transaction that stores the
rows themselves."""

from dataclasses import dataclass
from pathlib import Path

import duckdb


@dataclass(frozen=True, slots=True, order=True)
class JournalPosition:
    """A place between two records of a journal: the number of its segment, and the byte in that file."""

    segment: int
    offset: int


START = JournalPosition(0, 0)

EXTENT = """
    select
        greatest(
            coalesce(max(ingest_number), 0),
            coalesce((select max(ingest_number) from chain_progress), 0),
            coalesce((select max(ingest_number) from store_progress), 0)),
        count(*)
    from span_rows"""


def journal_folder(store: Path) -> Path:
    """Where the journal of a store's file lies, while there is one."""
    return store.with_name(store.name + ".journal")


def stored_until(connection: duckdb.DuckDBPyConnection) -> JournalPosition:
    """What the database holds everything before."""
    found = connection.execute("select segment, byte_offset from journal_progress").fetchall()
    return max((JournalPosition(*row) for row in found), default=START)


def note_stored(connection: duckdb.DuckDBPyConnection, until: JournalPosition) -> None:
    """Notes, inside the open transaction, that everything before `until` is stored with it."""
    connection.execute(
        "update journal_progress set segment = $segment, byte_offset = $offset",
        {"segment": until.segment, "offset": until.offset},
    )


def extent(connection: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """The highest number of an append that is known, and how many spans there are."""
    found = connection.execute(EXTENT).fetchall()
    return int(found[0][0]), int(found[0][1])
