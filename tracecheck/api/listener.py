"""Runs an ASGI application on one port in a thread and loop of its own, with a bounded, graceful end."""

import asyncio
import logging
import socket
import ssl
from typing import Any, cast

from hypercorn.asyncio import serve
from hypercorn.config import Config
from starlette.applications import Starlette

from tracecheck.receiver.connection_cap import MOST_CONNECTIONS
from tracecheck.receiver.listener import Listener
from tracecheck.receiver.security import Security, ssl_context


class HttpListener(Listener):
    """A listening HTTP server."""

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

        async def serving(listening: socket.socket, stopping: asyncio.Event) -> None:
            config = _config(listening, idle_timeout_s, grace_s, security)
            await serve(cast(Any, app), config, shutdown_trigger=stopping.wait)

        super().__init__(serving, host, port, purpose=purpose, most_connections=most_connections)


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
