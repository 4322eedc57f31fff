"""Brokers that do not stay."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import NewTopic, OffsetSpec

from tests.support.polling import until
from tracecheck.demo.broker import embedded_broker


@contextmanager
def gone_after_the_first_message(topic: str) -> Iterator[str]:
    """The address of a broker that is stopped as soon as it holds a message of `topic`, which has one partition."""
    with ExitStack() as running:
        address = running.enter_context(embedded_broker())
        admin = KafkaAdminClient(bootstrap_servers=address)
        admin.create_topics([NewTopic(topic, 1, 1)])
        place = TopicPartition(topic, 0)

        def end() -> None:
            until(lambda: admin.list_partition_offsets({place: OffsetSpec.LATEST})[place].offset > 0, 60.0)
            admin.close()
            running.close()

        ending = threading.Thread(target=end)
        ending.start()
        yield address
        ending.join()
