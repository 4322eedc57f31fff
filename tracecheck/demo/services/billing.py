"""Billing: charges every order and says so. The charge is keyed by the order, so a second try charges nothing."""

from tracecheck.demo.services import Body, Send
from tracecheck.demo.services.worker import work


def charge(_: str, order: Body, send: Send) -> None:
    """Charge one order."""
    send("payments", {"id": order["id"], "paid": order["total"]})


if __name__ == "__main__":
    work("billing", ["orders"], charge)
