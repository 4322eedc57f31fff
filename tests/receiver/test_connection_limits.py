"""Rows S4 and S5: connections and HTTP/2 frames without end cost those who open them, and no exporter."""

import contextlib
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import grpc
import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.exceptions import ProtocolError

from tests.receiver.conftest import TRACES, call, post, wait_until
from tests.support.fake_store import FakeStore
from tests.support.otlp import a_message, a_request
from tracecheck.receiver import ReceiverOptions, RunningReceiver

BODY = a_request(a_message()).SerializeToString()
MOST = 20
HEADERS = [
    (":method", "POST"),
    (":scheme", "http"),
    (":authority", "localhost"),
    (":path", f"/{TRACES}/Export"),
    ("content-type", "application/grpc"),
    ("te", "trailers"),
]


@pytest.fixture
def options() -> ReceiverOptions:
    return ReceiverOptions(most_connections=MOST, idle_timeout_s=1.0, grace_s=2.0)


def connected(endpoint: str) -> socket.socket:
    address = urlsplit(endpoint)
    return socket.create_connection((address.hostname or "", address.port or 0), timeout=10)


def is_open(client: socket.socket) -> bool:
    client.setblocking(False)
    try:
        return client.recv(65536) != b""
    except BlockingIOError:
        return True
    except ConnectionError:
        return False


@contextlib.contextmanager
def crowd(endpoint: str, size: int) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as opened:
        yield [opened.enter_context(connected(endpoint)) for _ in range(size)]


class TestPatience:
    @pytest.fixture
    def options(self) -> ReceiverOptions:
        return ReceiverOptions(most_connections=MOST, idle_timeout_s=60.0, grace_s=2.0)

    def test_S4_over_http_the_longest_silent_connection_makes_room_for_an_exporter(
        self, receiver: RunningReceiver, store: FakeStore
    ) -> None:
        with crowd(receiver.http_endpoint, 10 * MOST) as clients:
            wait_until(lambda: sum(map(is_open, clients)) <= MOST)
            assert post(receiver, BODY).ok
            assert sum(map(is_open, clients)) < MOST
        assert len(store.spans) == 1

    def test_S4_a_connection_that_speaks_outlives_those_that_are_silent(self, receiver: RunningReceiver) -> None:
        with crowd(receiver.http_endpoint, MOST - 1) as silent, connected(receiver.http_endpoint) as speaking:
            speaking.sendall(b"POST /v1/traces HTTP/1.1\r\n")
            with crowd(receiver.http_endpoint, MOST // 2):
                wait_until(lambda: sum(map(is_open, silent)) <= MOST // 2)
                assert is_open(speaking)


def test_S4_over_grpc_no_more_connections_are_open_than_allowed_and_an_exporter_gets_in(
    receiver: RunningReceiver, store: FakeStore
) -> None:
    with crowd(receiver.grpc_endpoint, 3 * MOST) as clients:
        wait_until(lambda: sum(map(is_open, clients)) <= MOST)
        with grpc.insecure_channel(urlsplit(receiver.grpc_endpoint).netloc) as channel:
            channel.unary_unary(f"/{TRACES}/Export")(BODY, timeout=20, wait_for_ready=True)
    assert len(store.spans) == 1


def http2(receiver: RunningReceiver) -> tuple[socket.socket, H2Connection]:
    client = connected(receiver.grpc_endpoint)
    connection = H2Connection(H2Configuration(client_side=True))
    connection.initiate_connection()
    client.sendall(connection.data_to_send())
    connection.receive_data(client.recv(65536))
    return client, connection


def attack(receiver: RunningReceiver, kind: str) -> None:
    """Sends frames until the server has had enough, or all were sent."""
    client, connection = http2(receiver)
    with client, contextlib.suppress(OSError, ProtocolError):
        for number in range(5000):
            if kind == "reset":
                stream = connection.get_next_available_stream_id()
                connection.send_headers(stream, HEADERS)
                connection.reset_stream(stream)
            elif kind == "ping":
                connection.ping(number.to_bytes(8, "big"))
            elif number == 0:
                connection.send_headers(1, [*HEADERS, *((f"x-{each}", "h" * 8000) for each in range(60))])
            else:
                break
            client.sendall(connection.data_to_send())


@pytest.mark.parametrize("kind", ["reset", "ping", "headers"])
def test_S5_floods_of_resets_pings_and_headers_leave_the_receiver_well(
    receiver: RunningReceiver, store: FakeStore, kind: str
) -> None:
    attack(receiver, kind)
    assert call(receiver, BODY).ok
    assert post(receiver, BODY).ok
    wait_until(lambda: receiver.counters.inflight_bytes == 0)
    assert len(store.spans) == 1
