"""Attributes that reach a span at once are those that the SDK would have made of them, whatever they are."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Decision, Sampler, SamplingResult, StaticSampler
from tracecheck_instrumentation.processors import IdsAndCount, KeepsMarks

NAMES = st.sampled_from(["", "a", "b", "correlation.id", "messaging.system"]) | st.text(max_size=3)
VALUES = st.one_of(
    st.text(max_size=8), st.booleans(), st.integers(), st.floats(allow_nan=False), st.none(), st.binary(max_size=3),
    st.lists(st.text(max_size=2), max_size=2), st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
)  # fmt: skip
LIMITS = st.sampled_from([None, 0, 1, 3])


class Kept(SpanProcessor):
    """What a processor of the service's own sees: the attributes at the start of each span, and the span at its end."""

    def __init__(self) -> None:
        self.begun: list[dict[str, Any]] = []
        self.ended: list[ReadableSpan] = []

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002 - the SDK's names
        self.begun.append(dict(span.attributes or {}))

    def on_end(self, span: ReadableSpan) -> None:
        self.ended.append(span)


class Adds(StaticSampler):
    """A sampler that answers with an attribute of its own."""

    def should_sample(self, *args: Any, **kwargs: Any) -> SamplingResult:
        answer = super().should_sample(*args, **kwargs)
        return SamplingResult(answer.decision, {**(answer.attributes or {}), "sampler.rule": "all"})


def started(attributes: Mapping[str, Any], *, ours: bool, sampler: Sampler = ALWAYS_ON, **limits: int | None) -> Kept:
    """Starts and ends a span with these attributes."""
    kept = Kept()
    provider = TracerProvider(sampler=sampler, span_limits=SpanLimits(**limits), shutdown_on_exit=False)
    if ours:
        provider.sampler = keeps_marks = KeepsMarks(sampler)
        provider.add_span_processor(IdsAndCount(keeps_marks.held_back))
    provider.add_span_processor(kept)
    provider.get_tracer("app").start_span("a", Context(), attributes=attributes).end()
    return kept


@given(st.dictionaries(NAMES, VALUES, max_size=5), LIMITS, LIMITS)
def test_a_span_has_the_attributes_the_sdk_would_have_given_it(
    attributes: dict[str, Any], count: int | None, length: int | None
) -> None:
    limits = {"max_span_attributes": count, "max_span_attribute_length": length}
    stock, ours = (started(attributes, ours=own, **limits) for own in (False, True))
    assert [span.attributes for span in ours.ended] == [span.attributes for span in stock.ended]
    assert [span.dropped_attributes for span in ours.ended] == [span.dropped_attributes for span in stock.ended]
    assert ours.begun == stock.begun


def test_plain_attributes_are_not_cleaned_by_the_installed_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = {"a": "x", "b": 1, "c": True, "d": 0.5}
    cleaned: list[object] = []
    monkeypatch.setattr(BoundedAttributes, "_set_items", lambda _, attributes: cleaned.append(dict(attributes)))
    (span,) = started(plain, ours=True).ended
    assert (span.attributes, plain in cleaned) == (plain, False)


def test_an_sdk_built_otherwise_gets_the_attributes_by_its_own_way() -> None:
    class Other:
        def __init__(self) -> None:
            self.given: list[Mapping[str, Any]] = []

        def set_attributes(self, attributes: Mapping[str, Any]) -> None:
            self.given.append(attributes)

    keeps_marks, other = KeepsMarks(ALWAYS_ON), Other()
    keeps_marks.should_sample(None, 1, "a", attributes={"a": 1})
    keeps_marks.held_back.give(other)  # type: ignore[arg-type]
    assert other.given == [{"a": 1}]


def test_what_a_sampler_adds_is_kept() -> None:
    (span,) = started({"a": 1}, ours=True, sampler=Adds(Decision.RECORD_AND_SAMPLE)).ended
    assert span.attributes == {"a": 1, "sampler.rule": "all"}


def test_the_attributes_of_a_span_that_never_began_do_not_turn_up_on_the_next() -> None:
    kept = Kept()
    provider = TracerProvider(sampler=ALWAYS_ON, shutdown_on_exit=False)
    provider.sampler = keeps_marks = KeepsMarks(ALWAYS_OFF)
    provider.add_span_processor(IdsAndCount(keeps_marks.held_back))
    provider.add_span_processor(kept)
    app = provider.get_tracer("app")
    app.start_span("dropped", Context(), attributes={"a": 1}).end()
    keeps_marks._configured = ALWAYS_ON
    with pytest.raises(AttributeError):
        app.start_span("broken", Context(), attributes={"b": 1}, links=[object()])  # type: ignore[list-item]
    app.start_span("whole", Context()).end()
    app.start_span("tracecheck.flush", Context()).end()
    assert kept.begun == [{}, {}]
