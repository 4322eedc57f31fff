"""Messages as they were seen on a bus, and a bus that shows them when told to."""

import threading
from collections.abc import Mapping

from tracecheck.probe.brokers.protocol import Seen


def message(
    destination: str,
    *,
    key: bytes | None = None,
    value: bytes | None = b"{}",
    headers: Mapping[str, str] | None = None,
    partition: str | None = "0",
    offset: int | None = 0,
    system: str = "kafka",
    seen_unix_nano: int = 1,
) -> Seen:
    return Seen(
        system=system,
        destination=destination,
        partition=partition,
        offset=offset,
        key=key,
        value=value,
        headers=tuple((name, text.encode()) for name, text in (headers or {}).items()),
        seen_unix_nano=seen_unix_nano,
    )


class FakeSubscription:
    """A `Subscription` to which a test delivers. `held` is what the broker has and does not hand out yet."""

    def __init__(self) -> None:
        self.missing_ones: tuple[str, ...] = ()
        self.fault: Exception | None = None
        self.closed = False
        self.polls = 0
        self.held: list[Seen] = []
        self.stalled = False
        self._arrived: list[Seen] = []
        self._woken = False
        self._change = threading.Condition()

    def deliver(self, *messages: Seen) -> None:
        with self._change:
            self._arrived.extend(messages)
            self._change.notify_all()

    def fail(self, fault: Exception) -> None:
        with self._change:
            self.fault = fault
            self._change.notify_all()

    def poll(self, timeout_s: float) -> list[Seen]:
        with self._change:
            self.polls += 1
            self._change.wait_for(lambda: self._arrived or self._woken or self.fault, timeout_s)
            if self.fault is not None:
                raise self.fault
            arrived, self._arrived, self._woken = self._arrived, [], False
            return arrived

    def wake(self) -> None:
        with self._change:
            self._woken = True
            self._change.notify_all()

    def missing(self) -> tuple[str, ...]:
        return self.missing_ones

    def caught_up(self, timeout_s: float) -> bool:  # noqa: ARG002
        with self._change:
            if self.stalled:
                return False
            held, self.held = self.held, []
            self._arrived.extend(held)
            return not held and not self._arrived

    def close(self) -> None:
        self.closed = True
