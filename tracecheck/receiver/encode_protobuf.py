"""Spans out as OTLP protobuf: the way back of `decode_protobuf`, for whoever sends spans to a receiver."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import cast

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    EntityRef,
    InstrumentationScope,
    KeyValue,
    KeyValueList,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource as ResourceMessage
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Status
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage

from tracecheck.model import Attributes, AttributeValue, Resource, Span


def encode_protobuf(spans: Sequence[Span]) -> bytes:
    """One `ExportTraceServiceRequest` holding the spans, consecutive spans of one resource and scope grouped."""
    groups = [(resource, list(group)) for resource, group in groupby(spans, key=lambda span: span.resource)]
    request = ExportTraceServiceRequest(resource_spans=[_resource_spans(resource, group) for resource, group in groups])
    return request.SerializeToString()


def _resource_spans(resource: Resource, spans: Sequence[Span]) -> ResourceSpans:
    scope = InstrumentationScope(
        name=resource.scope_name,
        version=resource.scope_version,
        attributes=_attributes(resource.scope_attributes),
        dropped_attributes_count=resource.scope_dropped_attributes_count,
    )
    return ResourceSpans(
        resource=ResourceMessage(
            attributes=_attributes(resource.attributes),
            dropped_attributes_count=resource.dropped_attributes_count,
            entity_refs=[
                EntityRef(
                    type=entity.type,
                    id_keys=entity.id_keys,
                    description_keys=entity.description_keys,
                    schema_url=entity.schema_url,
                )
                for entity in resource.entity_refs
            ],
        ),
        schema_url=resource.schema_url,
        scope_spans=[
            ScopeSpans(scope=scope, schema_url=resource.scope_schema_url, spans=[_span(span) for span in spans])
        ],
    )


def _span(span: Span) -> SpanMessage:
    return SpanMessage(
        trace_id=bytes.fromhex(span.trace_id),
        span_id=bytes.fromhex(span.span_id),
        parent_span_id=bytes.fromhex(span.parent_span_id or ""),
        trace_state=span.trace_state,
        flags=span.flags,
        name=span.name,
        kind=cast("SpanMessage.SpanKind.ValueType", int(span.kind)),
        start_time_unix_nano=span.start_unix_nano,
        end_time_unix_nano=span.end_unix_nano,
        attributes=_attributes(span.attributes),
        dropped_attributes_count=span.dropped_attributes_count,
        links=[
            SpanMessage.Link(
                trace_id=bytes.fromhex(link.trace_id),
                span_id=bytes.fromhex(link.span_id),
                trace_state=link.trace_state,
                flags=link.flags,
                attributes=_attributes(link.attributes),
                dropped_attributes_count=link.dropped_attributes_count,
            )
            for link in span.links
        ],
        dropped_links_count=span.dropped_links_count,
        events=[
            SpanMessage.Event(
                time_unix_nano=event.time_unix_nano,
                name=event.name,
                attributes=_attributes(event.attributes),
                dropped_attributes_count=event.dropped_attributes_count,
            )
            for event in span.events
        ],
        dropped_events_count=span.dropped_events_count,
        status=Status(code=cast("Status.StatusCode.ValueType", int(span.status)), message=span.status_message),
    )


def _attributes(attributes: Attributes) -> list[KeyValue]:
    return [KeyValue(key=key, value=_value(value)) for key, value in attributes.items()]


def _value(value: AttributeValue) -> AnyValue:
    match value:
        case None:
            return AnyValue()
        case bool():
            return AnyValue(bool_value=value)
        case str():
            return AnyValue(string_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case bytes():
            return AnyValue(bytes_value=value)
        case Mapping():
            return AnyValue(kvlist_value=KeyValueList(values=_attributes(value)))
        case _:
            return AnyValue(array_value=ArrayValue(values=[_value(item) for item in value]))
