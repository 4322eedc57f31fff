"""No field of an OTLP trace is silently lost: each has a place in `Span`, and each place survives the store."""

import json
from dataclasses import fields, replace

import pytest
from google.protobuf.descriptor import Descriptor
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from tests.support.any_span import exactly
from tests.support.both_ways import plain
from tests.support.spans import a_span, new_span_id, new_trace_id
from tracecheck import semconv
from tracecheck.exporters.otlp_json import encode_request
from tracecheck.model import EntityRef, Event, Link, Resource, Span, SpanKind, StatusCode
from tracecheck.receiver import decode_json, decode_protobuf
from tracecheck.receiver.decode_columns import Batch
from tracecheck.receiver.encode_protobuf import encode_protobuf
from tracecheck.store import open_store
from tracecheck.store.rows import span_table
from tracecheck.store.spans import read_spans

HOMES = {
    "ResourceSpans.resource": "Span.resource",
    "ResourceSpans.schema_url": "Resource.schema_url",
    "Resource.attributes": "Resource.attributes",
    "Resource.dropped_attributes_count": "Resource.dropped_attributes_count",
    "Resource.entity_refs": "Resource.entity_refs",
    "EntityRef.schema_url": "EntityRef.schema_url",
    "EntityRef.type": "EntityRef.type",
    "EntityRef.id_keys": "EntityRef.id_keys",
    "EntityRef.description_keys": "EntityRef.description_keys",
    "ScopeSpans.scope": "Span.resource",
    "ScopeSpans.schema_url": "Resource.scope_schema_url",
    "InstrumentationScope.name": "Resource.scope_name",
    "InstrumentationScope.version": "Resource.scope_version",
    "InstrumentationScope.attributes": "Resource.scope_attributes",
    "InstrumentationScope.dropped_attributes_count": "Resource.scope_dropped_attributes_count",
    "Span.trace_id": "Span.trace_id",
    "Span.span_id": "Span.span_id",
    "Span.trace_state": "Span.trace_state",
    "Span.parent_span_id": "Span.parent_span_id",
    "Span.flags": "Span.flags",
    "Span.name": "Span.name",
    "Span.kind": "Span.kind",
    "Span.start_time_unix_nano": "Span.start_unix_nano",
    "Span.end_time_unix_nano": "Span.end_unix_nano",
    "Span.attributes": "Span.attributes",
    "Span.dropped_attributes_count": "Span.dropped_attributes_count",
    "Span.events": "Span.events",
    "Span.dropped_events_count": "Span.dropped_events_count",
    "Span.links": "Span.links",
    "Span.dropped_links_count": "Span.dropped_links_count",
    "Span.status": "Span.status",
    "Status.code": "Span.status",
    "Status.message": "Span.status_message",
    "Event.time_unix_nano": "Event.time_unix_nano",
    "Event.name": "Event.name",
    "Event.attributes": "Event.attributes",
    "Event.dropped_attributes_count": "Event.dropped_attributes_count",
    "Link.trace_id": "Link.trace_id",
    "Link.span_id": "Link.span_id",
    "Link.trace_state": "Link.trace_state",
    "Link.attributes": "Link.attributes",
    "Link.dropped_attributes_count": "Link.dropped_attributes_count",
    "Link.flags": "Link.flags",
}
STRUCTURE = {"TracesData.resource_spans", "ResourceSpans.scope_spans", "ScopeSpans.spans"}
"""Nesting, which becomes one `Span` each."""

VALUES = {"KeyValue", "AnyValue", "ArrayValue", "KeyValueList"}
"""Attribute values, held by the store contract's property test. (Their string-table indexes belong to profiles.)"""

MODELS = {model.__name__: model for model in (Span, Link, Event, Resource, EntityRef)}

SET = {
    "Span.trace_id": new_trace_id(),
    "Span.span_id": new_span_id(),
    "Span.parent_span_id": new_span_id(),
    "Span.kind": SpanKind.CONSUMER,
    "Span.status": StatusCode.ERROR,
    "Span.attributes": {"a": "b"},
    "Span.links": (Link(trace_id=new_trace_id(), span_id=new_span_id()),),
    "Span.events": (Event(time_unix_nano=5, name="x"),),
    "Span.resource": Resource(scope_name="library"),
    "Link.trace_id": new_trace_id(),
    "Link.span_id": new_span_id(),
    "Link.attributes": {"a": 1},
    "Event.attributes": {"a": 1},
    "Resource.attributes": {"a": 1},
    "Resource.scope_attributes": {"a": 1},
    "Resource.entity_refs": (EntityRef(type="service"),),
    "EntityRef.id_keys": ("a",),
    "EntityRef.description_keys": ("a",),
}
BY_TYPE = {"int": 7, "str": "set", "bool": True}


def test_every_otlp_field_has_a_home():
    assert otlp_fields(TracesData.DESCRIPTOR) - STRUCTURE <= set(HOMES)


@pytest.mark.parametrize("home", sorted(set(HOMES.values())))
def test_every_home_survives_the_store(home):
    span = span_set_at(home)
    store = open_store(":memory:")
    store.append([span])
    assert [exactly(each) for each in read_spans(store)] == [exactly(span)]
    store.close()


@pytest.mark.parametrize("home", sorted(set(HOMES.values())))
def test_every_home_is_filled_by_every_decoder(home):
    span = span_set_at(home)
    sent = encode_protobuf([span])
    decoded = [decode_protobuf(sent), decode_json(json.dumps(encode_request([span])))]
    assert [exactly(each.spans) for each in decoded] == [exactly((span,))] * 2
    batch = Batch()
    batch.take(sent)
    rows = plain(batch.table())
    assert rows.equals(plain(span_table([semconv.canonical(span)])))


def span_set_at(home: str) -> Span:
    model, _, name = home.partition(".")
    kind = next(field.type for field in fields(MODELS[model]) if field.name == name)
    value = SET.get(home, BY_TYPE.get(getattr(kind, "__name__", str(kind))))
    assert value is not None, f"no value to set {home} to"
    return span_with(model, {name: value})


def span_with(model: str, changed: dict[str, object]) -> Span:
    match model:
        case "Span":
            return replace(a_span(), **changed)
        case "Link":
            return a_span(links=(replace(Link(trace_id="1" * 32, span_id="1" * 16), **changed),))
        case "Event":
            return a_span(events=(replace(Event(time_unix_nano=1, name="e"), **changed),))
        case "Resource":
            return replace(a_span(), resource=Resource(**changed))
        case _:
            return replace(a_span(), resource=Resource(entity_refs=(replace(EntityRef(type="host"), **changed),)))


def otlp_fields(message: Descriptor) -> set[str]:
    found: set[str] = set()
    open_messages, seen = [message], set()
    while open_messages:
        current = open_messages.pop()
        if current.full_name in seen or current.name in VALUES:
            continue
        seen.add(current.full_name)
        for field in current.fields:
            found.add(f"{current.name}.{field.name}")
            if field.message_type is not None:
                open_messages.append(field.message_type)
    return found
