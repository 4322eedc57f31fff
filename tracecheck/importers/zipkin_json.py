"""Zipkin v2 JSON: lists of spans, or of traces.

Ids are 64 or 128 bits, times are microseconds, a server may share its client's id, and one span may be reported in
pieces (an instrumentation that flushes early, a late annotation). An absent kind is a local span.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from tracecheck.importers.legacy_fields import meaning_of, nanos, padded_id
from tracecheck.importers.piece import JsonFormat
from tracecheck.importers.shared_ids import separate_shared_ids
from tracecheck.model import AttributeValue, Event, Resource, Span, SpanKind
from tracecheck.receiver import json_values as read
from tracecheck.receiver.decoded import Notes, Refused

_KINDS = {kind.name: kind for kind in (SpanKind.CLIENT, SpanKind.SERVER, SpanKind.PRODUCER, SpanKind.CONSUMER)}


def _recognises(document: Any) -> bool:
    return _records(document) is not None


def _records(document: Any) -> list[Any] | None:
    """The span records of a document (one, a list, or a list of traces), or None when it is no Zipkin document."""
    records = document if isinstance(document, list) else [document]
    if records and all(isinstance(trace, list) for trace in records):
        records = [record for trace in records for record in trace]
    is_zipkin = all(isinstance(record, dict) and "traceId" in record and "id" in record for record in records)
    return records if is_zipkin else None


def _read(documents: Sequence[Any], notes: Notes) -> list[Span]:
    records: list[dict[str, Any]] = []
    for document in documents:
        for record in _records(document) or []:
            try:
                records.append(_with_ids(record, notes))
            except Refused as refused:
                notes.reject(str(refused))
    spans: list[Span] = []
    shared: set[int] = set()
    for record in _whole(_one_length(records), notes):
        try:
            spans.append(_span(record, notes))
        except Refused as refused:
            notes.reject(str(refused))
            continue
        if record.get("shared") is True:
            shared.add(len(spans) - 1)
    return separate_shared_ids(spans, shared)


def _with_ids(record: Mapping[str, Any], notes: Notes) -> dict[str, Any]:
    """The record with its ids checked and padded. A span that names itself as parent has none, as Zipkin has it."""
    if "binaryAnnotations" in record:
        raise Refused("this is Zipkin v1 JSON; export it as v2")
    trace_id = padded_id(record["traceId"], 16, "traceId", notes)
    span_id = padded_id(record["id"], 8, "id", notes)
    parent = record.get("parentId")
    parent_id = padded_id(parent, 8, "parentId", notes) if parent not in (None, "") else None
    if parent_id == span_id:
        notes.repair("a span that is its own parent was read as having none")
        parent_id = None
    return {**record, "traceId": trace_id, "id": span_id, "parentId": parent_id}


def _one_length(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Gives 64-bit trace ids the high half that the same trace has in other records: some services drop it."""
    zeros = "0" * 16
    whole = {record["traceId"][16:]: record["traceId"] for record in records if record["traceId"][:16] != zeros}
    return [
        {**record, "traceId": whole.get(record["traceId"][16:], record["traceId"])}
        if record["traceId"].startswith(zeros)
        else record
        for record in records
    ]


def _whole(records: list[dict[str, Any]], notes: Notes) -> list[dict[str, Any]]:
    """Joins pieces to the record they belong to. A piece has no timestamp of its own, and agrees on id, sharing and
    service with a record that has one; several records with timestamps are several spans."""
    whole: list[dict[str, Any]] = []
    by_identity: dict[object, dict[str, Any]] = {}
    for record in sorted(records, key=lambda record: record.get("timestamp") is None):
        identity = (record["traceId"], record["id"], record.get("shared") is True, _service_of(record))
        known = by_identity.setdefault(identity, record)
        if known is record or record.get("timestamp") is not None:
            whole.append(record)
        else:
            try:
                _join(known, record)
            except Refused as refused:
                notes.reject(str(refused))
            else:
                notes.repair("a span reported in pieces was put together")
    return whole


def _join(record: dict[str, Any], piece: Mapping[str, Any]) -> None:
    """Adds a piece to its record: lists and tags grow, and what the record lacks is filled in."""
    grown: dict[str, Any] = {"annotations": [*read.array(record, "annotations"), *read.array(piece, "annotations")]}
    for key in ("tags", "localEndpoint", "remoteEndpoint"):
        grown[key] = {**read.an_object(record.get(key), key), **read.an_object(piece.get(key), key)}
    lacking = {key: value for key, value in piece.items() if record.get(key) is None}
    record.update(lacking | grown)


def _service_of(record: Mapping[str, Any]) -> object:
    endpoint = record.get("localEndpoint")
    return str(endpoint.get("serviceName")) if isinstance(endpoint, dict) else None


def _span(record: Mapping[str, Any], notes: Notes) -> Span:
    local = read.an_object(record.get("localEndpoint"), "localEndpoint")
    tags: dict[str, AttributeValue] = {
        read.text(key, notes): read.text(value, notes) if isinstance(value, str) else str(value)
        for key, value in read.an_object(record.get("tags"), "tags").items()
    }
    tags |= _endpoint(local, "network.local", notes)
    remote = read.an_object(record.get("remoteEndpoint"), "remoteEndpoint")
    tags |= _endpoint(remote, "network.peer", notes)
    if peer := remote.get("serviceName"):
        tags.setdefault("peer.service", read.text(peer, notes))
    meaning = meaning_of(tags)
    events = [
        Event(time_unix_nano=nanos(item, "timestamp"), name=read.text(item.get("value") or "", notes))
        for item in read.objects(record, "annotations")
    ]
    start = nanos(record, "timestamp") or min((event.time_unix_nano for event in events), default=0)
    service = local.get("serviceName")
    return Span(
        trace_id=record["traceId"],
        span_id=record["id"],
        parent_span_id=record["parentId"],
        name=read.text(record.get("name") or "", notes),
        kind=_kind(record.get("kind"), notes),
        start_unix_nano=start,
        end_unix_nano=start + nanos(record, "duration"),
        status=meaning.status,
        status_message=meaning.status_message,
        trace_state=meaning.trace_state,
        attributes=meaning.attributes,
        events=tuple(events),
        resource=Resource(
            attributes={"service.name": read.text(service, notes)} if service else {},
            scope_name=meaning.scope_name,
            scope_version=meaning.scope_version,
        ),
    )


def _kind(value: object, notes: Notes) -> SpanKind:
    if value is None:
        return SpanKind.INTERNAL
    kind = _KINDS.get(str(value).upper())
    if kind is None:
        notes.repair("an unknown span kind was read as unspecified")
        return SpanKind.UNSPECIFIED
    return kind


def _endpoint(endpoint: Mapping[str, Any], prefix: str, notes: Notes) -> dict[str, AttributeValue]:
    address = endpoint.get("ipv4") or endpoint.get("ipv6")
    found: dict[str, AttributeValue] = {f"{prefix}.address": read.text(address, notes)} if address else {}
    if endpoint.get("port"):
        found[f"{prefix}.port"] = read.integer(endpoint["port"], "port", 0, 65535)
    return found


ZIPKIN_JSON = JsonFormat(name="Zipkin v2 JSON", recognises=_recognises, read=_read, whole_file=True, shares_ids=True)
