"""`tracecheck replay` from the command line: tells before it acts, acts when told to, and says whether it helped."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import pytest

from tests.cli.conftest import Run
from tests.support.ports import free_ports
from tests.support.spans import Traces, a_span
from tracecheck.model import Span, SpanKind, StatusCode
from tracecheck.probe.brokers import Broker, connect
from tracecheck.probe.brokers.kafka_read import read_record
from tracecheck.probe.brokers.protocol import Seen
from tracecheck.probe.inject import Injected, Injection, inject
from tracecheck.probe.otlp_out import send_span
from tracecheck.probe.records import store_records
from tracecheck.semconv import canonical
from tracecheck.store import Store, open_store

NOWHERE = "127.0.0.1:1"
SPEC = """\
chain: order
steps:
  placed:  {send: TOPIC}
  charged: {process: TOPIC, group: billing, after: placed, within: 1s}
"""
VALUE = b'{"id": 1}'


@dataclass(frozen=True, kw_only=True)
class Orders:
    """Chains in one store, on a real bus: those of `lost`, `again`, `never` and `seen` failed at billing."""

    store: str
    broker: str
    lost: Injected
    again: Injected
    never: Injected
    seen: Injected
    whole: Injected
    letter: Injected
    queued: str

    def after(self, lost: Injected) -> Seen | None:
        """What was published behind an order; each has a topic of its own."""
        place = (lost.destination, str(lost.partition), int(lost.offset or 0) + 1)
        return read_record(self.broker, *place, within_s=1.0)


@pytest.fixture(scope="module")
def lost_orders(embedded_broker: str, tmp_path_factory: pytest.TempPathFactory) -> Orders:
    path = str(tmp_path_factory.mktemp("replay") / "lost.duckdb")
    with open_store(path) as store, closing(connect("kafka", embedded_broker)) as bus:
        failed = {name: an_order(bus, store, failed=True) for name in ("lost", "again", "never", "seen")}
        store_records(store, [as_seen(failed["seen"])], observer="test")
        queued = a_queued_order(store, failed["seen"])
        letter, whole = a_dead_letter(bus, store), an_order(bus, store, failed=False)
    return Orders(store=path, broker=embedded_broker, **failed, whole=whole, letter=letter, queued=queued)


@pytest.fixture(autouse=True)
def _no_places(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KAFKA", "RABBITMQ", "TRACECHECK_DATABASE", "TRACECHECK_HTTP", "TRACECHECK_RUN_ID"):
        monkeypatch.delenv(name, raising=False)


def a_name() -> str:
    return f"t{uuid4().hex[:12]}"


def an_order(bus: Broker, store: Store, *, failed: bool) -> Injected:
    order = Injection(destination=a_name(), key=b"k-1", value=VALUE, headers=(("tenant", b"a"),), run_id=a_name())
    sent = inject(order, bus, lambda span: store.append([span]))
    store.append([handled(sent, failed=failed)])
    return sent


def a_dead_letter(bus: Broker, store: Store) -> Injected:
    """A message that no broker has any more, and the dead letter it became, which one has."""
    topic, kept = a_name(), list[Span]()
    letter = inject(Injection(destination=f"{topic}.dlq", value=b"a letter"), bus, kept.append)
    story = Traces(correlation_id=letter.correlation_id)
    sent = story.send("checkout", topic, partition="0", offset=41)
    failed = story.process("billing", topic, of=sent, partition="0", offset=41, error="no money")
    story.send("billing", letter.destination, under=failed, partition=letter.partition, offset=letter.offset)
    store.append(story.spans)
    return letter


def a_queued_order(store: Store, like: Injected) -> str:
    """A message of a queue, which has no offset, among the records seen on the bus."""
    queue = a_name()
    story = Traces(correlation_id=queue)
    sent = story.send("checkout", queue, system="rabbitmq", message_id="m-1")
    story.process("billing", queue, system="rabbitmq", message_id="m-1", of=sent, error="no money")
    store.append(story.spans)
    seen = replace(as_seen(like), system="rabbitmq", destination=queue, partition=None, offset=None, message_id="m-1")
    store_records(store, [seen], observer="test")
    return queue


def handled(sent: Injected, *, failed: bool = False) -> Span:
    """How billing handles now what was sent."""
    return canonical(
        a_span(
            f"process {sent.destination}",
            kind=SpanKind.CONSUMER,
            trace_id=sent.span.trace_id,
            parent_span_id=sent.span.span_id,
            start_unix_nano=time.time_ns(),
            status=StatusCode.ERROR if failed else StatusCode.UNSET,
            resource={"service.name": "billing"},
            attributes={
                "messaging.system": "kafka",
                "messaging.operation.type": "process",
                "messaging.destination.name": sent.destination,
                "messaging.destination.partition.id": str(sent.partition),
                "messaging.kafka.offset": int(sent.offset or 0),
                "messaging.consumer.group.name": "billing",
            },
        )
    )


def as_seen(sent: Injected) -> Seen:
    return Seen(
        system="kafka",
        destination=sent.destination,
        partition=sent.partition,
        offset=sent.offset,
        key=b"k-1",
        value=VALUE,
        headers=(("tenant", b"a"), ("tracecheck-event-id", sent.event_id.encode())),
        seen_unix_nano=sent.span.end_unix_nano,
    )


@contextmanager
def billing_is_back(orders: Orders, lost: Injected, receiver: str) -> Iterator[None]:
    """Handles the next message on the topic, and exports that to a receiver."""

    def work() -> None:
        while not over.is_set():
            if (record := orders.after(lost)) is not None:
                _, trace_id, span_id, _ = dict(record.headers)["traceparent"].decode().split("-")
                sent = replace(lost, span=replace(lost.span, trace_id=trace_id, span_id=span_id), offset=record.offset)
                send_span(handled(sent), receiver)
                return

    over = threading.Event()
    worker = threading.Thread(target=work)
    worker.start()
    try:
        yield
    finally:
        over.set()
        worker.join()


def listening(ports: list[int]) -> list[str]:
    """Options of a receiver that is in nobody's way."""
    names = zip(("http", "grpc", "api"), ports, strict=True)
    return [part for name, port in names for part in (f"--{name}-port", str(port))]


def test_without_a_yes_it_tells_what_it_would_do_and_does_nothing(tracecheck: Run, lost_orders: Orders) -> None:
    lost, place = lost_orders.lost, ["--store", lost_orders.store, "--bootstrap-servers", lost_orders.broker]
    told = tracecheck("replay", lost.correlation_id, *place)
    assert told.status == 0, told.err
    assert "processing_failed" in told.out
    assert f"{lost.destination}[{lost.partition}]@{lost.offset}: the message itself, read from the broker" in told.out
    assert f"event id     {lost.event_id}" in told.out
    assert "nothing was published; add --yes to do it" in told.err
    assert lost_orders.after(lost) is None


def test_with_a_yes_it_publishes_and_ends_well_once_the_group_has_handled_it(
    tracecheck: Run, lost_orders: Orders
) -> None:
    lost, ports = lost_orders.again, free_ports(3)
    with billing_is_back(lost_orders, lost, f"http://127.0.0.1:{ports[0]}"):
        done = tracecheck(
            *("replay", lost.correlation_id, "--yes", "--output", "json", *listening(ports)),
            *("--store", lost_orders.store, "--bootstrap-servers", lost_orders.broker),
        )
    assert done.status == 0, done.err
    told, again = json.loads(done.out), lost_orders.after(lost)
    assert (told["published"], told["healed"], told["cause"]) == (True, True, "processing_failed")
    assert again is not None
    headers = dict(again.headers)
    assert (again.key, again.value, headers["tenant"], again.offset) == (b"k-1", VALUE, b"a", told["offset"])
    assert headers["tracecheck-event-id"] == headers["tracecheck-retry-of"] == lost.event_id.encode()


def test_a_chain_that_nobody_heals_ends_with_1_when_the_time_is_over(
    tracecheck: Run, lost_orders: Orders, tmp_path: Path
) -> None:
    lost = lost_orders.never
    (tmp_path / "order.yaml").write_text(SPEC.replace("TOPIC", lost.destination))
    done = tracecheck(
        *("replay", lost.correlation_id, "--yes", "--for", "300ms", "--spec", "{tmp}/order.yaml"),
        *("--store", lost_orders.store, "--bootstrap-servers", lost_orders.broker, *listening(free_ports(3))),
    )
    assert done.status == 1, done.err
    assert "NOT HEALED within the time given" in done.out
    assert lost_orders.after(lost) is not None


def test_a_message_that_was_seen_on_the_bus_needs_no_broker_to_be_read(tracecheck: Run, lost_orders: Orders) -> None:
    told = tracecheck("replay", lost_orders.seen.correlation_id, "--store", lost_orders.store)
    assert told.status == 0, told.err
    assert "the message itself, read from the records seen on the bus" in told.out
    assert "9 bytes" in told.out


def test_a_message_of_a_queue_is_found_among_the_records_by_its_id(tracecheck: Run, lost_orders: Orders) -> None:
    told = tracecheck("replay", lost_orders.queued, "--store", lost_orders.store)
    assert told.status == 0, told.err
    assert "the message itself, read from the records seen on the bus" in told.out


def test_what_nobody_keeps_any_more_is_taken_from_the_dead_letter_it_became(
    tracecheck: Run, lost_orders: Orders
) -> None:
    letter, place = lost_orders.letter, ["--store", lost_orders.store, "--bootstrap-servers", lost_orders.broker]
    told = tracecheck("replay", letter.correlation_id, *place)
    assert told.status == 0, told.err
    assert f"its dead letter {letter.destination}[{letter.partition}]@{letter.offset}, read from the broker" in told.out
    assert f"to           {letter.destination.removesuffix('.dlq')}, 8 bytes" in told.out


REFUSED = [
    ("a chain that is not there", ["no-such-chain"], 2, "nothing stored is named 'no-such-chain'"),
    ("a chain that is whole", ["WHOLE"], 2, "has no message that was lost"),
    ("a store that is not there", ["LOST", "--store", "{tmp}/none.duckdb"], 4, "none.duckdb"),
    ("a specification that is none", ["LOST", "--spec", "{tmp}/none.yaml"], 2, "none.yaml"),
    ("a broker that is no address", ["LOST", "--broker", "pigeon"], 2, "kafka"),
    ("nobody who could still have it", ["LOST"], 2, "no broker still has it"),
    ("a broker that is down", ["LOST", "--bootstrap-servers", NOWHERE], 4, f"no Kafka broker answers at {NOWHERE}"),
    ("a time that is none", ["LOST", "--for", "soon"], 2, "soon"),
]


@pytest.mark.parametrize(
    ("arguments", "status", "words"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_what_cannot_be_replayed_ends_in_a_clear_line(
    tracecheck: Run, lost_orders: Orders, arguments: list[str], status: int, words: str
) -> None:
    names = {"LOST": lost_orders.lost.correlation_id, "WHOLE": lost_orders.whole.correlation_id}
    done = tracecheck("replay", "--store", lost_orders.store, *(names.get(each, each) for each in arguments))
    assert done.status == status, done.err
    assert words in done.err
    assert "Traceback" not in done.err
    assert done.out == ""
