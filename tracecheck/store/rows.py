"""Spans to an Arrow table of `span_rows`: one list per column, no row ever touched by SQL.

The table holds every column but those the append itself fills (ingest number and time, conflict and its hash). A
decoder that writes Arrow directly produces the same table.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate, chain
from typing import Any

import pyarrow as pa

from tracecheck.model import Attributes, Event, Link, Messaging, Resource, Span
from tracecheck.store.attributes import pack, to_json

INT64_MAX = 2**63 - 1
NO_MESSAGING = Messaging()

Value = Any  # one Arrow cell; its type is the column's


def span_table(spans: Sequence[Span]) -> pa.Table:
    """Spans as Arrow rows, in their order. Lone surrogates, which no database takes, become U+FFFD.

    Instants of 2^63 ns and later are clamped, marked and kept whole beside; canonical integers out of their column's
    range are left out. Ids must be hex of the right length, else ValueError.
    """
    packed = [pack(span.attributes) for span in spans]
    messaging = [span.messaging or NO_MESSAGING for span in spans]
    resources = _memoised(_resource_json)
    columns: dict[str, pa.Array] = {
        "trace_id": _uuids(span.trace_id for span in spans),
        "span_id": _column(pa.uint64(), (int(span.span_id, 16) for span in spans)),
        "parent_span_id": _column(
            pa.uint64(), (int(span.parent_span_id, 16) if span.parent_span_id else None for span in spans)
        ),
        "trace_state": _text(span.trace_state or None for span in spans),
        "flags": _column(pa.uint32(), (span.flags & 0xFFFFFFFF for span in spans)),
        "name": _text(span.name for span in spans),
        "kind": _column(pa.uint8(), (int(span.kind) for span in spans)),
        "start_unix_nano": _column(pa.int64(), (min(span.start_unix_nano, INT64_MAX) for span in spans)),
        "end_unix_nano": _column(pa.int64(), (min(span.end_unix_nano, INT64_MAX) for span in spans)),
        "time_overflow": _column(pa.bool_(), (_overflows(span) for span in spans)),
        "start_raw_unix_nano": _column(
            pa.uint64(), (span.start_unix_nano if span.start_unix_nano > INT64_MAX else None for span in spans)
        ),
        "end_raw_unix_nano": _column(
            pa.uint64(), (span.end_unix_nano if span.end_unix_nano > INT64_MAX else None for span in spans)
        ),
        "status_code": _column(pa.uint8(), (int(span.status) for span in spans)),
        "status_message": _text(span.status_message or None for span in spans),
        "service": _text(span.service for span in spans),
        "instance": _text(span.instance for span in spans),
        "host": _text(span.host for span in spans),
        "resource": _text(resources(span.resource) for span in spans),
        "correlation_id": _text(span.correlation_id for span in spans),
        "run_id": _text(span.run_id for span in spans),
        "system": _text(each.system for each in messaging),
        "operation": _text(each.operation.value if each.operation else None for each in messaging),
        "destination": _text(each.destination for each in messaging),
        "consumer_group": _text(each.consumer_group for each in messaging),
        "partition_id": _text(each.identity.partition for each in messaging),
        "message_offset": _integers(pa.int64(), (each.identity.offset for each in messaging)),
        "message_id": _text(each.identity.message_id for each in messaging),
        "message_key": _text(each.key for each in messaging),
        "event_id": _text(each.event_id for each in messaging),
        "batch_count": _integers(pa.int32(), (each.batch_count for each in messaging)),
        "record_time_unix_nano": _integers(pa.int64(), (each.record_time_unix_nano for each in messaging)),
        "attempt": _integers(pa.int32(), (each.attempt for each in messaging)),
        "retry_of": _text(each.retry_of for each in messaging),
        "tombstone": _column(pa.bool_(), (each.tombstone for each in messaging)),
        "attr_keys": _text(each.keys for each in packed),
        "attr_vals": _lists(_text, [each.values for each in packed]),
        "attr_int_keys": _text(each.int_keys for each in packed),
        "attr_ints": _lists(lambda ints: _column(pa.int64(), ints), [each.ints for each in packed]),
        "dropped_attributes_count": _counts(span.dropped_attributes_count for span in spans),
        "links": _lists(_link_structs, [span.links for span in spans]),
        "dropped_links_count": _counts(span.dropped_links_count for span in spans),
        "events": _lists(_event_structs, [span.events for span in spans]),
        "dropped_events_count": _counts(span.dropped_events_count for span in spans),
    }
    return pa.table(columns)


def _link_structs(links: Iterable[Link]) -> pa.Array:
    links = list(links)
    return _structs(
        {
            "trace_id": _uuids(link.trace_id for link in links),
            "span_id": _column(pa.uint64(), (int(link.span_id, 16) for link in links)),
            "trace_state": _text(link.trace_state or None for link in links),
            "flags": _column(pa.uint32(), (link.flags & 0xFFFFFFFF for link in links)),
            "partition_id": _text(link.identity.partition for link in links),
            "message_offset": _integers(pa.int64(), (link.identity.offset for link in links)),
            "message_id": _text(link.identity.message_id for link in links),
            "attributes": _text(_json_or_none(link.attributes) for link in links),
            "dropped_attributes_count": _counts(link.dropped_attributes_count for link in links),
        }
    )


def _event_structs(events: Iterable[Event]) -> pa.Array:
    events = list(events)
    return _structs(
        {
            "time_unix_nano": _column(pa.uint64(), (max(event.time_unix_nano, 0) for event in events)),
            "name": _text(event.name for event in events),
            "attributes": _text(_json_or_none(event.attributes) for event in events),
            "dropped_attributes_count": _counts(event.dropped_attributes_count for event in events),
        }
    )


def _json_or_none(attributes: Attributes) -> str | None:
    """None are NULL, which costs a request of a million bare events half as much as the text of an empty map."""
    return to_json(attributes) if attributes else None


def _resource_json(resource: Resource) -> str:
    return to_json(
        {
            "attributes": resource.attributes,
            "dropped_attributes_count": resource.dropped_attributes_count,
            "entity_refs": [
                {
                    "type": entity.type,
                    "id_keys": entity.id_keys,
                    "description_keys": entity.description_keys,
                    "schema_url": entity.schema_url,
                }
                for entity in resource.entity_refs
            ],
            "schema_url": resource.schema_url,
            "scope": {
                "name": resource.scope_name,
                "version": resource.scope_version,
                "attributes": resource.scope_attributes,
                "dropped_attributes_count": resource.scope_dropped_attributes_count,
                "schema_url": resource.scope_schema_url,
            },
        }
    )


def _memoised(write: Callable[[Resource], str]) -> Callable[[Resource], str]:
    """Writes each resource object once: the spans of one request share theirs."""
    written: dict[int, str] = {}

    def once(resource: Resource) -> str:
        found = written.get(id(resource))
        if found is None:
            found = written[id(resource)] = write(resource)
        return found

    return once


def _overflows(span: Span) -> bool:
    return max(span.start_unix_nano, span.end_unix_nano) > INT64_MAX


def _column(kind: pa.DataType, cells: Iterable[Value]) -> pa.Array:
    return pa.array(list(cells), kind)


def _counts(cells: Iterable[int]) -> pa.Array:
    return _column(pa.uint32(), (min(max(cell, 0), 0xFFFFFFFF) for cell in cells))


def _integers(kind: pa.DataType, cells: Iterable[int | None]) -> pa.Array:
    largest = 2 ** (kind.bit_width - 1) - 1
    return _column(kind, (cell if cell is not None and -largest <= cell <= largest else None for cell in cells))


def _text(cells: Iterable[str | None]) -> pa.Array:
    texts = list(cells)
    try:
        return pa.array(texts, pa.string())
    except UnicodeEncodeError:
        repaired = [text if text is None else text.encode("utf-16", "surrogatepass") for text in texts]
        return pa.array([text if text is None else text.decode("utf-16", "replace") for text in repaired], pa.string())


def _uuids(hex_ids: Iterable[str]) -> pa.Array:
    return pa.ExtensionArray.from_storage(pa.uuid(), pa.array([bytes.fromhex(each) for each in hex_ids], pa.binary(16)))


def _structs(fields: dict[str, pa.Array]) -> pa.Array:
    return pa.StructArray.from_arrays(list(fields.values()), names=list(fields))


def _lists(build: Callable[[Iterable[Value]], pa.Array], cells: Sequence[Sequence[Value] | None]) -> pa.Array:
    """A list column from the cells' concatenated elements. An absent cell is NULL, an empty one an empty list."""
    ends = list(accumulate((len(cell) if cell else 0 for cell in cells), initial=0))
    absent = pa.array([cell is None for cell in cells], pa.bool_())
    elements = build(chain.from_iterable(cell for cell in cells if cell))
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), elements, mask=absent)
