"""Rows S1 to S16 and S31 on the wire: slow, huge and hostile clients cost themselves, and no one else."""

import contextlib
import gzip
import http.client
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue

from tests.receiver.conftest import JSON, PROTOBUF, Send, call, post, wait_until
from tests.receiver.test_transport import bomb
from tests.support.fake_store import FakeStore
from tests.support.otlp import a_message, a_request, json_of, numbered, text
from tracecheck.receiver import ReceiverOptions, RunningReceiver, SpanLimits

HEAD = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


def connected(receiver: RunningReceiver) -> socket.socket:
    address = urlsplit(receiver.http_endpoint)
    return socket.create_connection((address.hostname or "", address.port or 0), timeout=10)


def status_of(client: socket.socket) -> int:
    response = http.client.HTTPResponse(client)
    response.begin()
    response.read()
    return response.status


def is_closed(client: socket.socket) -> bool:
    """Reads to the end; a reset is an end too. Raises TimeoutError when the server keeps the connection."""
    with contextlib.suppress(ConnectionResetError):
        while client.recv(65536):
            pass
    return True


def test_S1_gzip_in_gzip_is_opened_once(receiver: RunningReceiver) -> None:
    twice = gzip.compress(gzip.compress(a_request(a_message()).SerializeToString()))
    assert post(receiver, twice, headers={"Content-Encoding": "gzip"}).code == 400


class TestSmallBudget:
    @pytest.fixture
    def options(self) -> ReceiverOptions:
        return ReceiverOptions(max_message_bytes=8 << 20, inflight_bytes=10 << 20, grace_s=2.0)

    def test_S2_many_bombs_at_once_stay_within_the_budget_and_others_are_served_afterwards(
        self, receiver: RunningReceiver
    ) -> None:
        body = bomb(32 << 20)
        with ThreadPoolExecutor(12) as clients:
            send = [clients.submit(post, receiver, body, headers={"Content-Encoding": "gzip"}) for _ in range(12)]
            codes = {sent.result().code for sent in send}
        assert codes <= {413, 503}
        wait_until(lambda: receiver.counters.inflight_bytes == 0)
        assert post(receiver, a_request(a_message()).SerializeToString()).ok


class TestSlowClients:
    @pytest.fixture
    def options(self) -> ReceiverOptions:
        return ReceiverOptions(idle_timeout_s=0.5, body_timeout_s=0.5, grace_s=2.0)

    @pytest.mark.parametrize("begun", [b"", HEAD[:20], HEAD])
    def test_S3_a_client_that_never_finishes_its_headers_is_closed(
        self, receiver: RunningReceiver, begun: bytes
    ) -> None:
        with connected(receiver) as client:
            client.sendall(begun)
            assert is_closed(client)

    def test_S3_dripped_headers_do_not_keep_a_connection(self, receiver: RunningReceiver) -> None:
        with connected(receiver) as client:
            client.settimeout(0.05)

            def closed_after_another_byte() -> bool:
                try:
                    client.sendall(b"P")
                    return client.recv(1000) == b""
                except TimeoutError:
                    return False
                except (BrokenPipeError, ConnectionResetError):
                    return True

            wait_until(closed_after_another_byte)

    def test_S3_a_dripped_body_ends_at_its_deadline(self, receiver: RunningReceiver) -> None:
        with connected(receiver) as client:
            client.sendall(HEAD + b"Content-Length: 100000\r\n\r\n")
            client.settimeout(0.05)
            answer = b""
            deadline = time.monotonic() + 10
            while not answer and time.monotonic() < deadline:
                client.sendall(b"{")
                with contextlib.suppress(TimeoutError):
                    answer = client.recv(1000)
        assert answer.startswith(b"HTTP/1.1 408")

    def test_S4_idle_connections_do_not_keep_exporters_out_and_are_closed(self, receiver: RunningReceiver) -> None:
        with contextlib.ExitStack() as idle:
            clients = [idle.enter_context(connected(receiver)) for _ in range(200)]
            assert post(receiver, a_request(a_message()).SerializeToString()).ok
            assert all(is_closed(client) for client in clients)


@pytest.mark.parametrize(
    "raw",
    [
        HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        HEAD + b"Content-Length: many\r\n\r\n{}",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        HEAD + b"X-Huge: " + b"h" * 1_000_000 + b"\r\nContent-Length: 2\r\n\r\n{}",
        HEAD + b"X-Many: 1\r\n" * 100_000 + b"Content-Length: 2\r\n\r\n{}",
        b"\x00\x01\x02 garbage\r\n\r\n",
    ],
    ids=["two lengths", "no number", "bad chunk", "huge header", "many headers", "garbage"],
)
def test_S6_broken_framing_ends_the_connection_and_no_other(
    receiver: RunningReceiver, store: FakeStore, raw: bytes
) -> None:
    with connected(receiver) as client:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            client.sendall(raw)
        with contextlib.suppress(ConnectionResetError, http.client.BadStatusLine):
            assert 400 <= status_of(client) < 500
        assert is_closed(client)
    assert post(receiver, a_request(a_message()).SerializeToString()).ok
    assert len(store.spans) == 1


def test_S14_no_answer_invites_a_browser_page_of_another_site(receiver: RunningReceiver) -> None:
    headers = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    preflight = post(receiver, b"", None, method="OPTIONS", headers=headers)
    assert preflight.code == 405
    plain = post(receiver, b"{}", "text/plain", headers=headers)
    assert plain.code == 415
    assert not [name for answer in (preflight, plain) for name in answer.headers if name.startswith("access-control")]


def test_S15_a_client_that_leaves_in_mid_body_leaves_nothing_behind(
    receiver: RunningReceiver, store: FakeStore
) -> None:
    body = a_request(*numbered(3)).SerializeToString()
    with connected(receiver) as client:
        head = HEAD.replace(b"application/json", PROTOBUF.encode())
        client.sendall(head + b"Content-Length: 100000\r\n\r\n" + body)
        wait_until(lambda: receiver.counters.inflight_bytes > 0)
    wait_until(lambda: receiver.counters.inflight_bytes == 0)
    assert store.spans == []
    assert post(receiver, body).ok


class TestTightQueue:
    @pytest.fixture
    def options(self) -> ReceiverOptions:
        return ReceiverOptions(inflight_bytes=3000, grace_s=2.0)

    def test_S16_clients_faster_than_the_store_lose_nothing_that_was_acknowledged(
        self, receiver: RunningReceiver, store: FakeStore
    ) -> None:
        """Each client repeats what was refused, as exporters do; the store is held up until refusals were seen."""
        store.open.clear()
        refusals = []

        def deliver(client: int) -> None:
            for batch in range(5):
                body = a_request(*numbered(10, first=1 + 100 * client + 10 * batch)).SerializeToString()
                send = call if client % 2 else post
                while not (answer := send(receiver, body)).ok:
                    assert answer.code in (503, "RESOURCE_EXHAUSTED")
                    refusals.append(answer)
                    store.open.set()
                    time.sleep(0.01)

        with ThreadPoolExecutor(8) as clients:
            list(clients.map(deliver, range(8)))
        assert refusals
        assert len({span.key for span in store.spans}) == len(store.spans) == 400


class TestSpanLimits:
    @pytest.fixture
    def options(self) -> ReceiverOptions:
        return ReceiverOptions(span_limits=SpanLimits(attributes=10, value_bytes=101, name_bytes=21), grace_s=2.0)

    def test_S31_what_is_too_much_is_cut_between_characters_and_counted(self, send: Send, store: FakeStore) -> None:
        nested = AnyValue(array_value=ArrayValue(values=[AnyValue(string_value="x" * 500)]))
        many = [text(f"k{number}", "v") for number in range(20)]
        message = a_message(
            1,
            name="é" * 50,
            attributes=[
                text("long", "é" * 400),
                KeyValue(key="raw", value=AnyValue(bytes_value=bytes(400))),
                KeyValue(key="nested", value=nested),
                *many,
            ],
        )
        response = send(a_request(message, a_message(2))).response
        cut, untouched = store.spans
        assert cut.name == "é" * 10
        assert (cut.attributes["long"], len(cut.attributes["raw"])) == ("é" * 50, 101)
        assert list(cut.attributes["nested"]) == ["x" * 101]
        assert (len(cut.attributes), cut.dropped_attributes_count) == (10, 13)
        assert (untouched.name, response.partial_success.rejected_spans) == ("span 2", 0)
        assert "cut" in response.partial_success.error_message


def test_S31_ordinary_limits_take_large_spans(receiver: RunningReceiver, store: FakeStore) -> None:
    message = a_message(
        1,
        attributes=[text(f"k{number}", "v" * 1000) for number in range(1000)],
        links=[{"span_id": b"\1" * 8}] * 10_000,
    )
    for link in message.links:
        link.trace_id = b"\1" * 16
    request = a_request(message)
    assert post(receiver, json.dumps(json_of(request)).encode(), JSON).ok
    assert post(receiver, request.SerializeToString()).ok
    (span,) = store.spans
    assert (len(span.attributes), len(span.links)) == (1000, 10_000)
