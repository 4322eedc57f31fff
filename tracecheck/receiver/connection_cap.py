"""A bound on open connections that keeps nobody out: over it, the connection that was silent longest makes room.

Refusing the newcomer instead would let whoever opens connections and says nothing lock every exporter out. A client
whose quiet connection is closed opens another one with its next request.
"""

import asyncio
import time
from typing import Any, cast

MOST_CONNECTIONS = 512
"""Of one listener. Many systems let a process open 1024 files, and there are several listeners and a database."""


class CappedLoop(asyncio.SelectorEventLoop):
    """An event loop whose servers together hold at most `most` connections."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most
        self._open: dict[asyncio.Transport, float] = {}

    @property
    def connections(self) -> int:
        """How many are open now."""
        return len(self._open)

    async def create_server(self, protocol_factory: Any, *arguments: Any, **named: Any) -> Any:
        """As asyncio's, with each connection watched from its first byte to its end."""
        return await super().create_server(lambda: self._watched(protocol_factory()), *arguments, **named)

    def _watched(self, protocol: asyncio.Protocol) -> asyncio.Protocol:
        """The same protocol, its three calls of asyncio's passing by here. Its own attributes win over its class's."""
        made, received, lost = protocol.connection_made, protocol.data_received, protocol.connection_lost
        own: list[asyncio.Transport] = []

        def connection_made(transport: asyncio.BaseTransport) -> None:
            own.append(cast(asyncio.Transport, transport))
            self._make_room()
            self._open[own[0]] = time.monotonic()
            made(transport)

        def data_received(data: bytes) -> None:
            if own[0] in self._open:
                self._open[own[0]] = time.monotonic()
            received(data)

        def connection_lost(error: Exception | None) -> None:
            for transport in own:
                self._open.pop(transport, None)
            lost(error)

        watched = cast(Any, protocol)
        watched.connection_made, watched.data_received = connection_made, data_received
        watched.connection_lost = connection_lost
        return protocol

    def _make_room(self) -> None:
        while len(self._open) >= self._most:
            silent_longest = min(self._open, key=self._open.__getitem__)
            del self._open[silent_longest]
            silent_longest.abort()
