"""One connection of the OTLP/HTTP server: the framing of HTTP/1.1 by llhttp, and how much and how long a client may.

One request is answered at a time. What a client sends ahead waits in its socket, but for what came with the request
before it. Every state but that of waiting for us has a time limit, and every byte that is kept has a bound.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import httptools
from google.rpc import code_pb2

from tracecheck.receiver.answers import Fault
from tracecheck.receiver.http_message import Answer, Head, fault_answer, rendered

MOST_HEAD_BYTES = 64 * 1024
"""Of a request line and its headers. Exporters send some hundred."""

MOST_CHUNKING_BYTES = 1024 * 1024
"""Of what is between the pieces of a chunked body and after it: enough for the largest body in pieces of 512 bytes."""

MOST_AHEAD = 16
"""Requests that one read may bring; exporters send the next one after an answer."""

LINGER_S = 2.0
"""How long a client that was refused in the middle may take to read why: closing at once would reset its connection,
and the answer would be lost."""

_log = logging.getLogger(__name__)
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Refused(Exception):
    """Ends a request whose body did not wholly arrive, and its connection, with this fault."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


class Upload(Protocol):
    """A request that a connection receives. Called in the thread of its loop only."""

    head: Head
    fault: Fault | None
    """Why it will be refused, if that is known already."""

    def take(self, piece: bytes) -> None:
        """Takes the next piece of the body. Raises `Refused`."""

    def finish(self, reply: Callable[[Answer], None]) -> None:
        """The body is complete: calls `reply` once, at once or later."""

    def abandon(self) -> None:
        """No more will come and nobody waits for an answer."""

    def answer_to(self, fault: Fault) -> Answer:
        """The fault in the encoding of the request."""


class Connection(asyncio.Protocol):
    """Feeds what a client sends to `open_upload(head)`, and sends the answers in order. It is in `connections` while it
    is open. The event loop calls it, and under `on_...` the parser."""

    def __init__(
        self,
        open_upload: Callable[[Head], Upload],
        connections: set["Connection"],
        *,
        idle_timeout_s: float,
        body_timeout_s: float,
    ) -> None:
        self._open_upload = open_upload
        self._connections = connections
        self._idle_timeout_s = idle_timeout_s
        self._body_timeout_s = body_timeout_s
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport
        self._timer: asyncio.TimerHandle | None = None
        self._target = b""
        self._headers: dict[bytes, bytes] = {}
        self._upload: Upload | None = None  # its body arrives
        self._whole: deque[Upload] = deque()  # the first is being answered
        self._ahead = b""
        self._framing_bytes = 0
        self._begun = self._ending = self._stopping = self._lost = False
        self._fault: Fault | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begins the time for a first request."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._connections.add(self)
        self._set_timer()

    def data_received(self, data: bytes) -> None:
        """Reads on in the request, or keeps what a client sent before it had its answer."""
        if self._ending:
            return
        if self._whole:
            self._ahead += data
            self._transport.pause_reading()
            return
        self._framing_bytes += len(data)
        try:
            self._feed(data)
        except httptools.HttpParserError as error:
            self._refuse(_fault_of(error))
        else:
            if self._framing_bytes > (MOST_CHUNKING_BYTES if self._upload else MOST_HEAD_BYTES):
                self._refuse(_TOO_MUCH)

    def eof_received(self) -> bool:
        """A client that sends no more may still read an answer."""
        self._stopping = True
        return bool(self._whole) and self._transport.can_write_eof()

    def pause_writing(self) -> None:
        """Ends a client that sends and sends, and reads no answer."""
        self._transport.abort()

    def connection_lost(self, _: Exception | None) -> None:
        """Gives up what was under way; what is being stored is stored."""
        self._lost = self._ending = True
        self._clear_timer()
        for unanswered in [*list(self._whole)[1:], *([self._upload] if self._upload else [])]:
            unanswered.abandon()
        self._upload = None
        self._connections.discard(self)

    def on_message_begin(self) -> None:
        """A request line begins."""
        if self._ending:
            raise Refused(_bad("the connection has ended"))
        self._begun = True
        self._target, self._headers = b"", {}

    def on_url(self, piece: bytes) -> None:
        """A piece of the request target."""
        self._target += piece

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer, which is not kept."""
        if self._upload is None:
            self._headers.setdefault(name.lower(), value)

    def on_headers_complete(self) -> None:
        """The head is there: it may be refused before its body comes."""
        method = self._parser.get_method()
        if method == b"CONNECT":
            raise Refused(_bad("this is no proxy", 405))
        if self._parser.should_upgrade():
            return
        modern = self._parser.get_http_version() == "1.1"
        if modern and b"host" not in self._headers:
            raise Refused(_bad("an HTTP/1.1 request names its host"))
        if len(self._whole) >= MOST_AHEAD:
            raise Refused(_bad("too many requests before an answer"))
        head = Head(
            method=method.decode("latin-1"),
            path=(httptools.parse_url(self._target).path or b"").decode("latin-1"),
            headers=self._headers,
            keep_alive=modern and self._parser.should_keep_alive(),
        )
        self._upload = self._open_upload(head)
        if modern and head.header(b"expect").lower() == "100-continue" and not self._whole:
            if self._upload.fault is not None:
                raise Refused(self._upload.fault)
            self._transport.write(_CONTINUE)
        self._set_timer()

    def on_body(self, piece: bytes) -> None:
        """A piece of the body."""
        self._framing_bytes -= len(piece)
        assert self._upload is not None
        self._upload.take(piece)

    def on_message_complete(self) -> None:
        """The body is there, but for that of a request to upgrade."""
        if self._upload is None:
            return
        self._framing_bytes = 0
        self._begun = False
        self._whole.append(self._upload)
        self._upload = None
        if len(self._whole) == 1:
            self._clear_timer()
            self._whole[0].finish(self._answered)

    def stop(self) -> None:
        """Ends once what arrived is answered; at once when nothing is under way."""
        self._stopping = True
        if not self._whole and not self._begun and not self._ending:
            self._end()

    def abort(self) -> None:
        """Ends now."""
        self._transport.abort()

    def _feed(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                self._parser.feed_data(rest)
            except httptools.HttpParserUpgrade as asked:
                self._parse_without_upgrade()
                rest = rest[asked.args[0] :]
            else:
                return

    def _parse_without_upgrade(self) -> None:
        """A request to upgrade may be taken as it is. The parser has skipped its body, so it gets the head again."""
        lines = [self._parser.get_method() + b" " + self._target + b" HTTP/1.1"]
        lines += [name + b": " + value for name, value in self._headers.items() if name != b"upgrade"]
        self._parser = httptools.HttpRequestParser(self)
        self._parser.feed_data(b"\r\n".join([*lines, b"", b""]))

    def _answered(self, answer: Answer) -> None:
        upload = self._whole.popleft()
        if self._lost:
            return
        goes_on = self._whole or self._fault is not None
        closing = not goes_on and (self._stopping or not upload.head.keep_alive)
        self._transport.write(rendered(answer, upload.head, closing=closing))
        if self._whole:
            self._whole[0].finish(self._answered)
        elif self._fault is not None:
            self._say_and_end(self._fault)
        elif closing:
            self._end()
        else:
            self._set_timer()
            if self._ahead:
                ahead, self._ahead = self._ahead, b""
                self._transport.resume_reading()
                self.data_received(ahead)

    def _set_timer(self) -> None:
        """Gives the client its time for what it is to do next."""
        self._clear_timer()
        if not self._whole:
            limit_s = self._idle_timeout_s if self._upload is None else self._body_timeout_s
            self._timer = self._loop.call_later(limit_s, self._too_late)

    def _clear_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_late(self) -> None:
        if not self._begun:
            self._end()
            return
        what, limit_s = ("body", self._body_timeout_s) if self._upload else ("head", self._idle_timeout_s)
        message = f"the {what} did not arrive within {limit_s:g} s"
        self._refuse(Fault(grpc_code=code_pb2.DEADLINE_EXCEEDED, http_status=408, message=message))

    def _refuse(self, fault: Fault) -> None:
        """Answers a request that cannot be received further, after those before it, and ends."""
        if self._ending:
            return
        self._ending = True
        self._clear_timer()
        if not self._whole:
            self._say_and_end(fault)
        elif self._whole[-1].head.keep_alive:  # else nothing more was expected
            self._fault = fault

    def _say_and_end(self, fault: Fault) -> None:
        head, answer = Head(method="", path="", headers={}), fault_answer(fault, as_json=True)
        if self._upload is not None:
            head, answer = self._upload.head, self._upload.answer_to(fault)
            self._upload.abandon()
            self._upload = None
        self._transport.write(rendered(answer, head, closing=True))
        self._end(linger=True)

    def _end(self, *, linger: bool = False) -> None:
        self._ending = True
        self._clear_timer()
        if not linger:
            self._transport.close()
        elif self._transport.can_write_eof():
            with suppress(OSError):
                self._transport.write_eof()
        self._loop.call_later(LINGER_S, self._transport.abort)


def _fault_of(error: httptools.HttpParserError) -> Fault:
    """Why the parser gave up: what a callback raised, or what it found itself."""
    cause = error.__context__
    if isinstance(cause, Refused):
        return cause.fault
    if isinstance(error, httptools.HttpParserCallbackError) and not isinstance(cause, httptools.HttpParserError):
        _log.error("a request failed for a reason that is no fault of its sender", exc_info=cause)
        return Fault(grpc_code=code_pb2.INTERNAL, http_status=500, message="the receiver failed; see its log")
    return _bad("this is no sound HTTP/1.1 request")


def _bad(message: str, status: int = 400) -> Fault:
    return Fault(grpc_code=code_pb2.INVALID_ARGUMENT, http_status=status, message=message)


_TOO_MUCH = _bad("too many bytes of headers, or between the pieces of the body", 431)
