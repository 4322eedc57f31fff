"""A broker that is not there is known at once, and said with its address."""

import socket

import pytest

from tracecheck.errors import BrokerUnavailable, UsageError
from tracecheck.probe.brokers.reach import require_listener


def test_one_listening_address_of_several_is_enough():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        require_listener("Kafka", f"127.0.0.1:1,127.0.0.1:{listening.getsockname()[1]}")


def test_every_dead_address_is_named_with_its_reason():
    with pytest.raises(BrokerUnavailable, match=r"127\.0\.0\.1:1 \(Connection refused\); 127\.0\.0\.1:2 \(Connection"):
        require_listener("Kafka", "127.0.0.1:1,127.0.0.1:2")


@pytest.mark.parametrize("address", ["", "kafka", "kafka:", ":9092", "kafka:port"])
def test_what_is_no_address_is_refused_as_such(address: str):
    with pytest.raises(UsageError, match="expected host:port"):
        require_listener("Kafka", address)
