"""Hypothesis strategies: any OTLP trace request that a sender could mean, as protobuf messages."""

from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    InstrumentationScope,
    KeyValue,
    KeyValueList,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

texts = st.text(max_size=6)
keys = st.sampled_from(["service.name", "messaging.system", "k", ""]) | texts
counts = st.integers(0, 2**32 - 1)
instants = st.integers(0, 2**64 - 1)
scalars = (
    st.just(AnyValue())
    | st.builds(AnyValue, string_value=texts)
    | st.builds(AnyValue, bool_value=st.booleans())
    | st.builds(AnyValue, int_value=st.integers(-(2**63), 2**63 - 1))
    | st.builds(AnyValue, double_value=st.floats())
    | st.builds(AnyValue, bytes_value=st.binary(max_size=6))
    | st.builds(AnyValue, string_value_strindex=st.integers(0, 5))
)


def _nested(inner: st.SearchStrategy[AnyValue]) -> st.SearchStrategy[AnyValue]:
    arrays = st.lists(inner, max_size=3).map(lambda values: AnyValue(array_value=ArrayValue(values=values)))
    pairs = st.lists(st.builds(KeyValue, key=keys, value=inner), max_size=3)
    return arrays | pairs.map(lambda values: AnyValue(kvlist_value=KeyValueList(values=values)))


values = st.recursive(scalars, _nested, max_leaves=6)
attributes = st.lists(
    st.builds(KeyValue, key=keys, value=values) | st.builds(KeyValue, key_strindex=st.integers(1, 5), value=values),
    max_size=5,
)
trace_ids = st.binary(min_size=16, max_size=16) | st.binary(max_size=24) | st.just(bytes(16))
span_ids = st.binary(min_size=8, max_size=8) | st.binary(max_size=17) | st.just(bytes(8))

links = st.builds(
    Span.Link,
    trace_id=trace_ids,
    span_id=span_ids,
    trace_state=texts,
    flags=counts,
    attributes=attributes,
    dropped_attributes_count=counts,
)
events = st.builds(
    Span.Event, time_unix_nano=instants, name=texts, attributes=attributes, dropped_attributes_count=counts
)
spans = st.builds(
    Span,
    trace_id=trace_ids,
    span_id=span_ids,
    parent_span_id=span_ids,
    name=texts,
    kind=st.integers(-1, 7),
    start_time_unix_nano=instants,
    end_time_unix_nano=instants,
    status=st.builds(Status, message=texts, code=st.integers(-1, 4)),
    trace_state=texts,
    flags=counts,
    attributes=attributes,
    dropped_attributes_count=counts,
    links=st.lists(links, max_size=2),
    dropped_links_count=counts,
    events=st.lists(events, max_size=2),
    dropped_events_count=counts,
)
scopes = st.builds(
    InstrumentationScope, name=texts, version=texts, attributes=attributes, dropped_attributes_count=counts
)
scope_spans = st.builds(ScopeSpans, scope=scopes, schema_url=texts, spans=st.lists(spans, max_size=3))
resource_spans = st.builds(
    ResourceSpans,
    resource=st.builds(Resource, attributes=attributes, dropped_attributes_count=counts),
    schema_url=texts,
    scope_spans=st.lists(scope_spans, max_size=2),
)
requests = st.builds(ExportTraceServiceRequest, resource_spans=st.lists(resource_spans, max_size=2))
