"""Ports for programs that are started again on the same ones."""

import socket
from contextlib import ExitStack


def free_ports(count: int) -> list[int]:
    """So many loopback ports that nobody listens on now, all different."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]
