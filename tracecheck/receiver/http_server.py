"""OTLP over HTTP: protobuf and JSON on one port, gzip or not; every error body is a `google.rpc.Status`."""

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from io import BytesIO

from google.rpc import code_pb2

from tracecheck.errors import StoreUnavailable
from tracecheck.receiver.answers import UNAUTHENTICATED, Fault, fault_of
from tracecheck.receiver.export import begin_export, failed_export
from tracecheck.receiver.http_connection import Connection, Refused
from tracecheck.receiver.http_message import JSON, PROTOBUF, Answer, Head, fault_answer
from tracecheck.receiver.inflate import TooLarge, gunzip
from tracecheck.receiver.intake import Intake
from tracecheck.receiver.listener import Listener
from tracecheck.receiver.options import ReceiverOptions
from tracecheck.receiver.other_signals import LOGS, METRICS, TRACES, Signal
from tracecheck.receiver.security import ssl_context

_LOOK_EVERY_S = 0.01
"""Whether all connections have ended, while stopping."""


class HttpServer(Listener):
    """A listening OTLP/HTTP server."""

    def __init__(self, intake: Intake, host: str, port: int, options: ReceiverOptions, executor: Executor) -> None:
        """Binds and starts. Bodies are decoded in `executor`, so that the loop stays free. Raises `PortInUse`."""
        self._intake = intake
        self._options = options
        self._executor = executor
        paths = {TRACES: options.traces_path, METRICS: METRICS.path, LOGS: LOGS.path}
        self._signals = {path.rstrip("/"): signal for signal, path in paths.items()}
        self._connections: set[Connection] = set()
        super().__init__(self._serve, host, port, purpose="OTLP/HTTP", most_connections=options.most_connections)

    async def _serve(self, listening: socket.socket, stopping: asyncio.Event) -> None:
        options, loop = self._options, asyncio.get_running_loop()
        if options.security.uses_tls:
            server = await loop.create_server(
                self._connection,
                sock=listening,
                ssl=ssl_context(options.security),
                ssl_handshake_timeout=options.idle_timeout_s,
                ssl_shutdown_timeout=options.idle_timeout_s,
            )
        else:
            server = await loop.create_server(self._connection, sock=listening)
        await stopping.wait()
        server.close()
        for connection in list(self._connections):
            connection.stop()
        with suppress(TimeoutError):
            async with asyncio.timeout(options.grace_s):
                while self._connections:
                    await asyncio.sleep(_LOOK_EVERY_S)
        for connection in list(self._connections):
            connection.abort()

    def _connection(self) -> Connection:
        return Connection(
            self._upload,
            self._connections,
            idle_timeout_s=self._options.idle_timeout_s,
            body_timeout_s=self._options.body_timeout_s,
        )

    def _upload(self, head: Head) -> "_Upload":
        signal = self._signals.get(head.path.rstrip("/"))
        return _Upload(head, signal or TRACES, self._fault(head, signal), self._intake, self._options, self._executor)

    def _fault(self, head: Head, signal: Signal | None) -> Fault | None:
        """What is wrong with a request, as far as its head tells."""
        if signal is None:
            message = f"no such path; OTLP is taken at {', '.join(self._signals)}"
            return Fault(grpc_code=code_pb2.NOT_FOUND, http_status=404, message=message)
        if head.method != "POST":
            return _WRONG_METHOD
        if not self._options.security.allows(head.header(b"authorization")):
            return UNAUTHENTICATED
        if _content_type(head) not in (PROTOBUF, JSON):
            return _unsupported(f"Content-Type must be {PROTOBUF} or {JSON}")
        if (encoding := _encoding(head)) not in ("gzip", "identity", ""):
            return _unsupported(f"Content-Encoding {encoding[:40]!r} is not taken; send gzip or none")
        if int(head.header(b"content-length", "0")) > self._options.max_message_bytes:
            return _too_large(self._options)
        return None


class _Upload:
    """One export request. One with a fault is received and thrown away, so that its connection can go on."""

    def __init__(
        self,
        head: Head,
        signal: Signal,
        fault: Fault | None,
        intake: Intake,
        options: ReceiverOptions,
        executor: Executor,
    ) -> None:
        self.head = head
        self._signal = signal
        self.fault = fault
        self._intake = intake
        self._options = options
        self._executor = executor
        self._loop = asyncio.get_running_loop()
        self._reservation = intake.reserve()
        self._body = BytesIO()
        self._size = 0
        self._as_json = _content_type(head) != PROTOBUF
        self._reply: Callable[[Answer], None]

    def take(self, piece: bytes) -> None:
        """Keeps the piece within the limits. A Content-Length is not trusted, and may be absent."""
        self._size += len(piece)
        if self._size > self._options.max_message_bytes:
            raise Refused(_too_large(self._options))
        if self.fault is None:
            try:
                self._reservation.grow(len(piece))
            except StoreUnavailable as full:
                self._give_up(fault_of(full, self._options.retry_after_s))
            else:
                self._body.write(piece)

    def finish(self, reply: Callable[[Answer], None]) -> None:
        """Has the body decoded, and replies once its spans are durable."""
        if self.fault is not None:
            self._intake.note_request(refused=True)
            reply(self.answer_to(self.fault))
            return
        self._reply = reply
        self._executor.submit(self._export)

    def abandon(self) -> None:
        """Gives back what it holds."""
        self._reservation.release()
        self._intake.note_request(refused=True)

    def answer_to(self, fault: Fault) -> Answer:
        """The fault in the encoding of the request."""
        return fault_answer(fault, as_json=self._as_json)

    def _give_up(self, fault: Fault) -> None:
        self.fault = fault
        self._body = BytesIO()
        self._reservation.release()

    def _export(self) -> None:
        """In a thread of the executor."""
        try:
            body = self._body.getvalue()
            self._body = BytesIO()
            if _encoding(self.head) == "gzip":
                body = gunzip(body, self._options.max_message_bytes, self._reservation.grow)
            exporting = begin_export(self._intake, self._signal, body, self._options, as_json=self._as_json)
        except Exception as error:  # noqa: BLE001 - every fault must become a Status body
            self._settle(error, b"")
        else:
            exporting.durable.add_done_callback(lambda durable: self._settle(durable.exception(), exporting.answer))

    def _settle(self, error: BaseException | None, answer: bytes) -> None:
        """In whichever thread made the spans durable."""
        self._reservation.release()
        with suppress(RuntimeError):  # the loop was closed, the grace being over
            self._loop.call_soon_threadsafe(self._answer, error, answer)

    def _answer(self, error: BaseException | None, answer: bytes) -> None:
        if error is not None:
            self._reply(self.answer_to(failed_export(self._intake, error, self._options)))
            return
        self._intake.note_request(refused=False)
        self._reply(Answer(status=200, body=answer, content_type=JSON if self._as_json else PROTOBUF))


def _content_type(head: Head) -> str:
    return head.header(b"content-type").partition(";")[0].strip().lower()


def _encoding(head: Head) -> str:
    return head.header(b"content-encoding", "identity").lower()


def _too_large(options: ReceiverOptions) -> Fault:
    return fault_of(TooLarge(options.max_message_bytes), options.retry_after_s)


def _unsupported(message: str) -> Fault:
    return Fault(grpc_code=code_pb2.INVALID_ARGUMENT, http_status=415, message=message)


_WRONG_METHOD = Fault(grpc_code=code_pb2.UNIMPLEMENTED, http_status=405, message="only POST is taken here")
