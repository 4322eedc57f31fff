"""What spans may share, and which rows share it: the closure over which chains are put together (`01_touched_more`)."""

from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc

from tracecheck.model import Span
from tracecheck.store import Reader
from tracecheck.store.spans import read_spans

Token = tuple[str, object]

NAME = """
    hex_trace_id(trace_id) = split_part($value, ':', 1) or correlation_id = $value or run_id = $value
        or message_id = $value or event_id = $value
"""
"""A span bears the id `$value` (of a chain: it is in the trace of its origin)."""

TOUCHING = """
    trace_id in (select unnest($traces::uuid[]))
    or (len(links) > 0 and list_has_any(list_transform(links, lambda l: l.trace_id), $traces::uuid[]))
    or message_id in (select unnest($names::varchar[])) or event_id in (select unnest($names::varchar[]))
    or (len(links) > 0 and list_has_any(list_transform(links, lambda l: l.message_id), $names::varchar[]))
    or correlation_id in (select unnest($correlations::varchar[]))
    or (message_offset in (select unnest($offsets::bigint[]))
        and struct_pack(d := coalesce(destination, ''), p := partition_id, o := message_offset)
            in (select unnest($positions::struct(d varchar, p varchar, o bigint)[])))
    or (len(links) > 0 and list_has_any(
        list_transform(links, lambda l: struct_pack(
            d := coalesce(destination, ''), p := l.partition_id, o := l.message_offset)),
        $positions::struct(d varchar, p varchar, o bigint)[]))
"""


RECENT = """
    select hex_trace_id(trace_id) as trace_id, list_transform(links, lambda l: hex_trace_id(l.trace_id)) as linked,
        list_transform(links, lambda l: struct_pack(
            p := l.partition_id, o := l.message_offset, i := l.message_id)) as named,
        message_id, event_id, correlation_id, destination, partition_id, message_offset
    from span_rows
    where ingested_unix_nano >= (select max(ingested_unix_nano) from span_rows) - $look_back
    order by ingest_number desc limit $most
"""

MOST_RECENT = 100_000
"""Spans before a watch that it knows of: 0.3 s and 50 MB."""


@dataclass(slots=True)
class Tokens:
    """Tokens by their sort."""

    traces: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    correlations: list[str] = field(default_factory=list)
    positions: set[tuple[str, str, int]] = field(default_factory=set)

    @staticmethod
    def of(tokens: Iterable[Token]) -> "Tokens":
        """Sorts them."""
        found = Tokens()
        for sort, value in tokens:
            match sort:
                case "trace":
                    found.traces.append(str(value))
                case "name":
                    found.names.append(str(value))
                case "correlation":
                    found.correlations.append(str(value))
                case _:
                    found.positions.add(value)  # type: ignore[arg-type]
        return found

    def within(self, others: Container[Token]) -> "Tokens":
        """Those that are among others as well."""
        return Tokens(
            traces=[trace for trace in self.traces if ("trace", trace) in others],
            names=[name for name in self.names if ("name", name) in others],
            correlations=[name for name in self.correlations if ("correlation", name) in others],
            positions={place for place in self.positions if ("position", place) in others},
        )

    def __bool__(self) -> bool:
        return bool(self.traces or self.names or self.correlations or self.positions)


def tokens_of(span: Span, constants: Container[str]) -> set[Token]:
    """All by which another span may touch this one."""
    found: set[Token] = {("trace", span.trace_id)}
    found |= {("trace", link.trace_id) for link in span.links}
    if span.correlation_id is not None and span.correlation_id not in constants:
        found.add(("correlation", span.correlation_id))
    if (said := span.messaging) is not None:
        identity = said.identity
        found |= {("name", name) for name in (identity.message_id, said.event_id) if name is not None}
        for one in (identity, *(link.identity for link in span.links)):
            if one.offset is not None and one.partition is not None:
                found.add(("position", (said.destination or "", one.partition, one.offset)))
        found |= {("name", link.identity.message_id) for link in span.links if link.identity.message_id is not None}
    return found


def rows_with(rows: pa.Table, run_id: str | None, name: str | None) -> set[int]:
    """Places of the rows of a run, or of those that bear an id."""
    if name is None:
        return _places(pc.equal(rows["run_id"], run_id))
    found: set[int] = set()
    for column in ("correlation_id", "run_id", "message_id", "event_id"):
        found |= _places(pc.equal(rows[column], name))
    try:
        trace = UUID(name.split(":")[0])
    except ValueError:
        return found
    return found | _in(_ids(rows["trace_id"]), [trace.bytes], pa.binary(16))


def rows_touching(rows: pa.Table, tokens: Tokens) -> set[int]:
    """Places of the rows that share any of the tokens."""
    found: set[int] = set()
    if tokens.traces:
        traces = [bytes.fromhex(trace) for trace in tokens.traces]
        found |= _in(_ids(rows["trace_id"]), traces, pa.binary(16))
        found |= _linking(rows["links"], "trace_id", traces, pa.binary(16))
    if tokens.names:
        found |= _in(rows["message_id"], tokens.names, pa.string())
        found |= _in(rows["event_id"], tokens.names, pa.string())
        found |= _linking(rows["links"], "message_id", tokens.names, pa.string())
    if tokens.correlations:
        found |= _in(rows["correlation_id"], tokens.correlations, pa.string())
    if tokens.positions:
        offsets = sorted({offset for _, _, offset in tokens.positions})
        for place in _in(rows["message_offset"], offsets, pa.int64()):
            said = [rows[name][place].as_py() for name in ("destination", "partition_id", "message_offset")]
            if (said[0] or "", said[1], said[2]) in tokens.positions:
                found.add(place)
        for place in _linking(rows["links"], "message_offset", offsets, pa.int64()) - found:
            destination = rows["destination"][place].as_py() or ""
            links = rows["links"][place].as_py()
            if any((destination, link["partition_id"], link["message_offset"]) in tokens.positions for link in links):
                found.add(place)
    return found


def stored_touching(store: Reader, tokens: Tokens) -> list[Span]:
    """The stored spans that share any of the tokens."""
    return read_spans(
        store,
        TOUCHING,
        {
            "traces": [str(UUID(trace)) for trace in tokens.traces],
            "names": tokens.names,
            "correlations": tokens.correlations,
            "offsets": sorted({offset for _, _, offset in tokens.positions}),
            "positions": [{"d": place[0], "p": place[1], "o": place[2]} for place in sorted(tokens.positions)],
        },
    )


def recent_tokens(store: Reader, look_back_ns: int) -> frozenset[Token]:
    """All by which a span of the last time before the last append may be touched."""
    rows = store.query(RECENT, {"look_back": look_back_ns, "most": MOST_RECENT}).to_pydict()
    found: set[Token] = {("trace", trace) for trace in rows["trace_id"]}
    found |= {("trace", trace) for traces in rows["linked"] for trace in traces or ()}
    found |= {("name", name) for side in ("message_id", "event_id") for name in rows[side] if name is not None}
    found |= {("correlation", name) for name in rows["correlation_id"] if name is not None}
    links = [
        (destination, link)
        for destination, named in zip(rows["destination"], rows["named"], strict=True)
        for link in named or ()
    ]
    found |= {("name", link["i"]) for _, link in links if link["i"] is not None}
    places = [(destination, link["p"], link["o"]) for destination, link in links]
    places += zip(rows["destination"], rows["partition_id"], rows["message_offset"], strict=True)
    found |= {("position", (place[0] or "", place[1], place[2])) for place in places if None not in place[1:]}
    return frozenset(found)


def _linking(links: pa.ChunkedArray, name: str, values: list[Any], kind: pa.DataType) -> set[int]:
    """Places of the rows with a link that has one of the values."""
    found: set[int] = set()
    start = 0
    for chunk in links.chunks:
        said = _ids(pc.struct_field(pc.list_flatten(chunk), name))
        if len(said):
            parents = pc.list_parent_indices(chunk)
            found |= {start + parents[place].as_py() for place in _in(said, values, kind)}
        start += len(chunk)
    return found


def _ids(column: Any) -> Any:
    """UUIDs as the 16 bytes they are."""
    if isinstance(column, pa.ChunkedArray):
        return pa.chunked_array([_ids(chunk) for chunk in column.chunks], pa.binary(16))
    return column.storage if isinstance(column, pa.ExtensionArray) else column


def _in(column: Any, values: list[Any], kind: pa.DataType) -> set[int]:
    return _places(pc.is_in(column, value_set=pa.array(values, kind)))


def _places(mask: Any) -> set[int]:
    return set(pc.indices_nonzero(mask).to_pylist())
