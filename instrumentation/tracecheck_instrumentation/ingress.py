"""Where events enter: a request or a foreign event gets its correlation id here, or keeps the one it brings.

No HTTP span is made; that is the work of the HTTP instrumentations, beside which these stand.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, MutableMapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.context import Context

from tracecheck_instrumentation import ids, names
from tracecheck_instrumentation.correlation import correlation, correlation_id, with_correlation_id
from tracecheck_instrumentation.headers import clean, extract, identifier, read_fields
from tracecheck_instrumentation.health import harmless
from tracecheck_instrumentation.scope import release

REQUEST_HEADERS = (names.CORRELATION_HEADER, "x-correlation-id")
"""Request headers that name a correlation id, the first that is there wins; then comes W3C baggage, then a new id."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


def wsgi(app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    """Wrap a WSGI app: each request runs under a correlation id, which the response states in `correlation-id`."""

    def wrapped(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        headers = [(name[5:].replace("_", "-"), value) for name, value in environ.items() if name.startswith("HTTP_")]
        context = request_context(headers)
        chosen = correlation_id(context)

        def start(status: str, given: list[tuple[str, str]], *rest: Any) -> Any:
            return start_response(status, _stated(given, chosen), *rest)

        with _inside(context):
            body = app(environ, start)
        # What is made only while it is sent is made in the context too; ready bodies are left to the server.
        return _Body(body, context) if hasattr(body, "__next__") else body

    return wrapped


def asgi(app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """Wrap an ASGI app in the same way; HTTP and WebSocket."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await app(scope, receive, send)
        context = request_context((name.decode("latin-1"), value) for name, value in scope.get("headers", ()))
        chosen = correlation_id(context)

        async def sending(event: Any) -> None:
            if event["type"] == "http.response.start" and chosen is not None:
                event = {**event, "headers": _stated_raw(event.get("headers", ()), chosen)}
            await send(event)

        with _inside(context):
            return await app(scope, receive, sending)

    return wrapped


def request_context(headers: Iterable[tuple[str, str | bytes]]) -> Context:
    """Return the context a request with these headers runs in.

    An active span stays the parent (an HTTP instrumentation came first); without one, the request's `traceparent` is.
    """
    return _request_context(list(headers)) or context_api.get_current()


@contextmanager
def _inside(context: Context) -> Iterator[None]:
    token = context_api.attach(context)
    try:
        yield
    finally:
        release(token)


def correlation_from(event: Mapping[str, Any], *fields: str) -> AbstractContextManager[str]:
    """Work on a foreign event under its correlation id: `with correlation_from(event, "meta.order_id"):`.

    An id that the context already carries stays. Else the first of the dotted `fields` that holds a text or a whole
    number gives it, else it is new. The id is yielded.
    """
    return correlation(correlation_id() or next(filter(None, (_field(event, path) for path in fields)), None))


@harmless
def _request_context(headers: list[tuple[str, str | bytes]]) -> Context:
    current = context_api.get_current()
    context, _ = extract(read_fields(_joined(headers)), onto=clean(current))
    around = trace.get_current_span(current)
    if around.get_span_context().is_valid:
        context = trace.set_span_in_context(around, context)
    lower = {name.lower(): value for name, value in headers}
    named = (_text(lower.get(name)) for name in REQUEST_HEADERS)
    chosen = next(filter(None, named), None) or correlation_id(context) or correlation_id(current) or ids.new_id()
    return with_correlation_id(chosen, context)


def _joined(headers: list[tuple[str, str | bytes]]) -> dict[str, str]:
    # A header that comes twice in a request is one list (RFC 9110), and of `traceparent` a list is not valid.
    joined: dict[str, str] = {}
    for name, value in headers:
        lower, text = name.lower(), value.decode("latin-1") if isinstance(value, bytes) else value
        joined[lower] = f"{joined[lower]},{text}" if lower in joined else text
    return joined


def _text(value: str | bytes | None) -> str | None:
    return identifier(value.decode("latin-1") if isinstance(value, bytes) else value)


def _field(event: object, path: str) -> str | None:
    for part in path.split("."):
        event = event.get(part) if isinstance(event, Mapping) else None
    return identifier(str(event)) if isinstance(event, str | int) and not isinstance(event, bool) else None


def _stated(headers: list[tuple[str, str]], chosen: str | None) -> list[tuple[str, str]]:
    if chosen is None or any(name.lower() == names.CORRELATION_HEADER for name, _ in headers) or not chosen.isascii():
        return headers
    return [*headers, (names.CORRELATION_HEADER, chosen)]


def _stated_raw(headers: Iterable[tuple[bytes, bytes]], chosen: str) -> list[tuple[bytes, bytes]]:
    given = list(headers)
    if any(name.lower() == names.CORRELATION_HEADER.encode() for name, _ in given) or not chosen.isascii():
        return given
    return [*given, (names.CORRELATION_HEADER.encode(), chosen.encode())]


class _Body:
    """A response body whose parts are made in the request's context."""

    def __init__(self, body: Iterable[bytes], context: Context) -> None:
        self._body = iter(body)
        self._context = context

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        with _inside(self._context):
            return next(self._body)

    def close(self) -> None:
        if hasattr(self._body, "close"):
            with _inside(self._context):
                self._body.close()
