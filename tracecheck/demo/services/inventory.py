"""Inventory: sets goods aside for every order and says so."""

from tracecheck.demo.services import Body, Send
from tracecheck.demo.services.worker import work


def reserve(_: str, order: Body, send: Send) -> None:
    """Reserve the goods of one order."""
    send("reservations", {"id": order["id"], "shelf": f"shelf {len(order['id']) % 7}"})


if __name__ == "__main__":
    work("inventory", ["orders"], reserve)
