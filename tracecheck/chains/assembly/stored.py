"""A small refresh's two ends: stored rows as spans to assemble, and assembled chains as rows of the chain tables."""

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from tracecheck.chains.assembly.assemble import EFFECT_KEY, Assembled
from tracecheck.chains.assembly.deliveries import Attempt, Deliveries
from tracecheck.chains.assembly.facts import NEVER, Said
from tracecheck.chains.assembly.names import named
from tracecheck.model import (
    Chain,
    Event,
    Hop,
    Link,
    MessageIdentity,
    Messaging,
    Operation,
    Span,
    SpanBrief,
    SpanKind,
    StatusCode,
)
from tracecheck.semconv.names import EFFECT_EVENT
from tracecheck.store import Writer

Rows = list[dict[str, Any]]

HASHED = """
    insert into chain_key_rows
    select distinct chain_number, hash('p', destination, partition_id, message_offset) from inserted_keys
    where message_offset is not null and partition_id is not null
    union select distinct chain_number, hash('i', message_id) from inserted_keys where message_id is not null
    union select distinct chain_number, hash('i', event_id) from inserted_keys where event_id is not null
"""

BRIEF = pa.struct(
    [
        ("trace_id", pa.string()),
        ("span_id", pa.uint64()),
        ("service", pa.string()),
        ("name", pa.string()),
        ("start_unix_nano", pa.int64()),
        ("end_unix_nano", pa.int64()),
        ("error", pa.string()),
    ]
)

TYPES = {
    "span_id": pa.uint64(),
    "parent_span_id": pa.uint64(),
    "findings": pa.list_(pa.string()),
    "correlation_ids": pa.list_(pa.string()),
    "run_ids": pa.list_(pa.string()),
    "trace_ids": pa.list_(pa.string()),
    "attempt_spans": pa.list_(BRIEF),
}
"""Of columns whose values alone would not tell; any other is text, a number or a truth value."""


def spans_of_rows(rows: pa.Table) -> list[Span]:
    """Spans with what chains are made of (`refresh.ROWS_TO_ASSEMBLE`), ids in hex; no attributes, no resource."""
    return [_span(row) for row in rows.to_pylist()]


def _span(row: Mapping[str, Any]) -> Span:
    messaging = Messaging(
        system=row["system"],
        operation=Operation(row["operation"]) if row["operation"] else None,
        destination=row["destination"],
        consumer_group=row["consumer_group"],
        identity=MessageIdentity(
            partition=row["partition_id"], offset=row["message_offset"], message_id=row["message_id"]
        ),
        event_id=row["event_id"],
        batch_count=row["batch_count"],
        retry_of=row["retry_of"],
    )
    return Span(
        trace_id=row["trace_id"],
        span_id=row["span_id"],
        parent_span_id=row["parent_span_id"],
        name=row["name"],
        kind=SpanKind(row["kind"]),
        start_unix_nano=row["start_unix_nano"],
        end_unix_nano=row["end_unix_nano"],
        status=StatusCode(row["status_code"]),
        status_message=row["status_message"] or "",
        flags=row["flags"],
        links=tuple(
            Link(
                trace_id=link["trace_id"],
                span_id=link["span_id"],
                identity=MessageIdentity(
                    partition=link["partition_id"], offset=link["message_offset"], message_id=link["message_id"]
                ),
            )
            for link in row["links"] or ()
        ),
        events=tuple(
            Event(time_unix_nano=0, name=EFFECT_EVENT, attributes={EFFECT_KEY: key}) for key in row["effect_keys"] or ()
        ),
        service=row["service"],
        correlation_id=row["correlation_id"],
        run_id=row["run_id"],
        messaging=messaging,
        conflicting=row["conflicting"],
    )


def write_chains(writer: Writer, assembled: Assembled, *, after: int) -> None:
    """Stores the chains, numbered from `after` + 1 on. Nothing of them may be stored already."""
    numbers = {chain.chain_id: after + place for place, chain in enumerate(assembled.chains, 1)}
    facts = assembled.facts
    chain_of = [numbers[":".join(facts.spans[origin].key)] for origin in assembled.parts.origin]
    for table, rows in (
        ("chain_rows", [_chain_row(numbers[chain.chain_id], chain) for chain in assembled.chains]),
        ("chain_span_rows", _span_rows(assembled, chain_of)),
        ("edge_rows", _edge_rows(assembled, chain_of)),
        ("message_rows", _message_rows(assembled, chain_of)),
        ("hop_rows", [_hop_row(numbers[chain.chain_id], hop) for chain in assembled.chains for hop in chain.hops]),
        ("chain_feed_rows", _feed_rows(assembled, numbers)),
        ("chain_trace_rows", _trace_rows(assembled, chain_of)),
    ):
        writer.insert(table, _table(rows))
    keys = [_key_row(chain_of[n], said) for side in (facts.producers, facts.consumers) for n, said in side.items()]
    keys += [
        _key_row(chain_of[n], named(facts.consumers[n], name))
        for n, names in assembled.edges.linked.items()
        for name in names
    ]
    keys = [row for row in keys if any(row[name] is not None for name in ("message_offset", "message_id", "event_id"))]
    if keys:
        writer.execute(
            "create or replace temp table inserted_keys (chain_number bigint, destination varchar, "
            "partition_id varchar, message_offset bigint, message_id varchar, event_id varchar)"
        )
        writer.insert("inserted_keys", _table(keys))
        writer.execute(HASHED)


def _table(rows: Rows) -> pa.Table:
    if not rows:
        return pa.table({})
    return pa.table({name: pa.array([row[name] for row in rows], type=_type(name)) for name in rows[0]})


def _type(name: str) -> pa.DataType | None:
    if name.endswith("span_id"):
        return pa.uint64()
    return TYPES.get(name)


def _chain_row(number: int, chain: Chain) -> dict[str, Any]:
    summary = chain.summary
    return {
        "chain_number": number,
        "chain_id": summary.chain_id,
        "origin_trace_id": summary.origin.trace_id,
        "origin_span_id": int(summary.origin.span_id, 16),
        "origin_service": summary.origin.service,
        "origin_name": summary.origin.name,
        "cause_absent": summary.origin.cause_absent,
        "correlation_id": summary.correlation_id,
        "run_id": summary.run_id,
        "correlation_ids": chain.correlation_ids,
        "run_ids": chain.run_ids,
        "trace_ids": summary.trace_ids,
        "start_unix_nano": summary.start_unix_nano,
        "end_unix_nano": summary.start_unix_nano + summary.duration_ns,
        "spans": summary.spans,
        "hops": summary.hops,
        "findings": summary.findings,
    }


def _span_rows(assembled: Assembled, chain_of: list[int]) -> Rows:
    facts = assembled.facts
    rows: Rows = []
    for n, span in enumerate(facts.spans):
        said = facts.said(n)
        parent = span.parent_span_id if facts.parent[n] is not None and n not in assembled.told else None
        rows.append(
            {
                "chain_number": chain_of[n],
                "trace_id": span.trace_id,
                "span_id": int(span.span_id, 16),
                "parent_span_id": None if parent is None else int(parent, 16),
                "role": None if said is None else said.role,
            }
        )
    return sorted(rows, key=lambda row: row["chain_number"])


def _edge_rows(assembled: Assembled, chain_of: list[int]) -> Rows:
    """Edges that are no plain parent: those follow from the span rows."""
    rows: Rows = [
        {
            "chain_number": chain_of[assembled.facts.at[edge.effect]],
            "trace_id": edge.trace_id,
            "span_id": int(edge.span_id, 16),
            "cause_trace_id": edge.cause_trace_id,
            "cause_span_id": int(edge.cause_span_id, 16),
            "evidence": edge.evidence.value,
            "via": edge.via,
            "is_message": edge.is_message,
        }
        for edge in assembled.weak
    ]
    return sorted(rows, key=lambda row: row["chain_number"])


def _message_rows(assembled: Assembled, chain_of: list[int]) -> Rows:
    facts, edges = assembled.facts, assembled.edges
    rows: Rows = []
    for n, message in edges.messages.items():
        owner = edges.owner(n)
        sender = None if owner is None else facts.consumers[owner]
        for part, deliveries, attempts in _parts(assembled.deliveries, n):
            rows.append(
                {
                    "chain_number": chain_of[n],
                    "trace_id": message.span.trace_id,
                    "span_id": int(message.span.span_id, 16),
                    "part": part,
                    "service": message.service,
                    "system": message.system,
                    "destination": message.destination,
                    "partition_id": _known(message, "partition", attempts),
                    "message_offset": _known(message, "offset", attempts),
                    "message_id": _known(message, "message_id", attempts),
                    "event_id": message.event_id,
                    "retry_of": message.retry_of,
                    "correlation_id": message.correlation_id,
                    "run_id": message.span.run_id,
                    "start_unix_nano": min(message.span.start_unix_nano, NEVER),
                    "end_unix_nano": min(message.span.end_unix_nano, NEVER),
                    "failed": message.failed,
                    "deliveries": deliveries,
                    "owner_trace_id": None if sender is None else sender.span.trace_id,
                    "owner_span_id": None if sender is None else int(sender.span.span_id, 16),
                    "owner_destination": None if sender is None else sender.destination,
                    "owner_group": None if sender is None else sender.group,
                }
            )
    return sorted(rows, key=lambda row: row["chain_number"])


def _parts(deliveries: Deliveries, message: int) -> Iterable[tuple[str, int, list[Attempt]]]:
    """A message's parts, how many groups each went to, and its attempts there."""
    own = deliveries.by_message.get(message, [])
    for part in sorted({delivery.part for delivery in own}) or [""]:
        same = [delivery for delivery in own if delivery.part == part]
        yield part, len(same), [attempt for delivery in same for attempt in delivery.attempts]


def _known(message: Said, name: str, attempts: Iterable[Attempt]) -> Any:
    if (value := getattr(message, name)) is not None:
        return value
    return max((value for one in attempts if (value := getattr(one, name)) is not None), default=None)


def _hop_row(number: int, hop: Hop) -> dict[str, Any]:
    return {
        "chain_number": number,
        "system": hop.system,
        "destination": hop.destination,
        "consumer_group": hop.consumer_group,
        "partition_id": hop.partition,
        "message_offset": hop.offset,
        "message_id": hop.message_id,
        **_side("producer", hop.producer),
        **_side("consumer", hop.consumer),
        "evidence": None if hop.evidence is None else hop.evidence.value,
        "context": hop.context,
        "transit_ns": hop.transit_ns,
        "consumer_instant": hop.consumer_instant,
        "processing_ns": hop.processing_ns,
        "succeeded_after_ns": hop.succeeded_after_ns,
        "attempts": hop.attempts,
        "outcome": hop.outcome.value,
        "findings": hop.findings,
        "attempt_spans": [
            {name: getattr(brief, name) for name in BRIEF.names if name != "span_id"}
            | {"span_id": int(brief.span_id, 16)}
            for brief in hop.attempt_spans
        ],
    }


def _side(side: str, brief: SpanBrief | None) -> dict[str, Any]:
    return {
        f"{side}_trace_id": brief and brief.trace_id,
        f"{side}_span_id": brief and int(brief.span_id, 16),
        f"{side}_service": brief and brief.service,
        f"{side}_name": brief and brief.name,
        f"{side}_start_unix_nano": brief and brief.start_unix_nano,
        f"{side}_end_unix_nano": brief and brief.end_unix_nano,
        f"{side}_error": brief and brief.error,
    }


def _feed_rows(assembled: Assembled, numbers: dict[str, int]) -> Rows:
    return [
        {"chain_number": numbers[chain.chain_id], "feeding_chain_id": feeding}
        for chain in assembled.chains
        for feeding in chain.feeds
    ]


def _trace_rows(assembled: Assembled, chain_of: list[int]) -> Rows:
    facts = assembled.facts
    found = {(chain_of[n], span.trace_id, False) for n, span in enumerate(facts.spans)}
    found |= {
        (chain_of[n], link.trace_id, True)
        for n, links in facts.links.items()
        for link, _ in links
        if link.trace_id != facts.spans[n].trace_id
    }
    return [
        {"chain_number": number, "trace_id": trace_id, "is_reference": is_reference}
        for number, trace_id, is_reference in sorted(found)
    ]


def _key_row(number: int, said: Said) -> dict[str, Any]:
    return {
        "chain_number": number,
        "destination": said.destination,
        "partition_id": said.partition,
        "message_offset": said.offset,
        "message_id": said.message_id,
        "event_id": said.event_id,
    }
