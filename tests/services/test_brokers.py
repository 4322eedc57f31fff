"""Records pass through both Kafka brokers and messages through RabbitMQ as their users will send them."""

import pika
import pytest
from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic

from tests.support.polling import until

HEADERS = [("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), ("empty", b"")]


def test_a_record_keeps_its_headers_on_the_embedded_broker(embedded_broker: str, unique_name: str) -> None:
    sends_and_receives_with_headers(embedded_broker, unique_name)


@pytest.mark.service("kafka")
def test_a_record_keeps_its_headers_on_apache_kafka(kafka_broker: str, unique_name: str) -> None:
    sends_and_receives_with_headers(kafka_broker, unique_name)


@pytest.mark.service("rabbitmq")
def test_a_message_keeps_its_headers_on_rabbitmq(rabbitmq: str, unique_name: str) -> None:
    with pika.BlockingConnection(pika.URLParameters(rabbitmq)) as connection:
        channel = connection.channel()
        channel.queue_declare(unique_name)
        channel.basic_publish("", unique_name, b"{}", pika.BasicProperties(headers={"traceparent": "00-01"}))
        _, properties, body = channel.basic_get(unique_name, auto_ack=True)
    assert (body, properties.headers) == (b"{}", {"traceparent": "00-01"})


def sends_and_receives_with_headers(bootstrap: str, name: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics([NewTopic(name, num_partitions=2, replication_factor=1)])
    admin.close()
    producer = KafkaProducer(bootstrap_servers=bootstrap)
    sent = producer.send(name, key=b"o-1", value=b"{}", headers=HEADERS, partition=1).get(timeout=10)
    producer.close()
    consumer = KafkaConsumer(
        name,
        bootstrap_servers=bootstrap,
        group_id=name,
        auto_offset_reset="earliest",
        session_timeout_ms=6000,
        enable_auto_commit=False,
    )
    records = until(lambda: [record for batch in consumer.poll(200).values() for record in batch])
    consumer.commit()
    committed = {partition.partition: consumer.committed(partition) for partition in consumer.assignment()}
    consumer.close()
    assert [(record.key, record.value, record.headers) for record in records] == [(b"o-1", b"{}", HEADERS)]
    assert (records[0].partition, records[0].offset) == (1, sent.offset)
    assert committed[1] == sent.offset + 1
