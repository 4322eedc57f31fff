"""Jaeger JSON: what its UI and query service export (`data`, traces with `spans` and `processes`), and its documents
in Elasticsearch (`_source`, of a dump or below the `hits` of a search).

References become the parent and links, typed tags become attributes, logs become events; times are microseconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tracecheck.importers.legacy_fields import meaning_of, nanos, padded_id
from tracecheck.importers.piece import JsonFormat
from tracecheck.importers.shared_ids import separate_shared_ids
from tracecheck.model import Attributes, AttributeValue, Event, Link, Resource, Span, SpanKind
from tracecheck.receiver import json_values as read
from tracecheck.receiver.decoded import Notes, Refused, attributes_of

_KINDS = {kind.name.lower(): kind for kind in SpanKind if kind is not SpanKind.UNSPECIFIED}
_REF_TYPE = "opentracing.ref_type"


def _recognises(document: Any) -> bool:
    return _traces(document) is not None


def _traces(document: Any) -> list[Mapping[str, Any]] | None:
    """The traces of a document: under `data`, in a list, one alone, or spans with their process inside. None when it
    is no Jaeger document."""
    if isinstance(document, dict) and isinstance(document.get("data"), list):
        document = document["data"]
    elif isinstance(document, dict) and isinstance(document.get("hits"), dict):
        document = document["hits"].get("hits")
    traces = document if isinstance(document, list) else [document]
    traces = [each.get("_source", each) if isinstance(each, dict) else each for each in traces]
    if not all(isinstance(trace, dict) for trace in traces):
        return None
    if all(isinstance(trace.get("spans"), list) and ("traceID" in trace or "processes" in trace) for trace in traces):
        return traces
    if all("traceID" in trace and "spanID" in trace for trace in traces):
        return [{"spans": traces}]
    return None


def _read(documents: Sequence[Any], notes: Notes) -> list[Span]:
    spans: list[Span] = []
    for document in documents:
        for trace in _traces(document) or []:
            processes = trace.get("processes")
            for item in trace["spans"]:
                try:
                    spans.append(_span(read.an_object(item, "spans"), processes, notes))
                except Refused as refused:
                    notes.reject(str(refused))
    return separate_shared_ids(spans)


def _span(span: Mapping[str, Any], processes: object, notes: Notes) -> Span:
    trace_id = padded_id(span.get("traceID"), 16, "traceID", notes)
    tags = dict(_tags(span, "tags", notes))
    kind = _KINDS.get(str(tags.get("span.kind", "")).lower(), SpanKind.UNSPECIFIED)
    if kind is not SpanKind.UNSPECIFIED:
        del tags["span.kind"]
    if warnings := read.array(span, "warnings"):
        tags["jaeger.warnings"] = tuple(read.text(warning, notes) for warning in warnings)
    meaning = meaning_of(tags)
    parent, links = _references(span, trace_id, notes)
    start = nanos(span, "startTime")
    return Span(
        trace_id=trace_id,
        span_id=padded_id(span.get("spanID"), 8, "spanID", notes),
        parent_span_id=parent,
        name=_text(span, "operationName", notes),
        kind=kind,
        start_unix_nano=start,
        end_unix_nano=start + nanos(span, "duration"),
        status=meaning.status,
        status_message=meaning.status_message,
        trace_state=meaning.trace_state,
        flags=read.uint32(span, "flags") & 0xFF,
        attributes=meaning.attributes,
        links=links,
        events=tuple(_event(log, notes) for log in read.objects(span, "logs")),
        resource=replace(
            _resource(span, processes, notes), scope_name=meaning.scope_name, scope_version=meaning.scope_version
        ),
    )


def _resource(span: Mapping[str, Any], processes: object, notes: Notes) -> Resource:
    """The process of the span: named by `processID`, or inside the span as some stores write it."""
    process = span.get("process")
    if process is None:
        process = read.an_object(processes, "processes").get(_text(span, "processID", notes))
    if process is None:
        notes.repair("a span without its process: the service is unknown")
        return Resource()
    process = read.an_object(process, "process")
    attributes: dict[str, AttributeValue] = dict(_tags(process, "tags", notes))
    if "hostname" in attributes:
        attributes.setdefault("host.name", attributes["hostname"])
    if service := _text(process, "serviceName", notes):
        attributes["service.name"] = service
    return Resource(attributes=attributes)


def _references(span: Mapping[str, Any], trace_id: str, notes: Notes) -> tuple[str | None, tuple[Link, ...]]:
    """The parent and the links. Jaeger's rule: the first CHILD_OF within the trace is the parent, else the first
    FOLLOWS_FROM within it; every other reference is a link."""
    references: list[tuple[str, str, str]] = []
    for reference in read.objects(span, "references"):
        try:
            references.append(
                (
                    _text(reference, "refType", notes).lower(),
                    padded_id(reference.get("traceID", span.get("traceID")), 16, "traceID", notes),
                    padded_id(reference.get("spanID"), 8, "spanID", notes),
                )
            )
        except Refused:
            notes.repair("a reference with an invalid id was dropped")
    if not references and span.get("parentSpanID") not in (None, "", "0", 0):
        references.append(("child_of", trace_id, padded_id(span["parentSpanID"], 8, "parentSpanID", notes)))
    within = [reference for reference in references if reference[1] == trace_id]
    chosen = next((reference for reference in within if reference[0] == "child_of"), within[0] if within else None)
    if chosen is not None:
        references.remove(chosen)
    links = tuple(
        Link(trace_id=other_trace, span_id=other_span, attributes={_REF_TYPE: kind})
        for kind, other_trace, other_span in references
    )
    return (chosen[2] if chosen else None), links


def _event(log: Mapping[str, Any], notes: Notes) -> Event:
    """One log entry. OpenTracing names an event in its field `event`."""
    fields = dict(_tags(log, "fields", notes))
    name = fields.pop("event", "")
    if not isinstance(name, str):
        fields["event"], name = name, ""
    return Event(time_unix_nano=nanos(log, "timestamp"), name=name, attributes=fields)


def _tags(holder: Mapping[str, Any], key: str, notes: Notes) -> Attributes:
    pairs = [(_text(tag, "key", notes), _tag_value(tag, notes)) for tag in read.objects(holder, key)]
    return attributes_of(pairs, notes)


def _tag_value(tag: Mapping[str, Any], notes: Notes) -> AttributeValue:
    """The value by its stated type; what does not fit its type is kept as text and counted."""
    kind, value = str(tag.get("type") or "").lower(), tag.get("value")
    try:
        if kind in ("bool", "boolean"):
            return read.boolean({"true": True, "false": False}.get(value, value) if isinstance(value, str) else value)
        if kind in ("int64", "long", "int"):
            return read.integer(value, "int64", -(1 << 63), (1 << 63) - 1)
        if kind in ("float64", "double"):
            return read.double(value)
        if kind == "binary":
            return read.base64_bytes(value)
        if isinstance(value, bool) or value is None:
            return value
        if isinstance(value, str):
            return read.text(value, notes)
        if isinstance(value, int):
            return read.integer(value, "value", -(1 << 63), (1 << 63) - 1)
        return read.double(value)
    except Refused:
        notes.repair("a tag value that does not fit its type was kept as text")
        return read.text(str(value), notes)


def _text(holder: Mapping[str, Any], key: str, notes: Notes) -> str:
    value = holder.get(key)
    return "" if value is None else read.text(value, notes)


JAEGER_JSON = JsonFormat(name="Jaeger JSON", recognises=_recognises, read=_read, whole_file=True, shares_ids=True)
