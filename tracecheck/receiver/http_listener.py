"""Runs an ASGI application on one port in a thread and loop of its own, with a bounded, graceful end."""

import asyncio
import logging
import socket
import ssl
import threading
from typing import Any, cast

from hypercorn.asyncio import serve
from hypercorn.config import Config
from starlette.applications import Starlette

from tracecheck.receiver.connection_cap import MOST_CONNECTIONS, CappedLoop
from tracecheck.receiver.ports import bound_socket
from tracecheck.receiver.security import Security, ssl_context


class HttpListener:
    """A listening HTTP server. `port` is the one it got."""

    def __init__(
        self,
        app: Starlette,
        host: str,
        port: int,
        *,
        purpose: str,
        idle_timeout_s: float = 20.0,
        grace_s: float = 5.0,
        most_connections: int = MOST_CONNECTIONS,
        security: Security | None = None,
    ) -> None:
        """Binds and starts. Raises `PortInUse`, which names `purpose`."""
        listening = bound_socket(host, port, purpose)
        self.port: int = listening.getsockname()[1]
        self._loop = CappedLoop(most_connections)
        self._stopping = asyncio.Event()
        self._serving = serve(
            cast(Any, app), _config(listening, idle_timeout_s, grace_s, security), shutdown_trigger=self._stopping.wait
        )
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


class _Config(Config):
    """hypercorn's settings, with our own TLS context in place of the one it would make of two file names."""

    tls: ssl.SSLContext | None = None

    @property
    def ssl_enabled(self) -> bool:
        return self.tls is not None

    def create_ssl_context(self) -> ssl.SSLContext | None:
        return self.tls


def _config(listening: socket.socket, idle_timeout_s: float, grace_s: float, security: Security | None) -> Config:
    config = _Config()
    config.tls = ssl_context(security) if security is not None and security.uses_tls else None
    config.ssl_handshake_timeout = idle_timeout_s
    config.bind = [f"fd://{listening.detach()}"]
    config.keep_alive_timeout = idle_timeout_s
    config.keep_alive_max_requests = 1_000_000_000
    config.graceful_timeout = grace_s
    config.include_server_header = False
    config.accesslog = None
    config.errorlog = logging.getLogger("tracecheck.http")
    return config
