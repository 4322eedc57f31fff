"""Correlation, capture and restore, threads and tasks, joins and effects; and the testing kit itself."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from opentelemetry import baggage, trace
from opentelemetry import context as context_api
from tracecheck_instrumentation import (
    capture,
    correlation,
    correlation_id,
    effect,
    health,
    instrumented,
    join,
    process,
    restore,
    run_id,
    sending,
    set_correlation_id,
    with_context,
)
from tracecheck_instrumentation.messages import Endpoint, Message
from tracecheck_instrumentation.sending import end_open_sends, start_send
from tracecheck_instrumentation.testing import CapturedSpans, SteppingClock, captured_spans
from tracecheck_instrumentation.tracing import tracer

KAFKA = Endpoint(system="kafka")


def test_a_correlation_block_ends_where_it_ends() -> None:
    with correlation("a"):
        with correlation() as inner:
            assert inner == correlation_id()
        assert correlation_id() == "a"
    assert correlation_id() is None


def test_a_correlation_id_set_lasts_for_the_enclosing_context() -> None:
    def handler() -> str | None:
        set_correlation_id("b")
        return correlation_id()

    with correlation("a"):
        assert with_context(handler)() == "b"
        assert correlation_id() == "a"


@pytest.mark.parametrize("bad", ["", "x" * 300, "a\nb"])
def test_a_correlation_id_that_cannot_travel_is_replaced(bad: str) -> None:
    with correlation(bad) as chosen:
        assert len(chosen) == 32


def test_the_run_id_comes_from_baggage_before_the_environment(belong_to_run: Callable[[str | None], None]) -> None:
    assert run_id() is None
    belong_to_run("from-environment")
    assert run_id() == "from-environment"
    assert run_id(baggage.set_baggage("tracecheck.run.id", "from-message")) == "from-message"


def test_first_sends_of_one_handler_agree_on_a_correlation_id(spans: CapturedSpans) -> None:
    with spans.provider.get_tracer("app").start_as_current_span("handler"):
        for _ in range(2):
            start_send(tracer(), KAFKA, Message(destination="t"))[0].acknowledged()
    start_send(tracer(), KAFKA, Message(destination="t"))[0].acknowledged()
    first, second, elsewhere = (span.attributes["correlation.id"] for span in spans.named("send t"))
    assert first == second
    assert first != elsewhere


def test_a_captured_context_is_restored_elsewhere(spans: CapturedSpans) -> None:
    with correlation("c"), spans.provider.get_tracer("app").start_as_current_span("a") as span:
        row = capture()
    with restore(row):
        assert span.get_span_context().span_id == trace.get_current_span().get_span_context().span_id
        assert correlation_id() == "c"
    assert correlation_id() is None


@pytest.mark.parametrize("unusable", [None, {}, {"traceparent": "nonsense"}, {"traceparent": None}])
def test_an_unusable_captured_context_changes_nothing(unusable: dict[str, str] | None) -> None:
    with restore(unusable):
        assert not trace.get_current_span().get_span_context().is_valid


def test_executors_and_tasks_carry_the_context() -> None:
    async def in_task() -> str | None:
        return await asyncio.create_task(asyncio.sleep(0, correlation_id()))

    with correlation("c"):
        bound, bound_async = with_context(correlation_id), with_context(in_task)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(bound).result() == "c"
    assert asyncio.run(bound_async()) == "c"
    assert correlation_id() is None


def test_a_join_takes_every_form_of_a_cause(spans: CapturedSpans) -> None:
    app = spans.provider.get_tracer("app")
    causes = [app.start_span(name) for name in "abcd"]
    as_context = trace.set_span_in_context(causes[1], context_api.Context())
    with trace.use_span(causes[2]):
        row = capture()
    with app.start_as_current_span("fan-in"):
        join(causes[0], as_context, row, causes[3].get_span_context(), {}, None, object())
    links = spans.wait_for("fan-in").links
    assert [cause.get_span_context().span_id for cause in causes] == [link.context.span_id for link in links]


def test_marks_outside_any_span_are_harmless() -> None:
    before = health()
    join({"traceparent": "x"}, None)
    effect("key")
    assert health() == {**before, "header_malformed": before.get("header_malformed", 0) + 1}


def test_an_effect_has_its_key(spans: CapturedSpans) -> None:
    with spans.provider.get_tracer("app").start_as_current_span("a"):
        effect("charge-1", amount=3)
    (event,) = spans.wait_for("a").events
    assert dict(event.attributes) == {"tracecheck.effect.key": "charge-1", "amount": 3}


def test_processing_what_nobody_knows_changes_nothing(spans: CapturedSpans) -> None:
    with process(object()), process([]), process(None):
        pass
    assert list(instrumented([1, 2])) == [1, 2]
    assert spans.all() == []


def test_sends_without_an_answer_are_ended_at_exit(spans: CapturedSpans) -> None:
    waiting, _ = start_send(tracer(), KAFKA, Message(destination="t"))
    assert spans.named("send t") == []
    end_open_sends()
    assert "messaging.kafka.offset" not in spans.wait_for("send t").attributes
    waiting.acknowledged(partition=0, offset=1)
    assert len(spans.named("send t")) == 1


def test_open_sends_are_bounded(spans: CapturedSpans, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "MAX_OPEN", 2)
    opened = [start_send(tracer(), KAFKA, Message(destination="t"))[0] for _ in range(3)]
    assert len(spans.named("send t")) == 1, "the third does not wait for its answer"
    for each in opened:
        each.acknowledged(partition=0, offset=1)
    assert len(spans.named("send t")) == 3


def test_the_correlation_header_is_written_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "write_correlation_header", True)
    with correlation("c"):
        opened, headers = start_send(tracer(), KAFKA, Message(destination="t", carrier=[("correlation-id", b"old")]))
    assert headers == []
    assert ("correlation-id", "c") in opened.own_headers


def test_a_cloud_events_id_is_the_event_id(spans: CapturedSpans) -> None:
    opened, headers = start_send(tracer(), KAFKA, Message(destination="t", carrier=[("ce_id", b"e-1")]))
    opened.acknowledged()
    assert headers == [("ce_id", b"e-1")]
    assert [name for name, _ in opened.own_headers] == ["ce_traceparent"]
    assert spans.wait_for("send t").attributes["messaging.message.id"] == "e-1"


def test_ids_count_and_the_clock_steps_when_asked() -> None:
    clock = SteppingClock(now_unix_nano=1_000, step_ns=10)
    with captured_spans(counting=True, clock=clock) as spans:
        opened, _ = start_send(tracer(), KAFKA, Message(destination="t"))
        clock.advance(100)
        opened.acknowledged()
        sent = spans.wait_for("send t")
    assert (sent.context.trace_id, sent.context.span_id) == (1, 1)
    assert (sent.attributes["correlation.id"], sent.attributes["messaging.message.id"]) == ("id-1", "id-1")
    assert (sent.start_time, sent.end_time) == (1_010, 1_120)


def test_waiting_for_a_span_ends_when_it_comes_and_says_what_came_instead() -> None:
    with captured_spans() as spans:
        app = spans.provider.get_tracer("app")
        threading.Timer(0.05, lambda: app.start_span("late").end()).start()
        assert spans.wait_for("late").name == "late"
        with pytest.raises(AssertionError, match=r"no 2 x 'late' .* ended: late"):
            spans.wait_for("late", count=2, timeout_seconds=0.01)
