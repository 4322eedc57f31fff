"""Finds out at once that nothing listens at a broker's address, before a client starts to try for seconds."""

import socket

from tracecheck.errors import BrokerUnavailable, UsageError

CONNECT_WITHIN_S = 3.0


def require_listener(system: str, addresses: str) -> None:
    """Raises `BrokerUnavailable` unless a connection opens to one of `addresses` (`host:port,host:port`).

    Raises `UsageError` where they are no addresses. A client that fails later leaves threads behind; this leaves none.
    """
    reasons: list[str] = []
    for address in addresses.split(","):
        host, _, port = address.strip().rpartition(":")
        if not host or not port.isdigit():
            msg = f"{address!r} is no broker address; expected host:port"
            raise UsageError(msg)
        try:
            with socket.create_connection((host.strip("[]"), int(port)), CONNECT_WITHIN_S):
                return
        except (OSError, OverflowError) as fault:
            reasons.append(f"{address} ({getattr(fault, 'strerror', None) or fault})")
    msg = f"no {system} broker answers at {'; '.join(reasons)}; is one running there?"
    raise BrokerUnavailable(msg)
