"""Rows A1 to A31: what a receiver must do on the wire, on both protocols and encodings."""

import gzip
import http.client
import json
import socket
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from google.protobuf import json_format
from google.rpc import error_details_pb2
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from tests.receiver.conftest import ANY_PORT, JSON, PROTOBUF, Send, call, post, wait_until
from tests.support.fake_store import FakeStore
from tests.support.otlp import a_message, a_request, json_of, numbered
from tracecheck.config import Listen
from tracecheck.errors import PortInUse, StoreUnavailable
from tracecheck.receiver import ReceiverOptions, RunningReceiver, start_receiver

BAD_ID = b"\x01\x02"


def bad_spans(count: int) -> list:
    return [a_message(number, span_id=BAD_ID) for number in range(1, count + 1)]


def padded_request(size: int) -> bytes:
    """A valid request of exactly so many bytes: an unknown field carries the padding."""
    body = a_request(a_message()).SerializeToString()
    tag = b"\xfa\x06"  # field 111, length-delimited
    for width in range(1, 6):
        fill = size - len(body) - len(tag) - width
        length = b""
        rest = fill
        while True:
            length += bytes([rest & 0x7F | (0x80 if rest > 0x7F else 0)])
            rest >>= 7
            if not rest:
                break
        if len(length) == width:
            return body + tag + length + bytes(fill)
    raise AssertionError(size)


def test_A1_gzip_and_identity_store_equal_rows_on_every_protocol(send: Send, store: FakeStore) -> None:
    assert send(a_request(*numbered(3))).ok
    assert send(a_request(*numbered(3)), compressed=True).ok
    assert len(store.spans) == 3, "the second batch was an identical repeat of the first"


class TestSizeLimit:
    @pytest.fixture
    def options(self) -> ReceiverOptions:
        return ReceiverOptions(max_message_bytes=100_000, grace_s=2.0)

    @pytest.mark.parametrize("compressed", [False, True])
    def test_A2_a_body_at_the_limit_is_taken(
        self, receiver: RunningReceiver, store: FakeStore, compressed: bool
    ) -> None:
        body = padded_request(100_000)
        packed, headers = (gzip.compress(body), {"Content-Encoding": "gzip"}) if compressed else (body, {})
        assert post(receiver, packed, headers=headers).ok
        assert call(receiver, body, compressed=compressed).ok
        assert len(store.spans) == 1

    @pytest.mark.parametrize("compressed", [False, True])
    def test_A3_over_the_limit_on_grpc_is_resource_exhausted_for_good(
        self, receiver: RunningReceiver, store: FakeStore, compressed: bool
    ) -> None:
        answer = call(receiver, padded_request(100_001), compressed=compressed)
        assert answer.code == "RESOURCE_EXHAUSTED"
        assert "google.rpc.retryinfo-bin" not in answer.trailers
        assert store.spans == []

    @pytest.mark.parametrize("compressed", [False, True])
    @pytest.mark.parametrize("content_type", [PROTOBUF, JSON])
    def test_A4_over_the_limit_on_http_is_413_with_a_status(
        self, receiver: RunningReceiver, content_type: str, compressed: bool
    ) -> None:
        body = padded_request(100_001) if content_type == PROTOBUF else b'{"x":"' + bytes([65]) * 100_000 + b'"}'
        packed, headers = (gzip.compress(body), {"Content-Encoding": "gzip"}) if compressed else (body, {})
        answer = post(receiver, packed, content_type, headers=headers)
        assert answer.code == 413
        assert "100000 bytes" in answer.status.message


def bomb(size: int) -> bytes:
    """Gzip of so many zeros, made without holding them."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    block = bytes(1 << 20)
    return b"".join(packer.compress(block) for _ in range(size >> 20)) + packer.flush()


BOMBED = """
import resource, sys
from tests.receiver.conftest import ANY_PORT, call, post
from tests.receiver.test_transport import bomb
from tests.support.fake_store import FakeStore
from tracecheck.receiver import start_receiver
body = bomb(512 << 20)
with start_receiver(FakeStore(), ANY_PORT) as receiver:
    post(receiver, b"")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    code = post(receiver, body, headers={"Content-Encoding": "gzip"}).code
    print(code, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10)
"""


def test_A2_a_bomb_of_512_MiB_is_refused_in_bounded_memory() -> None:
    """Inflation stops at the 64 MiB limit: the pieces kept until then are the peak, and never the bomb."""
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", BOMBED], cwd=root, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    code, grown_mib = map(int, done.stdout.split())
    assert code == 413
    assert grown_mib < 100


def test_A5_the_answer_to_many_rejected_spans_stays_short(send: Send) -> None:
    response = send(a_request(*bad_spans(20_000))).response
    assert response.partial_success.rejected_spans == 20_000
    assert len(response.SerializeToString()) < 1500


@pytest.mark.parametrize("protocol", ["grpc", "http", "http-gzip"])
def test_A6_the_official_exporter_delivers(receiver: RunningReceiver, store: FakeStore, protocol: str) -> None:
    exporter = (
        GrpcExporter(endpoint=receiver.grpc_endpoint, insecure=True)
        if protocol == "grpc"
        else HttpExporter(
            endpoint=f"{receiver.http_endpoint}/v1/traces",
            compression=Compression.Gzip if protocol == "http-gzip" else Compression.NoCompression,
        )
    )
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    with tracer.start_as_current_span("outer", attributes={"n": 1}), tracer.start_as_current_span("inner"):
        pass
    provider.shutdown()
    inner, outer = store.spans
    assert (outer.name, inner.name) == ("outer", "inner")
    assert inner.parent_span_id == outer.span_id
    assert outer.attributes == {"n": 1}


def test_A7_64_requests_in_flight_are_each_stored_once_in_few_commits(send: Send, store: FakeStore) -> None:
    store.open.clear()
    with ThreadPoolExecutor(64) as clients:
        answers = [clients.submit(send, a_request(*numbered(4, first=1 + 4 * client))) for client in range(64)]
        assert store.entered.wait(10)
        store.open.set()
        assert all(answer.result().ok for answer in answers)
    assert len(store.spans) == len({span.key for span in store.spans}) == 256
    assert store.appends < 64


def test_A8_empty_requests_succeed(send: Send, store: FakeStore) -> None:
    without_spans = a_request()
    without_spans.resource_spans.add()
    assert send(without_spans).ok
    assert store.appends == 0


def test_A8_an_empty_body_is_an_empty_protobuf_request_and_braces_are_an_empty_json_one(
    receiver: RunningReceiver,
) -> None:
    assert call(receiver, b"").ok
    assert post(receiver, b"").ok
    assert post(receiver, b"{}", JSON).ok


def test_A9_full_success_leaves_partial_success_unset(send: Send) -> None:
    answer = send(a_request(a_message()))
    assert not answer.response.HasField("partial_success")
    assert answer.body in (b"", b"{}")


def test_A10_a_partly_accepted_batch_says_exactly_how_many_were_rejected(send: Send, store: FakeStore) -> None:
    broken = [a_message(8, trace_id=BAD_ID), a_message(9, span_id=bytes(8)), a_message(10, span_id=b"")]
    response = send(a_request(*numbered(7), *broken)).response
    assert response.partial_success.rejected_spans == 3
    assert "trace id" in response.partial_success.error_message
    assert len(store.spans) == 7


def test_A11_a_repair_is_a_warning_without_rejections(send: Send, store: FakeStore) -> None:
    response = send(a_request(a_message(parent_span_id=BAD_ID))).response
    assert response.partial_success.rejected_spans == 0
    assert "parent" in response.partial_success.error_message
    assert [span.parent_span_id for span in store.spans] == [None]


def test_A12_a_store_that_cannot_write_now_means_send_again(send: Send, store: FakeStore) -> None:
    store.failures.append(StoreUnavailable("the disk is full"))
    answer = send(a_request(a_message()))
    assert answer.code in ("UNAVAILABLE", 503)
    assert answer.headers.get("retry-after") == "1" or answer.trailers
    assert send(a_request(a_message())).ok
    assert len(store.spans) == 1


def test_A12_retry_info_is_in_both_trailers_that_grpc_clients_read(receiver: RunningReceiver, store: FakeStore) -> None:
    store.failures.append(StoreUnavailable("the disk is full"))
    answer = call(receiver, a_request(a_message()).SerializeToString())
    own = error_details_pb2.RetryInfo.FromString(answer.trailers["google.rpc.retryinfo-bin"])
    packed = error_details_pb2.RetryInfo()
    assert answer.status.details[0].Unpack(packed)
    assert own.retry_delay.seconds == packed.retry_delay.seconds == 1


@pytest.mark.parametrize("damage", ["garbage", "cut"])
def test_A13_A22_undecodable_bodies_are_refused_for_good_with_a_bad_request(
    send: Send, store: FakeStore, damage: str
) -> None:
    body = b"\xff\x00garbage{" if damage == "garbage" else a_request(a_message()).SerializeToString()[:-3]
    answer = send(body)
    assert answer.code in ("INVALID_ARGUMENT", 400)
    violation = error_details_pb2.BadRequest()
    assert answer.status.details[0].Unpack(violation)
    assert violation.field_violations
    assert store.spans == []


class TestFullQueue:
    @pytest.fixture
    def options(self) -> ReceiverOptions:
        return ReceiverOptions(inflight_bytes=1000, grace_s=2.0)

    def test_A14_over_the_byte_budget_clients_are_told_to_come_back_and_then_deliver(
        self, send: Send, store: FakeStore
    ) -> None:
        store.open.clear()
        with ThreadPoolExecutor(1) as first_client:
            first = first_client.submit(send, a_request(a_message(1, name="n" * 400)))
            assert store.entered.wait(10)
            refused = send(a_request(a_message(2, name="n" * 600)))
            store.open.set()
            assert first.result().ok
        assert refused.code in ("RESOURCE_EXHAUSTED", 503)
        assert refused.headers.get("retry-after") == "1" or "google.rpc.retryinfo-bin" in refused.trailers
        assert send(a_request(a_message(2, name="n" * 600))).ok


def a_metrics_request() -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    metrics = request.resource_metrics.add().scope_metrics.add().metrics
    for _ in range(2):
        metrics.add().gauge.data_points.add()
    points = metrics.add().sum.data_points
    points.add()
    points.add()
    return request


def a_logs_request() -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add().log_records.add()
    return request


@pytest.mark.parametrize(
    ("request_message", "response_type", "path", "service", "field", "count"),
    [
        (
            a_metrics_request(),
            ExportMetricsServiceResponse,
            "/v1/metrics",
            "opentelemetry.proto.collector.metrics.v1.MetricsService",
            "rejected_data_points",
            4,
        ),
        (
            a_logs_request(),
            ExportLogsServiceResponse,
            "/v1/logs",
            "opentelemetry.proto.collector.logs.v1.LogsService",
            "rejected_log_records",
            1,
        ),
    ],
)
def test_A15_other_signals_are_answered_politely(
    receiver: RunningReceiver, request_message, response_type, path: str, service: str, field: str, count: int
) -> None:
    body = request_message.SerializeToString()
    as_json = json.dumps(json_of(request_message)).encode()
    responses = [
        response_type.FromString(call(receiver, body, service=service).body),
        response_type.FromString(post(receiver, body, path=path).body),
        json_format.Parse(post(receiver, as_json, JSON, path=path).body, response_type()),
    ]
    for response in responses:
        assert getattr(response.partial_success, field) == count
        assert "EXPORTER=none" in response.partial_success.error_message
    assert post(receiver, b"\xff", path=path).code == 400


class TestCustomPath:
    @pytest.fixture
    def options(self) -> ReceiverOptions:
        return ReceiverOptions(traces_path="/otlp/traces", grace_s=2.0)

    def test_A16_the_path_can_be_set(self, receiver: RunningReceiver) -> None:
        body = a_request(a_message()).SerializeToString()
        assert post(receiver, body, path="/otlp/traces").ok
        assert post(receiver, body).code == 404


def test_A17_A28_both_encodings_share_a_port_and_a_kept_connection(receiver: RunningReceiver, store: FakeStore) -> None:
    address = urlsplit(receiver.http_endpoint)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
    connection.connect()
    own_port = connection.sock.getsockname()
    message = a_request(a_message(1))
    for content_type, body in [
        ("APPLICATION/json; charset=utf-8", json.dumps(json_of(message)).encode()),
        ("application/x-protobuf", a_request(a_message(2)).SerializeToString()),
    ]:
        connection.request("POST", "/v1/traces", body, {"Content-Type": content_type})
        response = connection.getresponse()
        assert response.status == 200
        response.read()
        assert connection.sock.getsockname() == own_port
    connection.close()
    assert len(store.spans) == 2


@pytest.mark.parametrize("content_type", [PROTOBUF, JSON])
def test_A18_A20_the_answer_is_in_the_encoding_of_the_request(receiver: RunningReceiver, content_type: str) -> None:
    good = post(receiver, b"" if content_type == PROTOBUF else b"{}", content_type)
    assert (good.code, good.headers["content-type"]) == (200, content_type)
    assert good.body == (b"" if content_type == PROTOBUF else b"{}")
    assert post(receiver, b"\xff", content_type).headers["content-type"] == content_type


def test_A19_wrong_method_type_and_path(receiver: RunningReceiver) -> None:
    refused = post(receiver, b"", method="GET")
    assert (refused.code, refused.headers["allow"]) == (405, "POST")
    assert post(receiver, b"x", None).code == 415
    assert post(receiver, b"x", "text/plain").code == 415
    assert post(receiver, b"", path="/v2/traces").code == 404


@pytest.mark.parametrize("content_type", [PROTOBUF, JSON])
@pytest.mark.parametrize("status", [400, 404, 405, 413, 415, 500, 503])
def test_A21_every_error_body_is_a_status_in_the_encoding_of_the_request(
    store: FakeStore, content_type: str, status: int
) -> None:
    body = a_request(a_message())
    good = body.SerializeToString() if content_type == PROTOBUF else json.dumps(json_of(body)).encode()
    store.failures = {500: [RuntimeError("a bug")], 503: [StoreUnavailable("locked")]}.get(status, [])
    with start_receiver(store, ANY_PORT, options=ReceiverOptions(max_message_bytes=5000, grace_s=2.0)) as receiver:
        answer = {
            400: lambda: post(receiver, b"\xff", content_type),
            404: lambda: post(receiver, good, content_type, path="/nowhere"),
            405: lambda: post(receiver, good, content_type, method="PUT"),
            413: lambda: post(receiver, bytes(6000), content_type),
            415: lambda: post(receiver, good, content_type, headers={"Content-Encoding": "br"}),
            500: lambda: post(receiver, good, content_type),
            503: lambda: post(receiver, good, content_type),
        }[status]()
    assert answer.code == status
    assert answer.headers["content-type"] == content_type
    assert answer.status.message
    assert answer.status.code


class TestStalledBody:
    @pytest.fixture
    def options(self) -> ReceiverOptions:
        return ReceiverOptions(body_timeout_s=0.3, grace_s=2.0)

    def test_A21_S3_a_stalled_body_is_answered_408(self, receiver: RunningReceiver) -> None:
        address = urlsplit(receiver.http_endpoint)
        with socket.create_connection((address.hostname, address.port), timeout=10) as client:
            client.sendall(
                b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
            )
            response = http.client.HTTPResponse(client)
            response.begin()
            assert response.status == 408
            assert json.loads(response.read())["message"]


def test_A21_the_type_being_unknown_the_status_is_json(receiver: RunningReceiver) -> None:
    answer = post(receiver, b"x", "text/plain")
    assert answer.headers["content-type"] == JSON
    assert "Content-Type" in answer.status.message


def test_A23_A24_only_passing_faults_mean_send_again(send: Send, store: FakeStore) -> None:
    store.failures = [RuntimeError("a bug"), StoreUnavailable("the disk is full")]
    bug, full = send(a_request(a_message())), send(a_request(a_message()))
    assert bug.code in ("INTERNAL", 500)
    assert "retry-after" not in bug.headers
    assert "a bug" not in bug.status.message, "internals stay in the log"
    assert full.code in ("UNAVAILABLE", 503)


def damaged(kind: str) -> bytes:
    packed = gzip.compress(a_request(a_message()).SerializeToString())
    return {
        "cut": packed[:-6],
        "trailing": packed + b"x",
        "two members": packed + packed,
        "no gzip": b"no gzip at all",
        "bad checksum": packed[:-8] + bytes(4) + packed[-4:],
        "empty": b"",
    }[kind]


@pytest.mark.parametrize("kind", ["cut", "trailing", "two members", "no gzip", "bad checksum", "empty"])
def test_A25_damaged_gzip_is_refused_whole(receiver: RunningReceiver, store: FakeStore, kind: str) -> None:
    assert post(receiver, damaged(kind), headers={"Content-Encoding": "gzip"}).code == 400
    assert store.spans == []


def test_A25_an_unknown_content_encoding_is_415(receiver: RunningReceiver) -> None:
    assert post(receiver, b"", headers={"Content-Encoding": "zstd"}).code == 415


@pytest.mark.parametrize("compressed", [False, True])
def test_A26_chunked_bodies_are_taken(receiver: RunningReceiver, store: FakeStore, compressed: bool) -> None:
    body = a_request(*numbered(5)).SerializeToString()
    packed = gzip.compress(body) if compressed else body
    address = urlsplit(receiver.http_endpoint)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
    headers = {"Content-Type": PROTOBUF} | ({"Content-Encoding": "gzip"} if compressed else {})
    connection.request("POST", "/v1/traces", iter([packed[:7], packed[7:]]), headers, encode_chunked=True)
    assert connection.getresponse().status == 200
    connection.close()
    assert len(store.spans) == 5


def test_A27_a_long_answer_is_compressed_for_clients_that_ask(receiver: RunningReceiver) -> None:
    messages = [a_message(1, span_id=BAD_ID), a_message(2, trace_id=BAD_ID), a_message(3, parent_span_id=BAD_ID)]
    body = a_request(*messages, a_message(4, kind=99)).SerializeToString()
    plain = post(receiver, body)
    packed = post(receiver, body, headers={"Accept-Encoding": "gzip"})
    assert (packed.headers["content-encoding"], "content-encoding" in plain.headers) == ("gzip", False)
    assert gzip.decompress(packed.body) == plain.body
    assert packed.headers["content-type"] == PROTOBUF


def test_A29_S18_a_client_that_missed_the_answer_sends_again_and_one_row_stays(
    receiver: RunningReceiver, store: FakeStore
) -> None:
    body = a_request(a_message()).SerializeToString()
    store.open.clear()
    address = urlsplit(receiver.http_endpoint)
    with socket.create_connection((address.hostname, address.port), timeout=10) as client:
        head = f"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: {PROTOBUF}\r\nContent-Length: {len(body)}\r\n\r\n"
        client.sendall(head.encode() + body)
        assert store.entered.wait(10)
    store.open.set()
    assert post(receiver, body).ok
    assert len(store.spans) == 1
    assert receiver.counters.duplicates == 1


def test_A30_no_answer_comes_before_the_commit(send: Send, store: FakeStore) -> None:
    store.open.clear()
    with ThreadPoolExecutor(1) as client:
        answer = client.submit(send, a_request(a_message()))
        assert store.entered.wait(10)
        assert not answer.done()
        assert store.spans == []
        store.open.set()
        assert answer.result().ok
    assert len(store.spans) == 1


def test_A31_stopping_answers_what_is_in_flight_and_stores_nothing_afterwards(store: FakeStore) -> None:
    running = start_receiver(store, ANY_PORT, options=ReceiverOptions(grace_s=10.0))
    body = a_request(a_message()).SerializeToString()
    store.open.clear()
    with ThreadPoolExecutor(3) as threads:
        over_http, over_grpc = threads.submit(post, running, body), threads.submit(call, running, body)
        wait_until(lambda: running.counters.received == 2)
        closing = threads.submit(running.close)
        store.open.set()
        assert over_http.result().ok
        assert over_grpc.result().ok
        closing.result(20)
    appends = store.appends
    with pytest.raises(ConnectionRefusedError):
        post(running, body)
    assert call(running, body).code == "UNAVAILABLE"
    assert store.appends == appends
    running.close()


@pytest.mark.parametrize("taken", ["grpc_port", "http_port"])
def test_A31_a_taken_port_is_named_and_stops_the_other_listener(store: FakeStore, taken: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder, socket.create_server(("127.0.0.1", 0)) as probe:
        port, free = holder.getsockname()[1], probe.getsockname()[1]
        probe.close()
        ports = {"grpc_port": free, "http_port": free} | {taken: port}
        with pytest.raises(PortInUse, match=str(port)):
            start_receiver(store, Listen(**ports))
        socket.create_server(("127.0.0.1", free)).close()


def test_A31_a_failed_bind_says_one_thing_once(
    store: FakeStore, receiver: RunningReceiver, capfd: pytest.CaptureFixture[str]
) -> None:
    port = urlsplit(receiver.grpc_endpoint).port
    with pytest.raises(PortInUse, match=f"OTLP/gRPC on 127.0.0.1:{port}: Address already in use"):
        start_receiver(store, replace(ANY_PORT, grpc_port=port))
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("host", ["::1", "localhost"])
def test_A31_other_loopback_names_work(store: FakeStore, host: str) -> None:
    with start_receiver(store, replace(ANY_PORT, host=host)) as running:
        assert post(running, b"").ok
        assert call(running, b"").ok


def test_A31_two_receivers_never_share_a_grpc_port(store: FakeStore, receiver: RunningReceiver) -> None:
    port = urlsplit(receiver.grpc_endpoint).port
    with pytest.raises(PortInUse):
        start_receiver(store, replace(ANY_PORT, grpc_port=port))


def test_one_request_that_breaks_the_store_does_not_fail_those_it_shares_a_commit_with(
    receiver: RunningReceiver, store: FakeStore
) -> None:
    """The first append is held so that three requests form one group, whose first try then meets a bug."""
    store.open.clear()
    with ThreadPoolExecutor(4) as clients:
        first = clients.submit(post, receiver, a_request(a_message(1)).SerializeToString())
        assert store.entered.wait(10)
        rest = [clients.submit(post, receiver, a_request(a_message(n)).SerializeToString()) for n in (2, 3, 4)]
        wait_until(lambda: receiver.counters.received == 4)
        store.failures = []
        original = store.append

        def failing(spans):
            if any(span.span_id.endswith("3") for span in spans):
                raise RuntimeError("a bug")
            return original(spans)

        store.append = failing
        store.open.set()
        assert first.result().ok
        assert [answer.result().code for answer in rest] == [200, 500, 200]
    assert len(store.spans) == 3
