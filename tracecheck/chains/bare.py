"""Many stored chains at once, bare: what most expectations look at, without attributes and resources, in columns.

What chains have in common is told apart from what is each one's own. The `pattern` of a chain holds everything but
instants, places and ids: spans and hops by a hash of what they say, and which ids are the same one. `values` and
`names` hold the rest, at equal positions in all chains of one pattern. So `bare_chain.chain_of` makes one chain of it,
or all chains of a pattern at once, whatever stands for a value (`check/alike`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain as joined
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tracecheck.semconv.names import EFFECT_EVENT
from tracecheck.store import Reader

SPAN_VALUES = (
    "start_unix_nano",
    "end_unix_nano",
    "instance",
    "partition_id",
    "message_offset",
    "record_time_unix_nano",
)
SPAN_NAMES = ("trace_id", "span_id", "parent_span_id", "correlation_id", "message_key", "event_id", "retry_of")
HOP_VALUES = (
    "partition_id",
    "message_offset",
    "transit_ns",
    "processing_ns",
    "succeeded_after_ns",
    "producer_start_unix_nano",
    "producer_end_unix_nano",
    "consumer_start_unix_nano",
    "consumer_end_unix_nano",
)
HOP_NAMES = ("producer_trace_id", "producer_span_id", "consumer_trace_id", "consumer_span_id")
ATTEMPTS = ("attempt_starts", "attempt_ends", "attempt_traces", "attempt_ids")
EDGE_NAMES = ("trace_id", "span_id", "cause_trace_id", "cause_span_id")

SPAN_ORDER = ("start_unix_nano", "trace_id", "span_id")
HOP_ORDER = ("producer_start_unix_nano", "consumer_start_unix_nano", "producer_span_id", "consumer_span_id")

_CHAINS = """
    select chain_number, chain_id, correlation_id, run_id, findings, spans, hops, start_unix_nano, end_unix_nano
    from chain_rows where chain_id in (select unnest($chain_ids::varchar[]))
"""

_SPANS = """
    with part as materialized (
        select chain_number, trace_id, span_id, parent_span_id is not null as is_told
        from chain_span_rows where chain_number in (select unnest($numbers::bigint[]))
    ), found as (
        -- By one number and not by both ids: only that is looked up before the other columns are read.
        select * from span_rows
        where span_id in (select span_id from part) and start_unix_nano between $earliest and $latest
    ), told as (
        select p.chain_number, s.start_unix_nano, s.end_unix_nano, s.instance, s.partition_id, s.message_offset,
            s.record_time_unix_nano, hex_trace_id(s.trace_id) as trace_id, hex_span_id(s.span_id) as span_id,
            hex_span_id(s.parent_span_id) as parent_span_id, s.correlation_id, s.message_key, s.event_id, s.retry_of,
            s.ingested_unix_nano, s.conflicting or s.time_overflow as is_odd, s.service, s.name, s.kind, s.status_code,
            s.status_message, s.flags, s.system, s.operation, s.destination, s.consumer_group, s.batch_count,
            s.attempt, s.tombstone, len(s.links) > 0 as has_links, p.is_told,
            case when len(s.events) > 0 then list_transform(
                list_filter(s.events, lambda e: e.name in ($effect, 'exception')),
                lambda e: struct_pack(name := e.name, attributes := e.attributes)) end as told_events
        from part p join found s using (trace_id, span_id)
    )
    select *, hash(service, name, kind, status_code, status_message, flags, system, operation, destination,
        consumer_group, batch_count, attempt, tombstone, has_links, is_told, told_events::varchar,
        instance is null, partition_id is null, message_offset is null, record_time_unix_nano is null) as pattern
    from told
"""

_HOPS = """
    select *, hash(system, destination, consumer_group, evidence, context, consumer_instant, attempts, outcome,
        findings, producer_service, producer_name, producer_error, consumer_service, consumer_name, consumer_error,
        briefs::varchar, partition_id is null, message_offset is null, producer_start_unix_nano is null,
        consumer_start_unix_nano is null, transit_ns is null, processing_ns is null, succeeded_after_ns is null
        ) as pattern
    from (
        select * exclude (attempt_spans, message_id) replace (
                hex_trace_id(producer_trace_id) as producer_trace_id,
                hex_span_id(producer_span_id) as producer_span_id,
                hex_trace_id(consumer_trace_id) as consumer_trace_id,
                hex_span_id(consumer_span_id) as consumer_span_id),
            list_transform(attempt_spans, lambda a: hex_trace_id(a.trace_id)) as attempt_traces,
            list_transform(attempt_spans, lambda a: hex_span_id(a.span_id)) as attempt_ids,
            list_transform(attempt_spans, lambda a: a.start_unix_nano) as attempt_starts,
            list_transform(attempt_spans, lambda a: a.end_unix_nano) as attempt_ends,
            list_transform(attempt_spans, lambda a: struct_pack(
                service := a.service, name := a.name, error := a.error)) as briefs
        from hop_rows where chain_number in (select unnest($numbers::bigint[]))
    )
"""

_EDGES = """
    select chain_number, evidence, via, is_message, concat_ws(' ', evidence, via, is_message) as pattern,
        hex_trace_id(trace_id) as trace_id, hex_span_id(span_id) as span_id,
        hex_trace_id(cause_trace_id) as cause_trace_id, hex_span_id(cause_span_id) as cause_span_id
    from edge_rows where chain_number in (select unnest($numbers::bigint[]))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bare:
    """One chain with what it feeds, in columns. `numbers` are the chains it is made of, its own first.

    Chains of equal patterns are equal in everything but `values` (None stands at the same positions) and `names`. The
    pattern also holds, for each text, its position among the names. `edges` are those that are no plain parents: their
    pattern, and the positions of four names. `last_ingest_unix_nano` is that of its own spans.
    """

    chain_id: str
    numbers: tuple[int, ...]
    pattern: tuple[Any, ...]
    values: list[Any]
    names: list[str]
    edges: list[tuple[Any, ...]]
    last_ingest_unix_nano: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Rows by chain: where each chain's lie, and what is each row's own."""

    rows: pa.Table
    places: dict[int, tuple[int, int]]
    patterns: list[Any]
    values: "_Flat"
    names: "_Flat"
    examples: dict[Any, int]
    """By pattern: a row of it."""
    known: dict[Any, Mapping[str, Any]]

    def place(self, number: int) -> tuple[int, int]:
        """Where the rows of a chain begin and end."""
        return self.places.get(number, (0, 0))

    def told(self, pattern: Any) -> Mapping[str, Any]:
        """What rows of a pattern say beside their values and names."""
        found = self.known.get(pattern)
        if found is None:
            found = self.known[pattern] = self.rows.slice(self.examples[pattern], 1).to_pylist()[0]
        return found


class BareChains:
    """Chains of a store, read at once: some 10 KB each. Those that cannot be told bare (conflicting spans), or that are
    rebuilt at this moment, are left out."""

    def __init__(self, store: Reader, views: Mapping[str, Sequence[str]]) -> None:
        """Reads each chain of `views` together with the chains named there beside it (`across.following`)."""
        wanted = list(dict.fromkeys(joined(views, *views.values())))
        summaries = store.query(_CHAINS, {"chain_ids": wanted}).to_pylist()
        only = {"numbers": [row["chain_number"] for row in summaries]}
        bounds = {
            "effect": EFFECT_EVENT,
            "earliest": min((row["start_unix_nano"] for row in summaries), default=0),
            "latest": max((row["end_unix_nano"] for row in summaries), default=0),
        }
        spans = store.query(_SPANS, only | bounds)
        self.spans = _rows(spans, SPAN_ORDER, SPAN_VALUES, SPAN_NAMES)
        self.hops = _rows(store.query(_HOPS, only), HOP_ORDER, HOP_VALUES, HOP_NAMES, attempts=True)
        self.edges = _rows(store.query(_EDGES, only), (), (), EDGE_NAMES)
        self._summaries = {row["chain_number"]: row for row in summaries}
        self._ingested, self._odd = _of_spans(spans)
        by_id = {row["chain_id"]: row["chain_number"] for row in summaries}
        whole = {number for number, row in self._summaries.items() if self._is_whole(number, row)}
        self.chains: list[Bare] = []
        for chain_id, fed in views.items():
            parts = [by_id[one] for one in (chain_id, *fed) if one in by_id]
            if chain_id in by_id and whole.issuperset(parts):
                self.chains.append(self._bare(chain_id, parts))

    def _is_whole(self, number: int, row: Mapping[str, Any]) -> bool:
        spans, hops = self.spans.place(number), self.hops.place(number)
        return (spans[1] - spans[0], hops[1] - hops[0]) == (row["spans"], row["hops"]) and number not in self._odd

    def _bare(self, chain_id: str, parts: Sequence[int]) -> Bare:
        summary = self._summaries[parts[0]]
        names: dict[str, int] = {}
        number = names.setdefault
        of_chain = (summary["correlation_id"], summary["run_id"])
        pattern: list[Any] = [tuple(summary["findings"])]
        pattern += [-1 if text is None else number(text, len(names)) for text in of_chain]
        values: list[Any] = [chain_id]
        edges: list[tuple[Any, ...]] = []
        for part in parts:
            (a, b), (c, d), (e, f) = (rows.place(part) for rows in (self.spans, self.hops, self.edges))
            texts = self.spans.names.of(a, b) + self.hops.names.of(c, d) + self.edges.names.of(e, f)
            numbers = [-1 if text is None else number(text, len(names)) for text in texts]
            of_edges = len(numbers) - len(EDGE_NAMES) * (f - e)
            ends = iter(numbers[of_edges:])
            edges += zip(self.edges.patterns[e:f], ends, ends, ends, ends, strict=False)
            pattern += self.spans.patterns[a:b] + self.hops.patterns[c:d] + numbers[:of_edges]
            values += self.spans.values.of(a, b)
            values += self.hops.values.of(c, d)
        edges.sort()
        return Bare(
            chain_id=chain_id,
            numbers=tuple(parts),
            pattern=(*pattern, *edges),
            values=values,
            names=list(names),
            edges=edges,
            last_ingest_unix_nano=self._ingested[parts[0]],
        )


def _rows(
    found: pa.Table, order: Sequence[str], values: Sequence[str], names: Sequence[str], *, attempts: bool = False
) -> Rows:
    """The rows by chain and pattern, then by `order`. Of hops, what their attempts add follows values and names."""
    keys = [(name, "ascending") for name in ("chain_number", "pattern", *order)]
    at = pc.sort_indices(found, sort_keys=keys)
    lists = ATTEMPTS if attempts else ()
    own = found.select(["chain_number", "pattern", *values, *names, *lists]).take(at)
    columns = {name: own[name].to_pylist() for name in own.column_names}
    numbers, patterns = columns["chain_number"], columns["pattern"]
    starts = [place for place, number in enumerate(numbers) if place == 0 or number != numbers[place - 1]]
    begun, ended, traces, ids = (columns[name] for name in lists) if attempts else ((), (), (), ())
    return Rows(
        rows=found,
        places={numbers[start]: (start, end) for start, end in pairwise([*starts, len(numbers)])},
        patterns=patterns,
        values=_Flat([columns[name] for name in values], begun, ended),
        names=_Flat([columns[name] for name in names], traces, ids),
        examples=dict(zip(patterns, at.to_pylist(), strict=True)),
        known={},
    )


class _Flat:
    """Columns row after row in one list, each row followed by its parts of two lists: no tuple for each row, of which
    a hundred thousand would keep the garbage collector busy."""

    def __init__(self, columns: Sequence[list[Any]], first: Sequence[list[Any]], second: Sequence[list[Any]]) -> None:
        width, rows = len(columns), len(columns[0]) if columns else 0
        self._all: list[Any] = [None] * (width * rows)
        self._ends: Sequence[int] = range(0, width * rows + 1, width or 1)
        for place, column in enumerate(columns):
            self._all[place::width] = column
        if first:
            alone = self._all
            self._all = []
            self._ends = [0]
            for row, (one, other) in enumerate(zip(first, second, strict=True)):
                self._all += alone[row * width : (row + 1) * width]
                self._all += one
                self._all += other
                self._ends.append(len(self._all))

    def of(self, begin: int, end: int) -> list[Any]:
        """All of these rows."""
        return self._all[self._ends[begin] : self._ends[end]]


def _of_spans(spans: pa.Table) -> tuple[dict[int, int], set[int]]:
    """By chain when its last span came in, and the chains with a span that cannot be told bare."""
    table = spans.group_by("chain_number").aggregate([("ingested_unix_nano", "max"), ("is_odd", "max")])
    by_chain = table.select(["chain_number", "ingested_unix_nano_max", "is_odd_max"]).to_pydict()
    numbers, ingested, odd = by_chain.values()
    return dict(zip(numbers, ingested, strict=True)), {one for one, is_odd in zip(numbers, odd, strict=True) if is_odd}
