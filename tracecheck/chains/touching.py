"""What spans may share, and which rows share it: the closure over which chains are put together (`01_touched_more`)."""

from collections.abc import Container, Iterable, Iterator
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
    hex_trace_id(trace_id) = split_part($value, ':', 1) or correlation_id = $value or run_id = $value
        or message_id = $value or event_id = $value
"""
"""A span bears the id `$value` (of a chain: it is in the trace of its origin)."""

TOUCHING = """
    trace_id in (select unnest($traces::uuid[]))
    or (len(links) > 0 and list_has_any(list_transform(links, lambda l: l.trace_id), $traces::uuid[]))
    or message_id in (select unnest($names::varchar[])) or event_id in (select unnest($names::varchar[]))
    or correlation_id in (select unnest($correlations::varchar[]))
    or (message_offset in (select unnest($offsets::bigint[]))
        and struct_pack(d := coalesce(destination, ''), p := partition_id, o := message_offset)
            in (select unnest($positions::struct(d varchar, p varchar, o bigint)[])))
"""

RECENT = """
    select unhex(hex_trace_id(trace_id)) as trace_id,
        list_transform(links, lambda l: struct_pack(trace_id := unhex(hex_trace_id(l.trace_id)))) as links,
        message_id, event_id, correlation_id, run_id, destination, partition_id, message_offset
    from span_rows
    where ingested_unix_nano >= (select max(ingested_unix_nano) from span_rows) - $look_back
    order by ingest_number desc limit $most
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
        found |= {NAMED + name for name in (identity.message_id, said.event_id) if name is not None}
        if identity.offset is not None and identity.partition is not None:
            found.add((said.destination or "", identity.partition, identity.offset))
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
    yield from zip(_ids(rows.column("trace_id")).to_pylist(), range(rows.num_rows), strict=True)
    links = rows.column("links")
    if len(targets := links.flatten()):
        ids = _ids(pc.struct_field(targets, "trace_id")).to_pylist()
        yield from zip(ids, pc.list_parent_indices(links).to_pylist(), strict=True)
    for name, mark in (
        ("message_id", NAMED),
        ("event_id", NAMED),
        ("correlation_id", CORRELATED),
        ("run_id", OF_RUN),
    ):
        texts = rows.column(name)
        if texts.null_count < len(texts):
            yield from ((mark + text, place) for place, text in enumerate(texts.to_pylist()) if text is not None)
    offsets = rows.column("message_offset")
    if offsets.null_count < len(offsets):
        said = (rows.column(name).to_pylist() for name in ("destination", "partition_id"))
        for place, (destination, partition, offset) in enumerate(zip(*said, offsets.to_pylist(), strict=True)):
            if partition is not None and offset is not None:
                yield (destination or "", partition, offset), place


def stored_touching(store: Reader, tokens: Iterable[Token]) -> list[Span]:
    """The stored spans that share any of the tokens."""
    tokens = list(tokens)
    positions = sorted(token for token in tokens if isinstance(token, tuple))
    return read_spans(
        store,
        TOUCHING,
        {
            "traces": [str(UUID(bytes=token)) for token in tokens if isinstance(token, bytes)],
            "names": _behind(NAMED, tokens),
            "correlations": _behind(CORRELATED, tokens),
            "offsets": sorted({offset for _, _, offset in positions}),
            "positions": [{"d": place[0], "p": place[1], "o": place[2]} for place in positions],
        },
    )


def recent_tokens(store: Reader, look_back_ns: int) -> set[Token]:
    """All by which a span of the last time before the last append may be touched."""
    rows = store.query(RECENT, {"look_back": look_back_ns, "most": MOST_RECENT})
    return {token for batch in rows.to_batches() for token, _ in tokens_in(batch)}


def _behind(mark: str, tokens: Iterable[Token]) -> list[str]:
    return [token[1:] for token in tokens if isinstance(token, str) and token[0] == mark]


def _ids(column: Any) -> Any:
    """UUIDs as the 16 bytes they are."""
    return column.storage if isinstance(column, pa.ExtensionArray) else column
