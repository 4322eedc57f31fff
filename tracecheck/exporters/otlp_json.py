"""Spans as OTLP/JSON requests: the way back of `receiver.decode_json`. What was received is written as it was.

Ids are lower-case hex, 64-bit integers strings, enums numbers, bytes base64; fields at their default are left out.
"""

import base64
import math
from collections.abc import Mapping, Sequence
from typing import Any

from tracecheck.model import Attributes, AttributeValue, EntityRef, Event, Link, Resource, Span

_NOT_FINITE = {math.inf: "Infinity", -math.inf: "-Infinity"}


def encode_request(spans: Sequence[Span]) -> dict[str, Any]:
    """One request holding the spans, those of equal resource and scope together."""
    groups: list[tuple[Resource, list[Span]]] = []
    place: dict[int, int] = {}
    for span in spans:
        found = place.setdefault(id(span.resource), len(groups))
        if found == len(groups):
            groups.append((span.resource, []))
        groups[found][1].append(span)
    return {"resourceSpans": [_resource_spans(resource, group) for resource, group in groups]}


def _resource_spans(resource: Resource, spans: Sequence[Span]) -> dict[str, Any]:
    own = _filled(
        attributes=_attributes(resource.attributes),
        droppedAttributesCount=resource.dropped_attributes_count,
        entityRefs=[_entity_ref(each) for each in resource.entity_refs],
    )
    scope = _filled(
        name=resource.scope_name,
        version=resource.scope_version,
        attributes=_attributes(resource.scope_attributes),
        droppedAttributesCount=resource.scope_dropped_attributes_count,
    )
    scope_spans = {"scope": scope, "spans": [_span(span) for span in spans]}
    return {
        "resource": own,
        "scopeSpans": [scope_spans | _filled(schemaUrl=resource.scope_schema_url)],
    } | _filled(schemaUrl=resource.schema_url)


def _entity_ref(entity: EntityRef) -> dict[str, Any]:
    return _filled(
        schemaUrl=entity.schema_url,
        type=entity.type,
        idKeys=list(entity.id_keys),
        descriptionKeys=list(entity.description_keys),
    )


def _span(span: Span) -> dict[str, Any]:
    return {"traceId": span.trace_id, "spanId": span.span_id} | _filled(
        traceState=span.trace_state,
        parentSpanId=span.parent_span_id,
        flags=span.flags,
        name=span.name,
        kind=int(span.kind),
        startTimeUnixNano=str(span.start_unix_nano),
        endTimeUnixNano=str(span.end_unix_nano),
        attributes=_attributes(span.attributes),
        droppedAttributesCount=span.dropped_attributes_count,
        events=[_event(event) for event in span.events],
        droppedEventsCount=span.dropped_events_count,
        links=[_link(link) for link in span.links],
        droppedLinksCount=span.dropped_links_count,
        status=_filled(message=span.status_message, code=int(span.status)),
    )


def _event(event: Event) -> dict[str, Any]:
    return _filled(
        timeUnixNano=str(event.time_unix_nano),
        name=event.name,
        attributes=_attributes(event.attributes),
        droppedAttributesCount=event.dropped_attributes_count,
    )


def _link(link: Link) -> dict[str, Any]:
    return {"traceId": link.trace_id, "spanId": link.span_id} | _filled(
        traceState=link.trace_state,
        attributes=_attributes(link.attributes),
        droppedAttributesCount=link.dropped_attributes_count,
        flags=link.flags,
    )


def _attributes(attributes: Attributes) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in attributes.items()]


def _value(value: AttributeValue) -> dict[str, Any]:
    match value:
        case None:
            return {}
        case bool():
            return {"boolValue": value}
        case str():
            return {"stringValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            if math.isnan(value):
                return {"doubleValue": "NaN"}
            return {"doubleValue": _NOT_FINITE.get(value, value)}
        case bytes():
            return {"bytesValue": base64.b64encode(value).decode()}
        case Mapping():
            return {"kvlistValue": {"values": _attributes(value)}}
        case _:
            return {"arrayValue": {"values": [_value(item) for item in value]}}


def _filled(**fields: Any) -> dict[str, Any]:
    """The fields that say something."""
    return {name: value for name, value in fields.items() if value or value is False}
