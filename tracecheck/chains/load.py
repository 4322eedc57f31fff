"""Stored chains, whole: summary, spans, edges, hops and feeds."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tracecheck.chains.rows import edge_of, hop_of, summary_of
from tracecheck.errors import UsageError
from tracecheck.model import Chain, Edge, Hop, Span
from tracecheck.store import Reader
from tracecheck.store.spans import read_spans

CHUNK = 256
"""Chains read at once by `load_many`: enough that the fixed cost of its queries vanishes, little enough for memory."""

SPANS_OF = """
    start_unix_nano between $earliest and $latest and (trace_id, span_id) in (
        select (s.trace_id, s.span_id) from chain_span_rows s join chain_rows c using (chain_number)
        where list_contains($chain_ids::varchar[], c.chain_id))
"""


def load(store: Reader, chain_id: str) -> Chain:
    """One chain by its id (`find` turns other names into ids). Raises `UsageError` if there is none."""
    for chain in load_many(store, [chain_id]):
        return chain
    raise UsageError(f"no chain {chain_id}; expected the id of a stored chain; `tracecheck chains` lists them")


def load_many(store: Reader, chain_ids: Sequence[str]) -> Iterator[Chain]:
    """Chains in the order asked for; ids that are not stored are left out."""
    for start in range(0, len(chain_ids), CHUNK):
        yield from _chunk(store, list(chain_ids[start : start + CHUNK]))


def _chunk(store: Reader, chain_ids: list[str]) -> Iterator[Chain]:
    summaries = {row["chain_id"]: row for row in _rows(store, "chains", chain_ids)}
    if not summaries:
        return
    chain_of_span = {
        (row["trace_id"], row["span_id"]): row["chain_id"] for row in _rows(store, "chain_spans", chain_ids)
    }
    spans = _spans(store, chain_ids, summaries.values(), chain_of_span)
    edges: dict[str, list[Edge]] = defaultdict(list)
    for row in _rows(store, "edges", chain_ids):
        edges[row["chain_id"]].append(edge_of(row))
    hops: dict[str, list[Hop]] = defaultdict(list)
    for row in _rows(store, "hops", chain_ids):
        hops[row["chain_id"]].append(hop_of(row))
    feeds: dict[str, list[str]] = defaultdict(list)
    for row in _rows(store, "chain_feeds", chain_ids):
        feeds[row["chain_id"]].append(row["feeding_chain_id"])
    for chain_id in dict.fromkeys(chain_ids):
        if chain_id in summaries:
            row = summaries[chain_id]
            yield Chain(
                summary=summary_of(row),
                spans=tuple(spans[chain_id]),
                edges=tuple(sorted(edges[chain_id], key=lambda edge: (*edge.effect, *edge.cause))),
                hops=tuple(sorted(hops[chain_id], key=in_order)),
                feeds=tuple(sorted(feeds[chain_id])),
                correlation_ids=tuple(row["correlation_ids"]),
                run_ids=tuple(row["run_ids"]),
            )


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


def _spans(
    store: Reader,
    chain_ids: list[str],
    summaries: Iterable[dict[str, Any]],
    chain_of_span: dict[tuple[str, str], str],
) -> dict[str, list[Span]]:
    bounds = [(row["start_unix_nano"], row["end_unix_nano"]) for row in summaries]
    stored = read_spans(
        store,
        SPANS_OF,
        {
            "chain_ids": chain_ids,
            "earliest": min(earliest for earliest, _ in bounds),
            "latest": max(latest for _, latest in bounds),
        },
    )
    unique: dict[tuple[str, str], Span] = {}
    for span in stored:
        # Of conflicting spans the first in the store's order stands for all, as in the chain tables.
        unique.setdefault(span.key, span)
    by_chain: dict[str, list[Span]] = defaultdict(list)
    for key, span in unique.items():
        by_chain[chain_of_span[key]].append(span)
    return by_chain


def _rows(store: Reader, view: str, chain_ids: list[str]) -> list[dict[str, Any]]:
    sql = f"select * from {view} where list_contains($chain_ids::varchar[], chain_id)"  # noqa: S608 - our own names
    rows: list[dict[str, Any]] = store.query(sql, {"chain_ids": chain_ids}).to_pylist()
    return rows
