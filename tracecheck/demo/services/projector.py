"""Projector: keeps the read model `orders_view`, the table a shop's web page would read."""

from os import environ
from typing import Any

from tracecheck_instrumentation import effect

from tracecheck.demo.services import Body, Send
from tracecheck.demo.services.worker import work

TABLE = "create table if not exists orders_view (id text primary key, status text not null)"
ROW = "insert into orders_view values ({}, 'SHIPPED') on conflict do nothing"


def main() -> None:
    """Write every shipment into the database `$ORDERS_DATABASE`: a SQLite file, or the address of a PostgreSQL."""
    database, placeholder = connect(environ["ORDERS_DATABASE"])
    database.execute(TABLE)

    def project(_: str, shipment: Body, __: Send) -> None:
        written = database.execute(ROW.format(placeholder), (shipment["id"],))
        if written.rowcount:
            effect(f"orders_view:{shipment['id']}")

    work("projector", ["shipments"], project)


def connect(where: str) -> tuple[Any, str]:
    """Return a connection on which each statement is a transaction, and how its statements name a parameter."""
    if where.startswith("postgresql://"):
        import psycopg

        return psycopg.connect(where, autocommit=True), "%s"
    import sqlite3

    return sqlite3.connect(where, isolation_level=None), "?"


if __name__ == "__main__":
    main()
