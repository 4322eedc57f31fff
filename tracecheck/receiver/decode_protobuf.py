"""OTLP protobuf request bytes to spans.

The runtime parses the bytes; this file walks the result. When the runtime refuses the bytes, they may merely hold text
that is no UTF-8: `utf8_repair` mends that and the walk goes on, so that one bad string never costs its neighbours.
"""

from collections.abc import Iterable

from google.protobuf.message import DecodeError as ProtobufDecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from tracecheck.errors import DecodeError
from tracecheck.model import Attributes, AttributeValue, EntityRef, Event, Link, Resource, Span
from tracecheck.receiver import decoded as common
from tracecheck.receiver.decoded import MAX_VALUE_DEPTH, Decoded, Notes, Refused
from tracecheck.receiver.utf8_repair import repair_utf8


def decode_protobuf(body: bytes, notes: Notes | None = None) -> Decoded:
    """Decodes one `ExportTraceServiceRequest`, counting on in `notes` where the caller gives them.

    Spans with invalid ids are left out and counted; bad UTF-8, bad parents, bad links and repeated keys are repaired
    and counted. Raises `DecodeError` when the bytes are no such message, or a value nests over `MAX_VALUE_DEPTH`.
    """
    notes = notes or Notes()
    spans: list[Span] = []
    for resource_spans in _parse(body, notes).resource_spans:
        attributes = _attributes(resource_spans.resource.attributes, notes)
        for scope_spans in resource_spans.scope_spans:
            resource = _resource(resource_spans, attributes, scope_spans, notes)
            for span in scope_spans.spans:
                try:
                    spans.append(_span(span, resource, notes))
                except Refused as refused:
                    notes.reject(str(refused))
    return notes.decoded(spans)


def _parse(body: bytes, notes: Notes) -> ExportTraceServiceRequest:
    try:
        return ExportTraceServiceRequest.FromString(body)
    except ProtobufDecodeError:
        mended, repaired = repair_utf8(body, ExportTraceServiceRequest.DESCRIPTOR)
        if repaired:
            notes.repair(common.BAD_UTF8, repaired)
            try:
                return ExportTraceServiceRequest.FromString(mended)
            except ProtobufDecodeError:
                pass
    raise DecodeError(common.NO_REQUEST)


def _resource(
    resource_spans: trace_pb2.ResourceSpans, attributes: Attributes, scope_spans: trace_pb2.ScopeSpans, notes: Notes
) -> Resource:
    resource, scope = resource_spans.resource, scope_spans.scope
    return Resource(
        attributes=attributes,
        dropped_attributes_count=resource.dropped_attributes_count,
        entity_refs=tuple(
            EntityRef(
                type=entity.type,
                id_keys=tuple(entity.id_keys),
                description_keys=tuple(entity.description_keys),
                schema_url=entity.schema_url,
            )
            for entity in resource.entity_refs
        ),
        schema_url=resource_spans.schema_url,
        scope_name=scope.name,
        scope_version=scope.version,
        scope_attributes=_attributes(scope.attributes, notes),
        scope_dropped_attributes_count=scope.dropped_attributes_count,
        scope_schema_url=scope_spans.schema_url,
    )


def _span(span: trace_pb2.Span, resource: Resource, notes: Notes) -> Span:
    return Span(
        trace_id=common.trace_id_of(span.trace_id),
        span_id=common.span_id_of(span.span_id),
        parent_span_id=common.parent_id_of(span.parent_span_id, notes),
        name=span.name,
        kind=common.kind_of(span.kind, notes),
        start_unix_nano=span.start_time_unix_nano,
        end_unix_nano=span.end_time_unix_nano,
        status=common.status_of(span.status.code, notes),
        status_message=span.status.message,
        trace_state=span.trace_state,
        flags=span.flags,
        attributes=_attributes(span.attributes, notes),
        dropped_attributes_count=span.dropped_attributes_count,
        links=_links(span.links, notes),
        dropped_links_count=span.dropped_links_count,
        events=tuple(
            Event(
                time_unix_nano=event.time_unix_nano,
                name=event.name,
                attributes=_attributes(event.attributes, notes),
                dropped_attributes_count=event.dropped_attributes_count,
            )
            for event in span.events
        ),
        dropped_events_count=span.dropped_events_count,
        resource=resource,
    )


def _links(links: Iterable[trace_pb2.Span.Link], notes: Notes) -> tuple[Link, ...]:
    kept = []
    for link in links:
        try:
            trace_id, span_id = common.trace_id_of(link.trace_id), common.span_id_of(link.span_id)
        except Refused:
            notes.repair(common.BAD_LINK)
            continue
        kept.append(
            Link(
                trace_id=trace_id,
                span_id=span_id,
                trace_state=link.trace_state,
                flags=link.flags,
                attributes=_attributes(link.attributes, notes),
                dropped_attributes_count=link.dropped_attributes_count,
            )
        )
    return tuple(kept)


def _attributes(pairs: Iterable[common_pb2.KeyValue], notes: Notes, depth: int = 1) -> Attributes:
    attributes: dict[str, AttributeValue] = {}
    given = 0
    for pair in pairs:
        if depth > MAX_VALUE_DEPTH:
            raise _too_deep()
        key = pair.key
        if not key and pair.key_strindex:
            notes.repair(common.KEY_BY_INDEX)
            continue
        value = pair.value
        given += 1
        attributes[key] = value.string_value or _value(value, notes, depth)  # most values are text: no look at the rest
    common.note_repeated_keys(given - len(attributes), notes)
    return attributes


def _value(value: common_pb2.AnyValue, notes: Notes, depth: int) -> AttributeValue:
    if depth > MAX_VALUE_DEPTH:
        raise _too_deep()
    field = value.WhichOneof("value")
    if field is None:
        return None
    if field == "array_value":
        return tuple(_value(item, notes, depth + 1) for item in value.array_value.values)
    if field == "kvlist_value":
        return _attributes(value.kvlist_value.values, notes, depth + 1)
    if field == "string_value_strindex":
        notes.repair(common.VALUE_BY_INDEX)
        return None
    scalar: str | bool | int | float | bytes = getattr(value, field)
    return scalar


def _too_deep() -> DecodeError:
    return DecodeError(common.TOO_DEEP)
