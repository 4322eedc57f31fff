"""What every client's spans and messages say in whose words: names old and new, links, and CloudEvents."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pytest
from opentelemetry import baggage, trace
from opentelemetry.sdk.trace import ReadableSpan
from tracecheck_instrumentation import conventions, correlation
from tracecheck_instrumentation.conventions import OLD_NAMES
from tracecheck_instrumentation.testing import CapturedSpans

from instrumentation.tests.driver import Driver, Out, Seen
from tracecheck import model
from tracecheck.semconv import canonical

Choose = Callable[[str, str], None]


class ConventionsContract:
    """Part of the suite that every adapter passes."""

    @pytest.fixture
    def choose(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[Choose]:
        def chosen(variable: str, value: str) -> None:
            monkeypatch.setenv(variable, value)
            conventions.read_environment()

        yield chosen
        monkeypatch.undo()
        conventions.read_environment()

    @pytest.mark.parametrize(
        ("opt_in", "both"),
        [("", False), ("http", False), ("messaging", False), ("messaging/dup", True), ("http, messaging/dup", True)],
    )
    def test_spans_speak_the_names_that_were_asked_for(
        self, driver: Driver, spans: CapturedSpans, choose: Choose, opt_in: str, both: bool
    ) -> None:
        choose("OTEL_SEMCONV_STABILITY_OPT_IN", opt_in)
        place = driver.fresh()
        driver.send(*(Out(destination=place) for _ in range(3)))

        driver.handle(place, lambda _: [])
        driver.handle_batch(place, lambda _: [], count=2)

        made = [spans.wait_for(f"send {place}"), spans.wait_for(f"process {place}")]
        made += spans.named(f"process {place}")[1:] + spans.named(f"poll {place}")
        for span in made:
            found = {**(span.attributes or {})}
            assert found["messaging.destination.name"] == place
            old = {OLD_NAMES[name] for name in found.keys() & OLD_NAMES.keys()}
            assert found.keys() & set(OLD_NAMES.values()) == (old if both else set())
            # Whichever of them is left, the analyzer reads the same.
            without_new = _reduced(span, OLD_NAMES.keys()) if both else span
            without_old = _reduced(span, OLD_NAMES.values())
            assert read(without_new) == read(span) == read(without_old)
        send, process = made[:2]
        if both:
            assert send.attributes["messaging.operation"] == "publish"
            assert process.attributes["messaging.operation"] == "process"
            if driver.has_partitions:
                assert (
                    send.attributes["messaging.kafka.partition"],
                    send.attributes["messaging.kafka.message.offset"],
                ) == (
                    0,
                    0,
                )

    def test_asked_for_links_only_a_message_is_linked_and_begins_a_trace_of_its_own(
        self, driver: Driver, spans: CapturedSpans, choose: Choose
    ) -> None:
        choose("TRACECHECK_LINK_ONLY", "true")
        first, second, inside = driver.fresh(), driver.fresh(), []
        with correlation("order-7"):
            driver.send(Out(destination=first))

        def handler(_: Seen) -> Iterable[Out]:
            inside.append((trace.get_current_span().get_span_context(), baggage.get_baggage("correlation.id")))
            return [Out(destination=second)]

        driver.handle(first, handler)

        sent, processed = spans.wait_for(f"send {first}"), spans.wait_for(f"process {first}")
        assert processed.parent is None
        assert [sent.context.span_id] == [link.context.span_id for link in processed.links]
        assert processed.context.trace_id != sent.context.trace_id
        assert [(processed.context, "order-7")] == inside
        onward = spans.wait_for(f"send {second}")
        assert onward.parent is not None
        assert onward.parent.span_id == processed.context.span_id
        assert onward.attributes["correlation.id"] == "order-7"

    def test_a_cloud_event_is_given_the_trace_context_its_way_starts_with(
        self, driver: Driver, spans: CapturedSpans
    ) -> None:
        first, second, prefix = driver.fresh(), driver.fresh(), prefix_of(driver)
        driver.send(Out(destination=first, headers=[(f"{prefix}id", b"e-1"), (f"{prefix}source", b"/stock")]))

        driver.handle(first, lambda seen: [Out(destination=second, headers=seen.headers)])

        (arrived,) = driver.raw(second, 1)
        sent, onward = spans.wait_for(f"send {first}"), spans.wait_for(f"send {second}")
        (start,), (hop,) = arrived.header(f"{prefix}traceparent"), arrived.header("traceparent")
        assert f"{sent.context.trace_id:032x}-{sent.context.span_id:016x}" in start
        assert f"{onward.context.trace_id:032x}-{onward.context.span_id:016x}" in hop

    def test_a_message_without_traceparent_continues_its_cloud_event(
        self, driver: Driver, spans: CapturedSpans
    ) -> None:
        place, prefix = driver.fresh(), prefix_of(driver)
        start = f"00-{'1' * 32}-{'2' * 16}-01".encode()
        event = [(f"{prefix}id", b"e-1"), (f"{prefix}traceparent", start), (f"{prefix}tracestate", b"foo=1")]
        driver.send_raw(Out(destination=place, headers=event))

        driver.handle(place, lambda _: [])

        processed = spans.wait_for(f"process {place}")
        assert processed.parent is not None
        assert (f"{processed.parent.trace_id:032x}", f"{processed.parent.span_id:016x}") == ("1" * 32, "2" * 16)
        assert processed.context.trace_state.to_header() == "foo=1"

    def test_a_messages_own_traceparent_wins_over_its_cloud_events(self, driver: Driver, spans: CapturedSpans) -> None:
        place, prefix = driver.fresh(), prefix_of(driver)
        start, hop = (f"00-{digit * 32}-{digit * 16}-01".encode() for digit in "12")
        event = [(f"{prefix}id", b"e-1"), (f"{prefix}traceparent", start), ("traceparent", hop)]
        driver.send_raw(Out(destination=place, headers=event))

        driver.handle(place, lambda _: [])

        processed = spans.wait_for(f"process {place}")
        assert processed.parent is not None
        assert f"{processed.parent.span_id:016x}" == "2" * 16


def prefix_of(driver: Driver) -> str:
    """How the binding of the driver's protocol begins the names of event attributes."""
    return "ce_" if driver.system == "kafka" else "cloudEvents:"


def read(span: ReadableSpan) -> tuple[Any, ...]:
    """What the analyzer makes of a span: its canonical columns, and the identities on its links."""
    found = canonical(as_model(span))
    return found.messaging, found.correlation_id, found.run_id, [link.identity for link in found.links]


def as_model(span: ReadableSpan) -> model.Span:
    """The analyzer's form of a span."""
    links = [
        model.Link(
            trace_id=f"{cause.trace_id:032x}", span_id=f"{cause.span_id:016x}", attributes=dict(link.attributes or {})
        )
        for link in span.links
        if (cause := link.context)
    ]
    return model.Span(
        trace_id=f"{span.context.trace_id:032x}",
        span_id=f"{span.context.span_id:016x}",
        name=span.name,
        kind=model.SpanKind[span.kind.name],
        attributes=dict(span.attributes or {}),
        links=tuple(links),
    )


def _reduced(span: ReadableSpan, gone: Iterable[str]) -> ReadableSpan:
    names = set(gone)

    def kept(attributes: Mapping[str, Any] | None) -> dict[str, Any]:
        return {name: value for name, value in (attributes or {}).items() if name not in names}

    links = [trace.Link(link.context, kept(link.attributes)) for link in span.links]
    return ReadableSpan(
        name=span.name, context=span.context, kind=span.kind, attributes=kept(span.attributes), links=links
    )
