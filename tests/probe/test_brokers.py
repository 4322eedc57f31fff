"""Each adapter keeps the contract on a real broker, and what is peculiar to it."""

import socket
import threading
from collections.abc import Callable, Iterator

import pika
import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient, NewPartitions, NewTopic
from kafka.structs import OffsetAndMetadata

from tests.probe.broker_contract import BrokerContract, read, values
from tests.services.kafka import SETTINGS
from tests.services.kafka import kafka_broker as strict_kafka
from tests.support.polling import until
from tracecheck.demo.broker import embedded_broker
from tracecheck.errors import BrokerUnavailable, DestinationMissing, UsageError
from tracecheck.probe.brokers import SYSTEMS, Outgoing, connect
from tracecheck.probe.brokers.rabbitmq import RabbitBroker
from tracecheck.probe.observe import Match, observing


class KafkaContract(BrokerContract):
    system = "kafka"
    keeps_keys = True

    @pytest.fixture
    def create(self, address: str) -> Iterator[Callable[[str], str]]:
        admin = KafkaAdminClient(bootstrap_servers=address)

        def topic(name: str) -> str:
            admin.create_topics([NewTopic(name, num_partitions=2, replication_factor=1)])
            return name

        yield topic
        admin.close()

    def test_a_topic_that_comes_later_is_read_from_its_start(
        self, address: str, create: Callable[[str], str], unique_name: str
    ) -> None:
        broker = connect("kafka", address)
        subscription = broker.subscribe([unique_name])
        assert subscription.missing() == (unique_name,)
        assert unique_name not in topics(address), "watching must not create what is watched"
        create(unique_name)
        for number in range(3):
            broker.publish(Outgoing(destination=unique_name, key=b"%d" % number, value=b"%d" % number))
        assert sorted(one or b"" for one in values(read(subscription, 3))) == [b"0", b"1", b"2"]
        assert subscription.missing() == ()
        subscription.close()
        broker.close()

    def test_offsets_say_how_far_a_group_is_and_watching_does_not_change_them(
        self, address: str, create: Callable[[str], str], unique_name: str
    ) -> None:
        broker, group = connect("kafka", address), f"{unique_name}-group"
        create(unique_name)
        assert broker.group_offsets(group) == {}
        subscription = broker.subscribe([unique_name])
        last = max(broker.publish(Outgoing(destination=unique_name, key=b"k", value=b"x")).offset or 0 for _ in "abc")
        (seen, *_) = read(subscription, 3)
        partition = int(seen.partition or 0)
        commit(address, group, TopicPartition(unique_name, partition), 1)
        subscription.close()
        said = broker.group_offsets(group)[(unique_name, str(partition))]
        assert (said.committed, said.start, said.end, said.lag) == (1, 0, last + 1, 2)
        broker.close()


class TestEmbedded(KafkaContract):
    @pytest.fixture
    def address(self, embedded_broker: str) -> str:
        return embedded_broker

    def test_a_broker_that_goes_away_is_said_to_have_gone(
        self, unique_name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tracecheck.demo.broker.STOP_TIMEOUT_S", 0.1)
        with embedded_broker() as address:
            broker = connect("kafka", address)
            broker.publish(Outgoing(destination=unique_name, value=b"1"))
            subscription = broker.subscribe([unique_name])
        with pytest.raises(BrokerUnavailable, match="Connection refused"):
            subscription.caught_up(5)
        with pytest.raises(BrokerUnavailable, match="Connection refused"):
            broker.publish(Outgoing(destination=unique_name, value=b"2"))
        with pytest.raises(BrokerUnavailable):
            broker.subscribe([unique_name])
        subscription.close()
        broker.close()


@pytest.mark.service("kafka")
class TestApacheKafka(KafkaContract):
    @pytest.fixture
    def address(self, kafka_broker: str) -> str:
        return kafka_broker

    def test_a_partition_that_comes_later_is_read_from_its_start(
        self, address: str, create: Callable[[str], str], unique_name: str
    ) -> None:
        broker = connect("kafka", address)
        create(unique_name)
        subscription = broker.subscribe([unique_name])
        admin = KafkaAdminClient(bootstrap_servers=address)
        admin.create_partitions({unique_name: NewPartitions(3)})
        admin.close()
        sent = until(lambda: published_to_partition(broker, unique_name, "2"))
        assert not subscription.caught_up(5)
        seen = until(lambda: [one for one in subscription.poll(0.2) if one.partition == "2"])
        assert [one.value for one in seen] == [sent]
        subscription.close()
        broker.close()


@pytest.mark.service("kafka")
def test_a_topic_that_does_not_exist_and_is_not_made_is_said(unique_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SETTINGS, "auto.create.topics.enable", "false")
    monkeypatch.setattr("tracecheck.probe.brokers.apache_kafka.ACKNOWLEDGE_WITHIN_S", 2.0)
    with strict_kafka() as address:
        broker = connect("kafka", address)
        with pytest.raises(DestinationMissing, match=f"has no topic '{unique_name}'"):
            broker.publish(Outgoing(destination=unique_name, value=b"1"))
        broker.close()


@pytest.mark.service("kafka")
def test_a_group_that_rebalances_keeps_nobody_from_watching_or_asking_for_its_offsets(
    kafka_broker: str, unique_name: str
) -> None:
    broker, ended = connect("kafka", kafka_broker), threading.Event()
    members: list[KafkaConsumer] = []
    handled: list[bytes] = []
    admin = KafkaAdminClient(bootstrap_servers=kafka_broker)
    admin.create_topics([NewTopic(unique_name, num_partitions=2, replication_factor=1)])
    admin.close()

    def consume() -> None:
        member = KafkaConsumer(
            unique_name, bootstrap_servers=kafka_broker, group_id=unique_name, auto_offset_reset="earliest"
        )
        members.append(member)
        while not ended.is_set():
            handled.extend(record.value for records in member.poll(50).values() for record in records)
        member.close()

    threads = [threading.Thread(target=consume) for _ in range(3)]
    with observing(broker, [unique_name]) as observer:
        for number, thread in enumerate(threads):
            thread.start()  # each one that joins begins a rebalance
            until(lambda number=number: (len(members) > number and members[number].assignment()) or number == 2)
            for sent in range(10):
                broker.publish(Outgoing(destination=unique_name, key=b"%d" % sent, value=b"%d-%d" % (number, sent)))
            broker.group_offsets(unique_name)
        observer.expect(Match(destination=unique_name), 30, exactly=30, settle_s=0.2)
        until(lambda: len(set(handled)) == 30)
    ended.set()
    for thread in threads:
        thread.join()
    offsets = broker.group_offsets(unique_name) or {}
    assert sum(one.committed or 0 for one in offsets.values()) == 30
    assert sum(one.lag for one in offsets.values()) == 0
    broker.close()


@pytest.mark.service("rabbitmq")
class TestRabbitMQ(BrokerContract):
    system = "rabbitmq"
    keeps_keys = False

    @pytest.fixture
    def address(self, rabbitmq: str) -> str:
        return rabbitmq

    @pytest.fixture
    def create(self, address: str) -> Iterator[Callable[[str], str]]:
        with pika.BlockingConnection(pika.URLParameters(address)) as connection:
            channel = connection.channel()

            def exchange(name: str) -> str:
                channel.exchange_declare(name, "topic", auto_delete=False)
                channel.queue_declare(f"{name}-queue", exclusive=True)
                channel.queue_bind(f"{name}-queue", name, "#")
                return f"{name}:order.placed"

            yield exchange

    def test_a_pattern_sees_the_keys_that_match_it(
        self, address: str, create: Callable[[str], str], unique_name: str
    ) -> None:
        create(unique_name)
        broker = connect("rabbitmq", address)
        some, everything = broker.subscribe([f"{unique_name}:order.*"]), broker.subscribe([f"{unique_name}:"])
        for key in ("order.placed", "invoice.sent"):
            broker.publish(Outgoing(destination=f"{unique_name}:{key}", value=key.encode()))
        assert values(read(everything, 2)) == [b"order.placed", b"invoice.sent"]
        assert values(read(some, 1)) == [b"order.placed"]
        assert some.caught_up(5)
        for one in (some, everything):
            one.close()
        broker.close()

    def test_watching_takes_nothing_from_the_queues_of_the_system(
        self, address: str, create: Callable[[str], str], unique_name: str
    ) -> None:
        with pika.BlockingConnection(pika.URLParameters(address)) as system:
            channel = system.channel()
            queue = channel.queue_declare("", exclusive=True).method.queue
            name = create(unique_name)
            channel.queue_bind(queue, unique_name, "order.placed")
            broker = connect("rabbitmq", address)
            subscription = broker.subscribe([name])
            broker.publish(Outgoing(destination=name, value=b"1", message_id="e-1"))
            (seen,) = read(subscription, 1)
            subscription.close()
            _, properties, body = channel.basic_get(queue, auto_ack=True)
            assert (seen.message_id, properties.message_id, body) == ("e-1", "e-1", b"1")
            broker.close()

    def test_a_queue_is_sent_to_by_its_name_but_cannot_be_watched(self, address: str, unique_name: str) -> None:
        broker = connect("rabbitmq", address)
        with pika.BlockingConnection(pika.URLParameters(address)) as system:
            channel = system.channel()
            channel.queue_declare(unique_name, exclusive=True)
            broker.publish(Outgoing(destination=unique_name, value=b"1"))
            assert channel.basic_get(unique_name, auto_ack=True)[2] == b"1"
        with pytest.raises(UsageError, match=r"exchange:routing_key.*trace_on"):
            broker.subscribe([unique_name])
        broker.close()

    def test_a_message_that_no_queue_takes_and_an_exchange_that_is_not_there_are_said(
        self, address: str, unique_name: str
    ) -> None:
        broker = connect("rabbitmq", address)
        with pytest.raises(DestinationMissing, match="no queue for"):
            broker.publish(Outgoing(destination=unique_name, value=b"1"))
        with pytest.raises(DestinationMissing, match="no exchange"):
            broker.publish(Outgoing(destination=f"{unique_name}:key", value=b"1"))
        with pytest.raises(DestinationMissing, match="no such exchange"):
            broker.subscribe([f"{unique_name}:key"])
        broker.close()

    def test_a_connection_that_was_lost_is_opened_anew_for_the_next_message(
        self, address: str, create: Callable[[str], str], unique_name: str
    ) -> None:
        name, broker = create(unique_name), RabbitBroker(address)
        broker.publish(Outgoing(destination=name, value=b"1"))
        broker._connection._impl._transport._sock.shutdown(socket.SHUT_RDWR)
        broker.publish(Outgoing(destination=name, value=b"2"))
        broker.close()

    def test_a_connection_that_is_lost_ends_the_watching_at_once(
        self, address: str, create: Callable[[str], str], unique_name: str
    ) -> None:
        name, broker = create(unique_name), RabbitBroker(address)
        subscription = broker.subscribe([name])
        subscription._connection._impl._transport._sock.shutdown(socket.SHUT_RDWR)  # type: ignore[attr-defined]
        with pytest.raises(BrokerUnavailable, match="RabbitMQ at"):
            subscription.poll(60)
        with pytest.raises(BrokerUnavailable):
            subscription.caught_up(5)
        subscription.close()
        broker.close()

    def test_it_has_no_offsets_of_groups(self, address: str) -> None:
        broker = connect("rabbitmq", address)
        assert broker.group_offsets("billing") is None
        broker.close()


@pytest.mark.parametrize("system", SYSTEMS)
def test_an_address_where_nothing_listens_is_refused_at_once(system: str) -> None:
    with pytest.raises(BrokerUnavailable, match=r"127\.0\.0\.1:1 \(Connection refused\)"):
        connect(system, "127.0.0.1:1").subscribe(["orders"])


def test_a_system_without_an_adapter_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match="kafka or rabbitmq"):
        connect("carrier-pigeon", "127.0.0.1:1")


@pytest.mark.parametrize("address", ["http://127.0.0.1:5672/", "amqp://127.0.0.1:port/", "127.0.0.1:port"])
def test_what_is_no_amqp_address_is_refused_as_such(address: str) -> None:
    with pytest.raises(UsageError):
        connect("rabbitmq", address)


def topics(address: str) -> set[str]:
    admin = KafkaAdminClient(bootstrap_servers=address)
    try:
        return set(admin.list_topics())
    finally:
        admin.close()


def commit(address: str, group: str, place: TopicPartition, offset: int) -> None:
    consumer = KafkaConsumer(bootstrap_servers=address, group_id=group, enable_auto_commit=False)
    consumer.assign([place])
    consumer.commit({place: OffsetAndMetadata(offset, "", -1)})
    consumer.close()


def published_to_partition(broker: object, topic: str, partition: str) -> bytes | None:
    """What was sent, once the producer has learnt of the partition and chosen it."""
    import uuid

    value = uuid.uuid4().bytes
    published = broker.publish(Outgoing(destination=topic, key=value, value=value))  # type: ignore[attr-defined]
    return value if published.partition == partition else None
