"""Binding a port, with an error that a person can act on."""

import socket

from tracecheck.errors import PortInUse


def bound_socket(host: str, port: int, purpose: str) -> socket.socket:
    """A listening TCP socket: connections queue from now on, even before anyone accepts. Port 0 takes a free one.

    Raises `PortInUse`, which names the purpose, the port and what to do.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(address)
            listening.listen(512)
        except OSError:
            listening.close()
            raise
    except OSError as error:
        raise port_in_use(host, port, purpose, error.strerror or str(error)) from None
    listening.setblocking(False)
    return listening


def port_in_use(host: str, port: int, purpose: str, reason: str) -> PortInUse:
    """The error for a listener that could not bind."""
    return PortInUse(
        f"cannot listen for {purpose} on {host}:{port}: {reason}; "
        "stop what holds the port, or give another one (0 takes a free one)"
    )
