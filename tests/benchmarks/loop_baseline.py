"""The plain way to rows: parse a request with protobuf's runtime, walk its objects in Python, and build Arrow columns.

It makes the same table as the receiver, with less work: names of the current messaging conventions only, links without
identity, no limits, no repairs, nothing counted.
"""

import json
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any

import pyarrow as pa
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tracecheck.store.rows import span_table

SCHEMA = span_table([]).schema
TEXTS = {
    "messaging.system": "system",
    "messaging.operation.type": "operation",
    "messaging.destination.name": "destination",
    "messaging.consumer.group.name": "consumer_group",
    "messaging.destination.partition.id": "partition_id",
    "messaging.message.id": "message_id",
    "messaging.kafka.message.key": "message_key",
    "messaging.message.conversation_id": "correlation_id",
}


def rows_of(bodies: Iterable[bytes]) -> pa.Table:
    """The rows of all requests as one table."""
    columns: dict[str, list[Any]] = {name: [] for name in SCHEMA.names}
    for body in bodies:
        for resource_spans in ExportTraceServiceRequest.FromString(body).resource_spans:
            resource = {pair.key: pair.value.string_value for pair in resource_spans.resource.attributes}
            for scope_spans in resource_spans.scope_spans:
                written = json.dumps({"attributes": resource, "scope": {"name": scope_spans.scope.name}})
                for span in scope_spans.spans:
                    _take(columns, span, resource, written)
    return pa.table([_column(field, columns[field.name]) for field in SCHEMA], schema=SCHEMA)


def _take(columns: dict[str, list[Any]], span: Any, resource: dict[str, str], written: str) -> None:
    row = dict.fromkeys(SCHEMA.names)
    keys, values, int_keys, ints = [], [], [], []
    for pair in span.attributes:
        key, value = pair.key, pair.value
        if value.string_value:
            keys.append(key)
            values.append(value.string_value)
            if key in TEXTS:
                row[TEXTS[key]] = value.string_value
        elif value.WhichOneof("value") == "int_value":
            int_keys.append(key)
            ints.append(value.int_value)
            if key == "messaging.kafka.offset":
                row["message_offset"] = value.int_value
    row.update(
        trace_id=span.trace_id,
        span_id=int.from_bytes(span.span_id, "big"),
        parent_span_id=int.from_bytes(span.parent_span_id, "big") or None,
        trace_state=span.trace_state or None,
        flags=span.flags,
        name=span.name,
        kind=span.kind,
        start_unix_nano=span.start_time_unix_nano,
        end_unix_nano=span.end_time_unix_nano,
        time_overflow=False,
        status_code=span.status.code,
        status_message=span.status.message or None,
        service=resource.get("service.name", ""),
        instance=resource.get("service.instance.id"),
        host=resource.get("host.name"),
        resource=written,
        tombstone=False,
        attr_keys="\x1f".join(keys) if keys else None,
        attr_vals=values or None,
        attr_int_keys="\x1f".join(int_keys) if int_keys else None,
        attr_ints=ints or None,
        dropped_attributes_count=span.dropped_attributes_count,
        links=[_link(link) for link in span.links],
        dropped_links_count=span.dropped_links_count,
        events=[_event(event) for event in span.events],
        dropped_events_count=span.dropped_events_count,
    )
    for name, cell in row.items():
        columns[name].append(cell)


def _link(link: Any) -> dict[str, Any]:
    return {
        "trace_id": link.trace_id,
        "span_id": int.from_bytes(link.span_id, "big"),
        "trace_state": link.trace_state or None,
        "flags": link.flags,
        "attributes": _json(link.attributes),
        "dropped_attributes_count": link.dropped_attributes_count,
    }


def _event(event: Any) -> dict[str, Any]:
    return {
        "time_unix_nano": event.time_unix_nano,
        "name": event.name,
        "attributes": _json(event.attributes),
        "dropped_attributes_count": event.dropped_attributes_count,
    }


def _json(pairs: Any) -> str:
    return json.dumps({pair.key: pair.value.string_value or pair.value.int_value for pair in pairs})


def _column(field: pa.Field, cells: Sequence[Any]) -> Any:
    if field.type == pa.uuid():
        return _uuids(cells)
    if field.name != "links":
        return pa.array(cells, field.type)
    flat = [link for links in cells for link in links]
    kinds = field.type.value_type.fields
    arrays = [_column(kind, [link.get(kind.name) for link in flat]) for kind in kinds]
    ends = pa.array(list(accumulate((len(links) for links in cells), initial=0)), pa.int32())
    return pa.ListArray.from_arrays(ends, pa.StructArray.from_arrays(arrays, fields=kinds))


def _uuids(cells: Sequence[bytes]) -> Any:
    return pa.ExtensionArray.from_storage(pa.uuid(), pa.array(cells, pa.binary(16)))
