"""A running receiver over a fake store, and one way to send that works alike on every protocol and encoding."""

import gzip
import http.client
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import grpc
import pytest
from google.protobuf import json_format
from google.protobuf.message import Message
from google.rpc import status_pb2
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from tests.support.fake_store import FakeStore
from tests.support.otlp import json_of
from tracecheck.config import Listen
from tracecheck.receiver import ReceiverOptions, RunningReceiver, start_receiver

ANY_PORT = Listen(grpc_port=0, http_port=0, api_port=0)
TRACES = "opentelemetry.proto.collector.trace.v1.TraceService"
PROTOBUF, JSON = "application/x-protobuf", "application/json"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back: `code` is the gRPC code's name or the HTTP status."""

    code: str | int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    trailers: dict[str, bytes] = field(default_factory=dict)
    details: str = ""

    @property
    def ok(self) -> bool:
        return self.code in ("OK", 200)

    @property
    def response(self) -> ExportTraceServiceResponse:
        """The success response, parsed."""
        assert self.ok, self
        if self.headers.get("content-type") == JSON:
            return json_format.Parse(self.body, ExportTraceServiceResponse())
        return ExportTraceServiceResponse.FromString(self.body)

    @property
    def status(self) -> status_pb2.Status:
        """The error as google.rpc.Status, parsed from body or trailer."""
        assert not self.ok, self
        if self.trailers:
            return status_pb2.Status.FromString(self.trailers["grpc-status-details-bin"])
        if self.headers["content-type"] == JSON:
            return json_format.Parse(self.body, status_pb2.Status())
        return status_pb2.Status.FromString(self.body)


Send = Callable[..., Answer]


def post(
    receiver: RunningReceiver,
    body: bytes,
    content_type: str | None = PROTOBUF,
    *,
    path: str = "/v1/traces",
    method: str = "POST",
    headers: dict[str, str] | None = None,
) -> Answer:
    """One HTTP request on a connection of its own."""
    address = urlsplit(receiver.http_endpoint)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
    try:
        sent = ({"Content-Type": content_type} if content_type else {}) | (headers or {})
        connection.request(method, path, body, sent)
        response = connection.getresponse()
        return Answer(
            code=response.status,
            body=response.read(),
            headers={name.lower(): value for name, value in response.getheaders()},
        )
    finally:
        connection.close()


def call(
    receiver: RunningReceiver,
    body: bytes,
    *,
    service: str = TRACES,
    compressed: bool = False,
) -> Answer:
    """One gRPC call on a channel of its own."""
    with grpc.insecure_channel(urlsplit(receiver.grpc_endpoint).netloc) as channel:
        export = channel.unary_unary(f"/{service}/Export")
        try:
            compression = grpc.Compression.Gzip if compressed else grpc.Compression.NoCompression
            return Answer(code="OK", body=export(body, timeout=30, compression=compression))
        except grpc.RpcError as error:
            return Answer(
                code=error.code().name,
                details=error.details(),
                trailers={item.key: item.value for item in error.trailing_metadata()},
            )


def wait_until(holds: Callable[[], bool]) -> None:
    """Returns as soon as the condition holds; fails the test when it does not within ten seconds."""
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def store() -> Iterator[FakeStore]:
    fake = FakeStore()
    yield fake
    fake.close()


@pytest.fixture
def options() -> ReceiverOptions:
    return ReceiverOptions(grace_s=2.0)


@pytest.fixture
def receiver(store: FakeStore, options: ReceiverOptions) -> Iterator[RunningReceiver]:
    with start_receiver(store, ANY_PORT, options=options) as running:
        yield running
        store.open.set()


@pytest.fixture(params=["grpc", "http-protobuf", "http-json"])
def send(request: pytest.FixtureRequest, receiver: RunningReceiver) -> Send:
    """Sends a message, or a body as it is, over each protocol and encoding in turn."""

    def send_it(message: Message | bytes, *, compressed: bool = False) -> Answer:
        if request.param == "grpc":
            body = message if isinstance(message, bytes) else message.SerializeToString()
            return call(receiver, body, compressed=compressed)
        as_json = request.param == "http-json"
        if isinstance(message, bytes):
            body = message
        else:
            body = json.dumps(json_of(message)).encode() if as_json else message.SerializeToString()
        return post(
            receiver,
            gzip.compress(body) if compressed else body,
            JSON if as_json else PROTOBUF,
            headers={"Content-Encoding": "gzip"} if compressed else {},
        )

    return send_it
