"""aio-pika: `Exchange.publish`, callbacks of `Queue.consume`, `async for` over a queue or its iterator, `get`."""

import copy
import functools
from collections.abc import Callable, Collection
from typing import Any

from aio_pika.exchange import Exchange
from aio_pika.queue import Queue, QueueIterator
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]
from opentelemetry.instrumentation.utils import unwrap
from wrapt import wrap_function_wrapper

from tracecheck_instrumentation.handling import Handling
from tracecheck_instrumentation.health import harmless
from tracecheck_instrumentation.loop import AsyncHandledLoop
from tracecheck_instrumentation.messages import Endpoint, Message
from tracecheck_instrumentation.rabbit_messages import correlation_property, message_of, publish, rabbit
from tracecheck_instrumentation.sending import Sending
from tracecheck_instrumentation.tracing import use_provider
from tracecheck_instrumentation.upstream import Upstream

_UPSTREAM = Upstream(
    "opentelemetry.instrumentation.aio_pika", "AioPikaInstrumentor", ((Queue, "consume"), (Exchange, "publish"))
)


class AioPikaInstrumentor(BaseInstrumentor):  # type: ignore[misc]
    """Patches aio-pika; `instrument(tracer_provider=...)`, as every OpenTelemetry instrumentor."""

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return what must be installed."""
        return ("aio_pika >= 9.0, < 11.0",)

    def _instrument(self, **kwargs: Any) -> None:
        use_provider(kwargs.get("tracer_provider"))
        _UPSTREAM.occupy()
        wrap_function_wrapper(Exchange, "publish", _publish)
        wrap_function_wrapper(Queue, "consume", _consume)
        wrap_function_wrapper(Queue, "__aiter__", _aiter)
        wrap_function_wrapper(QueueIterator, "__aiter__", _aiter)

    def _uninstrument(self, **_kwargs: Any) -> None:
        unwrap(QueueIterator, "__aiter__")
        unwrap(Queue, "__aiter__")
        unwrap(Queue, "consume")
        unwrap(Exchange, "publish")
        _UPSTREAM.release()
        use_provider(None)


class AioPika:
    """The adapter of aio-pika."""

    NAMES = ("aio_pika", "aio-pika", "tracecheck-aio-pika")

    def delivery(self, record: Any, consumer: Any = None, group: str | None = None) -> tuple[Endpoint, Message]:
        """Return endpoint and message of an `IncomingMessage`; `consumer` is its queue, `group` the queue's name."""
        message = message_of(
            record.exchange, record.routing_key, record, record.body, redelivered=bool(record.redelivered)
        )
        queue = getattr(consumer, "_amqp_queue", consumer)
        name = group or getattr(queue, "name", None) or (None if record.exchange else record.routing_key)
        return rabbit(*_server(getattr(queue, "channel", None)), name), message

    def handled(self, consumer: Any, group: str | None = None) -> AsyncHandledLoop[Any]:
        """Return a loop, for `async for`, over the messages of a queue or of a queue's iterator."""
        iterator = consumer.iterator() if isinstance(consumer, Queue) else consumer
        return AsyncHandledLoop(iterator.__anext__, lambda record: self.delivery(record, iterator, group))

    def instrumentor(self) -> AioPikaInstrumentor:
        """Return the instrumentor."""
        return AioPikaInstrumentor()


ADAPTER = AioPika()


async def _publish(wrapped: Callable[..., Any], exchange: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    call = _open_send(exchange, args, kwargs)
    if call is None:
        return await wrapped(*args, **kwargs)
    sending, arguments = call
    try:
        result = await wrapped(**arguments)
    except BaseException as error:
        sending.failed(error)
        raise
    _answered(sending, result)
    return result


@harmless
def _open_send(exchange: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Sending, dict[str, Any]] | None:
    arguments = dict(zip(("message", "routing_key"), args[:2], strict=False))
    if arguments.keys() & kwargs.keys() or len(args) > 2:
        return None
    arguments |= kwargs
    dressed = copy.copy(arguments["message"])
    message = message_of(exchange.name, arguments.get("routing_key"), dressed, dressed.body)
    sending, dressed.headers = publish(rabbit(*_server(exchange.channel)), message)
    dressed.correlation_id = dressed.correlation_id or correlation_property(sending)
    arguments["message"] = dressed
    return sending, arguments


@harmless
def _answered(sending: Sending, result: Any) -> None:
    # With `mandatory`, an unroutable message comes back as a delivered one instead of an acknowledgement.
    if hasattr(result, "delivery"):
        sending.failed("unroutable")
    else:
        sending.acknowledged()


async def _consume(wrapped: Callable[..., Any], queue: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    callback = args[0] if args else kwargs.get("callback")
    # An iterator consumes with a callback that only puts messages aside.
    if not callable(callback) or isinstance(getattr(callback, "__self__", None), QueueIterator):
        return await wrapped(*args, **kwargs)
    handling = _handling_callback(callback, queue)
    if args:
        return await wrapped(handling, *args[1:], **kwargs)
    return await wrapped(**{**kwargs, "callback": handling})


def _handling_callback(callback: Callable[..., Any], queue: Any) -> Callable[..., Any]:
    @functools.wraps(callback)
    async def handling(record: Any) -> Any:
        with _handling(record, queue) or Handling(None, ()):
            result = callback(record)
            return await result if hasattr(result, "__await__") else result

    return handling


@harmless
def _handling(record: Any, queue: Any) -> Handling:
    endpoint, message = ADAPTER.delivery(record, queue)
    return Handling(endpoint, (message,))


def _aiter(wrapped: Callable[..., Any], consumer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return _looped(consumer) or wrapped(*args, **kwargs)


@harmless
def _looped(consumer: Any) -> AsyncHandledLoop[Any]:
    return ADAPTER.handled(consumer)


def _server(channel: Any) -> tuple[str | None, int | None]:
    url = getattr(getattr(channel, "_connection", None), "url", None)
    return getattr(url, "host", None), getattr(url, "port", None)
