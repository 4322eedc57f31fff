"""kafka-python passes the contract, on a real broker; and what is special about it."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any

import pytest
from kafka import KafkaProducer
from opentelemetry import propagate
from opentelemetry.instrumentation.kafka import KafkaInstrumentor
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.trace import StatusCode
from tracecheck_instrumentation import capture, correlation, health, process, restore, retry_headers
from tracecheck_instrumentation.adapters.kafka_python import KafkaPythonInstrumentor
from tracecheck_instrumentation.testing import CapturedSpans, captured_spans

from instrumentation.tests.contract import ClientContract
from instrumentation.tests.driver import Out, Seen
from instrumentation.tests.kafka_python_driver import KafkaPythonDriver


@pytest.fixture
def driver(spans: CapturedSpans, kafka_address: str) -> Iterator[KafkaPythonDriver]:
    client = KafkaPythonDriver(kafka_address)
    yield client
    client.close()


class TestKafkaPython(ClientContract):
    @pytest.fixture
    def driver(self, spans: CapturedSpans, any_kafka: str) -> Iterator[KafkaPythonDriver]:  # noqa: ARG002
        client = KafkaPythonDriver(any_kafka)
        yield client
        client.close()


def test_uninstrumenting_restores_what_was_there() -> None:
    before = [(owner, name, owner.__dict__.get(name)) for owner, name in KafkaPythonDriver.patched]
    with captured_spans():
        assert any(owner.__dict__.get(name) is not was for owner, name, was in before)
    assert before == [(owner, name, owner.__dict__.get(name)) for owner, name in KafkaPythonDriver.patched]


@pytest.mark.parametrize("headers", [None, [], (), [("a", b"1")], (("a", b"1"),)])
def test_headers_may_be_absent_or_a_list_or_a_tuple_by_position_or_name(
    driver: KafkaPythonDriver, headers: Any
) -> None:
    place = driver.fresh()
    driver.producer.send(place, b"1", b"k", headers).get(timeout=10)
    driver.producer.send(place, value=b"2", headers=headers).get(timeout=10)

    for arrived in driver.raw(place, 2):
        assert len(headers or ()) == len(arrived.header("a"))
        assert len(arrived.header("traceparent")) == 1


def test_a_callers_list_of_headers_is_not_changed(driver: KafkaPythonDriver) -> None:
    mine = [("a", b"1")]
    driver.producer.send(driver.fresh(), b"1", headers=mine).get(timeout=10)
    assert mine == [("a", b"1")]


def test_a_wrong_call_fails_as_without_us(driver: KafkaPythonDriver, spans: CapturedSpans) -> None:
    place = driver.fresh()
    with pytest.raises(TypeError):
        driver.producer.send(place, b"1", value=b"2")
    with pytest.raises((ValueError, AssertionError), match="Need at least one"):  # of 3.x, of 2.x
        driver.producer.send(place)
    assert StatusCode.ERROR is spans.wait_for(f"send {place}").status.status_code


def test_a_send_is_not_delayed_until_its_acknowledgement(driver: KafkaPythonDriver, spans: CapturedSpans) -> None:
    place = driver.fresh()
    with closing(KafkaProducer(bootstrap_servers=driver.address, linger_ms=300)) as producer:
        future = producer.send(place, b"1")
        assert not future.is_done
        assert spans.named(f"send {place}") == []
        future.get(timeout=10)
    sent = spans.wait_for(f"send {place}")
    assert sent.end_time - sent.start_time >= 250_000_000


def test_a_poll_has_a_client_span_with_a_link_and_an_identity_per_message(
    driver: KafkaPythonDriver, spans: CapturedSpans
) -> None:
    place = driver.fresh()
    driver.send(Out(destination=place), Out(destination=place))

    driver.handle_each(place, lambda _: [], count=2)

    sent = {span.context.span_id for span in spans.named(f"send {place}")}
    polls = spans.named(f"poll {place}")
    assert {"CLIENT"} == {span.kind.name for span in polls}
    assert sent == {link.context.span_id for span in polls for link in span.links}
    assert [link.attributes["messaging.kafka.offset"] for span in polls for link in span.links] == [0, 1]


def test_iterating_makes_no_poll_span(driver: KafkaPythonDriver, spans: CapturedSpans) -> None:
    place = driver.fresh()
    driver.send(Out(destination=place))
    driver.handle(place, lambda _: [])
    spans.wait_for(f"process {place}")
    assert spans.named(f"poll {place}") == []


def test_a_plain_loop_over_the_consumer_is_instrumented_too(driver: KafkaPythonDriver, spans: CapturedSpans) -> None:
    place = driver.fresh()
    driver.send(Out(destination=place))
    for record in driver.consumer(place, "g"):
        with process(record):
            break
    spans.wait_for(f"process {place}")
    assert len(spans.named(f"process {place}")) == 1


@pytest.mark.parametrize("upstream_first", [True, False])
def test_beside_the_upstream_instrumentation_nothing_is_doubled(kafka_address: str, upstream_first: bool) -> None:
    if upstream_first:
        KafkaInstrumentor().instrument()
    try:
        with captured_spans() as spans:
            if not upstream_first:
                KafkaInstrumentor().instrument()
            driver = KafkaPythonDriver(kafka_address)
            place = driver.fresh()
            driver.send(Out(destination=place))
            driver.handle(place, lambda _: [])
            (arrived,) = driver.raw(place, 1)
            driver.close()
            spans.wait_for(f"process {place}")
            made = [span.name for span in spans.all() if not span.name.startswith("poll")]
        assert [f"send {place}", f"process {place}"] == made
        assert len(arrived.header("traceparent")) == 1
        assert upstream_first is KafkaInstrumentor().is_instrumented_by_opentelemetry
    finally:
        if KafkaInstrumentor().is_instrumented_by_opentelemetry:
            KafkaInstrumentor().uninstrument()
    assert not KafkaPythonInstrumentor().is_instrumented_by_opentelemetry


def test_a_relay_outside_any_handler_continues_the_message_it_forwards(
    driver: KafkaPythonDriver, spans: CapturedSpans
) -> None:
    first, second = driver.fresh(), driver.fresh()
    driver.send(Out(destination=first))
    (arrived,) = driver.raw(first, 1)

    driver.send(Out(destination=second, headers=arrived.headers))

    origin, onward = spans.wait_for(f"send {first}"), spans.wait_for(f"send {second}")
    assert onward.parent is not None
    assert origin.context.span_id == onward.parent.span_id
    assert origin.attributes["correlation.id"] == onward.attributes["correlation.id"]


def test_an_outbox_row_carries_the_context_to_its_relay(driver: KafkaPythonDriver, spans: CapturedSpans) -> None:
    place = driver.fresh()
    with correlation("order-7"), spans.provider.get_tracer("app").start_as_current_span("place order") as placing:
        row = capture()

    with restore(row):
        driver.send(Out(destination=place))

    sent = spans.wait_for(f"send {place}")
    assert sent.parent is not None
    assert placing.get_span_context().span_id == sent.parent.span_id
    assert sent.attributes["correlation.id"] == "order-7"


def test_a_retry_names_the_first_event(driver: KafkaPythonDriver, spans: CapturedSpans) -> None:
    orders, retries = driver.fresh(), driver.fresh()
    driver.send(Out(destination=orders, headers=[("app", b"1")]))
    again = [Out(destination=retries)]

    def pass_on(seen: Seen) -> Iterable[Out]:
        again[0] = Out(destination=retries, headers=retry_headers(seen.record))
        return again

    driver.handle(orders, pass_on)
    driver.handle(retries, pass_on)
    driver.handle_each(retries, lambda _: [], count=2)

    spans.wait_for(f"send {retries}", count=2)
    first = spans.wait_for(f"send {orders}").attributes["messaging.message.id"]
    sent = [span.attributes for span in spans.named(f"send {retries}")]
    assert [first, first] == [attributes["tracecheck.retry_of"] for attributes in sent]
    assert len({first, *(attributes["messaging.message.id"] for attributes in sent)}) == 3
    assert driver.raw(retries, 1)[0].header("app") == ["1"]
    assert first == spans.wait_for(f"process {retries}").attributes["tracecheck.retry_of"]


@pytest.mark.provokes_faults
def test_a_propagator_that_raises_costs_the_context_and_not_the_message(
    driver: KafkaPythonDriver,
) -> None:
    class Broken(TextMapPropagator):
        fields = frozenset({"x-broken"})

        def extract(self, *_args: Any, **_kwargs: Any) -> Any:
            raise RuntimeError("extract")

        def inject(self, *_args: Any, **_kwargs: Any) -> None:
            raise RuntimeError("inject")

    place = driver.fresh()
    came = []
    sound = propagate.get_global_textmap()
    propagate.set_global_textmap(Broken())
    try:
        driver.producer.send(place, b"1", b"k", None).get(timeout=10)
        for record in driver.consumer(place, "g"):
            came.append(record.value)
            break
    finally:
        propagate.set_global_textmap(sound)
    assert came == [b"1"]
    assert {"error:upstream send", "error:Handling.begin"} <= health().keys()


def test_a_fault_of_the_library_never_reaches_the_service(kafka_address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with captured_spans():
        driver = KafkaPythonDriver(kafka_address)
        place = driver.fresh()

        def broken(*_args: Any, **_kwargs: Any) -> None:
            raise RuntimeError("a bug of ours")

        for where in ("start_send", "message_of", "_endpoint"):
            monkeypatch.setattr(f"tracecheck_instrumentation.adapters.kafka_python.{where}", broken)
        driver.producer.send(place, b"1", b"k", None).get(timeout=10)
        came = []
        for record in driver.consumer(place, "g"):
            with process(record):
                came.append(record.value)
            break
        driver.close()
    assert came == [b"1"]
    assert any(what.startswith("error:") for what in health())
