from collections.abc import Iterator
from contextlib import closing

import pytest
from kafka import KafkaConsumer, KafkaProducer

from tracecheck.demo.broker import embedded_broker
from tracecheck.demo.bus import Bus
from tracecheck.errors import BrokerUnavailable, EnvironmentFault


@pytest.fixture
def bus() -> Iterator[Bus]:
    with embedded_broker() as address, closing(Bus(address)) as opened:
        opened.create_topics()
        yield opened


def send(bus: Bus, topic: str, count: int) -> None:
    with closing(KafkaProducer(bootstrap_servers=bus.bootstrap_servers)) as producer:
        for number in range(count):
            producer.send(topic, str(number).encode()).get(timeout=10)


def handle_all(bus: Bus, group: str, *topics: str) -> None:
    consumer = KafkaConsumer(
        *topics,
        bootstrap_servers=bus.bootstrap_servers,
        group_id=group,
        auto_offset_reset="earliest",
        session_timeout_ms=6000,
        enable_auto_commit=False,
    )
    with closing(consumer):
        while not consumer.poll(timeout_ms=200):
            pass
        consumer.commit()


def test_topics_that_are_there_are_left_alone(bus: Bus) -> None:
    send(bus, "orders", 1)

    bus.create_topics()

    with pytest.raises(EnvironmentFault, match="group inventory was still 1 messages behind"):
        bus.await_handled(timeout_s=0)


def test_what_an_earlier_demo_left_is_skipped(bus: Bus) -> None:
    send(bus, "orders", 3)

    bus.skip_what_is_there()

    bus.await_handled(timeout_s=0)
    assert bus.handled() == {}


def test_all_is_handled_once_every_group_has_committed_it(bus: Bus) -> None:
    bus.skip_what_is_there()
    send(bus, "shipments", 1)
    handle_all(bus, "mailer", "shipments")

    with pytest.raises(EnvironmentFault, match="group projector was still 1 messages behind"):
        bus.await_handled(timeout_s=0)
    handle_all(bus, "projector", "shipments")

    bus.await_handled(timeout_s=0)
    assert bus.handled() == {("mailer", "shipments", "0"): 0, ("projector", "shipments", "0"): 0}


def test_a_broker_that_is_not_there_is_one_clear_error() -> None:
    with pytest.raises(BrokerUnavailable, match="no Kafka broker answers at"):
        Bus("127.0.0.1:1")
