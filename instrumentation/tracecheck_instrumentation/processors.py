"""What of ours stands in the OpenTelemetry SDK: ids on every span, and the counts the flush mark states."""

import os
from collections.abc import Sequence
from threading import Lock

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind, TraceState
from opentelemetry.util.types import Attributes

from tracecheck_instrumentation import names
from tracecheck_instrumentation.correlation import id_attributes
from tracecheck_instrumentation.health import harmless
from tracecheck_instrumentation.plain import HeldBack

_MESSAGING_KINDS = (SpanKind.PRODUCER, SpanKind.CONSUMER)


class IdsAndCount(SpanProcessor):
    """Copies the correlation and run id from baggage onto each span, whoever makes it, and counts spans.

    Counted is what is handed to the exporter: every sampled span that ended in this process, except our marks. Both in
    one, for the SDK makes three calls per span to each processor.
    """

    def __init__(self, held_back: HeldBack | None = None) -> None:
        self._held_back = held_back
        self._start_over()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._start_over)

    @property
    def count(self) -> int:
        """Spans so far."""
        return self._count

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Set `correlation.id`, `tracecheck.run.id`, and on messaging spans the conversation id."""
        if self._held_back is not None:
            self._held_back.give(span)
        scope = span.instrumentation_scope
        if span.kind not in _MESSAGING_KINDS or scope is None or scope.name != names.SCOPE:
            _add_ids(span, parent_context)  # our send and process spans say so themselves

    def on_end(self, span: ReadableSpan) -> None:
        """Count a span that the batch processor beside us takes as well."""
        if (place := span.context) is not None and place.trace_flags.sampled and span.name not in names.MARKS:
            with self._lock:
                self._count += 1

    def _start_over(self) -> None:
        self._lock = Lock()
        self._count = 0


@harmless
def _add_ids(span: Span, parent_context: Context | None) -> None:
    present = span.attributes or {}
    if names.CORRELATION_ID in present:
        return
    found = id_attributes(parent_context)
    if span.kind not in _MESSAGING_KINDS and names.SYSTEM not in present:
        found.pop(names.CONVERSATION_ID, None)
    if found:
        span.set_attributes(found)


class KeepsMarks(Sampler):
    """The configured sampler, asked for everything but the sign of life and flush marks; counts what it drops."""

    def __init__(self, configured: Sampler) -> None:
        self._configured = configured
        self.held_back = HeldBack()
        """For the processor of the same provider."""
        self._start_over()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._start_over)

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Sample our marks always; anything else as configured."""
        if name in names.MARKS:
            return self.held_back.hold(None, SamplingResult(Decision.RECORD_AND_SAMPLE, attributes))
        result = self._configured.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)
        if result.decision is not Decision.RECORD_AND_SAMPLE:
            with self._lock:
                self.sampled_out += 1
        return self.held_back.hold(attributes, result)

    def _start_over(self) -> None:
        self._lock = Lock()
        self.sampled_out = 0

    def get_description(self) -> str:
        """Return the configured sampler's description."""
        return self._configured.get_description()
