"""What a caller of `Store.write` holds: the open transaction."""

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa

from tracecheck.store.conflicts import registered

CHANGING = {duckdb.StatementType.INSERT, duckdb.StatementType.UPDATE, duckdb.StatementType.DELETE}


class TransactionWriter:
    """A `Writer` over one connection. `changed` tells whether any row was inserted, updated or deleted."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self.changed = False

    def execute(self, sql: str, parameters: Mapping[str, object] | Sequence[object] | None = None) -> pa.Table | None:
        """See `Writer.execute`. Text without parameters may hold several statements; the last one's rows come back."""
        statements = self._connection.extract_statements(sql)
        rows = None
        for statement in statements:
            rows = self._run(statement, parameters)
        return rows

    def insert(self, table: str, rows: pa.Table) -> None:
        """See `Writer.insert`. Columns that `rows` lacks get their default."""
        if rows.num_rows == 0:
            return
        with registered(self._connection, inserted_rows=rows):
            quoted = '"' + table.replace('"', '""') + '"'
            self._connection.execute(f"insert into {quoted} by name select * from inserted_rows")  # noqa: S608
        self.changed = True

    def _run(self, statement: duckdb.Statement, parameters: object) -> pa.Table | None:
        if statement.type == duckdb.StatementType.SELECT:
            return self._connection.sql(statement.query, params=parameters).to_arrow_table()
        result = self._connection.execute(statement, parameters)
        names = [column[0] for column in result.description or ()]
        rows: list[tuple[Any, ...]] = result.fetchall()
        if names in ([], ["Count"], ["Success"]):
            counted = rows and names == ["Count"] and rows[0][0]
            self.changed = self.changed or bool(counted and statement.type in CHANGING)
            return None
        self.changed = self.changed or bool(rows)
        return pa.table({name: [row[place] for row in rows] for place, name in enumerate(names)})
