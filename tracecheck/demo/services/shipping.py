"""Shipping: waits until an order is both reserved and paid, in either order, then ships it.

The first half to arrive is kept with its trace context, so that the shipment can name both its causes.
"""

import json
import sqlite3

from tracecheck_instrumentation import capture, join

from tracecheck.demo.services import Body, Send
from tracecheck.demo.services.worker import state_file, work


def main() -> None:
    """Join `reservations` and `payments` on the order's id."""
    database = sqlite3.connect(state_file("shipping.db"), isolation_level=None)
    database.execute("create table if not exists halves (id, topic, cause, primary key (id, topic))")
    database.execute("create table if not exists shipped (id primary key)")

    def ship(topic: str, half: Body, send: Send) -> None:
        database.execute("insert or ignore into halves values (?, ?, ?)", (half["id"], topic, json.dumps(capture())))
        halves = dict(database.execute("select topic, cause from halves where id = ?", (half["id"],)).fetchall())
        shipped = database.execute("select 1 from shipped where id = ?", (half["id"],)).fetchone()
        if len(halves) < 2 or shipped:
            return
        join(*(json.loads(cause) for came_on, cause in halves.items() if came_on != topic))
        send("shipments", {"id": half["id"], "carrier": "by hand"})
        database.execute("insert into shipped values (?)", (half["id"],))

    work("shipping", ["reservations", "payments"], ship)


if __name__ == "__main__":
    main()
