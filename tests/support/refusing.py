"""A receiver that refuses most requests for the moment, as a busy one does; each request is taken in the end."""

import threading
from collections.abc import Callable
from hashlib import sha256
from itertools import cycle
from typing import Any

import pytest

from tracecheck.errors import StoreUnavailable

LISTENERS = ("tracecheck.receiver.grpc_server.begin_export", "tracecheck.receiver.http_server.begin_export")


class Refusals:
    """Refuses each distinct body two or three times in turn, whoever sends it and however often, then takes it.

    Five refusals for two bodies taken: 71 in 100. Bodies with `patient` in them, of clients that wait long between
    tries, are refused twice.
    """

    def __init__(self, patient: bytes) -> None:
        self._lock = threading.Lock()
        self._times = cycle((2, 3))
        self._left: dict[bytes, int] = {}
        self._patient = patient
        self.refused = 0
        self.taken = 0

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Stands before the decoding of both listeners."""
        from tracecheck.receiver.export import begin_export

        for name in LISTENERS:
            monkeypatch.setattr(name, self._guarded(begin_export))

    def _guarded(self, begin: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(intake: Any, signal: Any, body: bytes, *rest: Any, **named: Any) -> Any:
            if self._refuses(body):
                raise StoreUnavailable("busy for the moment")
            return begin(intake, signal, body, *rest, **named)

        return guarded

    def _refuses(self, body: bytes) -> bool:
        identity = sha256(body).digest()
        with self._lock:
            if identity not in self._left:
                self._left[identity] = 2 if self._patient in body else next(self._times)
            self._left[identity] -= 1
            refuses = self._left[identity] >= 0
            self.refused += refuses
            self.taken += not refuses
        return refuses
