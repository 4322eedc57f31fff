"""aiokafka: `send`, `send_and_wait`, `getone`, `getmany` and `async for`."""

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]
from opentelemetry.instrumentation.utils import unwrap
from wrapt import wrap_function_wrapper

from tracecheck_instrumentation.health import harmless
from tracecheck_instrumentation.kafka_records import endpoint_of, fetched, message_of, remember
from tracecheck_instrumentation.loop import AsyncHandledLoop
from tracecheck_instrumentation.messages import Endpoint, Message, first_server
from tracecheck_instrumentation.sending import Sending, start_send
from tracecheck_instrumentation.tracing import tracer, use_provider
from tracecheck_instrumentation.upstream import Upstream

_SEND_PARAMETERS = ("topic", "value", "key", "partition", "timestamp_ms", "headers")
_UPSTREAM = Upstream(
    "opentelemetry.instrumentation.aiokafka",
    "AIOKafkaInstrumentor",
    ((AIOKafkaProducer, "send"), (AIOKafkaConsumer, "getone"), (AIOKafkaConsumer, "getmany")),
)


class AIOKafkaInstrumentor(BaseInstrumentor):  # type: ignore[misc]
    """Patches aiokafka; `instrument(tracer_provider=...)`, as every OpenTelemetry instrumentor."""

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return what must be installed."""
        return ("aiokafka >= 0.8, < 1.0",)

    def _instrument(self, **kwargs: Any) -> None:
        use_provider(kwargs.get("tracer_provider"))
        _UPSTREAM.occupy()
        wrap_function_wrapper(AIOKafkaProducer, "send", _send)
        wrap_function_wrapper(AIOKafkaConsumer, "getone", _getone)
        wrap_function_wrapper(AIOKafkaConsumer, "getmany", _getmany)
        wrap_function_wrapper(AIOKafkaConsumer, "__aiter__", _aiter)

    def _uninstrument(self, **_kwargs: Any) -> None:
        unwrap(AIOKafkaProducer, "send")
        for name in ("getone", "getmany", "__aiter__"):
            unwrap(AIOKafkaConsumer, name)
        _UPSTREAM.release()
        use_provider(None)


class AIOKafka:
    """The adapter of aiokafka."""

    NAMES = ("aiokafka", "tracecheck-aiokafka")

    def delivery(self, record: Any, consumer: Any = None, group: str | None = None) -> tuple[Endpoint, Message]:
        """Return endpoint and message of a `ConsumerRecord`."""
        message = message_of(record)
        return endpoint_of(message, group) if consumer is None else _endpoint(consumer, group), message

    def handled(self, consumer: Any, group: str | None = None) -> AsyncHandledLoop[Any]:
        """Return a loop over the consumer's records, for `async for`."""
        endpoint = _endpoint(consumer, group)
        return AsyncHandledLoop(consumer.__anext__, lambda record: (endpoint, message_of(record)))

    def instrumentor(self) -> AIOKafkaInstrumentor:
        """Return the instrumentor."""
        return AIOKafkaInstrumentor()


ADAPTER = AIOKafka()


async def _send(wrapped: Callable[..., Any], producer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    call = _open_send(producer, args, kwargs)
    if call is None:
        return await wrapped(*args, **kwargs)
    sending, arguments = call
    try:
        delivered = await wrapped(**arguments)
    except BaseException as error:
        sending.failed(error)
        raise
    _await_report(sending, delivered)
    return delivered


@harmless
def _open_send(producer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Sending, dict[str, Any]] | None:
    arguments = dict(zip(_SEND_PARAMETERS, args, strict=False))
    if len(args) > len(_SEND_PARAMETERS) or arguments.keys() & kwargs.keys():
        return None
    arguments |= kwargs
    topic, value = arguments.get("topic"), arguments.get("value")
    if not isinstance(topic, str):
        return None
    headers: Iterable[Any] | None = arguments.get("headers")
    message = Message(
        destination=topic,
        carrier=None if headers is None else list(headers),
        partition=arguments.get("partition"),
        key=arguments.get("key"),
        body_size=len(value) if isinstance(value, bytes | bytearray) else None,
        tombstone=value is None,
    )
    sending, kept = start_send(tracer(), _endpoint(producer), message)
    arguments["headers"] = kept + [(name, text.encode()) for name, text in sending.headers()]
    return sending, arguments


@harmless
def _await_report(sending: Sending, delivered: "asyncio.Future[Any]") -> None:
    def report(future: "asyncio.Future[Any]") -> None:
        if future.cancelled():
            sending.failed("cancelled")
        elif (error := future.exception()) is not None:
            sending.failed(error)
        else:
            sending.acknowledged(partition=future.result().partition, offset=future.result().offset)

    delivered.add_done_callback(report)


def _aiter(wrapped: Callable[..., Any], consumer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    itself = wrapped(*args, **kwargs)  # raises if the consumer is stopped
    return _handled(consumer) or itself


@harmless
def _handled(consumer: Any) -> AsyncHandledLoop[Any]:
    return ADAPTER.handled(consumer)


async def _getone(wrapped: Callable[..., Any], consumer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    record = await wrapped(*args, **kwargs)
    _got(consumer, record)
    return record


async def _getmany(wrapped: Callable[..., Any], consumer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    started_unix_nano = time.time_ns()
    records = await wrapped(*args, **kwargs)
    if records:
        _got_many(consumer, records, started_unix_nano)
    return records


@harmless
def _got(consumer: Any, record: Any) -> None:
    remember(_endpoint(consumer), message_of(record))


@harmless
def _got_many(consumer: Any, records: Mapping[Any, list[Any]], started_unix_nano: int) -> None:
    fetched(
        _endpoint(consumer), [message_of(record) for batch in records.values() for record in batch], started_unix_nano
    )


def _endpoint(client: Any, group: str | None = None) -> Endpoint:
    known = _endpoints.get(client)
    if known is None or (group is not None and group != known.group):
        # aiokafka offers its settings nowhere else.
        connection = getattr(client, "_client", None) or getattr(client, "client", None)
        address, port = first_server(getattr(connection, "_bootstrap_servers", None), 9092)
        known = Endpoint(
            system="kafka",
            client_id=getattr(connection, "_client_id", None),
            group=group or getattr(client, "_group_id", None),
            server_address=address,
            server_port=port,
        )
        _endpoints[client] = known
    return known


_endpoints: "WeakKeyDictionary[Any, Endpoint]" = WeakKeyDictionary()
