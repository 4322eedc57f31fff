"""Mailer: tells the customer that the parcel is on its way, once per order. The mailbox is a directory."""

from tracecheck_instrumentation import effect

from tracecheck.demo.services import Body, Send
from tracecheck.demo.services.worker import state_file, work


def notify(_: str, shipment: Body, __: Send) -> None:
    """Write one mail, unless it was written before."""
    mail = state_file(f"{shipment['id']}.txt")
    if not mail.exists():
        mail.write_text(f"Your order {shipment['id']} comes {shipment['carrier']}.\n")
        effect(f"mail:{shipment['id']}")


if __name__ == "__main__":
    work("mailer", ["shipments"], notify)
