"""OTLP over gRPC: raw request bytes in, one unary `Export` per signal."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
from google.rpc import code_pb2

from tracecheck.receiver.answers import UNAUTHENTICATED, Fault
from tracecheck.receiver.export import begin_export, failed_export
from tracecheck.receiver.grpc_arrival import Arrivals, NothingArrived
from tracecheck.receiver.intake import Intake
from tracecheck.receiver.options import ReceiverOptions
from tracecheck.receiver.other_signals import LOGS, METRICS, TRACES, Signal
from tracecheck.receiver.ports import bound_socket, port_in_use
from tracecheck.receiver.security import grpc_credentials

_CODES = {code.value[0]: code for code in grpc.StatusCode}

_PURPOSE = "OTLP/gRPC"

_STREAMS_PER_CONNECTION = 128
"""An exporter needs one or a few; a client that opens and resets streams without end gets no further."""

RETRY_TRAILER = "google.rpc.retryinfo-bin"
STATUS_TRAILER = "grpc-status-details-bin"


class GrpcServer:
    """A listening gRPC server. `port` is the one it got."""

    def __init__(self, intake: Intake, host: str, port: int, options: ReceiverOptions) -> None:
        """Binds and starts. Raises `PortInUse`."""
        # gRPC reports a failed bind by writing to stderr itself, so a plain socket asks first.
        bound_socket(host, port, _PURPOSE).close()
        self._grace_s = options.grace_s
        self._arrivals = Arrivals(max(options.inflight_bytes // options.max_message_bytes, 1), options.body_timeout_s)
        self._server = grpc.server(
            ThreadPoolExecutor(options.grpc_workers, thread_name_prefix="tracecheck-grpc"),
            options=[
                ("grpc.max_receive_message_length", options.max_message_bytes),
                ("grpc.so_reuseport", 0),  # else two receivers could share a port and split the spans
                ("grpc.max_concurrent_streams", _STREAMS_PER_CONNECTION),
                ("grpc.max_allowed_incoming_connections", options.most_connections),
                ("grpc.server_handshake_timeout_ms", round(options.idle_timeout_s * 1000)),
                ("grpc.max_connection_idle_ms", round(options.idle_timeout_s * 1000)),
            ],
        )
        self._server.add_generic_rpc_handlers(
            [_handlers(signal, intake, options, self._arrivals) for signal in _SIGNALS]
        )
        try:
            address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            if options.security.uses_tls:
                self.port = self._server.add_secure_port(address, grpc_credentials(options.security))
            else:
                self.port = self._server.add_insecure_port(address)
        except RuntimeError as error:
            self._server.stop(None)
            self._arrivals.close()
            raise port_in_use(host, port, _PURPOSE, str(error)) from None
        self._server.start()

    def stop(self) -> None:
        """Takes no new calls, and waits until those in flight are answered or the grace is over."""
        self._server.stop(self._grace_s).wait()
        self._arrivals.close()


CUT_OFF = Fault(grpc_code=code_pb2.CANCELLED, http_status=400, message="the request's body did not arrive")

_SIGNALS = (TRACES, METRICS, LOGS)


def _handlers(
    signal: Signal, intake: Intake, options: ReceiverOptions, arrivals: Arrivals
) -> "grpc.GenericRpcHandler[bytes, bytes]":
    # On the wire a unary call is a stream of one message; taken as a stream, its body is read when we say so.
    method = grpc.stream_unary_rpc_method_handler(_export(signal, intake, options, arrivals))
    return grpc.method_handlers_generic_handler(signal.service, {"Export": method})


def _export(
    signal: Signal, intake: Intake, options: ReceiverOptions, arrivals: Arrivals
) -> Callable[[Iterator[bytes], grpc.ServicerContext], bytes]:
    def export(bodies: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        if not options.security.allows(_authorization(context)):
            intake.note_request(refused=True)
            _abort(context, UNAUTHENTICATED)
        try:
            body = arrivals.receive(bodies, context)
            with intake.reserve() as reservation:
                reservation.grow(len(body))
                exporting = begin_export(intake, signal, body, options, as_json=False)
                exporting.durable.result()
        except NothingArrived:
            intake.note_request(refused=True)
            _abort(context, CUT_OFF)
        except Exception as error:  # noqa: BLE001 - every fault must become a gRPC status
            _abort(context, failed_export(intake, error, options))
        intake.note_request(refused=False)
        return exporting.answer

    return export


def _authorization(context: grpc.ServicerContext) -> str | None:
    found = dict(context.invocation_metadata()).get("authorization")
    return found.decode(errors="replace") if isinstance(found, bytes) else found


def _abort(context: grpc.ServicerContext, fault: Fault) -> None:
    """Ends the call. Python's exporter reads RetryInfo from its own trailer, other clients from the status."""
    trailers = [(STATUS_TRAILER, fault.status().SerializeToString())]
    if fault.retry_after_s is not None:
        trailers.append((RETRY_TRAILER, fault.retry_info().SerializeToString()))
    context.set_trailing_metadata(tuple(trailers))
    context.abort(_CODES[fault.grpc_code], fault.message)
