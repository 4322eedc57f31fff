"""Stored chains, whole: summary, spans, edges, hops and feeds.

All that belongs to a chain lies by its number, so it is found without looking through the rest of the store.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tracecheck.chains.rows import edge_of, hop_of, summary_of
from tracecheck.errors import UsageError
from tracecheck.model import Chain, Edge, Evidence, Hop, Span
from tracecheck.store import Reader
from tracecheck.store.spans import read_spans

CHUNK = 256
"""Chains read at once by `load_many`: enough that the fixed cost of its queries vanishes, little enough for memory."""

CHAIN_ID = re.compile(r"(?P<trace_id>[0-9a-f]{32}):(?P<span_id>[0-9a-f]{16})")

_NUMBERS = """
    select chain_number, hex_trace_id(origin_trace_id) as trace_id, hex_span_id(origin_span_id) as span_id
    from chain_rows join (
        select unnest($trace_ids::uuid[]) as origin_trace_id, unnest($span_ids::varchar[])::ubigint as origin_span_id
    ) using (origin_trace_id, origin_span_id)
"""

_AMONG = " where chain_number in (select unnest($numbers::bigint[]))"

_CHAINS = """
    select * replace (
            hex_trace_id(origin_trace_id) as origin_trace_id, hex_span_id(origin_span_id) as origin_span_id,
            list_transform(trace_ids, lambda trace_id: hex_trace_id(trace_id)) as trace_ids),
        end_unix_nano - start_unix_nano as duration_ns
    from chain_rows
"""

_CHAIN_SPANS = """
    select chain_number, hex_trace_id(trace_id) as trace_id, hex_span_id(span_id) as span_id,
        hex_span_id(parent_span_id) as parent_span_id
    from chain_span_rows
"""

_EDGES = """
    select * replace (
        hex_trace_id(trace_id) as trace_id, hex_span_id(span_id) as span_id,
        hex_trace_id(cause_trace_id) as cause_trace_id, hex_span_id(cause_span_id) as cause_span_id)
    from edge_rows
"""

_HOPS = """
    select * replace (
        hex_trace_id(producer_trace_id) as producer_trace_id, hex_span_id(producer_span_id) as producer_span_id,
        hex_trace_id(consumer_trace_id) as consumer_trace_id, hex_span_id(consumer_span_id) as consumer_span_id,
        list_transform(attempt_spans, lambda attempt: struct_update(
            attempt, trace_id := hex_trace_id(attempt.trace_id), span_id := hex_span_id(attempt.span_id)
        )) as attempt_spans)
    from hop_rows
"""

_FEEDS = "select * from chain_feed_rows"

_SPANS = """
    rowid in (
        select rowid from span_rows where start_unix_nano between $earliest and $latest
            and span_id in (
                select span_id from chain_span_rows where chain_number in (select unnest($numbers::bigint[]))))
"""
"""By one of the two ids, and before any other column is read."""


def load(store: Reader, chain_id: str) -> Chain:
    """One chain by its id (`find` turns other names into ids). Raises `UsageError` if there is none."""
    for chain in load_many(store, [chain_id]):
        return chain
    raise UsageError(f"no chain {chain_id}; expected the id of a stored chain; `tracecheck chains` lists them")


def load_many(store: Reader, chain_ids: Sequence[str]) -> Iterator[Chain]:
    """Chains in the order asked for; ids that are not stored are left out."""
    for start in range(0, len(chain_ids), CHUNK):
        some = list(dict.fromkeys(chain_ids[start : start + CHUNK]))
        numbers = numbers_of(store, some)
        while numbers:
            chains = _read(store, numbers)
            # A refresh in between numbers what it rebuilds anew: then some of the rows were there no longer.
            if (now := numbers_of(store, some)) == numbers:
                yield from (chains[chain_id] for chain_id in some if chain_id in chains)
                break
            numbers = now


def numbers_of(store: Reader, chain_ids: Sequence[str]) -> dict[str, int]:
    """The numbers under which the rows of chains lie at the moment, by chain id; those that are stored."""
    origins = [origin.groups() for chain_id in chain_ids if (origin := CHAIN_ID.fullmatch(chain_id))]
    asked = {
        "trace_ids": [trace_id for trace_id, _ in origins],
        "span_ids": [str(int(span_id, 16)) for _, span_id in origins],
    }
    rows = store.query(_NUMBERS, asked).to_pylist() if origins else []
    return {f"{row['trace_id']}:{row['span_id']}": row["chain_number"] for row in rows}


def hops_of(store: Reader, numbers: Mapping[str, int]) -> dict[str, list[Hop]]:
    """The hops of chains, by chain id; `numbers` as `numbers_of` has them."""
    hops: dict[str, list[Hop]] = defaultdict(list)
    for chain_id, row in _rows(store, _HOPS, numbers):
        hops[chain_id].append(hop_of({**row, "chain_id": chain_id}))
    return hops


def in_order(hop: Hop) -> tuple[Any, ...]:
    """Sort key of hops: by the first instant known of them, then by message, group and position."""
    first = hop.producer or hop.consumer
    return (
        first.start_unix_nano if first else 0,
        (first.trace_id, first.span_id) if first else ("", ""),
        hop.consumer_group or "",
        hop.consumer.start_unix_nano if hop.consumer else 0,
        (hop.consumer.trace_id, hop.consumer.span_id) if hop.consumer else ("", ""),
    )


def _read(store: Reader, numbers: Mapping[str, int]) -> dict[str, Chain]:
    """By chain id."""
    summaries = dict(_rows(store, _CHAINS, numbers))
    if not summaries:
        return {}
    chain_of_span: dict[tuple[str, str], str] = {}
    edges: dict[str, list[Edge]] = defaultdict(list)
    for chain_id, row in _rows(store, _CHAIN_SPANS, numbers):
        chain_of_span[row["trace_id"], row["span_id"]] = chain_id
        if row["parent_span_id"] is not None:
            edges[chain_id].append(_to_parent(row))
    for chain_id, row in _rows(store, _EDGES, numbers):
        edges[chain_id].append(edge_of(row))
    spans = _spans(store, numbers, summaries.values(), chain_of_span)
    hops = hops_of(store, numbers)
    feeds: dict[str, list[str]] = defaultdict(list)
    for chain_id, row in _rows(store, _FEEDS, numbers):
        feeds[chain_id].append(row["feeding_chain_id"])
    return {
        chain_id: Chain(
            summary=summary_of(row),
            spans=tuple(spans[chain_id]),
            edges=tuple(sorted(edges[chain_id], key=lambda edge: (*edge.effect, *edge.cause))),
            hops=tuple(sorted(hops[chain_id], key=in_order)),
            feeds=tuple(sorted(feeds[chain_id])),
            correlation_ids=tuple(row["correlation_ids"]),
            run_ids=tuple(row["run_ids"]),
        )
        for chain_id, row in summaries.items()
    }


def _to_parent(row: Mapping[str, Any]) -> Edge:
    return Edge(
        trace_id=row["trace_id"],
        span_id=row["span_id"],
        cause_trace_id=row["trace_id"],
        cause_span_id=row["parent_span_id"],
        evidence=Evidence.CONTEXT,
        via="parent",
        is_message=False,
    )


def _spans(
    store: Reader,
    numbers: Mapping[str, int],
    summaries: Iterable[Mapping[str, Any]],
    chain_of_span: Mapping[tuple[str, str], str],
) -> dict[str, list[Span]]:
    bounds = [(row["start_unix_nano"], row["end_unix_nano"]) for row in summaries]
    asked = {
        "numbers": list(numbers.values()),
        "earliest": min(earliest for earliest, _ in bounds),
        "latest": max(latest for _, latest in bounds),
    }
    unique: dict[tuple[str, str], Span] = {}
    for span in read_spans(store, _SPANS, asked):
        # Of conflicting spans the first in the store's order stands for all, as in the chain tables.
        unique.setdefault(span.key, span)
    by_chain: dict[str, list[Span]] = defaultdict(list)
    for key, span in unique.items():
        if key in chain_of_span:
            by_chain[chain_of_span[key]].append(span)
    return by_chain


def _rows(store: Reader, sql: str, numbers: Mapping[str, int]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each row with the id of its chain."""
    chain_ids = {number: chain_id for chain_id, number in numbers.items()}
    for row in store.query(sql + _AMONG, {"numbers": list(chain_ids)}).to_pylist():
        yield chain_ids[row["chain_number"]], row
