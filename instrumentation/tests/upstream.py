"""The upstream instrumentations: one alone, and one story told under upstream alone and then under ours."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import Context
from typing import Any, TypeVar

from opentelemetry import baggage
from opentelemetry import context as context_api
from opentelemetry.instrumentation.confluent_kafka import AutoInstrumentedConsumer, ConfluentKafkaInstrumentor
from opentelemetry.instrumentation.utils import unwrap
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.trace import SpanKind
from tracecheck_instrumentation import process
from tracecheck_instrumentation.testing import CapturedSpans, captured_spans

T = TypeVar("T")
Handling = Callable[[Any], AbstractContextManager[Any]]
Story = Callable[[CapturedSpans, Handling], T]


@contextmanager
def upstream_alone(instrumentor: Any) -> Iterator[CapturedSpans]:
    """Only this instrumentor is on, and its spans are kept in memory."""
    spans = CapturedSpans()
    spans.provider = TracerProvider(shutdown_on_exit=False)
    spans.provider.add_span_processor(spans)
    instrumentor.instrument(tracer_provider=spans.provider, skip_dep_check=True)
    try:
        yield spans
    finally:
        switch_off(instrumentor)


def switch_off(instrumentor: Any) -> None:
    """Switch an upstream instrumentor off, and finish what it forgets."""
    instrumentor.uninstrument()
    if isinstance(instrumentor, ConfluentKafkaInstrumentor):
        for method in ("consume", "close"):
            unwrap(AutoInstrumentedConsumer, method)


def alone_and_ours(instrumentor: Any, story: Story[T]) -> tuple[T, T]:
    """What a story comes to under upstream alone, and under ours; the story wraps a fetched record in its `Handling`.

    Under upstream alone that does nothing: there is nothing like it.
    """
    with upstream_alone(instrumentor) as spans:
        # Each in an empty context, since pika's upstream leaves one behind that would be there for the next.
        alone = Context().run(story, spans, lambda _: nullcontext())
    with captured_spans() as spans:
        ours = Context().run(story, spans, process)
    return alone, ours


@contextmanager
def sender(spans: CapturedSpans) -> Iterator[ReadableSpan]:
    """The service that sends: inside a span, with baggage."""
    token = context_api.attach(baggage.set_baggage("tenant", "t-1"))
    try:
        with spans.provider.get_tracer("app").start_as_current_span("order") as span:
            yield span
    finally:
        context_api.detach(token)


def inside(spans: CapturedSpans, order: Any) -> tuple[bool, object]:
    """What a handler finds: whether its own spans continue the sender's trace, and the sender's baggage."""
    with spans.provider.get_tracer("app").start_as_current_span("work") as work:
        same = work.get_span_context().trace_id == order.get_span_context().trace_id
    return same, baggage.get_baggage("tenant")


def received(spans: CapturedSpans, place: str) -> list[ReadableSpan]:
    """The spans that say something about taking messages from `place`."""
    taking = (SpanKind.CONSUMER, SpanKind.CLIENT)
    return [span for span in spans.all() if span.kind in taking and place in span.name]


def sent(spans: CapturedSpans) -> list[ReadableSpan]:
    """The spans that say something about sending."""
    return [span for span in spans.all() if span.kind is SpanKind.PRODUCER]
