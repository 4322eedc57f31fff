"""Binding a port, with an error that a person can act on."""

import ipaddress
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


def url_host(host: str) -> str:
    """The host of a URL that reaches a listener here: loopback for one that listens on every address."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.is_unspecified:
        address = ipaddress.ip_address("127.0.0.1" if address.version == 4 else "::1")
    return f"[{address}]" if address.version == 6 else str(address)


def port_in_use(host: str, port: int, purpose: str, reason: str) -> PortInUse:
    """The error for a listener that could not bind."""
    return PortInUse(
        f"cannot listen for {purpose} on {host}:{port}: {reason}; "
        "stop what holds the port, or give another one (0 takes a free one)"
    )
