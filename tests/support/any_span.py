"""Hypothesis strategies: any attribute value, any raw span that OTLP can carry."""

from dataclasses import fields, is_dataclass

from hypothesis import strategies as st

from tracecheck.model import EntityRef, Event, Link, Resource, Span, SpanKind, StatusCode
from tracecheck.semconv import names

SPELLINGS = sorted(
    name
    for table in vars(names).values()
    if isinstance(table, tuple)
    for name in table
    if isinstance(name, str) and not name.endswith(".")
)
WORDS = [*names.OPERATION_WORDS, *names.SYSTEM_WORDS, "orders", "orders.0.41", "41-1700000000000", '"quoted"', "true"]

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(WORDS)
    | st.binary(max_size=20)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
attribute_names = st.sampled_from(SPELLINGS) | st.text(max_size=8) | st.sampled_from(["\x1e", "a\x1fb", "$bytes", ""])
attributes = st.dictionaries(attribute_names, values, max_size=8)
span_names = st.text(max_size=12) | st.builds("{} {}".format, st.sampled_from(WORDS), st.sampled_from(WORDS))

trace_ids = st.integers(1, 2**128 - 1).map("{:032x}".format)
span_ids = st.integers(1, 2**64 - 1).map("{:016x}".format)
instants = st.integers(0, 2**64 - 1)
counts = st.integers(0, 2**32 - 1)

links = st.builds(
    Link,
    trace_id=trace_ids,
    span_id=span_ids,
    trace_state=st.text(max_size=5),
    flags=counts,
    attributes=attributes,
    dropped_attributes_count=counts,
)
events = st.builds(
    Event,
    time_unix_nano=instants,
    name=st.text(max_size=5),
    attributes=attributes,
    dropped_attributes_count=counts,
)
entity_refs = st.builds(
    EntityRef,
    type=st.text(max_size=5),
    id_keys=st.lists(st.text(max_size=5), max_size=2).map(tuple),
    description_keys=st.lists(st.text(max_size=5), max_size=2).map(tuple),
    schema_url=st.text(max_size=5),
)
resources = st.builds(
    Resource,
    attributes=attributes,
    dropped_attributes_count=counts,
    entity_refs=st.lists(entity_refs, max_size=1).map(tuple),
    schema_url=st.text(max_size=5),
    scope_name=st.text(max_size=5),
    scope_version=st.text(max_size=5),
    scope_attributes=attributes,
    scope_dropped_attributes_count=counts,
    scope_schema_url=st.text(max_size=5),
)
raw_spans = st.builds(
    Span,
    trace_id=trace_ids,
    span_id=span_ids,
    parent_span_id=st.none() | span_ids,
    name=span_names,
    kind=st.sampled_from(SpanKind),
    start_unix_nano=instants,
    end_unix_nano=instants,
    status=st.sampled_from(StatusCode),
    status_message=st.text(max_size=5),
    trace_state=st.text(max_size=5),
    flags=counts,
    attributes=attributes,
    dropped_attributes_count=counts,
    links=st.lists(links, max_size=2).map(tuple),
    dropped_links_count=counts,
    events=st.lists(events, max_size=2).map(tuple),
    dropped_events_count=counts,
    resource=resources,
)


def exactly(value: object) -> str:
    """A text that is equal for values that are equal in every type and bit, whatever the order of their keys."""
    if is_dataclass(value) and not isinstance(value, type):
        return exactly({field.name: getattr(value, field.name) for field in fields(value)})
    if isinstance(value, dict):
        return "{" + ", ".join(sorted(f"{key!r}: {exactly(inner)}" for key, inner in value.items())) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(exactly(inner) for inner in value) + "]"
    return f"{type(value).__name__} {value!r}"
