"""What spans may share, and which rows share it: the closure over which chains are put together (`01_touched_more`)."""

from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc

from tracecheck.model import Span
from tracecheck.store import Reader
from tracecheck.store.spans import read_spans

Token = bytes | str | tuple[str, str, int]
"""One thing to share. A trace is its 16 bytes; a message or event id, a correlation id and a run id are text behind
`NAMED`, `CORRELATED` and `OF_RUN`; a message's place is its destination, partition and offset."""

NAMED, CORRELATED, OF_RUN = "n", "c", "r"

NAME = """
    rowid in (
        select rowid from span_rows where trace_id = try_cast(split_part($value, ':', 1) as uuid)
        union all select rowid from span_rows where correlation_id = $value or run_id = $value
        union all select rowid from span_rows where message_id = $value or event_id = $value)
"""
"""A span bears the id `$value` (of a chain: it is in the trace of its origin)."""

TOUCHING = {
    "traces": (
        "trace_id in (select unnest($traces::uuid[]))",
        "len(links) > 0 and list_has_any(list_transform(links, lambda l: l.trace_id), $traces::uuid[])",
    ),
    "names": (
        "message_id in (select unnest($names::varchar[]))",
        "event_id in (select unnest($names::varchar[]))",
        "len(links) > 0 and list_has_any(list_transform(links, lambda l: l.message_id), $names::varchar[])",
    ),
    "correlations": ("correlation_id in (select unnest($correlations::varchar[]))",),
    "positions": (
        """message_offset in (
                select p.o from (select unnest($positions::struct(d varchar, p varchar, o bigint)[]) as p))
            and struct_pack(d := coalesce(destination, ''), p := partition_id, o := message_offset)
                in (select unnest($positions::struct(d varchar, p varchar, o bigint)[]))""",
        """len(links) > 0 and list_has_any(
            list_transform(links, lambda l: struct_pack(
                d := coalesce(destination, ''), p := l.partition_id, o := l.message_offset)),
            $positions::struct(d varchar, p varchar, o bigint)[])""",
    ),
}
"""By the sort of tokens: a span shares one of them. Each condition is a look through a column or two of all spans, so
only what is asked for; all in one `or` would have every column read for every span."""

RECENT = """
    select unhex(hex_trace_id(trace_id)) as trace_id,
        list_transform(links, lambda l: struct_pack(
            trace_id := unhex(hex_trace_id(l.trace_id)), message_id := l.message_id,
            partition_id := l.partition_id, message_offset := l.message_offset)) as links,
        message_id, event_id, correlation_id, run_id, destination, partition_id, message_offset
    from span_rows
    where rowid in (
        select rowid from span_rows
        where ingested_unix_nano >= (select max(ingested_unix_nano) from span_rows) - $look_back
        order by ingest_number desc limit $most)
"""

MOST_RECENT = 100_000
"""Spans before a watch that it knows of: 0.3 s and 30 MB."""


def tokens_of(span: Span, constants: Container[str]) -> set[Token]:
    """All by which another span may touch this one. A run is not among them."""
    found: set[Token] = {bytes.fromhex(span.trace_id)}
    found |= {bytes.fromhex(link.trace_id) for link in span.links}
    if span.correlation_id is not None and span.correlation_id not in constants:
        found.add(CORRELATED + span.correlation_id)
    if (said := span.messaging) is not None:
        identity = said.identity
        linked = [link.identity for link in span.links]
        names = (said.event_id, *(one.message_id for one in (identity, *linked)))
        found |= {NAMED + name for name in names if name is not None}
        for one in (identity, *linked):
            if one.offset is not None and one.partition is not None:
                found.add((said.destination or "", one.partition, one.offset))
    return found


def tokens_asked_for(run_id: str | None, name: str | None) -> set[Token]:
    """What the spans of a run bear, or those that bear an id."""
    if name is None:
        return {f"{OF_RUN}{run_id}"}
    found: set[Token] = {NAMED + name, CORRELATED + name, OF_RUN + name}
    with suppress(ValueError):
        found.add(UUID(name.split(":")[0]).bytes)
    return found


def tokens_in(rows: pa.RecordBatch) -> Iterator[tuple[Token, int]]:
    """Every token that rows bear, their run too, with the row's place among them."""
    everywhere = range(rows.num_rows)
    yield from zip(_ids(rows.column("trace_id")).to_pylist(), everywhere, strict=True)
    for name, mark in (("event_id", NAMED), ("correlation_id", CORRELATED), ("run_id", OF_RUN)):
        yield from _texts(rows.column(name), mark, everywhere)
    yield from _messages(rows, everywhere, rows.column("destination"))
    links = rows.column("links")
    if len(linked := links.flatten()):
        parents = pc.list_parent_indices(links)
        targets = pa.RecordBatch.from_struct_array(linked)
        yield from zip(_ids(targets.column("trace_id")).to_pylist(), parents.to_pylist(), strict=True)
        yield from _messages(targets, parents.to_pylist(), rows.column("destination").take(parents))


def _messages(rows: pa.RecordBatch, places: Sequence[int], destinations: pa.Array) -> Iterator[tuple[Token, int]]:
    """What rows, or links, say of their messages."""
    yield from _texts(rows.column("message_id"), NAMED, places)
    offsets = rows.column("message_offset")
    if offsets.null_count < len(offsets):
        said = (each.to_pylist() for each in (destinations, rows.column("partition_id"), offsets))
        for place, destination, partition, offset in zip(places, *said, strict=True):
            if partition is not None and offset is not None:
                yield (destination or "", partition, offset), place


def _texts(column: pa.Array, mark: str, places: Sequence[int]) -> Iterator[tuple[Token, int]]:
    if column.null_count < len(column):
        texts = zip(column.to_pylist(), places, strict=True)
        yield from ((mark + text, place) for text, place in texts if text is not None)


def stored_touching(store: Reader, tokens: Iterable[Token]) -> list[Span]:
    """The stored spans that share any of the tokens."""
    tokens = list(tokens)
    sorts: dict[str, list[object]] = {
        "traces": [str(UUID(bytes=token)) for token in tokens if isinstance(token, bytes)],
        "names": [*_behind(NAMED, tokens)],
        "correlations": [*_behind(CORRELATED, tokens)],
        "positions": [dict(zip("dpo", token, strict=True)) for token in tokens if isinstance(token, tuple)],
    }
    asked = {sort: values for sort, values in sorts.items() if values}
    looks = [f"select rowid from span_rows where {one}" for sort in asked for one in TOUCHING[sort]]  # noqa: S608 - ours
    return read_spans(store, f"rowid in ({' union all '.join(looks)})", asked) if asked else []


def recent_tokens(store: Reader, look_back_ns: int) -> set[Token]:
    """All by which a span of the last time before the last append may be touched."""
    rows = store.query(RECENT, {"look_back": look_back_ns, "most": MOST_RECENT})
    return {token for batch in rows.to_batches() for token, _ in tokens_in(batch)}


def _behind(mark: str, tokens: Iterable[Token]) -> list[str]:
    return [token[1:] for token in tokens if isinstance(token, str) and token[0] == mark]


def _ids(column: Any) -> Any:
    """UUIDs as the 16 bytes they are."""
    return column.storage if isinstance(column, pa.ExtensionArray) else column
