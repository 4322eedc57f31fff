"""One file per broker, all behind the protocol in `protocol.py`."""

from tracecheck.errors import UsageError
from tracecheck.probe.brokers.protocol import Broker

__all__ = ["Broker", "connect"]


def connect(system: str, address: str) -> Broker:
    """Connects to the broker of a messaging system (`messaging.system`, e.g. "kafka") at `address`.

    Raises `BrokerUnavailable` when nothing answers there, `UsageError` for a system without an adapter or an adapter
    whose client library is not installed.
    """
    if system == "kafka":
        from tracecheck.probe.brokers.apache_kafka import KafkaBroker

        return KafkaBroker(address)
    msg = f"no broker adapter for {system!r}: expected kafka"
    raise UsageError(msg)
