"""An injected event carries everything by which its chain will be found again."""

from collections.abc import Sequence

import pytest

from tracecheck.errors import BrokerUnavailable
from tracecheck.model import Operation, Span, SpanKind, StatusCode
from tracecheck.probe.brokers.protocol import Outgoing, Published, Subscription
from tracecheck.probe.inject import Injection, inject


class RecordingBroker:
    """Keeps what it was given and acknowledges it as orders[2]@7, or refuses."""

    system = "kafka"

    def __init__(self, refusal: str | None = None) -> None:
        self.taken: list[Outgoing] = []
        self.refusal = refusal

    def prepare(self) -> None:
        pass

    def publish(self, message: Outgoing) -> Published:
        if self.refusal:
            raise BrokerUnavailable(self.refusal)
        self.taken.append(message)
        return Published(partition="2", offset=7)

    def subscribe(self, destinations: Sequence[str]) -> Subscription:
        raise NotImplementedError

    def group_offsets(self, group: str) -> None:  # noqa: ARG002
        return None

    def close(self) -> None:
        pass


def headers_of(broker: RecordingBroker) -> dict[str, str]:
    (message,) = broker.taken
    names = [name for name, _ in message.headers]
    assert len(names) == len(set(names)), "each header once"
    return {name: value.decode() for name, value in message.headers}


def test_the_message_carries_the_trace_context_of_its_producer_span():
    broker, spans = RecordingBroker(), list[Span]()
    injected = inject(Injection(destination="orders", value=b"{}"), broker, spans.append)
    assert headers_of(broker)["traceparent"] == f"00-{injected.span.trace_id}-{injected.span.span_id}-01"
    assert spans == [injected.span]


def test_the_message_carries_correlation_run_and_event_id():
    broker = RecordingBroker()
    inject(
        Injection(destination="orders", correlation_id="o 1", run_id="r,1", event_id="e-1", content_type="text/plain"),
        broker,
        lambda _: None,
    )
    headers = headers_of(broker)
    assert headers["baggage"] == "correlation.id=o%201,tracecheck.run.id=r%2C1"
    assert headers["tracecheck-event-id"] == "e-1"
    assert (broker.taken[0].content_type, broker.taken[0].message_id) == ("text/plain", "e-1")


def test_ids_that_are_not_given_are_made_and_differ_between_events():
    first, second = (inject(Injection(destination="orders"), RecordingBroker(), lambda _: None) for _ in range(2))
    assert first.correlation_id != second.correlation_id
    assert first.event_id != second.event_id
    assert first.span.key != second.span.key


def test_the_span_says_where_the_broker_put_the_message():
    injected = inject(Injection(destination="orders", key=b"o-1", run_id="r-1"), RecordingBroker(), lambda _: None)
    span = injected.span
    assert (span.kind, span.service, span.run_id) == (SpanKind.PRODUCER, "tracecheck", "r-1")
    assert span.messaging is not None
    assert (span.messaging.operation, span.messaging.destination) == (Operation.SEND, "orders")
    assert (span.messaging.identity.partition, span.messaging.identity.offset) == ("2", 7)
    assert span.correlation_id == injected.correlation_id


def test_headers_given_by_the_user_are_kept_but_never_ours_twice():
    broker = RecordingBroker()
    inject(Injection(destination="orders", headers=(("Traceparent", b"x"), ("tenant", b"a"))), broker, lambda _: None)
    headers = headers_of(broker)
    assert headers["tenant"] == "a"
    assert "Traceparent" not in headers


def test_a_refused_publish_leaves_a_failed_span_and_is_raised():
    spans: list[Span] = []
    with pytest.raises(BrokerUnavailable, match="down"):
        inject(Injection(destination="orders"), RecordingBroker(refusal="down"), spans.append)
    (span,) = spans
    assert (span.status, span.status_message) == (StatusCode.ERROR, "down")
