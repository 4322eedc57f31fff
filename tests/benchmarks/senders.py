"""Load over plain sockets: OTLP/HTTP and OTLP/gRPC clients that cost little, so that the cores serve the receiver.

Both send bodies that are ready and read every answer. The gRPC one speaks HTTP/2 as far as a unary call needs it: it
keeps to the server's settings and both flow-control windows, answers its settings and pings, indexes its headers, and
takes a call for done only when its trailers say status 0.
"""

import socket
import struct
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import httptools
from hpack import Decoder, Encoder

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _GOAWAY, _WINDOW = 0, 1, 3, 4, 6, 7, 8
_ACK, _END_STREAM, _END_HEADERS = 1, 1, 4
_MAX_FRAME_SIZE, _INITIAL_WINDOW_SIZE = 5, 4
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_FIRST_WINDOW = 65_535
_SEND_AT_ONCE = 256
"""Pieces of one system call; the limit is 1,024 (IOV_MAX)."""


class _Sender:
    """One kept connection."""

    def __init__(self, address: str) -> None:
        """Connects to `host:port`. Raises `OSError`."""
        self._socket = _connected(address)

    def close(self) -> None:
        """Ends the connection."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class HttpSender(_Sender):
    """One kept connection to an OTLP/HTTP receiver."""

    def __init__(self, address: str) -> None:
        """Connects to `host:port`. Raises `OSError`."""
        super().__init__(address)
        self._head = (
            b"POST /v1/traces HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-protobuf\r\n" % address.encode()
        )
        self._complete = False

    def send(self, body: bytes) -> bool:
        """Whether it was taken (200) or turned away (429, 503). Raises `OSError`, `RuntimeError` for other answers."""
        _send_all(self._socket, [self._head + b"Content-Length: %d\r\n\r\n" % len(body), body])
        self._complete = False
        parser = httptools.HttpResponseParser(self)
        while not self._complete:
            parser.feed_data(_received(self._socket))
        status = int(parser.get_status_code())
        if status not in (200, 429, 503):
            raise RuntimeError(f"the receiver refused a request with {status}")
        return status == 200

    def on_message_complete(self) -> None:
        """Called by the parser."""
        self._complete = True


class GrpcSender(_Sender):
    """One kept connection to an OTLP/gRPC receiver, one call at a time."""

    def __init__(self, address: str) -> None:
        """Connects to `host:port`. Raises `OSError`."""
        super().__init__(address)
        self._frames = _frames(self._socket)
        self._window = self._stream_window = self._first_stream_window = _FIRST_WINDOW
        self._frame_size = 16_384
        self._stream = -1
        self._answered = 0
        self._decoder = Decoder()
        encoder = Encoder()
        headers = [
            *((":method", "POST"), (":scheme", "http"), (":path", EXPORT), (":authority", address)),
            *(("te", "trailers"), ("content-type", "application/grpc"), ("grpc-timeout", "60S")),
        ]
        self._first_headers, self._headers = (encoder.encode(headers) for _ in range(2))
        _send_all(self._socket, [_PREFACE, _frame(_SETTINGS, 0, 0)])

    def send(self, body: bytes) -> bool:
        """Whether it was taken (status 0) or turned away. Raises `OSError` when the connection is over."""
        self._stream += 2
        self._stream_window = self._first_stream_window
        headers = self._first_headers if self._stream == 1 else self._headers
        pieces = [_frame(_HEADERS, _END_HEADERS, self._stream, headers)]
        self._send_data(pieces, memoryview(struct.pack(">BI", 0, len(body)) + body))
        while (status := self._take_frame()) is None:
            pass
        return status == "0"

    def _send_data(self, pieces: list[bytes | memoryview], message: memoryview) -> None:
        """As much at once as the windows allow; then waits for more."""
        at = 0
        while at < len(message):
            while (allowed := min(self._window, self._stream_window)) <= 0:
                _send_all(self._socket, pieces)
                pieces = []
                if self._take_frame() is not None:
                    return  # answered before all was sent: turned away
            until = min(at + allowed, len(message))
            self._window -= until - at
            self._stream_window -= until - at
            for start in range(at, until, self._frame_size):
                data = message[start : min(start + self._frame_size, until)]
                last = _END_STREAM if start + len(data) == len(message) else 0
                pieces += (_frame(_DATA, last, self._stream, size=len(data)), data)
            at = until
        _send_all(self._socket, pieces)

    def _take_frame(self) -> str | None:
        """Reads one frame and does what it asks. The call's gRPC status, when this frame ends it."""
        kind, flags, stream, payload = next(self._frames)
        if kind == _SETTINGS and not flags & _ACK:
            self._set(payload)
        elif kind == _PING and not flags & _ACK:
            _send_all(self._socket, [_frame(_PING, _ACK, 0, payload)])
        elif kind == _WINDOW:
            self._widen(stream, int.from_bytes(payload, "big"))
        elif kind == _DATA:
            self._give_back(len(payload))
        elif kind == _HEADERS:
            if not flags & _END_HEADERS or flags & ~(_END_HEADERS | _END_STREAM):
                raise RuntimeError("the receiver pads, ranks or splits its headers: not understood here")
            headers = dict(self._decoder.decode(payload))
            if flags & _END_STREAM and stream == self._stream:
                return str(headers["grpc-status"])
        elif kind == _RESET and stream == self._stream:
            return "reset"
        elif kind == _GOAWAY:
            raise ConnectionResetError("the receiver ends the connection")
        return None

    def _set(self, payload: bytes) -> None:
        for name, value in struct.iter_unpack(">HI", payload):
            if name == _MAX_FRAME_SIZE:
                self._frame_size = value
            elif name == _INITIAL_WINDOW_SIZE:
                self._stream_window += value - self._first_stream_window
                self._first_stream_window = value
        _send_all(self._socket, [_frame(_SETTINGS, _ACK, 0)])

    def _widen(self, stream: int, by: int) -> None:
        if stream == 0:
            self._window += by
        elif stream == self._stream:
            self._stream_window += by

    def _give_back(self, size: int) -> None:
        """Answers take a few bytes of the connection's window, which is given back half a window at a time."""
        self._answered += size
        if self._answered > _FIRST_WINDOW // 2:
            _send_all(self._socket, [_frame(_WINDOW, 0, 0, self._answered.to_bytes(4, "big"))])
            self._answered = 0


def _frame(kind: int, flags: int, stream: int, payload: bytes = b"", *, size: int | None = None) -> bytes:
    """A frame, or its first nine bytes where a payload of `size` follows."""
    length = len(payload) if size is None else size
    return struct.pack(">BHBBI", length >> 16, length & 0xFFFF, kind, flags, stream) + payload


def _frames(connection: socket.socket) -> Iterator[tuple[int, int, int, bytes]]:
    """Kind, flags, stream and payload of what the server sends."""
    held = b""
    while True:
        while len(held) < 9 or len(held) < 9 + (size := int.from_bytes(held[:3], "big")):
            held += _received(connection)
        yield held[3], held[4], int.from_bytes(held[5:9], "big"), held[9 : 9 + size]
        held = held[9 + size :]


def _connected(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    connection = socket.create_connection((host, int(port)), timeout=120)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _received(connection: socket.socket) -> bytes:
    if not (data := connection.recv(65_536)):
        raise ConnectionResetError("the receiver ended the connection")
    return data


def _send_all(connection: socket.socket, pieces: list[bytes | memoryview] | list[bytes]) -> None:
    for first in range(0, len(pieces), _SEND_AT_ONCE):
        left = [memoryview(piece) for piece in pieces[first : first + _SEND_AT_ONCE]]
        while left:
            sent = connection.sendmsg(left)
            while left and sent >= len(left[0]):
                sent -= len(left.pop(0))
            if sent:
                left[0] = left[0][sent:]
