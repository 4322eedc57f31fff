"""One file per broker, all behind the protocol in `protocol.py`."""

from tracecheck.errors import UsageError
from tracecheck.probe.brokers.protocol import Broker, GroupOffset, Outgoing, Published, Seen, Subscription

__all__ = ["SYSTEMS", "Broker", "GroupOffset", "Outgoing", "Published", "Seen", "Subscription", "connect"]

SYSTEMS = ("kafka", "rabbitmq")


def connect(system: str, address: str) -> Broker:
    """Connects to the broker of a messaging system (`messaging.system`) at `address`.

    `kafka` takes bootstrap servers (`host:port,host:port`), `rabbitmq` an AMQP URL or `host:port`. Raises
    `BrokerUnavailable` when nothing answers there, `UsageError` for a system without an adapter or an adapter whose
    client library is not installed.
    """
    if system == "kafka":
        from tracecheck.probe.brokers.apache_kafka import KafkaBroker

        return KafkaBroker(address)
    if system == "rabbitmq":
        from tracecheck.probe.brokers.rabbitmq import RabbitBroker

        return RabbitBroker(address)
    msg = f"no broker adapter for {system!r}: expected {' or '.join(SYSTEMS)}"
    raise UsageError(msg)
