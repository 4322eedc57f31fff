"""A TCP proxy that can be cut: what a broken network or a dead exporter looks like from both ends."""

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self


class Severable:
    """Forwards connections to `(host, port)` until `cut`; then nothing passes any more. A context manager."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = [self._listener]
        self._lock = threading.Lock()
        self._is_cut = False
        self.sent_bytes = 0
        """How much has passed towards the target."""
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Break every connection and refuse new ones. Idempotent."""
        with self._lock:
            self._is_cut = True
            for opened in self._open:
                with suppress(OSError):
                    opened.shutdown(socket.SHUT_RDWR)
                opened.close()
            self._open.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                with self._lock:
                    if self._is_cut:
                        client.close()
                        server.close()
                        return
                    self._open += [client, server]
                for source, sink in ((client, server), (server, client)):
                    threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
                if sink.getpeername() == self._target:
                    self.sent_bytes += len(data)
            sink.shutdown(socket.SHUT_WR)
