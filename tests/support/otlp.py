"""Builders of OTLP requests: protobuf messages, broken or not, and the same data as OTLP/JSON."""

import base64
import math
from collections.abc import Sequence
from typing import Any

from google.protobuf.message import Message
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

START = 1_700_000_000_000_000_000


def a_message(number: int = 1, **fields: Any) -> Span:
    """One OTLP span message, valid unless told otherwise."""
    given: dict[str, Any] = {
        "trace_id": number.to_bytes(16, "big"),
        "span_id": number.to_bytes(8, "big"),
        "name": f"span {number}",
        "start_time_unix_nano": START,
        "end_time_unix_nano": START + 1_000_000,
    }
    return Span(**(given | fields))


def text(key: str, value: str) -> KeyValue:
    """One attribute with a text value."""
    return KeyValue(key=key, value=AnyValue(string_value=value))


def a_request(*spans: Span, service: str = "checkout") -> ExportTraceServiceRequest:
    """One request of one service holding the spans."""
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    resource_spans.resource.attributes.append(text("service.name", service))
    resource_spans.scope_spans.add().spans.extend(spans)
    return request


def numbered(count: int, first: int = 1) -> Sequence[Span]:
    """So many valid spans, each with its own ids."""
    return [a_message(number) for number in range(first, first + count)]


def json_of(message: Message) -> dict[str, Any]:
    """The message as OTLP/JSON: hex ids, base64 bytes, enums as numbers, 64-bit integers as text."""
    return {
        field.json_name: [_json_value(field, item) for item in value]
        if field.is_repeated
        else _json_value(field, value)
        for field, value in message.ListFields()
    }


def _json_value(field: Any, value: Any) -> Any:
    if field.message_type is not None:
        return json_of(value)
    if field.type == field.TYPE_BYTES:
        return value.hex() if field.name.endswith("_id") else base64.b64encode(value).decode()
    if field.type in (field.TYPE_INT64, field.TYPE_UINT64, field.TYPE_FIXED64):
        return str(value)
    if field.type == field.TYPE_DOUBLE and not math.isfinite(value):
        return {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}[str(value)]
    return value
