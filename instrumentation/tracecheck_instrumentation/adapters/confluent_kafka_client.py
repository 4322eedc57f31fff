"""confluent-kafka: `Producer`, `Consumer`, and their serializing kin.

The client's classes are written in C and cannot be patched, so subclasses take their place, also in modules that have
imported them by name. A subclass of the service's own, made before, keeps the plain client. `produce_batch` takes no
headers and so carries no context.
"""

import sys
import time
from collections.abc import Callable, Collection, Iterable
from typing import Any, cast
from weakref import WeakKeyDictionary

import confluent_kafka
from confluent_kafka import KafkaException, cimpl
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]
from opentelemetry.instrumentation.utils import unwrap
from wrapt import wrap_function_wrapper

from tracecheck_instrumentation.health import harmless
from tracecheck_instrumentation.kafka_records import endpoint_of, fetched, remember
from tracecheck_instrumentation.loop import HandledLoop
from tracecheck_instrumentation.messages import Endpoint, Message, first_server
from tracecheck_instrumentation.sending import Sending, start_send
from tracecheck_instrumentation.tracing import tracer, use_provider
from tracecheck_instrumentation.upstream import Upstream

_PRODUCE = ("topic", "value", "key", "partition", "callback", "on_delivery", "timestamp", "headers")
_SERIALIZING_PRODUCE = ("topic", "key", "value", "partition", "on_delivery", "timestamp", "headers")
_POLL_SECONDS = 1.0
"""A loop looks this often whether its consumer was closed."""

_UPSTREAM = Upstream(
    "opentelemetry.instrumentation.confluent_kafka",
    "ConfluentKafkaInstrumentor",
    ((confluent_kafka, "Producer"), (confluent_kafka, "Consumer")),
    forgets=(("AutoInstrumentedConsumer", "consume"), ("AutoInstrumentedConsumer", "close")),
)


class Producer(cimpl.Producer):
    """The client's producer, with a span per message."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _settle(self, args, kwargs)

    def produce(self, *args: Any, **kwargs: Any) -> Any:
        """Produce one message."""
        return _produce(super().produce, self, args, kwargs)


class Consumer(cimpl.Consumer):
    """The client's consumer; a fetch of several messages has a span."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _settle(self, args, kwargs)

    def poll(self, *args: Any, **kwargs: Any) -> Any:
        """Fetch at most one message."""
        message = super().poll(*args, **kwargs)
        _got(self, message)
        return message

    def consume(self, *args: Any, **kwargs: Any) -> Any:
        """Fetch several messages."""
        started_unix_nano = time.time_ns()
        messages = super().consume(*args, **kwargs)
        _got_many(self, messages, started_unix_nano)
        return messages


class ConfluentKafkaInstrumentor(BaseInstrumentor):  # type: ignore[misc]
    """Patches confluent-kafka; `instrument(tracer_provider=...)`, as every OpenTelemetry instrumentor."""

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return what must be installed."""
        return ("confluent-kafka >= 1.9, < 3.0",)

    def _instrument(self, **kwargs: Any) -> None:
        use_provider(kwargs.get("tracer_provider"))
        _UPSTREAM.occupy()
        _replace(cimpl.Producer, Producer)
        _replace(cimpl.Consumer, Consumer)
        for kind in (confluent_kafka.SerializingProducer, confluent_kafka.DeserializingConsumer):
            wrap_function_wrapper(kind, "__init__", _init)
        wrap_function_wrapper(confluent_kafka.SerializingProducer, "produce", _produce_serializing)
        wrap_function_wrapper(confluent_kafka.DeserializingConsumer, "poll", _poll)

    def _uninstrument(self, **_kwargs: Any) -> None:
        unwrap(confluent_kafka.DeserializingConsumer, "poll")
        unwrap(confluent_kafka.SerializingProducer, "produce")
        for kind in (confluent_kafka.SerializingProducer, confluent_kafka.DeserializingConsumer):
            unwrap(kind, "__init__")
        _replace(Producer, cimpl.Producer)
        _replace(Consumer, cimpl.Consumer)
        _UPSTREAM.release()
        use_provider(None)


class ConfluentKafka:
    """The adapter of confluent-kafka."""

    NAMES = ("confluent-kafka", "confluent_kafka", "tracecheck-confluent-kafka")

    def delivery(self, record: Any, consumer: Any = None, group: str | None = None) -> tuple[Endpoint, Message]:
        """Return endpoint and message of a client's `Message`."""
        message = _message(record)
        return endpoint_of(message, group) if consumer is None else _endpoint(consumer, group), message

    def handled(self, consumer: Any, group: str | None = None) -> HandledLoop[Any]:
        """Return a loop over the consumer's messages, until it is closed. A fatal error of the consumer is raised."""
        endpoint = _endpoint(consumer, group)
        return HandledLoop(lambda: _next(consumer), lambda record: (endpoint, _message(record)))

    def instrumentor(self) -> ConfluentKafkaInstrumentor:
        """Return the instrumentor."""
        return ConfluentKafkaInstrumentor()


ADAPTER = ConfluentKafka()


def _message(record: Any) -> Message:
    value = record.value()
    kind, time_ms = record.timestamp()
    return Message(
        destination=record.topic(),
        carrier=record.headers(),
        partition=record.partition(),
        offset=record.offset(),
        key=record.key(),
        body_size=len(value) if isinstance(value, bytes | str) else None,
        tombstone=value is None,
        time_unix_nano=time_ms * 1_000_000 if kind != confluent_kafka.TIMESTAMP_NOT_AVAILABLE else None,
    )


# --- send -------------------------------------------------------------------------------------------------------------


def _produce_serializing(
    wrapped: Callable[..., Any], producer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    return _produce(wrapped, producer, args, kwargs, _SERIALIZING_PRODUCE)


def _produce(
    plain: Callable[..., Any],
    producer: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    parameters: tuple[str, ...] = _PRODUCE,
) -> Any:
    call = _open_send(producer, args, kwargs, parameters)
    if call is None:
        return plain(*args, **kwargs)
    sending, arguments = call
    try:
        return plain(**arguments)
    except BaseException as error:
        sending.failed(error)
        raise


@harmless
def _open_send(
    producer: Any, args: tuple[Any, ...], kwargs: dict[str, Any], parameters: tuple[str, ...]
) -> tuple[Sending, dict[str, Any]] | None:
    arguments = dict(zip(parameters, args, strict=False))
    if len(args) > len(parameters) or arguments.keys() & kwargs.keys():
        return None
    arguments |= kwargs
    topic, value, partition = arguments.get("topic"), arguments.get("value"), arguments.get("partition", -1)
    if not isinstance(topic, str):
        return None
    headers = arguments.get("headers")
    message = Message(
        destination=topic,
        carrier=headers if headers is None or isinstance(headers, dict) else list(headers),
        partition=partition if partition >= 0 else None,
        key=arguments.get("key"),
        body_size=len(value) if isinstance(value, bytes) else None,
        tombstone=value is None,
    )
    sending, kept = start_send(tracer(), _endpoint(producer), message)
    arguments["headers"] = kept + [(name, text.encode()) for name, text in sending.headers()]
    # Either name may be given, and either may be the one that is read, so both carry ours and the caller's behind it.
    given = arguments.pop("callback", None) or arguments.pop("on_delivery", None) or _default_callback.get(producer)
    arguments["on_delivery"] = _reporting(sending, given)
    return sending, arguments


def _reporting(sending: Sending, given: Callable[[Any, Any], Any] | None) -> Callable[[Any, Any], None]:
    def on_delivery(error: Any, message: Any) -> None:
        _report(sending, error, message)
        if given is not None:
            given(error, message)

    return on_delivery


@harmless
def _report(sending: Sending, error: Any, message: Any) -> None:
    if error is not None:
        sending.failed(KafkaException(error))
    else:
        sending.acknowledged(partition=message.partition(), offset=message.offset())


# --- receive ----------------------------------------------------------------------------------------------------------


def _poll(wrapped: Callable[..., Any], consumer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    message = wrapped(*args, **kwargs)
    _got(consumer, message)
    return message


def _next(consumer: Any) -> Any:
    while True:
        try:
            message = consumer.poll(_POLL_SECONDS)
        except RuntimeError as closed:
            raise StopIteration from closed
        if message is None:
            continue
        if (error := message.error()) is None:
            return message
        if error.fatal():
            raise KafkaException(error)


@harmless
def _got(consumer: Any, message: Any) -> None:
    if message is not None and message.error() is None:
        remember(_endpoint(consumer), _message(message))


@harmless
def _got_many(consumer: Any, messages: Iterable[Any], started_unix_nano: int) -> None:
    if good := [_message(each) for each in messages if each.error() is None]:
        fetched(_endpoint(consumer), good, started_unix_nano)


# --- clients ----------------------------------------------------------------------------------------------------------


def _init(wrapped: Callable[..., Any], client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    wrapped(*args, **kwargs)
    _settle(client, args, kwargs)


@harmless
def _settle(client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    given = args[0] if args and isinstance(args[0], dict) else kwargs.get("conf", {})
    settings = {**given, **kwargs}
    address, port = first_server(settings.get("bootstrap.servers", settings.get("metadata.broker.list")), 9092)
    _endpoints[client] = Endpoint(
        system="kafka",
        client_id=settings.get("client.id"),
        group=settings.get("group.id"),
        server_address=address,
        server_port=port,
    )
    if callable(default := settings.get("on_delivery", settings.get("dr_cb"))):
        _default_callback[client] = default


def _endpoint(client: Any, group: str | None = None) -> Endpoint:
    known = _endpoints.get(client) or Endpoint(system="kafka")
    if group is None or group == known.group:
        return known
    return Endpoint(
        system="kafka",
        client_id=known.client_id,
        group=group,
        server_address=known.server_address,
        server_port=known.server_port,
    )


def _replace(old: type, new: type) -> None:
    for name, module in list(sys.modules.items()):
        if module is None or name in (cimpl.__name__, "confluent_kafka.cimpl", __name__):
            continue
        for attribute, value in list(vars(module).items()):
            if value is old:
                setattr(module, attribute, new)


_endpoints: "WeakKeyDictionary[Any, Endpoint]" = WeakKeyDictionary()
_default_callback = cast("WeakKeyDictionary[Any, Callable[[Any, Any], Any]]", WeakKeyDictionary())
