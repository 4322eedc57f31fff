"""Rows of the documented views to values. Shared by everything that reads chains."""

from collections.abc import Mapping
from typing import Any

from tracecheck.model import ChainSummary, Edge, Evidence, Hop, Origin, Outcome, SpanBrief

Row = Mapping[str, Any]


def summary_of(row: Row) -> ChainSummary:
    """A row of `chains`."""
    return ChainSummary(
        chain_id=row["chain_id"],
        trace_ids=tuple(row["trace_ids"]),
        correlation_id=row["correlation_id"],
        run_id=row["run_id"],
        origin=Origin(
            trace_id=row["origin_trace_id"],
            span_id=row["origin_span_id"],
            service=row["origin_service"],
            name=row["origin_name"],
            cause_absent=row["cause_absent"],
        ),
        start_unix_nano=row["start_unix_nano"],
        duration_ns=row["duration_ns"],
        spans=row["spans"],
        hops=row["hops"],
        findings=tuple(row["findings"]),
    )


def edge_of(row: Row) -> Edge:
    """A row of `edges`."""
    return Edge(
        trace_id=row["trace_id"],
        span_id=row["span_id"],
        cause_trace_id=row["cause_trace_id"],
        cause_span_id=row["cause_span_id"],
        evidence=Evidence(row["evidence"]),
        via=row["via"],
        is_message=row["is_message"],
    )


def hop_of(row: Row) -> Hop:
    """A row of `hops`."""
    place = {"destination": row["destination"], "partition": row["partition_id"], "offset": row["message_offset"]}
    at_consumer = place | {"consumer_group": row["consumer_group"], "consumes": True}
    return Hop(
        chain_id=row["chain_id"],
        system=row["system"],
        destination=row["destination"],
        consumer_group=row["consumer_group"],
        partition=row["partition_id"],
        offset=row["message_offset"],
        message_id=row["message_id"],
        producer=_side(row, "producer", place),
        consumer=_side(row, "consumer", at_consumer),
        evidence=Evidence(row["evidence"]) if row["evidence"] else None,
        context=row["context"],
        transit_ns=row["transit_ns"],
        consumer_instant=row["consumer_instant"],
        processing_ns=row["processing_ns"],
        succeeded_after_ns=row["succeeded_after_ns"],
        attempts=row["attempts"],
        outcome=Outcome(row["outcome"]),
        findings=tuple(row["findings"]),
        attempt_spans=tuple(SpanBrief(**attempt, **at_consumer) for attempt in row["attempt_spans"]),
    )


def _side(row: Row, side: str, place: Mapping[str, Any]) -> SpanBrief | None:
    if row[f"{side}_span_id"] is None:
        return None
    return SpanBrief(
        trace_id=row[f"{side}_trace_id"],
        span_id=row[f"{side}_span_id"],
        service=row[f"{side}_service"],
        name=row[f"{side}_name"],
        start_unix_nano=row[f"{side}_start_unix_nano"],
        end_unix_nano=row[f"{side}_end_unix_nano"],
        error=row[f"{side}_error"],
        **place,
    )
