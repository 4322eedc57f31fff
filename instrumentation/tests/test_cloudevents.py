"""CloudEvents in structured mode: the trace context as attributes of the event."""

import json
from typing import Any

import pytest
from opentelemetry import trace
from tracecheck_instrumentation import join, restore
from tracecheck_instrumentation.cloudevents import trace_context, with_trace_context
from tracecheck_instrumentation.testing import CapturedSpans

EVENT: dict[str, Any] = {"specversion": "1.0", "id": "e-1", "source": "/stock", "type": "reserved", "data": {"n": 1}}


def test_a_structured_event_brings_its_context_to_whoever_reads_it(spans: CapturedSpans) -> None:
    app = spans.provider.get_tracer("app")
    with app.start_as_current_span("reserve") as reserve:
        body = json.dumps(with_trace_context(EVENT))

    read = json.loads(body)
    with restore(trace_context(read)), app.start_as_current_span("relay"):
        pass
    with app.start_as_current_span("fan-in"):
        join(trace_context(read))

    assert {**EVENT, "traceparent": read["traceparent"]} == read
    assert spans.wait_for("relay").parent.span_id == reserve.get_span_context().span_id
    assert [link.context.span_id for link in spans.wait_for("fan-in").links] == [reserve.get_span_context().span_id]


def test_where_an_event_started_is_never_overwritten(spans: CapturedSpans) -> None:
    started = {**EVENT, "traceparent": f"00-{'1' * 32}-{'2' * 16}-01", "tracestate": "foo=1"}
    with spans.provider.get_tracer("app").start_as_current_span("middle"):
        assert with_trace_context(started) == started
    assert trace_context(started) == {"traceparent": started["traceparent"], "tracestate": "foo=1"}


def test_without_a_span_an_event_is_left_as_it_is() -> None:
    assert with_trace_context(EVENT) == EVENT
    assert with_trace_context(EVENT) is not EVENT


@pytest.mark.parametrize("wrong", [{}, {"traceparent": 7}, {"traceparent": None}, {"tracestate": "foo=1"}])
def test_an_event_without_context_brings_none(wrong: dict[str, Any]) -> None:
    assert trace_context({**EVENT, **wrong}) == {}
    with restore(trace_context({**EVENT, **wrong})):
        assert not trace.get_current_span().get_span_context().is_valid


def test_a_state_without_its_parent_is_not_passed_on() -> None:
    parent = f"00-{'1' * 32}-{'2' * 16}-01"
    assert trace_context({**EVENT, "traceparent": parent, "tracestate": 7}) == {"traceparent": parent}
