"""Projector: keeps the read model `orders_view`, the table a shop's web page would read."""

import sqlite3
from os import environ

from tracecheck_instrumentation import effect

from tracecheck.demo.services import Body, Send
from tracecheck.demo.services.worker import work


def main() -> None:
    """Write every shipment into the database at `$ORDERS_DATABASE`."""
    database = sqlite3.connect(environ["ORDERS_DATABASE"], isolation_level=None)
    database.execute("create table if not exists orders_view (id text primary key, status text not null)")

    def project(_: str, shipment: Body, __: Send) -> None:
        written = database.execute("insert or ignore into orders_view values (?, 'SHIPPED')", (shipment["id"],))
        if written.rowcount:
            effect(f"orders_view:{shipment['id']}")

    work("projector", ["shipments"], project)


if __name__ == "__main__":
    main()
