"""For the tests of an instrumented service: spans and a broker in memory, ids that count up, a clock that steps.

with captured_spans() as spans:
    producer.send("orders", b"...").get()
    assert spans.wait_for("send orders").attributes["messaging.kafka.offset"] == 0

`FakeBroker` gives producers and consumers without a broker, which keep the contract of the real clients.
"""

import itertools
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition, Lock
from unittest.mock import patch

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator

from tracecheck_instrumentation import attempts, ids, tracing
from tracecheck_instrumentation.adapters import Instrumentor, installed, load
from tracecheck_instrumentation.adapters.fake_client import FakeBroker, FakeConsumer, FakeProducer, FakeRecord
from tracecheck_instrumentation.health import ignored
from tracecheck_instrumentation.processors import IdsAndCount, KeepsMarks

__all__ = [
    "CapturedSpans",
    "CountingIds",
    "FakeBroker",
    "FakeConsumer",
    "FakeProducer",
    "FakeRecord",
    "SteppingClock",
    "captured_spans",
]


class CapturedSpans(SpanProcessor):
    """The spans that ended, in the order they did. `provider` makes further spans of the same kind."""

    def __init__(self) -> None:
        self._ended: list[ReadableSpan] = []
        self._changed = Condition()
        self.provider: TracerProvider

    def on_end(self, span: ReadableSpan) -> None:
        """Keep the span and wake whoever waits for it."""
        with self._changed:
            self._ended.append(span)
            self._changed.notify_all()

    def all(self) -> list[ReadableSpan]:
        """Return what ended so far."""
        with self._changed:
            return list(self._ended)

    def named(self, name: str) -> list[ReadableSpan]:
        """Return those called `name`."""
        return [span for span in self.all() if span.name == name]

    def wait_for(self, name: str, *, count: int = 1, timeout_seconds: float = 10.0) -> ReadableSpan:
        """Return the `count`-th span called `name` as soon as it has ended; a send ends at its acknowledgement.

        Raises:
            AssertionError: It did not end in time; the message says what did.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._named(name)) >= count, timeout_seconds):
                seen = ", ".join(sorted({span.name for span in self._ended})) or "nothing"
                raise AssertionError(f"no {count} x {name!r} ended within {timeout_seconds} s; ended: {seen}")
            return self._named(name)[count - 1]

    def clear(self) -> None:
        """Forget what ended so far."""
        with self._changed:
            self._ended.clear()

    def _named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self._ended if span.name == name]


class CountingIds(IdGenerator):
    """Trace ids, span ids and event ids 1, 2, 3, ... each for itself."""

    def __init__(self) -> None:
        self._traces = itertools.count(1)
        self._spans = itertools.count(1)
        self._events = itertools.count(1)

    def generate_trace_id(self) -> int:
        """Return the next trace id."""
        return next(self._traces)

    def generate_span_id(self) -> int:
        """Return the next span id."""
        return next(self._spans)

    def new_event_id(self) -> str:
        """Return the next event or correlation id."""
        return f"id-{next(self._events)}"


class SteppingClock:
    """Calling it gives the time, a step later each time, from `now_unix_nano`; `advance` moves it further."""

    def __init__(self, *, now_unix_nano: int = 1_700_000_000_000_000_000, step_ns: int = 1_000_000) -> None:
        self._now = now_unix_nano
        self._step = step_ns
        self._lock = Lock()

    def __call__(self) -> int:
        """Return the time, in nanoseconds since the epoch."""
        with self._lock:
            self._now += self._step
            return self._now

    def advance(self, duration_ns: int) -> None:
        """Let time pass."""
        with self._lock:
            self._now += duration_ns


@contextmanager
def captured_spans(
    *, service_name: str = "test", counting: bool = False, clock: SteppingClock | None = None
) -> Iterator[CapturedSpans]:
    """Instrument the installed clients and keep all spans in memory for the length of the block.

    No global provider is set, so blocks may follow each other. `counting` makes all ids count up from 1; `clock` gives
    span starts and ends (of every span in the process, while the block lasts).
    """
    generator = CountingIds() if counting else None
    spans = CapturedSpans()
    spans.provider = TracerProvider(
        resource=Resource({"service.name": service_name}),
        id_generator=generator or RandomIdGenerator(),
        shutdown_on_exit=False,
    )
    spans.provider.sampler = sampler = KeepsMarks(spans.provider.sampler)
    spans.provider.add_span_processor(IdsAndCount(sampler.held_back))
    spans.provider.add_span_processor(spans)
    attempts.forget_all()
    before = ids.source
    if generator is not None:
        ids.source = generator.new_event_id
    patched = _instrument(spans.provider)
    try:
        with patch.object(sys.modules[TracerProvider.__module__], "time_ns", clock or time.time_ns):
            yield spans
    finally:
        for instrumentor in patched:
            instrumentor.uninstrument()
        tracing.use_provider(None)
        ids.source = before


def _instrument(provider: TracerProvider) -> list[Instrumentor]:
    patched = []
    for client, name in installed().items():
        try:
            instrumentor = load(name).instrumentor()
        except ImportError as error:
            ignored(f"error:instrument {client}", error)
            continue
        if not instrumentor.is_instrumented_by_opentelemetry:
            instrumentor.instrument(tracer_provider=provider)
            patched.append(instrumentor)
    tracing.use_provider(provider)
    return patched
