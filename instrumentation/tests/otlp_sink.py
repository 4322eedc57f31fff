"""An OTLP receiver that keeps what it gets, by gRPC or by HTTP, for services started as child processes."""

import gzip
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span


class Sink:
    """What arrived: (resource attributes, span) in order of arrival. `environment` points a service here."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._arrived: list[tuple[dict[str, str], Span]] = []
        self.environment: dict[str, str] = {}

    def take(self, request: ExportTraceServiceRequest) -> None:
        with self._lock:
            for group in request.resource_spans:
                resource = attributes(group.resource)
                self._arrived += [(resource, span) for scope in group.scope_spans for span in scope.spans]

    def spans(self, name: str | None = None) -> list[tuple[dict[str, str], Span]]:
        with self._lock:
            return [found for found in self._arrived if name is None or found[1].name == name]

    def counts(self) -> dict[str, int]:
        """Per process instance, how many spans arrived besides marks."""
        found: dict[str, int] = {}
        for resource, span in self.spans():
            found.setdefault(resource["service.instance.id"], 0)
            found[resource["service.instance.id"]] += span.name not in ("tracecheck.start", "tracecheck.flush")
        return found

    def marks(self) -> dict[str, int]:
        """Per process instance, what its last flush mark stated."""
        return {
            resource["service.instance.id"]: attributes(span)["tracecheck.flush.span_count"]
            for resource, span in self.spans("tracecheck.flush")
        }


def attributes(owner: Any) -> dict[str, Any]:
    """An OTLP attribute list as a dictionary."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in owner.attributes}


@contextmanager
def sink(protocol: str) -> Iterator[Sink]:
    """Receive by `grpc` or `http/protobuf` on a free loopback port."""
    received = Sink()
    with (_grpc if protocol == "grpc" else _http)(received) as port:
        received.environment = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
            "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        }
        yield received


@contextmanager
def _grpc(received: Sink) -> Iterator[int]:
    def export(request: ExportTraceServiceRequest, _context: grpc.ServicerContext) -> ExportTraceServiceResponse:
        received.take(request)
        return ExportTraceServiceResponse()

    server = grpc.server(ThreadPoolExecutor(2))
    method = grpc.unary_unary_rpc_method_handler(
        export, ExportTraceServiceRequest.FromString, ExportTraceServiceResponse.SerializeToString
    )
    service = "opentelemetry.proto.collector.trace.v1.TraceService"
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"Export": method}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(None).wait()


@contextmanager
def _http(received: Sink) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            received.take(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
