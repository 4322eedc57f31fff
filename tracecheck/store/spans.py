"""Rows back to `Span` values, exactly as they were appended."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import pyarrow as pa

from tracecheck.model import (
    EntityRef,
    Event,
    Link,
    MessageIdentity,
    Messaging,
    Operation,
    Resource,
    Span,
    SpanKind,
    StatusCode,
)
from tracecheck.store.attributes import Packed, from_json, unpack
from tracecheck.store.protocol import Reader

COLUMNS = """
    * exclude (trace_id, span_id, parent_span_id, links),
    hex_trace_id(trace_id) as trace_id, hex_span_id(span_id) as span_id, hex_span_id(parent_span_id) as parent_span_id,
    list_transform(links, lambda link: struct_update(
        link, trace_id := hex_trace_id(link.trace_id), span_id := hex_span_id(link.span_id))) as links
"""

Row = Mapping[str, Any]  # one row of `span_rows` with hex ids, by column name


def read_spans(
    reader: Reader, where_sql: str = "true", parameters: Mapping[str, object] | Sequence[object] | None = None
) -> list[Span]:
    """Spans of `span_rows` for which the condition holds, ordered by start, trace id, span id.

    `where_sql` is written over the columns of `span_rows` (ids are UUID and UBIGINT there) and never built from
    untrusted text: values go into `parameters`. Raises `QueryRefused` where it is no condition.
    """
    rows = reader.query(
        f"select {COLUMNS} from span_rows where ({where_sql}) "  # noqa: S608 - a condition of our own code
        "order by start_unix_nano, span_rows.trace_id, span_rows.span_id, content_hash",
        parameters,
    )
    resources: dict[str, Resource] = {}
    return [_span(row, resources) for row in rows.to_pylist()]


def spans_of(rows: pa.Table | pa.RecordBatch) -> list[Span]:
    """Spans of rows that are not stored yet, shaped as `rows.span_table` makes them, in their order."""
    resources: dict[str, Resource] = {}
    names = rows.schema.names
    cells = [_cells(column) for column in rows.columns]
    return [_span(_with_hex_ids(dict(zip(names, row, strict=True))), resources) for row in zip(*cells, strict=True)]


def _cells(column: Any) -> list[Any]:
    """A column's values. A UUID is left as its bytes where it can be, at a tenth of the time."""
    found: list[Any] = (column.storage if isinstance(column, pa.ExtensionArray) else column).to_pylist()
    return found


def _with_hex_ids(row: dict[str, Any]) -> Row:
    parent = row["parent_span_id"]
    row["trace_id"] = _hex(row["trace_id"])
    row["span_id"] = f"{row['span_id']:016x}"
    row["parent_span_id"] = None if parent is None else f"{parent:016x}"
    row["links"] = [
        {**link, "trace_id": _hex(link["trace_id"]), "span_id": f"{link['span_id']:016x}"} for link in row["links"]
    ]
    row["conflicting"] = False
    return row


def _hex(trace_id: UUID | bytes) -> str:
    """pyarrow gives a UUID inside a struct as its bytes, in some releases."""
    return trace_id.hex if isinstance(trace_id, UUID) else trace_id.hex()


def _span(row: Row, resources: dict[str, Resource]) -> Span:
    start, end = row["start_raw_unix_nano"], row["end_raw_unix_nano"]
    return Span(
        trace_id=row["trace_id"],
        span_id=row["span_id"],
        parent_span_id=row["parent_span_id"],
        name=row["name"],
        kind=SpanKind(row["kind"]),
        start_unix_nano=row["start_unix_nano"] if start is None else start,
        end_unix_nano=row["end_unix_nano"] if end is None else end,
        status=StatusCode(row["status_code"]),
        status_message=row["status_message"] or "",
        trace_state=row["trace_state"] or "",
        flags=row["flags"],
        attributes=unpack(Packed(row["attr_keys"], row["attr_vals"], row["attr_int_keys"], row["attr_ints"])),
        dropped_attributes_count=row["dropped_attributes_count"],
        links=tuple(_link(link) for link in row["links"] or ()),
        dropped_links_count=row["dropped_links_count"],
        events=tuple(_event(event) for event in row["events"] or ()),
        dropped_events_count=row["dropped_events_count"],
        resource=_resource(row["resource"], resources),
        service=row["service"],
        instance=row["instance"],
        host=row["host"],
        correlation_id=row["correlation_id"],
        run_id=row["run_id"],
        messaging=_messaging(row),
        conflicting=row["conflicting"],
    )


def _messaging(row: Row) -> Messaging | None:
    messaging = Messaging(
        system=row["system"],
        operation=Operation(row["operation"]) if row["operation"] else None,
        destination=row["destination"],
        consumer_group=row["consumer_group"],
        identity=_identity(row),
        key=row["message_key"],
        event_id=row["event_id"],
        batch_count=row["batch_count"],
        record_time_unix_nano=row["record_time_unix_nano"],
        attempt=row["attempt"],
        retry_of=row["retry_of"],
        tombstone=row["tombstone"],
    )
    return None if messaging == Messaging() else messaging


def _link(link: Row) -> Link:
    return Link(
        trace_id=link["trace_id"],
        span_id=link["span_id"],
        trace_state=link["trace_state"] or "",
        flags=link["flags"],
        attributes=_map(link["attributes"] or "{}"),
        dropped_attributes_count=link["dropped_attributes_count"],
        identity=_identity(link),
    )


def _event(event: Row) -> Event:
    return Event(
        time_unix_nano=event["time_unix_nano"],
        name=event["name"],
        attributes=_map(event["attributes"] or "{}"),
        dropped_attributes_count=event["dropped_attributes_count"],
    )


def _identity(row: Row) -> MessageIdentity:
    return MessageIdentity(partition=row["partition_id"], offset=row["message_offset"], message_id=row["message_id"])


def _resource(written: str, resources: dict[str, Resource]) -> Resource:
    found = resources.get(written)
    if found is None:
        read = _map(written)
        scope = read["scope"]
        found = resources[written] = Resource(
            attributes=read["attributes"],
            dropped_attributes_count=read["dropped_attributes_count"],
            entity_refs=tuple(_entity_ref(entity) for entity in read["entity_refs"]),
            schema_url=read["schema_url"],
            scope_name=scope["name"],
            scope_version=scope["version"],
            scope_attributes=scope["attributes"],
            scope_dropped_attributes_count=scope["dropped_attributes_count"],
            scope_schema_url=scope["schema_url"],
        )
    return found


def _entity_ref(read: Row) -> EntityRef:
    return EntityRef(
        type=read["type"],
        id_keys=tuple(read["id_keys"]),
        description_keys=tuple(read["description_keys"]),
        schema_url=read["schema_url"],
    )


def _map(written: str) -> dict[str, Any]:
    read = from_json(written)
    if not isinstance(read, dict):
        raise TypeError(f"attributes are stored as {type(read).__name__}, expected a map")
    return read
