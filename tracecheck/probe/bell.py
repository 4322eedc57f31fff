"""News within one process: who has some rings, who waits is woken."""

import threading
import time


class Bell:
    """A `Wake`. Each ring is one more generation; those who wait for it return at once."""

    def __init__(self) -> None:
        self._rung = threading.Condition()
        self._generation = 0

    def ring(self) -> None:
        """Wakes everybody who waits."""
        with self._rung:
            self._generation += 1
            self._rung.notify_all()

    def generation(self) -> int:
        """How often it has rung."""
        with self._rung:
            return self._generation

    def wait(self, after: int, timeout_s: float) -> int:
        """Blocks until it has rung more than `after` times, or the timeout; returns how often it has rung."""
        deadline = time.monotonic() + timeout_s
        with self._rung:
            while self._generation <= after and (left_s := deadline - time.monotonic()) > 0:
                self._rung.wait(left_s)
            return self._generation
