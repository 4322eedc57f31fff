"""A small HTTP service behind our propagator: it extracts, opens a span, calls on, and answers with what it sent."""

import json
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind
from tracecheck_instrumentation.ingress import request_context
from tracecheck_instrumentation.propagation import TracecheckPropagator

PARENT_ID = "1234567890123456"
PROPAGATOR = TracecheckPropagator()

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What the service sent on."""

    traceparent: str | None
    tracestate: str | None
    baggage: str | None

    @property
    def trace_id(self) -> str:
        """The trace it belongs to; fails where the header is not valid."""
        assert self.traceparent is not None
        found = re.fullmatch(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})", self.traceparent)
        assert found is not None, self.traceparent
        assert found[2] != PARENT_ID
        return found[1]


class _Service(BaseHTTPRequestHandler):
    """Extracts, opens a span, and for each call it was asked for opens one more and sends on what it would inject."""

    protocol_version = "HTTP/1.1"
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("service")
    collector: "tuple[str, int]"

    def do_POST(self) -> None:
        if self.path == "/collect":
            self._answer({name: self.headers.get(name) for name in ("traceparent", "tracestate", "baggage")})
            return
        context = self.server.read(self.headers)  # type: ignore[attr-defined]
        calls = []
        with self.tracer.start_as_current_span("serve", context, SpanKind.SERVER):
            for _ in range(int(self.path.rpartition("/")[2])):
                with self.tracer.start_as_current_span("call", kind=SpanKind.CLIENT) as span:
                    onward: dict[str, str] = {}
                    PROPAGATOR.inject(onward, trace.set_span_in_context(span, context))
                    calls.append(ask(self.server.server_address, "/collect", list(onward.items())))
        self._answer(calls)

    def _answer(self, content: Any) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def ask(address: Any, path: str, headers: Headers) -> Any:
    connection = HTTPConnection(*address[:2], timeout=10)
    connection.putrequest("POST", path)
    for name, value in (*headers, ("Content-Length", "0")):
        connection.putheader(name, value)
    connection.endheaders()
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer


def by_propagator(headers: HTTPMessage) -> Context:
    """The context of a request, as the propagator alone reads it."""
    return PROPAGATOR.extract({name.lower(): headers.get_all(name) for name in headers}, Context())


def by_ingress(headers: HTTPMessage) -> Context:
    """The context of a request, as the wrappers of WSGI and ASGI apps read it."""
    return request_context(headers.items())


@contextmanager
def running_service(read: Callable[[HTTPMessage], Context] = by_propagator) -> Iterator[Callable[..., Any]]:
    """Run the service; what is yielded calls it with headers and returns its `Call` onward, or a list of `times`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Service)
    server.read = read  # type: ignore[attr-defined]
    stock = propagate.get_global_textmap()
    propagate.set_global_textmap(PROPAGATOR)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()

    def called_on(*headers: tuple[str, str], times: int = 1) -> Any:
        calls = [Call(**call) for call in ask(server.server_address, f"/serve/{times}", headers)]
        return calls[0] if times == 1 else calls

    try:
        yield called_on
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        propagate.set_global_textmap(stock)
