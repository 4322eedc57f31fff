"""What every client's adapter must do, whatever the client. A client's test module brings a driver and inherits this.

A handler is a generator: it gets what came in, and yields what the driver shall send with the same client from inside
the handler, so that one suite serves blocking, callback and asyncio clients.
"""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable

import pytest
from opentelemetry import baggage, trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode
from tracecheck_instrumentation import correlation, effect, join, with_context
from tracecheck_instrumentation.testing import CapturedSpans

from instrumentation.tests.contract_conventions import ConventionsContract
from instrumentation.tests.contract_headers import HeadersContract
from instrumentation.tests.driver import Driver, Out, Seen


class ClientContract(ConventionsContract, HeadersContract, ABC):
    """The suite. A subclass provides the fixture `driver`."""

    @pytest.fixture
    @abstractmethod
    def driver(self, spans: CapturedSpans) -> Driver:
        """The client under test, against its broker."""

    def test_the_senders_context_and_baggage_are_current_inside_the_handler(
        self, driver: Driver, spans: CapturedSpans
    ) -> None:
        place, inside = driver.fresh(), []

        def handler(_: Seen) -> Iterable[Out]:
            inside.append((trace.get_current_span().get_span_context(), baggage.get_baggage("correlation.id")))
            return ()

        with correlation("order-7"):
            driver.send(Out(destination=place))
        driver.handle(place, handler)

        sent, processed = spans.wait_for(f"send {place}"), spans.wait_for(f"process {place}")
        assert [(processed.context.span_id, "order-7")] == [(span.span_id, found) for span, found in inside]
        assert processed.parent is not None
        assert processed.parent.span_id == sent.context.span_id
        assert [link.context.span_id for link in processed.links] == [sent.context.span_id]
        assert (sent.kind, processed.kind) == (SpanKind.PRODUCER, SpanKind.CONSUMER)

    def test_what_a_handler_sends_continues_the_chain(self, driver: Driver, spans: CapturedSpans) -> None:
        first, second = driver.fresh(), driver.fresh()
        driver.send(Out(destination=first))

        driver.handle(first, lambda _: [Out(destination=second)])

        origin, processed = spans.wait_for(f"send {first}"), spans.wait_for(f"process {first}")
        onward = spans.wait_for(f"send {second}")
        assert onward.parent is not None
        assert onward.parent.span_id == processed.context.span_id
        assert onward.context.trace_id == origin.context.trace_id
        assert onward.attributes["correlation.id"] == origin.attributes["correlation.id"]

    def test_no_context_stays_current_after_the_handler(self, driver: Driver) -> None:
        place = driver.fresh()
        driver.send(Out(destination=place))

        driver.handle(place, lambda _: [])

        assert not trace.get_current_span().get_span_context().is_valid
        assert not baggage.get_all()

    def test_the_wire_carries_context_baggage_and_event_id_once(
        self, driver: Driver, spans: CapturedSpans, belong_to_run: Callable[[str | None], None]
    ) -> None:
        belong_to_run("run-1")
        place = driver.fresh()
        with correlation("order-7"):
            driver.send(Out(destination=place, headers=[("app", b"1")]))

        (seen,) = driver.raw(place, 1)

        sent = spans.wait_for(f"send {place}")
        context = sent.context
        assert [f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"] == seen.header(
            "traceparent"
        )
        (carried,) = seen.header("baggage")
        assert {"correlation.id=order-7", "tracecheck.run.id=run-1"} == set(carried.split(","))
        assert seen.header("app") == ["1"]
        assert [event_id_of(sent)] == seen.header("tracecheck-event-id")

    def test_ids_stand_on_every_span(
        self, driver: Driver, spans: CapturedSpans, belong_to_run: Callable[[str | None], None]
    ) -> None:
        place = driver.fresh()
        belong_to_run("run-1")
        with correlation("order-7"):
            driver.send(Out(destination=place))
        belong_to_run(None)  # the run id travels with the message, not with the consumer

        def handler(_: Seen) -> Iterable[Out]:
            with spans.provider.get_tracer("app").start_as_current_span("inner"):
                return ()

        driver.handle(place, handler)

        for name in (f"send {place}", f"process {place}", "inner"):
            found = spans.wait_for(name).attributes
            assert (found["correlation.id"], found["tracecheck.run.id"]) == ("order-7", "run-1")
        for name in (f"send {place}", f"process {place}"):
            assert spans.wait_for(name).attributes["messaging.message.conversation_id"] == "order-7"

    def test_the_process_span_says_which_message_of_which_group(self, driver: Driver, spans: CapturedSpans) -> None:
        place = driver.fresh()
        before_unix_nano = time.time_ns() - 1_000_000_000
        driver.send(Out(destination=place, value=b"12345"))

        driver.handle(place, lambda _: [], group="billing")

        sent, processed = spans.wait_for(f"send {place}"), spans.wait_for(f"process {place}")
        found = processed.attributes
        assert (driver.system, place) == (found["messaging.system"], found["messaging.destination.name"])
        assert (found["messaging.operation.name"], found["messaging.operation.type"]) == ("process", "process")
        assert (
            sent.attributes["messaging.operation.name"],
            sent.attributes["messaging.operation.type"],
        ) == ("send", "send")
        assert found["messaging.message.body.size"] == 5
        assert found["tracecheck.attempt"] == 1
        assert event_id_of(sent) == event_id_of(processed)
        assert found["server.address"] == "127.0.0.1"
        assert isinstance(found["server.port"], int)
        if driver.names_group:
            assert found["messaging.consumer.group.name"] == "billing"
        if driver.has_partitions:
            assert (found["messaging.destination.partition.id"], found["messaging.kafka.offset"]) == ("0", 0)
            assert (
                sent.attributes["messaging.destination.partition.id"],
                sent.attributes["messaging.kafka.offset"],
            ) == ("0", 0)
            assert before_unix_nano < found["tracecheck.record.time_unix_nano"] <= time.time_ns()

    def test_a_forwarded_message_carries_the_new_context_alone(self, driver: Driver, spans: CapturedSpans) -> None:
        first, second = driver.fresh(), driver.fresh()
        driver.send(Out(destination=first, headers=[("app", b"1")]))

        driver.handle(first, lambda seen: [Out(destination=second, headers=seen.headers)])

        (arrived,) = driver.raw(second, 1)
        onward = spans.wait_for(f"send {second}")
        (parent,) = arrived.header("traceparent")
        assert f"{onward.context.span_id:016x}" in parent
        assert len(arrived.header("baggage")) == 1
        assert arrived.header("app") == ["1"]
        assert arrived.header("tracecheck-event-id") == [event_id_of(onward)]
        assert event_id_of(onward) != event_id_of(spans.wait_for(f"send {first}"))

    def test_an_event_id_the_caller_chose_is_kept(self, driver: Driver, spans: CapturedSpans) -> None:
        place = driver.fresh()
        driver.send(Out(destination=place, headers=[("tracecheck-event-id", b"mine")]))

        (seen,) = driver.raw(place, 1)

        assert seen.header("tracecheck-event-id") == ["mine"]
        assert event_id_of(spans.wait_for(f"send {place}")) == "mine"

    def test_an_error_in_the_handler_is_on_its_span_and_reaches_the_service(
        self, driver: Driver, spans: CapturedSpans
    ) -> None:
        place = driver.fresh()
        driver.send(Out(destination=place))

        def broken(_: Seen) -> Iterable[Out]:
            raise ValueError("no stock")

        with pytest.raises(ValueError, match="no stock"):
            driver.handle(place, broken)

        processed = spans.wait_for(f"process {place}")
        assert processed.status.status_code is StatusCode.ERROR
        assert "error.type" in processed.attributes

    def test_attempts_are_numbered(self, driver: Driver, spans: CapturedSpans) -> None:
        place, tries = driver.fresh(), []
        driver.send(Out(destination=place))

        def second_time_lucky(_: Seen) -> Iterable[Out]:
            tries.append(1)
            if len(tries) == 1:
                raise ValueError("no stock")
            return ()

        driver.handle(place, second_time_lucky, redeliver=True)

        spans.wait_for(f"process {place}", count=2)
        processed = spans.named(f"process {place}")
        assert [span.attributes["tracecheck.attempt"] for span in processed] == [1, 2]
        assert [span.status.status_code for span in processed] == [StatusCode.ERROR, StatusCode.UNSET]

    def test_waiting_for_the_next_message_is_not_processing(self, driver: Driver, spans: CapturedSpans) -> None:
        place = driver.fresh()
        driver.send(Out(destination=place, value=b"1"))
        later = threading.Timer(0.6, driver.send, (Out(destination=place, value=b"2"),))

        def handler(seen: Seen) -> Iterable[Out]:
            if seen.value == b"1":
                later.start()
            return ()

        driver.handle(place, handler, count=2)
        later.join()

        first, second = spans.wait_for(f"process {place}"), spans.wait_for(f"process {place}", count=2)
        assert second.start_time - first.start_time > 500_000_000
        assert first.end_time - first.start_time < 400_000_000

    def test_each_record_of_a_poll_is_handled_in_its_own_context(self, driver: Driver, spans: CapturedSpans) -> None:
        place, onward = driver.fresh(), driver.fresh()
        for number in (b"1", b"2"):
            with correlation(f"order-{number.decode()}"):
                driver.send(Out(destination=place, value=number))

        driver.handle_each(place, lambda seen: [Out(destination=onward, value=seen.value)], count=2, group="billing")

        spans.wait_for(f"send {onward}", count=2)
        sent, processed = spans.named(f"send {place}"), spans.named(f"process {place}")
        assert [span.context.span_id for span in sent] == [span.parent.span_id for span in processed if span.parent]
        assert [span.attributes["correlation.id"] for span in spans.named(f"send {onward}")] == ["order-1", "order-2"]
        if driver.names_group:
            assert {"billing"} == {span.attributes["messaging.consumer.group.name"] for span in processed}

    def test_a_batch_has_one_span_with_a_link_and_an_identity_per_message(
        self, driver: Driver, spans: CapturedSpans
    ) -> None:
        place, onward = driver.fresh(), driver.fresh()
        driver.send(Out(destination=place, value=b"1"))
        driver.send(Out(destination=place, value=b"2"))

        driver.handle_batch(place, lambda _: [Out(destination=onward)], count=2)

        sent, batch = spans.named(f"send {place}"), spans.wait_for(f"process {place}")
        assert [span.context.span_id for span in sent] == [link.context.span_id for link in batch.links]
        assert batch.attributes["messaging.batch.message_count"] == 2
        assert batch.parent is None
        assert spans.wait_for(f"send {onward}").parent.span_id == batch.context.span_id
        if driver.has_partitions:
            assert [
                (link.attributes["messaging.destination.partition.id"], link.attributes["messaging.kafka.offset"])
                for link in batch.links
            ] == [("0", 0), ("0", 1)]
        else:
            named = [link.attributes.get("tracecheck.event.id") for link in batch.links]
            assert [event_id_of(span) for span in sent] == named

    def test_a_send_that_fails_after_the_call_returned_is_an_error_on_its_span(
        self, driver: Driver, spans: CapturedSpans
    ) -> None:
        place = driver.fresh()

        driver.send_in_vain(Out(destination=place))

        sent = spans.wait_for(f"send {place}")
        assert sent.status.status_code is StatusCode.ERROR
        assert "messaging.kafka.offset" not in sent.attributes

    def test_a_tombstone_is_a_message(self, driver: Driver, spans: CapturedSpans) -> None:
        place, seen = driver.fresh(), []
        driver.send(Out(destination=place, value=None))

        driver.handle(place, lambda record: seen.append(record) or [])

        assert [record.value for record in seen] == [None]
        assert spans.wait_for(f"send {place}").attributes["messaging.kafka.message.tombstone"]
        assert spans.wait_for(f"process {place}").attributes["messaging.kafka.message.tombstone"]

    def test_a_thread_given_the_context_continues_the_chain(self, driver: Driver, spans: CapturedSpans) -> None:
        place = driver.fresh()
        driver.send(Out(destination=place))
        inside: list[int] = []

        def handler(_: Seen) -> Iterable[Out]:
            work = with_context(lambda: inside.append(trace.get_current_span().get_span_context().span_id))
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
            return ()

        driver.handle(place, handler)

        assert [spans.wait_for(f"process {place}").context.span_id] == inside

    def test_a_join_links_the_other_cause_with_its_identity(self, driver: Driver, spans: CapturedSpans) -> None:
        reserved, charged = driver.fresh(), driver.fresh()
        driver.send(Out(destination=reserved), Out(destination=charged))
        waiting: list[Seen] = []
        driver.handle(reserved, lambda seen: waiting.append(seen) or [])

        def handler(_: Seen) -> Iterable[Out]:
            join(waiting[0].record)
            effect("ship-1")
            return ()

        driver.handle(charged, handler)

        processed = spans.wait_for(f"process {charged}")
        other = spans.wait_for(f"send {reserved}")
        assert other.context.span_id in {link.context.span_id for link in processed.links}
        (mark,) = processed.events
        assert (mark.name, mark.attributes["tracecheck.effect.key"]) == ("tracecheck.effect", "ship-1")


def event_id_of(span: ReadableSpan) -> str:
    """The event id a span states: as message id where the system has none of its own."""
    assert span.attributes is not None
    found = span.attributes.get("tracecheck.event.id", span.attributes.get("messaging.message.id"))
    assert isinstance(found, str)
    return found
