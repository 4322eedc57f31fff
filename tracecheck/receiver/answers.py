"""What a client is told: partial success, or one `google.rpc.Status`, in the encoding it spoke.

Which fault means which code is decided here and nowhere else (OTLP: only `UNAVAILABLE`, and `RESOURCE_EXHAUSTED` with
RetryInfo, mean "send again" on gRPC; only 429, 502, 503 and 504 on HTTP).
"""

import json
from dataclasses import dataclass

from google.protobuf import duration_pb2, json_format
from google.rpc import code_pb2, error_details_pb2, status_pb2
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from tracecheck.errors import DecodeError, StoreUnavailable
from tracecheck.receiver.inflate import TooLarge
from tracecheck.receiver.intake import Overloaded
from tracecheck.receiver.other_signals import LOGS, METRICS, TRACES, Signal

MAX_MESSAGE_CHARS = 1000
"""Longest text in an answer; OTLP asks for bounded responses. Reasons are aggregated, so this is plenty."""

_RESPONSES = {
    TRACES.name: ExportTraceServiceResponse,
    METRICS.name: ExportMetricsServiceResponse,
    LOGS.name: ExportLogsServiceResponse,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A refused request: its code on both protocols, what to say, and when to come back (None: never)."""

    grpc_code: int
    http_status: int
    message: str
    retry_after_s: int | None = None
    bad_request: bool = False

    def status(self) -> status_pb2.Status:
        """The fault as `google.rpc.Status`, with BadRequest or RetryInfo in its details."""
        status = status_pb2.Status(code=self.grpc_code, message=self.message)
        if self.bad_request:
            violation = error_details_pb2.BadRequest.FieldViolation(field="body", description=self.message)
            status.details.add().Pack(error_details_pb2.BadRequest(field_violations=[violation]))
        if self.retry_after_s is not None:
            status.details.add().Pack(self.retry_info())
        return status

    def retry_info(self) -> error_details_pb2.RetryInfo:
        """When to come back, as the message that gRPC clients read."""
        return error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=self.retry_after_s or 0))

    def body(self, *, as_json: bool) -> bytes:
        """The status as an HTTP body."""
        status = self.status()
        if as_json:
            return json_format.MessageToJson(status, indent=None).encode()
        return bytes(status.SerializeToString())


UNAUTHENTICATED = Fault(
    grpc_code=code_pb2.UNAUTHENTICATED,
    http_status=401,
    message="a bearer token is asked for; set OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20<token>",
)


def fault_of(error: BaseException, retry_after_s: int) -> Fault:
    """The answer to a failed request. An error that is no known one is a bug here: INTERNAL, and never retried."""
    message = _shortened(str(error))
    if isinstance(error, TooLarge):
        return Fault(grpc_code=code_pb2.RESOURCE_EXHAUSTED, http_status=413, message=message)
    if isinstance(error, DecodeError):
        return Fault(grpc_code=code_pb2.INVALID_ARGUMENT, http_status=400, message=message, bad_request=True)
    if isinstance(error, StoreUnavailable):
        code = code_pb2.RESOURCE_EXHAUSTED if isinstance(error, Overloaded) else code_pb2.UNAVAILABLE
        return Fault(grpc_code=code, http_status=503, message=message, retry_after_s=retry_after_s)
    return Fault(grpc_code=code_pb2.INTERNAL, http_status=500, message="the receiver failed; see its log")


def success(signal: Signal, rejected: int, reasons: tuple[str, ...], *, as_json: bool) -> bytes:
    """The encoded response: `partial_success` with the exact count and why, or unset when there is nothing to say."""
    message = _shortened("; ".join(reasons))
    if as_json:
        if not rejected and not message:
            return b"{}"
        partial = {signal.rejected_key: str(rejected), "errorMessage": message}
        return json.dumps({"partialSuccess": partial}).encode()
    response = _RESPONSES[signal.name]()
    if rejected or message:
        setattr(response.partial_success, signal.rejected_field, rejected)
        response.partial_success.error_message = message
    return bytes(response.SerializeToString())


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_MESSAGE_CHARS else text[: MAX_MESSAGE_CHARS - 1] + "…"
