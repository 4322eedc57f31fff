"""A listening socket served by an event loop in a thread of its own, with a bounded number of connections."""

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine

from tracecheck.receiver.connection_cap import CappedLoop
from tracecheck.receiver.ports import bound_socket

Serve = Callable[[socket.socket, asyncio.Event], Coroutine[None, None, None]]
"""Serves a listening socket until the event is set, and then answers what is in flight."""


class Listener:
    """Something that listens. `port` is the one it got."""

    def __init__(self, serve: Serve, host: str, port: int, *, purpose: str, most_connections: int) -> None:
        """Binds and starts. Raises `PortInUse`, which names `purpose`."""
        listening = bound_socket(host, port, purpose)
        self.port: int = listening.getsockname()[1]
        self._loop = CappedLoop(most_connections)
        self._stopping = asyncio.Event()
        self._serving = serve(listening, self._stopping)
        self._thread = threading.Thread(target=self._run, name=f"tracecheck-http-{self.port}", daemon=True)
        self._thread.start()

    @property
    def connections(self) -> int:
        """How many connections are open now."""
        return self._loop.connections

    def stop(self) -> None:
        """Takes no new connections, and waits until requests in flight are answered or the grace is over."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serving)
