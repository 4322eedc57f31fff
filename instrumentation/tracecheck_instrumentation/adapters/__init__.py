"""Messaging clients, one file each. An adapter says what a client's records are; everything else is shared."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

from tracecheck_instrumentation.health import harmless
from tracecheck_instrumentation.messages import Endpoint, Message

ADAPTERS = {
    "kafka": "kafka_python",
    "aiokafka": "aiokafka_client",
    "confluent_kafka": "confluent_kafka_client",
    "pika": "pika_client",
    "aio_pika": "aio_pika_client",
}
"""Import name of a client, to the file here that adapts it."""


MAX_TYPES = 1_000
"""Types of records and consumers that are remembered; a service has a handful, unless it makes classes as it runs."""


class Instrumentor(Protocol):
    """What is used of an OpenTelemetry instrumentor."""

    @property
    def is_instrumented_by_opentelemetry(self) -> bool:
        """Whether the client is patched now."""

    def instrument(self, **kwargs: Any) -> Any:
        """Patch the client."""

    def uninstrument(self, **kwargs: Any) -> Any:
        """Restore the client."""


class Adapter(Protocol):
    """What a client's file offers; each passes the contract suite in `tests/contract.py`."""

    NAMES: tuple[str, ...]
    """Names under which `OTEL_PYTHON_DISABLED_INSTRUMENTATIONS` may switch it off."""

    def delivery(self, record: Any, consumer: Any = None, group: str | None = None) -> tuple[Endpoint, Message]:
        """Return who received `record`, and the record as a `Message`; a missing `group` is looked up if it can be."""

    def handled(self, consumer: Any, group: str | None = None) -> Any:
        """Return a (blocking or asyncio) iterator over the records of `consumer` that opens a process span for each."""

    def instrumentor(self) -> Instrumentor:
        """Return the instrumentor that patches the client, so that sends and polls are seen."""


def installed() -> dict[str, str]:
    """Return those of `ADAPTERS` whose client can be imported here."""
    return {client: name for client, name in ADAPTERS.items() if find_spec(client) is not None}


def load(name: str) -> Adapter:
    """Return the adapter in the file `name`."""
    adapter: Adapter = import_module(f"{__name__}.{name}").ADAPTER
    return adapter


def adapter_of(thing: object) -> Adapter | None:
    """Return the adapter of a client's record, consumer or queue (or a subclass of one), or None."""
    kind = type(thing)
    if kind is tuple and len(thing) == 3 and type(thing[0]).__module__ == "pika.spec":  # type: ignore[arg-type,index]
        kind = type(thing[0])  # type: ignore[index]
    if kind not in _by_type:
        if len(_by_type) >= MAX_TYPES:
            _by_type.clear()
        # From the root, for a class of ours may stand in for a client's.
        clients = (base.__module__.partition(".")[0] for base in reversed(kind.__mro__))
        name = next((_BY_MODULE[client] for client in clients if client in _BY_MODULE), None)
        _by_type[kind] = None if name is None else load(name)
    return _by_type[kind]


@harmless
def delivery_of(record: object, consumer: object = None, group: str | None = None) -> tuple[Endpoint, Message] | None:
    """Return `record` as (endpoint, message), or None if no adapter knows its type."""
    adapter = adapter_of(record)
    return None if adapter is None else adapter.delivery(record, consumer, group)


_BY_MODULE = {**ADAPTERS, "cimpl": "confluent_kafka_client", "tracecheck_instrumentation": "fake_client"}
"""By the top module a type says it is from; confluent-kafka's own types do not name their package."""

_by_type: dict[type, Adapter | None] = {}
