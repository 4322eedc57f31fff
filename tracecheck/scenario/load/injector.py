"""Injects on schedule, whatever the system does: a slow send delays no other, and counts from when it was due."""

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from tracecheck.errors import TracecheckError
from tracecheck.expect.model import Seed
from tracecheck.model import Span
from tracecheck.probe.brokers import connect
from tracecheck.probe.inject import inject
from tracecheck.scenario.ground import Ground
from tracecheck.scenario.load.model import Event
from tracecheck.scenario.load.schedule import Schedule
from tracecheck.scenario.sow import injection_of

SENDERS = 4
"""Connections that send at once: as many sends may be under way before ours is the side that lags."""

ENDS_WITHIN_S = 12.0
"""A send gives up on its broker within 10 s."""

STORE_EVERY_S = 0.1
NS_PER_S = 1_000_000_000


class Injector:
    """Sends events when they are due, each by the next free sender. `done` fills as sends are acknowledged."""

    def __init__(self, ground: Ground, seed_of: Callable[[int], Seed], run_id: str, system: str) -> None:
        self.done: list[Event] = []
        self._ground, self._seed_of, self._run_id, self._system = ground, seed_of, run_id, system
        self._due: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._spans: list[Span] = []
        self._lock = threading.Lock()
        self._too_late = threading.Event()

    def run(self, schedule: Schedule, on_due: Callable[[Event], None], within_s: float) -> None:
        """Injects the whole schedule, beginning now; returns when every send has ended.

        What could not be sent `within_s` after the last event was due is not sent any more. Raises `BrokerUnavailable`
        before the first event where nothing answers; later faults are those of single events. An interrupt ends what
        is under way, and is raised again.
        """
        address = self._ground.places.brokers.get(self._system, "")
        self._ground.broker(self._system)
        brokers = [connect(self._system, address) for _ in range(SENDERS)]
        for broker in brokers:
            broker.prepare()
        senders = [threading.Thread(target=self._send_all, args=(broker,), daemon=True) for broker in brokers]
        for sender in senders:
            sender.start()
        try:
            with self._storing():
                try:
                    self._let_fall_due(schedule, on_due)
                    self._end(senders, within_s)
                except KeyboardInterrupt:
                    self._too_late.set()
                    self._end(senders, ENDS_WITHIN_S)
                    raise
        finally:
            for broker in brokers:
                broker.close()

    def _let_fall_due(self, schedule: Schedule, on_due: Callable[[Event], None]) -> None:
        began, began_unix_nano = time.monotonic_ns(), time.time_ns()
        for number, due_ns in enumerate(schedule.due_ns()):
            left_s = (due_ns - (time.monotonic_ns() - began)) / NS_PER_S
            if left_s > 0:
                time.sleep(left_s)
            event = Event(number=number, due_unix_nano=began_unix_nano + due_ns)
            on_due(event)
            self._due.put(event)

    def _end(self, senders: Sequence[threading.Thread], within_s: float) -> None:
        """Waits for the senders; those that are behind leave the rest unsent, and end with the send they are at."""
        for _ in senders:
            self._due.put(None)
        for patience_s in (within_s, ENDS_WITHIN_S):
            deadline = time.monotonic() + patience_s
            for sender in senders:
                sender.join(max(0.0, deadline - time.monotonic()))
            self._too_late.set()

    def _send_all(self, broker: object) -> None:
        while (event := self._due.get()) is not None:
            if self._too_late.is_set():
                self.done.append(replace(event, error="there was no time left to send it"))
                continue
            sent_unix_nano = time.time_ns()
            try:
                injected = inject(injection_of(self._seed_of(event.number), self._run_id), broker, self._keep)  # type: ignore[arg-type]
            except TracecheckError as fault:
                self.done.append(replace(event, error=str(fault)))
                continue
            self.done.append(
                replace(
                    event,
                    sent_unix_nano=sent_unix_nano,
                    chain_id=f"{injected.span.trace_id}:{injected.span.span_id}",
                    correlation_id=injected.correlation_id,
                )
            )

    def _keep(self, span: Span) -> None:
        with self._lock:
            self._spans.append(span)

    @contextmanager
    def _storing(self) -> Iterator[None]:
        """Stores our own spans in batches, since a transaction for each would take the time of the sends."""
        ended = threading.Event()

        def store() -> None:
            while not ended.wait(STORE_EVERY_S):
                self._store()

        thread = threading.Thread(target=store, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            self._store()

    def _store(self) -> None:
        with self._lock:
            spans, self._spans = self._spans, []
        if not spans:
            return
        if self._ground.records is not None:
            self._ground.store.append(spans)
        else:
            for span in spans:
                self._ground.sink(span)
