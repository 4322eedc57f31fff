"""What every broker must do for tracecheck. Held to the real things in `test_brokers.py`."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from tests.support.polling import until
from tracecheck.probe.brokers import Broker, Outgoing, Seen, Subscription, connect


@dataclass(frozen=True, slots=True, kw_only=True)
class Bus:
    """A broker under test; `create` makes a destination that a message can be sent to."""

    broker: Broker
    create: Callable[[str], str]


def read(subscription: Subscription, count: int) -> list[Seen]:
    """As many messages as are expected, and what came with them."""
    seen: list[Seen] = []
    until(lambda: (seen.extend(subscription.poll(0.2)), len(seen) >= count)[1])
    return seen


def values(seen: list[Seen]) -> list[bytes | None]:
    return [one.value for one in seen]


class BrokerContract:
    system: str
    keeps_keys: bool

    @pytest.fixture
    def address(self) -> str:
        raise NotImplementedError

    @pytest.fixture
    def create(self, address: str) -> Iterator[Callable[[str], str]]:
        raise NotImplementedError

    @pytest.fixture
    def bus(self, address: str, create: Callable[[str], str]) -> Iterator[Bus]:
        broker = connect(self.system, address)
        yield Bus(broker=broker, create=create)
        broker.close()

    def test_what_is_published_after_subscribing_is_seen_and_nothing_from_before(
        self, bus: Bus, unique_name: str
    ) -> None:
        name = bus.create(unique_name)
        bus.broker.publish(Outgoing(destination=name, value=b"before"))
        subscription = bus.broker.subscribe([name])
        bus.broker.publish(Outgoing(destination=name, value=b"after"))
        assert values(read(subscription, 1)) == [b"after"]
        assert subscription.caught_up(5)
        subscription.close()

    def test_a_message_is_seen_as_it_was_sent(self, bus: Bus, unique_name: str) -> None:
        name = bus.create(unique_name)
        subscription = bus.broker.subscribe([name])
        headers = (("traceparent", b"00-01"), ("empty", b""), ("bytes", b"\xff\x00"))
        published = bus.broker.publish(
            Outgoing(destination=name, key=b"k", value=b'{"id": 1}', headers=headers, content_type="application/json")
        )
        (seen,) = read(subscription, 1)
        subscription.close()
        assert (seen.system, seen.destination, seen.value) == (self.system, name, b'{"id": 1}')
        assert (seen.partition, seen.offset) == (published.partition, published.offset)
        assert dict(seen.headers) == {**dict(headers), "content-type": b"application/json"}
        assert seen.key == (b"k" if self.keeps_keys else None)

    def test_many_threads_publish_at_once(self, bus: Bus, unique_name: str) -> None:
        name = bus.create(unique_name)
        subscription = bus.broker.subscribe([name])
        bodies = [f"{number}".encode() for number in range(20)]
        bus.broker.prepare()
        with ThreadPoolExecutor(10) as threads:
            list(threads.map(lambda body: bus.broker.publish(Outgoing(destination=name, value=body)), bodies))
        seen = read(subscription, len(bodies))
        subscription.close()
        assert {one.value for one in seen} == set(bodies)
        assert len(seen) == len(bodies)

    def test_two_who_watch_both_see_everything(self, bus: Bus, unique_name: str) -> None:
        name = bus.create(unique_name)
        first, second = bus.broker.subscribe([name]), bus.broker.subscribe([name])
        for number in range(5):
            bus.broker.publish(Outgoing(destination=name, value=b"%d" % number))
        expected = sorted(b"%d" % number for number in range(5))
        for subscription in (first, second):
            assert sorted(one or b"" for one in values(read(subscription, 5))) == expected
            subscription.close()

    def test_it_is_not_caught_up_while_there_is_something_to_read(self, bus: Bus, unique_name: str) -> None:
        name = bus.create(unique_name)
        subscription = bus.broker.subscribe([name])
        assert subscription.caught_up(5)
        bus.broker.publish(Outgoing(destination=name, value=b"1"))
        assert not subscription.caught_up(5)
        read(subscription, 1)
        assert subscription.caught_up(5)
        subscription.close()

    def test_a_poll_that_waits_is_woken_by_another_thread(self, bus: Bus, unique_name: str) -> None:
        subscription = bus.broker.subscribe([bus.create(unique_name)])
        polled: list[list[Seen]] = []
        waiting = threading.Thread(target=lambda: polled.append(subscription.poll(120)))
        waiting.start()
        until(lambda: (subscription.wake(), not waiting.is_alive())[1])
        assert polled == [[]]
        subscription.close()

    def test_messages_of_several_destinations_come_through_one_subscription(self, bus: Bus, unique_name: str) -> None:
        names = [bus.create(f"{unique_name}{letter}") for letter in "ab"]
        subscription = bus.broker.subscribe(names)
        for name in names:
            bus.broker.publish(Outgoing(destination=name, value=name.encode()))
        assert {one.destination for one in read(subscription, 2)} == set(names)
        subscription.close()

    def test_closing_twice_is_closing_once(self, bus: Bus, unique_name: str) -> None:
        subscription = bus.broker.subscribe([bus.create(unique_name)])
        subscription.close()
        subscription.close()
        bus.broker.close()
        bus.broker.close()
