"""OTLP over HTTP: protobuf and JSON on one port, gzip or not; every error body is a `google.rpc.Status`."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor

from google.rpc import code_pb2
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from tracecheck.receiver.answers import UNAUTHENTICATED, Fault
from tracecheck.receiver.export import Exporting, begin_export, failed_export
from tracecheck.receiver.inflate import TooLarge, gunzip
from tracecheck.receiver.intake import Intake, Reservation
from tracecheck.receiver.options import ReceiverOptions
from tracecheck.receiver.other_signals import LOGS, METRICS, TRACES, Signal

PROTOBUF = "application/x-protobuf"
JSON = "application/json"

_WORTH_COMPRESSING_BYTES = 200
"""Most answers are empty or one sentence; only longer ones are compressed for clients that ask."""

_Handler = Callable[[Request], Awaitable[Response]]


class _Answer(Exception):
    """Ends a request early with this fault."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


def http_app(intake: Intake, options: ReceiverOptions, executor: Executor) -> Starlette:
    """The application: one POST route per signal. Decoding runs in `executor`, so that the loop stays free to read."""
    paths = {TRACES: options.traces_path, METRICS: METRICS.path, LOGS: LOGS.path}
    return Starlette(
        routes=[
            Route(path, _export(signal, intake, options, executor), methods=["POST"]) for signal, path in paths.items()
        ],
        middleware=[Middleware(GZipMiddleware, minimum_size=_WORTH_COMPRESSING_BYTES)],
        exception_handlers={404: _not_found(options), 405: _wrong_method},
    )


def _export(signal: Signal, intake: Intake, options: ReceiverOptions, executor: Executor) -> _Handler:
    async def export(request: Request) -> Response:
        as_json = _content_type(request) != PROTOBUF
        try:
            if not options.security.allows(request.headers.get("authorization")):
                raise _Answer(UNAUTHENTICATED)
            _require_known_type(request)
            with intake.reserve() as reservation:
                exporting = await _received(request, reservation)
                await asyncio.wrap_future(exporting.durable)
        except _Answer as refused:
            intake.note_request(refused=True)
            return _fault_response(refused.fault, as_json=as_json)
        except Exception as error:  # noqa: BLE001 - every fault must become a Status body
            return _fault_response(failed_export(intake, error, options), as_json=as_json)
        intake.note_request(refused=False)
        return Response(exporting.answer, media_type=JSON if as_json else PROTOBUF)

    async def _received(request: Request, reservation: Reservation) -> Exporting:
        encoding = request.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("gzip", "identity", ""):
            raise _Answer(_unsupported(f"Content-Encoding {encoding[:40]!r} is not taken; send gzip or none"))
        body = await _body(request, reservation, options)
        as_json = _content_type(request) == JSON

        def work() -> Exporting:
            whole = gunzip(body, options.max_message_bytes, reservation.grow) if encoding == "gzip" else body
            return begin_export(intake, signal, whole, options, as_json=as_json)

        return await asyncio.get_running_loop().run_in_executor(executor, work)

    return export


async def _body(request: Request, reservation: Reservation, options: ReceiverOptions) -> bytes:
    """The body as sent. Counts what arrives: a Content-Length may be absent or false."""
    pieces: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(options.body_timeout_s):
            async for piece in request.stream():
                size += len(piece)
                if size > options.max_message_bytes:
                    raise TooLarge(options.max_message_bytes)
                reservation.grow(len(piece))
                pieces.append(piece)
    except TimeoutError:
        raise _Answer(
            Fault(
                grpc_code=code_pb2.DEADLINE_EXCEEDED,
                http_status=408,
                message=f"the body did not arrive within {options.body_timeout_s:g} s",
            )
        ) from None
    except ClientDisconnect:
        raise _Answer(
            Fault(grpc_code=code_pb2.CANCELLED, http_status=400, message="the client went away before its body ended")
        ) from None
    return b"".join(pieces)


def _content_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _require_known_type(request: Request) -> None:
    if _content_type(request) not in (PROTOBUF, JSON):
        raise _Answer(_unsupported(f"Content-Type must be {PROTOBUF} or {JSON}"))


def _unsupported(message: str) -> Fault:
    return Fault(grpc_code=code_pb2.INVALID_ARGUMENT, http_status=415, message=message)


def _not_found(options: ReceiverOptions) -> Callable[[Request, Exception], Response]:
    paths = ", ".join((options.traces_path, METRICS.path, LOGS.path))

    def answer(request: Request, _: Exception) -> Response:
        fault = Fault(grpc_code=code_pb2.NOT_FOUND, http_status=404, message=f"no such path; OTLP is taken at {paths}")
        return _fault_response(fault, as_json=_content_type(request) != PROTOBUF)

    return answer


def _wrong_method(request: Request, error: Exception) -> Response:
    fault = Fault(grpc_code=code_pb2.UNIMPLEMENTED, http_status=405, message="only POST is taken here")
    response = _fault_response(fault, as_json=_content_type(request) != PROTOBUF)
    response.headers.update(getattr(error, "headers", None) or {})
    return response


def _fault_response(fault: Fault, *, as_json: bool) -> Response:
    headers = {} if fault.retry_after_s is None else {"Retry-After": str(fault.retry_after_s)}
    if fault is UNAUTHENTICATED:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(fault.body(as_json=as_json), fault.http_status, headers, media_type=JSON if as_json else PROTOBUF)
