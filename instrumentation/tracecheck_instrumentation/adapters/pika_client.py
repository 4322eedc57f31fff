"""pika: `basic_publish`, callbacks of `basic_consume`, the generator of `consume`, `basic_get` with `process`.

A record is what pika gives: `(method, properties, body)`.
"""

import copy
import functools
from collections.abc import Callable, Collection, Iterator
from contextvars import ContextVar
from typing import Any

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]
from opentelemetry.instrumentation.utils import unwrap
from pika import BasicProperties
from pika.adapters import blocking_connection
from pika.adapters.blocking_connection import BlockingChannel
from pika.channel import Channel
from pika.connection import Connection
from wrapt import wrap_function_wrapper

from tracecheck_instrumentation.handling import Handling
from tracecheck_instrumentation.health import harmless
from tracecheck_instrumentation.loop import HandledLoop
from tracecheck_instrumentation.messages import Endpoint, Message
from tracecheck_instrumentation.rabbit_messages import correlation_property, message_of, publish, rabbit
from tracecheck_instrumentation.sending import Sending
from tracecheck_instrumentation.tracing import use_provider
from tracecheck_instrumentation.upstream import Upstream

_PUBLISH = ("exchange", "routing_key", "body", "properties", "mandatory")
_UPSTREAM = Upstream(
    "opentelemetry.instrumentation.pika",
    "PikaInstrumentor",
    (
        (blocking_connection.BlockingConnection, "channel"),
        (Connection, "channel"),
        (blocking_connection._QueueConsumerGeneratorInfo, "__init__"),  # noqa: SLF001 - what upstream patches
    ),
)


class PikaInstrumentor(BaseInstrumentor):  # type: ignore[misc]
    """Patches pika; `instrument(tracer_provider=...)`, as every OpenTelemetry instrumentor."""

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return what must be installed."""
        return ("pika >= 1.2, < 2.0",)

    def _instrument(self, **kwargs: Any) -> None:
        use_provider(kwargs.get("tracer_provider"))
        _UPSTREAM.occupy()
        for channel in (BlockingChannel, Channel):
            wrap_function_wrapper(channel, "basic_publish", _basic_publish)
            wrap_function_wrapper(channel, "basic_consume", _basic_consume)
        wrap_function_wrapper(BlockingChannel, "consume", _consume)

    def _uninstrument(self, **_kwargs: Any) -> None:
        unwrap(BlockingChannel, "consume")
        for channel in (BlockingChannel, Channel):
            unwrap(channel, "basic_consume")
            unwrap(channel, "basic_publish")
        _UPSTREAM.release()
        use_provider(None)


class Pika:
    """The adapter of pika."""

    NAMES = ("pika", "tracecheck-pika")

    def delivery(self, record: Any, consumer: Any = None, group: str | None = None) -> tuple[Endpoint, Message]:
        """Return endpoint and message of `(method, properties, body)`; `consumer` is the channel, `group` the queue."""
        method, properties, body = record
        message = message_of(
            method.exchange, method.routing_key, properties, body, redelivered=bool(method.redelivered)
        )
        queue = group or (method.routing_key if not method.exchange else None)
        return rabbit(*_server(consumer), queue), message

    def handled(self, consumer: Any, group: str | None = None) -> HandledLoop[Any]:
        """Return a loop over the messages of a channel's `consume` of the queue `group`."""
        if group is None:
            raise ValueError("a pika channel has no queue of its own: expected instrumented(channel, group=QUEUE)")
        loop: HandledLoop[Any] = consumer.consume(group)
        return loop

    def instrumentor(self) -> PikaInstrumentor:
        """Return the instrumentor."""
        return PikaInstrumentor()


ADAPTER = Pika()


# --- send -------------------------------------------------------------------------------------------------------------


def _basic_publish(wrapped: Callable[..., Any], channel: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    call = None if _publishing.get() else _open_send(channel, args, kwargs)
    if call is None:
        return wrapped(*args, **kwargs)
    sending, arguments = call
    token = _publishing.set(True)  # a blocking channel publishes through a plain one, which is patched too
    try:
        result = wrapped(**arguments)
    except BaseException as error:
        sending.failed(error)
        raise
    finally:
        _publishing.reset(token)
    sending.acknowledged()
    return result


@harmless
def _open_send(channel: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Sending, dict[str, Any]] | None:
    arguments = dict(zip(_PUBLISH, args, strict=False))
    if len(args) > len(_PUBLISH) or arguments.keys() & kwargs.keys():
        return None
    arguments |= kwargs
    given = arguments.get("properties")
    properties = copy.copy(given) if given is not None else BasicProperties()
    message = message_of(arguments.get("exchange"), arguments.get("routing_key"), properties, arguments.get("body"))
    sending, properties.headers = publish(rabbit(*_server(channel)), message)
    properties.correlation_id = properties.correlation_id or correlation_property(sending)
    arguments["properties"] = properties
    return sending, arguments


_publishing: ContextVar[bool] = ContextVar("tracecheck_pika_publishing", default=False)


# --- receive ----------------------------------------------------------------------------------------------------------


def _basic_consume(wrapped: Callable[..., Any], _channel: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    arguments = dict(zip(("queue", "on_message_callback"), args[:2], strict=False))
    callback = arguments.get("on_message_callback", kwargs.get("on_message_callback"))
    queue = arguments.get("queue", kwargs.get("queue"))
    # A blocking channel consumes through a plain one with a callback of its own, which handles nothing.
    if not callable(callback) or isinstance(getattr(callback, "__self__", None), BlockingChannel):
        return wrapped(*args, **kwargs)
    handling = _handling_callback(callback, queue)
    if len(args) > 1:
        return wrapped(args[0], handling, *args[2:], **kwargs)
    return wrapped(*args, **{**kwargs, "on_message_callback": handling})


def _handling_callback(callback: Callable[..., Any], queue: str | None) -> Callable[..., Any]:
    @functools.wraps(callback)
    def handling(channel: Any, method: Any, properties: Any, body: Any) -> Any:
        with _handling((method, properties, body), channel, queue) or Handling(None, ()):
            return callback(channel, method, properties, body)

    return handling


@harmless
def _handling(record: Any, channel: Any, queue: str | None) -> Handling:
    endpoint, message = ADAPTER.delivery(record, channel, queue)
    return Handling(endpoint, (message,))


def _consume(wrapped: Callable[..., Any], channel: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    records = wrapped(*args, **kwargs)
    return _looped(channel, records, args[0] if args else kwargs.get("queue")) or records


@harmless
def _looped(channel: Any, records: Iterator[Any], queue: str | None) -> HandledLoop[Any]:
    def delivery(record: Any) -> tuple[Endpoint, Message] | None:
        return None if record[0] is None else ADAPTER.delivery(record, channel, queue)

    return HandledLoop(records.__next__, delivery)


def _server(channel: Any) -> tuple[str | None, int | None]:
    connection = getattr(channel, "connection", None)
    settings = getattr(getattr(connection, "_impl", connection), "params", None)
    return getattr(settings, "host", None), getattr(settings, "port", None)
