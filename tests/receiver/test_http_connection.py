"""HTTP/1.1 as clients may speak it to the receiver: one after the other, ahead, in pieces, and to no good end."""

import asyncio
import contextlib
import http.client
import socket
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.receiver.conftest import ANY_PORT, PROTOBUF, post, wait_until
from tests.support.authority import Authority
from tests.support.fake_store import FakeStore
from tests.support.otlp import a_message, a_request
from tracecheck.receiver import ReceiverOptions, RunningReceiver, Security, start_receiver
from tracecheck.receiver.answers import Fault
from tracecheck.receiver.http_connection import MOST_CHUNKING_BYTES, Connection
from tracecheck.receiver.http_message import Answer, Head, fault_answer
from tracecheck.receiver.http_server import HttpServer


def body(number: int = 1) -> bytes:
    return a_request(a_message(number)).SerializeToString()


def a_post(sent: bytes, *headers: str, path: str = "/v1/traces", version: str = "1.1") -> bytes:
    lines = [f"POST {path} HTTP/{version}", f"Content-Type: {PROTOBUF}", f"Content-Length: {len(sent)}", *headers]
    return "\r\n".join([*lines, *(["Host: here"] if version == "1.1" else []), "", ""]).encode() + sent


@pytest.fixture
def client(receiver: RunningReceiver) -> Iterator[socket.socket]:
    with connected(receiver) as opened:
        yield opened


def connected(receiver: RunningReceiver) -> socket.socket:
    address = urlsplit(receiver.http_endpoint)
    return socket.create_connection((address.hostname or "", address.port or 0), timeout=20)


def answers(client: socket.socket, count: int, method: str = "POST") -> list[int]:
    """Status codes of so many answers. What comes after them is left where it is."""
    found = []
    with client.makefile("rb", buffering=0) as read:
        for _ in range(count):
            found.append(int(read.readline().split()[1]))
            length = int(http.client.parse_headers(read)["Content-Length"])  # type: ignore[arg-type]
            left = 0 if method == "HEAD" else length
            while left:
                left -= len(read.read(left) or b"")
    return found


def is_closed(client: socket.socket) -> bool:
    with contextlib.suppress(ConnectionResetError):
        while client.recv(65536):
            pass
    return True


def test_requests_sent_ahead_are_answered_in_their_order(
    receiver: RunningReceiver, store: FakeStore, client: socket.socket
) -> None:
    store.open.clear()
    client.sendall(a_post(body(1)) + a_post(b"", path="/nowhere") + a_post(body(2)))
    assert store.entered.wait(10)
    client.sendall(a_post(body(3)) + a_post(b"\xff"))
    store.open.set()
    assert answers(client, 5) == [200, 404, 200, 200, 400]
    assert len(store.spans) == 3


def test_a_client_that_sends_more_ahead_than_any_exporter_is_refused_after_what_it_may(client: socket.socket) -> None:
    client.sendall(a_post(body()) * 30)
    assert answers(client, 17) == [200] * 16 + [400]
    assert is_closed(client)


def test_who_asks_whether_to_go_on_is_told_so(client: socket.socket) -> None:
    head, sent = a_post(body(), "Expect: 100-continue").split(b"\r\n\r\n", 1)
    client.sendall(head + b"\r\n\r\n")
    assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.sendall(sent)
    assert answers(client, 1) == [200]


def test_who_asks_whether_to_go_on_learns_at_once_that_it_may_not(client: socket.socket) -> None:
    head = a_post(b"x" * 10, "Expect: 100-continue", "Content-Encoding: br").split(b"\r\n\r\n", 1)[0]
    client.sendall(head + b"\r\n\r\n")
    assert answers(client, 1) == [415]
    assert is_closed(client)


def test_a_client_that_ends_its_side_still_reads_its_answer(client: socket.socket) -> None:
    client.sendall(a_post(body()))
    client.shutdown(socket.SHUT_WR)
    assert answers(client, 1) == [200]
    assert is_closed(client)


@pytest.mark.parametrize(
    "asked", [["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQ"], []]
)
def test_a_client_that_would_rather_speak_http_2_is_answered_in_http_1(
    client: socket.socket, store: FakeStore, asked: list[str]
) -> None:
    client.sendall(a_post(body(1), *asked) + a_post(body(2)) + a_post(body(3), *asked))
    assert answers(client, 3) == [200, 200, 200]
    assert len(store.spans) == 3


def test_a_tunnel_is_refused(client: socket.socket) -> None:
    client.sendall(b"CONNECT here:80 HTTP/1.1\r\nHost: here\r\n\r\n")
    assert answers(client, 1) == [405]
    assert is_closed(client)


def test_http_2_without_asking_is_refused(client: socket.socket) -> None:
    client.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    assert answers(client, 1) == [400]
    assert is_closed(client)


def test_head_is_refused_without_a_body_and_the_connection_goes_on(client: socket.socket) -> None:
    client.sendall(b"HEAD /v1/traces HTTP/1.1\r\nHost: here\r\n\r\n")
    assert answers(client, 1, "HEAD") == [405]
    client.sendall(a_post(body()))
    assert answers(client, 1) == [200]


@pytest.mark.parametrize("path", ["http://here:4318/v1/traces", "/v1/traces?from=here", "/v1/traces/"])
def test_the_path_counts_and_nothing_around_it(client: socket.socket, path: str) -> None:
    client.sendall(a_post(body(), path=path))
    assert answers(client, 1) == [200]


def test_a_refused_request_with_a_body_leaves_the_connection_as_it_was(client: socket.socket) -> None:
    client.sendall(a_post(b"x" * 300_000, "Content-Encoding: br"))
    assert answers(client, 1) == [415]
    client.sendall(a_post(body()))
    assert answers(client, 1) == [200]


def test_a_host_is_asked_for_and_the_older_version_needs_none(receiver: RunningReceiver, client: socket.socket) -> None:
    client.sendall(a_post(body(), version="1.0"))
    assert answers(client, 1) == [200]
    assert is_closed(client)
    with connected(receiver) as other:
        other.sendall(a_post(b"").replace(b"Host: here\r\n", b""))
        assert answers(other, 1) == [400]
        assert is_closed(other)


@pytest.mark.parametrize("endless", [b"1\r\nx\r\n" * (MOST_CHUNKING_BYTES // 4), b"0\r\nX: " + b"x" * 2 * 2**20])
def test_S6_a_body_that_is_nearly_all_framing_is_refused(
    receiver: RunningReceiver, client: socket.socket, endless: bytes
) -> None:
    client.sendall(a_post(b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked"))
    with contextlib.suppress(OSError):
        client.sendall(endless)
    assert answers(client, 1) == [431]
    wait_until(lambda: receiver.counters.inflight_bytes == 0)


def test_a_bug_is_answered_500_and_logged(
    client: socket.socket, monkeypatch: pytest.MonkeyPatch, receiver: RunningReceiver
) -> None:
    monkeypatch.setattr(HttpServer, "_fault", lambda *_: 1 / 0)
    client.sendall(a_post(body()))
    assert answers(client, 1) == [500]
    monkeypatch.undo()
    assert post(receiver, body()).ok


class TestSmallBodies:
    @pytest.fixture
    def options(self) -> ReceiverOptions:
        return ReceiverOptions(max_message_bytes=10_000, idle_timeout_s=0.3, body_timeout_s=0.3, grace_s=60.0)

    @pytest.mark.parametrize("length", ["Content-Length: 8000000", "Transfer-Encoding: chunked"])
    def test_A4_a_client_that_still_sends_reads_why_it_was_refused(self, client: socket.socket, length: str) -> None:
        """Closing on what it sends would reset the connection, and the answer would be lost."""
        chunk = b"8000000\r\n" if "chunked" in length else b""
        client.sendall(a_post(b"").replace(b"Content-Length: 0", length.encode()) + chunk + bytes(8_000_000))
        assert answers(client, 1) == [413]

    def test_S3_half_a_head_is_answered_408(self, client: socket.socket) -> None:
        client.sendall(a_post(b"")[:30])
        assert answers(client, 1) == [408]
        assert is_closed(client)

    def test_A31_connections_without_a_request_do_not_hold_up_the_end(self, store: FakeStore) -> None:
        running = start_receiver(store, ANY_PORT, options=ReceiverOptions(grace_s=60.0))
        with connected(running) as idle, connected(running) as used, ThreadPoolExecutor(1) as thread:
            used.sendall(a_post(body()))
            assert answers(used, 1) == [200]
            thread.submit(running.close).result(20)
            assert is_closed(idle)
            assert is_closed(used)

    @pytest.mark.parametrize("begun", [None, b"", a_post(b"")[:30], a_post(b"x" * 9)[:-1]])
    def test_S3_slow_clients_are_ended_over_tls_as_well(
        self, store: FakeStore, tmp_path: Path, begun: bytes | None
    ) -> None:
        """`None` is a client that never begins its handshake."""
        authority = Authority(tmp_path)
        certificate, key = authority.issue("server")
        secured = ReceiverOptions(
            idle_timeout_s=0.5, body_timeout_s=0.5, grace_s=2.0, security=Security(certificate=certificate, key=key)
        )
        with start_receiver(store, ANY_PORT, options=secured) as receiver, connected(receiver) as plain:
            if begun is None:
                assert is_closed(plain)
                return
            trusting = ssl.create_default_context(cafile=str(authority.root))
            with trusting.wrap_socket(plain, server_hostname="127.0.0.1") as client:
                client.sendall(begun)
                assert answers(client, 1) == [408] if begun else is_closed(client)


class Recorded:
    """A request whose body is its answer."""

    def __init__(self, head: Head) -> None:
        self.head = head
        self.fault: Fault | None = None
        self._body = b""

    def take(self, piece: bytes) -> None:
        self._body += piece

    def finish(self, reply: Callable[[Answer], None]) -> None:
        answer = Answer(status=200, body=self._body, content_type=PROTOBUF)
        if len(self._body) % 2:
            reply(answer)
        else:
            asyncio.get_running_loop().call_soon(reply, answer)

    def abandon(self) -> None:
        raise AssertionError

    def answer_to(self, fault: Fault) -> Answer:
        return fault_answer(fault, as_json=True)


class Wire(asyncio.Transport):
    """Keeps what is written, and lets nothing through while it is paused."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.flows = asyncio.Event()
        self.flows.set()

    def write(self, data: bytes) -> None:
        self.written += data

    def pause_reading(self) -> None:
        self.flows.clear()

    def resume_reading(self) -> None:
        self.flows.set()

    def can_write_eof(self) -> bool:
        return True

    def close(self) -> None:
        raise AssertionError


def framed(sent: bytes, chunks: int) -> bytes:
    if not chunks:
        return a_post(sent)
    size = max(len(sent) // chunks, 1)
    pieces = [sent[first : first + size] for first in range(0, len(sent), size)]
    chunked = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return a_post(b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked") + chunked + b"0\r\n\r\n"


@given(
    st.lists(st.tuples(st.binary(max_size=40), st.integers(0, 3)), min_size=1, max_size=8),
    st.lists(st.integers(1, 90), min_size=1),
)
def test_however_the_bytes_of_requests_arrive_each_is_answered_for_itself_and_in_order(
    requests: list[tuple[bytes, int]], sizes: list[int]
) -> None:
    stream = b"".join(framed(*each) for each in requests)

    async def feed() -> bytes:
        connection, wire = Connection(Recorded, set(), idle_timeout_s=60, body_timeout_s=60), Wire()
        connection.connection_made(wire)
        first = turn = 0
        while first < len(stream):
            await wire.flows.wait()
            size = sizes[turn % len(sizes)]
            connection.data_received(stream[first : first + size])
            first, turn = first + size, turn + 1
            if turn % 3 == 0:
                await asyncio.sleep(0)
        for _ in range(2 * len(requests)):
            await asyncio.sleep(0)
        return wire.written

    heads, bodies = [], []
    left = asyncio.run(feed())
    while left:
        head, left = left.split(b"\r\n\r\n", 1)
        length = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
        heads.append(head.split(b"\r\n")[0])
        bodies.append(left[:length])
        left = left[length:]
    assert bodies == [sent for sent, _ in requests]
    assert set(heads) == {b"HTTP/1.1 200 OK"}
