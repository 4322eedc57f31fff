"""Bodies of gRPC requests on their way in: few at a time, and none for ever.

gRPC holds a body whole before anyone learns its size, so no budget of bytes can count it sooner. What is bounded is how
many arrive at once: with each as large as a message may be, they take no more than the budget of requests in flight,
which counts them from then on. Arriving takes a millisecond; the many workers are there to wait for the disk.
"""

import threading
import time
from collections.abc import Iterator
from typing import Any, cast

import grpc

from tracecheck.receiver.intake import ROOM_WAIT_S, Overloaded

LOOK_EVERY_S = 0.5
"""Between two looks for bodies that take too long."""


class NothingArrived(Exception):
    """The client went away, sent nothing, or took too long. The call is over; nobody waits for an answer."""


class Arrivals:
    """At most `most` bodies arrive at the same time, each within `timeout_s`; then its call is cancelled."""

    def __init__(self, most: int, timeout_s: float) -> None:
        self._free = threading.Semaphore(most)
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._arriving: dict[grpc.ServicerContext, float] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._cancel_late, name="tracecheck-grpc-late", daemon=True)
        self._thread.start()

    def receive(self, bodies: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        """The one body of a call. Raises `Overloaded` when too many others arrive, and `NothingArrived`."""
        if not self._free.acquire(timeout=ROOM_WAIT_S):
            raise Overloaded("too many large or slow requests are arriving; send again later")
        try:
            with self._lock:
                self._arriving[context] = time.monotonic() + self._timeout_s
            try:
                return next(bodies)
            except (StopIteration, grpc.RpcError) as error:
                raise NothingArrived from error
            finally:
                with self._lock:
                    del self._arriving[context]
        finally:
            self._free.release()

    def close(self) -> None:
        """Ends the look-out for late bodies."""
        self._stopped.set()
        self._thread.join()

    def _cancel_late(self) -> None:
        while not self._stopped.wait(LOOK_EVERY_S):
            now = time.monotonic()
            with self._lock:
                late = [context for context, until in self._arriving.items() if until < now]
            for context in late:
                cast(Any, context).cancel()
