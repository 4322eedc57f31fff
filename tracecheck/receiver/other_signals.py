"""Metrics and logs: taken politely and not kept.

Distributions switch on all signals by default. An error for each batch would fill the service's log, so the answer is
success with everything rejected and one sentence that says how to switch the signal off.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError as ProtobufDecodeError
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from tracecheck.errors import DecodeError
from tracecheck.receiver import json_values as read
from tracecheck.receiver.decoded import Notes, Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One signal of OTLP: its HTTP path, gRPC service, and how its partial success is spelled."""

    name: str
    path: str
    service: str
    rejected_field: str
    rejected_key: str


TRACES = Signal(
    name="traces",
    path="/v1/traces",
    service="opentelemetry.proto.collector.trace.v1.TraceService",
    rejected_field="rejected_spans",
    rejected_key="rejectedSpans",
)
METRICS = Signal(
    name="metrics",
    path="/v1/metrics",
    service="opentelemetry.proto.collector.metrics.v1.MetricsService",
    rejected_field="rejected_data_points",
    rejected_key="rejectedDataPoints",
)
LOGS = Signal(
    name="logs",
    path="/v1/logs",
    service="opentelemetry.proto.collector.logs.v1.LogsService",
    rejected_field="rejected_log_records",
    rejected_key="rejectedLogRecords",
)

_DATA_KINDS = ("gauge", "sum", "histogram", "exponentialHistogram", "summary")


def advice(signal: Signal) -> str:
    """What to tell a client that sends this signal."""
    return f"tracecheck takes traces only; set OTEL_{signal.name.upper()}_EXPORTER=none"


def count_items(signal: Signal, body: bytes, *, json: bool) -> int:
    """How many data points or log records the request holds. Raises `DecodeError` when it is no such request."""
    if json:
        document = read.load_object(body, Notes())
        try:
            return _points_in_json(document) if signal is METRICS else _records_in_json(document)
        except Refused as refused:
            raise DecodeError(f"the body is no OTLP {signal.name} request: {refused}") from None
    try:
        if signal is METRICS:
            return _points(ExportMetricsServiceRequest.FromString(body))
        return _records(ExportLogsServiceRequest.FromString(body))
    except ProtobufDecodeError:
        raise DecodeError(f"the body is no OTLP {signal.name} request") from None


def _points(request: ExportMetricsServiceRequest) -> int:
    count = 0
    for resource in request.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                kind = metric.WhichOneof("data")
                data: Message | None = getattr(metric, kind) if kind else None
                count += len(data.data_points) if data is not None else 0  # type: ignore[attr-defined]
    return count


def _records(request: ExportLogsServiceRequest) -> int:
    return sum(len(scope.log_records) for resource in request.resource_logs for scope in resource.scope_logs)


def _points_in_json(document: Mapping[str, Any]) -> int:
    return sum(
        len(read.array(read.an_object(metric.get(kind), kind), "dataPoints"))
        for resource in read.objects(document, "resourceMetrics")
        for scope in read.objects(resource, "scopeMetrics")
        for metric in read.objects(scope, "metrics")
        for kind in _DATA_KINDS
    )


def _records_in_json(document: Mapping[str, Any]) -> int:
    return sum(
        len(read.array(scope, "logRecords"))
        for resource in read.objects(document, "resourceLogs")
        for scope in read.objects(resource, "scopeLogs")
    )
