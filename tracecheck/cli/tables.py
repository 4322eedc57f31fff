"""The tables people query, as the store itself describes them: the documentation cannot differ from the schema."""

from collections.abc import Sequence

_COLUMNS = """
    select table_name, column_name, data_type, comment
    from duckdb_columns() where not internal and list_contains($tables, table_name)
    order by table_name, column_index
"""


def columns(tables: Sequence[str]) -> dict[str, list[tuple[str, str, str | None]]]:
    """(column, type, comment) of each table, in the order given; the comment, if any, tells meaning and unit."""
    from tracecheck.store import open_store

    store = open_store(":memory:")
    try:
        rows = store.query(_COLUMNS, {"tables": list(tables)}).to_pylist()
    finally:
        store.close()
    found: dict[str, list[tuple[str, str, str | None]]] = {name: [] for name in tables}
    for row in rows:
        found[row["table_name"]].append((row["column_name"], row["data_type"], row["comment"]))
    return found
