"""kafka-python 2.x and 3.x; the contract suite was run with 2.3.3 and 3.0.12.

Builds on opentelemetry-instrumentation-kafka-python: it patches `KafkaProducer.send` and injects; the span it injects
is ours (current names, ended by the delivery report), and because its instrumentor is in use it cannot be switched on
a second time. Its patch of `KafkaConsumer.__next__` is taken out: it raises on headers that are no UTF-8, and its span
ends before the handler begins.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextvars import ContextVar
from typing import Any
from weakref import WeakKeyDictionary

from kafka import KafkaConsumer, KafkaProducer
from opentelemetry import context as context_api
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]
from opentelemetry.instrumentation.kafka import KafkaInstrumentor
from opentelemetry.instrumentation.utils import unwrap
from opentelemetry.trace import INVALID_SPAN, NonRecordingSpan, Span, Tracer, TracerProvider
from wrapt import wrap_function_wrapper

from tracecheck_instrumentation.health import harmless, ignored
from tracecheck_instrumentation.kafka_records import endpoint_of, fetched, message_of
from tracecheck_instrumentation.loop import HandledLoop
from tracecheck_instrumentation.messages import Endpoint, Message, first_server
from tracecheck_instrumentation.scope import release
from tracecheck_instrumentation.sending import Sending, start_send
from tracecheck_instrumentation.tracing import tracer, use_provider

_SEND_PARAMETERS = ("topic", "value", "key", "headers", "partition", "timestamp_ms")


class KafkaPythonInstrumentor(BaseInstrumentor):  # type: ignore[misc]
    """Patches kafka-python; `instrument(tracer_provider=...)`, as every OpenTelemetry instrumentor."""

    _upstream_was_active = False

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return what must be installed."""
        return ("kafka-python >= 2.0, < 4.0",)

    def _instrument(self, **kwargs: Any) -> None:
        use_provider(kwargs.get("tracer_provider"))
        upstream = KafkaInstrumentor()
        self._upstream_was_active = upstream.is_instrumented_by_opentelemetry
        if self._upstream_was_active:
            upstream.uninstrument()
        upstream.instrument(tracer_provider=_Upstream(), skip_dep_check=True)
        unwrap(KafkaConsumer, "__next__")
        wrap_function_wrapper(KafkaProducer, "send", _send)
        wrap_function_wrapper(KafkaConsumer, "poll", _poll)
        wrap_function_wrapper(KafkaConsumer, "__iter__", _iter)

    def _uninstrument(self, **_kwargs: Any) -> None:
        unwrap(KafkaConsumer, "__iter__")
        unwrap(KafkaConsumer, "poll")
        unwrap(KafkaProducer, "send")
        KafkaInstrumentor().uninstrument()
        if self._upstream_was_active:
            KafkaInstrumentor().instrument(skip_dep_check=True)
        use_provider(None)


class KafkaPython:
    """The adapter of kafka-python."""

    NAMES = ("kafka", "kafka-python", "tracecheck-kafka")

    def delivery(self, record: Any, consumer: Any = None, group: str | None = None) -> tuple[Endpoint, Message]:
        """Return endpoint and message of a `ConsumerRecord`."""
        message = message_of(record)
        return endpoint_of(message, group) if consumer is None else _endpoint(consumer, group), message

    def handled(self, consumer: Any, group: str | None = None) -> Iterator[Any]:
        """Return a loop over the consumer's records."""
        endpoint = _endpoint(consumer, group)
        return HandledLoop(consumer.__next__, lambda record: (endpoint, message_of(record)))

    def instrumentor(self) -> KafkaPythonInstrumentor:
        """Return the instrumentor."""
        return KafkaPythonInstrumentor()


ADAPTER = KafkaPython()


# --- send -------------------------------------------------------------------------------------------------------------


def _send(wrapped: Any, producer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    call = _open_send(producer, args, kwargs)
    if call is None:
        return wrapped.__wrapped__(*args, **kwargs)  # past upstream, which may raise where the client would not
    sending, arguments = call
    token = _current_sending.set(sending)
    try:
        future = wrapped(**arguments)
    except BaseException as error:
        if not _reached(wrapped.__wrapped__, error):
            sending.failed(error)
            ignored("error:upstream send", error)
            return wrapped.__wrapped__(*args, **kwargs)
        sending.failed(error)
        raise
    finally:
        _current_sending.reset(token)
    _await_report(sending, future)
    return future


@harmless
def _open_send(producer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Sending, dict[str, Any]] | None:
    arguments = dict(zip(_SEND_PARAMETERS, args, strict=False))
    if len(args) > len(_SEND_PARAMETERS) or arguments.keys() & kwargs.keys():
        return None
    arguments |= kwargs
    topic, value = arguments.get("topic"), arguments.get("value")
    if not isinstance(topic, str):
        return None
    message = Message(
        destination=topic,
        carrier=arguments.get("headers"),
        partition=arguments.get("partition"),
        key=arguments.get("key"),
        body_size=len(value) if isinstance(value, bytes | bytearray) else None,
        tombstone=value is None,
    )
    sending, headers = start_send(tracer(), _endpoint(producer), message)
    arguments["headers"] = headers + [(name, text.encode()) for name, text in sending.own_headers]
    return sending, arguments


def _reached(client_send: Any, error: BaseException) -> bool:
    # Between us and the client stands upstream, with whatever propagators are configured; their faults are not the
    # service's. The traceback tells whether the client's own code had begun.
    code = getattr(client_send, "__code__", None)
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code is code:
            return True
        traceback = traceback.tb_next
    return code is None


@harmless
def _await_report(sending: Sending, future: Any) -> None:
    future.add_callback(lambda report: sending.acknowledged(partition=report.partition, offset=report.offset))
    future.add_errback(sending.failed)


_current_sending: ContextVar[Sending | None] = ContextVar("tracecheck_kafka_sending", default=None)


class _Upstream(TracerProvider, Tracer):
    """The tracer handed to the upstream instrumentation: in the place of its own span it gets the one already open."""

    def get_tracer(self, *_args: Any, **_kwargs: Any) -> Tracer:
        return self

    def start_span(self, *_args: Any, **_kwargs: Any) -> Span:
        return INVALID_SPAN

    def start_as_current_span(self, *_args: Any, **_kwargs: Any) -> "_Current":  # type: ignore[override]
        return _Current(_current_sending.get())


class _Current:
    """The open send as upstream gets it: current, so that it is what upstream injects."""

    __slots__ = ("_sending", "_token")

    def __init__(self, sending: Sending | None) -> None:
        self._sending = sending

    def __enter__(self) -> Span:
        if self._sending is None:
            return INVALID_SPAN
        self._token = context_api.attach(self._sending.context)
        # Not recording for upstream, which would add its retired attribute names.
        return NonRecordingSpan(self._sending.span.get_span_context())

    def __exit__(self, *_: object) -> None:
        if self._sending is not None:
            release(self._token)


# --- receive ----------------------------------------------------------------------------------------------------------


def _iter(wrapped: Callable[..., Any], consumer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return _handled(consumer) or wrapped(*args, **kwargs)


@harmless
def _handled(consumer: Any) -> Iterator[Any]:
    return ADAPTER.handled(consumer)


def _poll(wrapped: Callable[..., Any], consumer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    by_iterator = args[2:3] == (False,) or kwargs.get("update_offsets") is False
    if by_iterator:
        return wrapped(*args, **kwargs)
    started_unix_nano = time.time_ns()
    records = wrapped(*args, **kwargs)
    if records:
        _received(consumer, records, started_unix_nano)
    return records


@harmless
def _received(consumer: Any, records: Mapping[Any, list[Any]], started_unix_nano: int) -> None:
    fetched(
        _endpoint(consumer), [message_of(record) for batch in records.values() for record in batch], started_unix_nano
    )


_endpoints: "WeakKeyDictionary[Any, Endpoint]" = WeakKeyDictionary()


def _endpoint(client: Any, group: str | None = None) -> Endpoint:
    known = _endpoints.get(client)
    if known is None or (group is not None and group != known.group):
        config = getattr(client, "config", {})
        address, port = first_server(config.get("bootstrap_servers"), 9092)
        known = Endpoint(
            system="kafka",
            client_id=config.get("client_id"),
            group=group or config.get("group_id"),
            server_address=address,
            server_port=port,
        )
        _endpoints[client] = known
    return known
