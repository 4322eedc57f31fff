"""OTLP/JSON request text to spans, equal to what the protobuf decoder makes of equal data.

The protobuf runtime's own JSON reader is wrong for OTLP (ids are hex here, not base64), so this is a plain walk over
the parsed document. Unknown fields are ignored at every depth, `null` means absent, and of a repeated JSON key the last
one counts. A malformed span is left out and counted; only a broken envelope refuses the request.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tracecheck.errors import DecodeError
from tracecheck.model import Attributes, AttributeValue, EntityRef, Event, Link, Resource, Span, SpanKind, StatusCode
from tracecheck.receiver import decoded as common
from tracecheck.receiver import json_values as read
from tracecheck.receiver.decoded import MAX_VALUE_DEPTH, Decoded, Notes, Refused


def decode_json(body: bytes | str) -> Decoded:
    """Decodes one OTLP/JSON trace request.

    Raises `DecodeError` when the text is no JSON object, its envelope is malformed, or it nests too deeply.
    """
    notes = Notes()
    return decode_document(read.load_object(body, notes), notes)


def decode_document(document: Mapping[str, Any], notes: Notes, *, in_file: bool = False) -> Decoded:
    """As `decode_json`, for a document already parsed by `json_values.load_object`.

    `in_file` accepts what backends write into files and no sender may send: base64 ids, enums by name, and ids that
    lost their leading zeros.
    """
    try:
        return notes.decoded(_Walk(notes, in_file).request(document))
    except Refused as refused:
        raise DecodeError(f"the body is no OTLP trace request: {refused}") from None


class _Walk:
    """One pass over one request."""

    def __init__(self, notes: Notes, in_file: bool) -> None:
        self._notes = notes
        self._read_id = read.file_id if in_file else read.hex_id
        self._name_notes = Notes() if in_file else notes

    def request(self, document: Mapping[str, Any]) -> list[Span]:
        spans: list[Span] = []
        for resource_spans in read.objects(document, "resourceSpans"):
            own = self._own_resource(resource_spans)
            for scope_spans in read.objects(resource_spans, "scopeSpans"):
                items = read.array(scope_spans, "spans")
                try:
                    resource = self._scoped(own, scope_spans)
                except Refused as refused:
                    self._notes.reject(f"its resource or scope is malformed: {refused}", len(items))
                    continue
                for item in items:
                    try:
                        spans.append(self._span(read.an_object(item, "spans"), resource))
                    except Refused as refused:
                        self._notes.reject(str(refused))
        return spans

    def _own_resource(self, resource_spans: Mapping[str, Any]) -> Resource | Refused:
        """The resource, its scope left open, or why none of its spans can be kept."""
        try:
            resource = read.an_object(resource_spans.get("resource"), "resource")
            return Resource(
                attributes=self._attributes(resource),
                dropped_attributes_count=read.uint32(resource, "droppedAttributesCount"),
                entity_refs=tuple(self._entity_ref(entity) for entity in read.objects(resource, "entityRefs")),
                schema_url=self._text(resource_spans, "schemaUrl"),
            )
        except Refused as refused:
            return refused

    def _entity_ref(self, entity: Mapping[str, Any]) -> EntityRef:
        return EntityRef(
            type=self._text(entity, "type"),
            id_keys=self._texts(entity, "idKeys"),
            description_keys=self._texts(entity, "descriptionKeys"),
            schema_url=self._text(entity, "schemaUrl"),
        )

    def _scoped(self, own: Resource | Refused, scope_spans: Mapping[str, Any]) -> Resource:
        if isinstance(own, Refused):
            raise own
        scope = read.an_object(scope_spans.get("scope"), "scope")
        return replace(
            own,
            scope_name=self._text(scope, "name"),
            scope_version=self._text(scope, "version"),
            scope_attributes=self._attributes(scope),
            scope_dropped_attributes_count=read.uint32(scope, "droppedAttributesCount"),
            scope_schema_url=self._text(scope_spans, "schemaUrl"),
        )

    def _span(self, span: Mapping[str, Any], resource: Resource) -> Span:
        notes = self._notes
        status = read.an_object(span.get("status"), "status")
        return Span(
            trace_id=common.trace_id_of(self._read_id(span.get("traceId"), 16, notes)),
            span_id=common.span_id_of(self._read_id(span.get("spanId"), 8, notes)),
            parent_span_id=self._parent(span.get("parentSpanId")),
            name=self._text(span, "name"),
            kind=common.kind_of(read.enum(span, "kind", _KIND_NAMES, self._name_notes), notes),
            start_unix_nano=read.uint64(span, "startTimeUnixNano"),
            end_unix_nano=read.uint64(span, "endTimeUnixNano"),
            status=common.status_of(read.enum(status, "code", _STATUS_NAMES, self._name_notes), notes),
            status_message=self._text(status, "message"),
            trace_state=self._text(span, "traceState"),
            flags=read.uint32(span, "flags"),
            attributes=self._attributes(span),
            dropped_attributes_count=read.uint32(span, "droppedAttributesCount"),
            links=self._links(span),
            dropped_links_count=read.uint32(span, "droppedLinksCount"),
            events=tuple(self._event(event) for event in read.objects(span, "events")),
            dropped_events_count=read.uint32(span, "droppedEventsCount"),
            resource=resource,
        )

    def _parent(self, value: object) -> str | None:
        try:
            raw = self._read_id(value, 8, self._notes)
        except Refused:
            raw = b"?"
        return common.parent_id_of(raw, self._notes)

    def _event(self, event: Mapping[str, Any]) -> Event:
        return Event(
            time_unix_nano=read.uint64(event, "timeUnixNano"),
            name=self._text(event, "name"),
            attributes=self._attributes(event),
            dropped_attributes_count=read.uint32(event, "droppedAttributesCount"),
        )

    def _links(self, span: Mapping[str, Any]) -> tuple[Link, ...]:
        kept = []
        for link in read.objects(span, "links"):
            try:
                trace_id = common.trace_id_of(self._read_id(link.get("traceId"), 16, self._notes))
                span_id = common.span_id_of(self._read_id(link.get("spanId"), 8, self._notes))
            except Refused:
                self._notes.repair(common.BAD_LINK)
                continue
            kept.append(
                Link(
                    trace_id=trace_id,
                    span_id=span_id,
                    trace_state=self._text(link, "traceState"),
                    flags=read.uint32(link, "flags"),
                    attributes=self._attributes(link),
                    dropped_attributes_count=read.uint32(link, "droppedAttributesCount"),
                )
            )
        return tuple(kept)

    def _attributes(self, holder: Mapping[str, Any], key: str = "attributes", depth: int = 1) -> Attributes:
        named: list[tuple[str, AttributeValue]] = []
        for pair in read.objects(holder, key):
            if pair.get("keyStrindex") and not pair.get("key"):
                self._notes.repair(common.KEY_BY_INDEX)
            else:
                named.append((self._text(pair, "key"), self._value(pair.get("value"), depth)))
        return common.attributes_of(named, self._notes)

    def _value(self, value: object, depth: int) -> AttributeValue:
        """The value of one AnyValue. Of several members, which the format forbids, the last one counts."""
        if depth > MAX_VALUE_DEPTH:
            raise DecodeError(common.TOO_DEEP)
        result: AttributeValue = None
        for member, content in read.an_object(value, "value").items():
            if content is None:
                continue
            match member:
                case "stringValue":
                    result = read.text(content, self._notes)
                case "boolValue":
                    result = read.boolean(content)
                case "intValue":
                    result = read.integer(content, "intValue", -(1 << 63), (1 << 63) - 1)
                case "doubleValue":
                    result = read.double(content)
                case "bytesValue":
                    result = read.base64_bytes(content)
                case "arrayValue":
                    items = read.array(read.an_object(content, member), "values")
                    result = tuple(self._value(item, depth + 1) for item in items)
                case "kvlistValue":
                    result = self._attributes(read.an_object(content, member), "values", depth + 1)
                case "stringValueStrindex":
                    self._notes.repair(common.VALUE_BY_INDEX)
                    result = None
        return result

    def _text(self, holder: Mapping[str, Any], key: str) -> str:
        value = holder.get(key)
        return "" if value is None else read.text(value, self._notes)

    def _texts(self, holder: Mapping[str, Any], key: str) -> tuple[str, ...]:
        return tuple("" if item is None else read.text(item, self._notes) for item in read.array(holder, key))


_KIND_NAMES = {f"SPAN_KIND_{kind.name}": kind.value for kind in SpanKind}
_STATUS_NAMES = {f"STATUS_CODE_{status.name}": status.value for status in StatusCode}
