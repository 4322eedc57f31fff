"""Sides of a shared id that came in different files, put right in the store as if they had come in one.

A file that holds only one side stores it under the id as it is: whether another comes, nobody knows then. When it does,
both stand under one id, and children of the server may hang on the client. The traces where that can be are read again
and separated anew; what became of a span earlier is seen by its id, which is made from what the span is.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from tracecheck.importers.shared_ids import own_id, separate_shared_ids
from tracecheck.model import Span
from tracecheck.store.facts import forget_facts
from tracecheck.store.protocol import Store, Writer
from tracecheck.store.rows import INT64_MAX
from tracecheck.store.spans import read_spans

ASKED_AT_ONCE = 10_000
READ_AT_ONCE = 100
"""Traces of which every span is held as an object, so that a file of many such traces takes no more memory."""

_SUSPECTS = """
    with seen as materialized (
        select trace_id, parent_span_id, kind, service, conflicting from span_rows
        where trace_id in (select unnest($trace_ids)::uuid)
    )
    select trace_id::varchar as trace_id from seen where conflicting
    union
    select child.trace_id::varchar
    from seen child semi join (select trace_id, parent_span_id, service from seen where kind in (2, 5)) side
        using (trace_id, parent_span_id, service)
    where child.kind not in (2, 5)"""

_STALE = """
    delete from span_rows where (
        trace_id, span_id, coalesce(parent_span_id, 0), kind, service, name, start_unix_nano, end_unix_nano
    ) in (
        select (trace_id, span_id, parent_span_id, kind, service, name, start_unix_nano, end_unix_nano) from (
            select unnest($trace_id)::uuid as trace_id, unnest($span_id)::ubigint as span_id,
                unnest($parent_span_id)::ubigint as parent_span_id, unnest($kind)::utinyint as kind,
                unnest($service) as service, unnest($name) as name,
                unnest($start_unix_nano)::bigint as start_unix_nano, unnest($end_unix_nano)::bigint as end_unix_nano
        )
    )"""

_SETTLED = """
    update span_rows set conflicting = false, content_hash = null
    where conflicting and (trace_id, span_id) in (
        select (trace_id, span_id) from span_rows
        where trace_id in (select unnest($trace_ids)::uuid)
        group by trace_id, span_id having count(*) = 1
    )"""


class _Identity(NamedTuple):
    trace_id: str
    span_id: int
    parent_span_id: int
    kind: int
    service: str
    name: str
    start_unix_nano: int
    end_unix_nano: int


def separate_late_sides(store: Store, trace_ids: Collection[str]) -> int:
    """Separates what shares an id in these traces. Returns how many spans turned out to be stored already."""
    return sum(
        _separate(store, some)
        for asked in _parts(sorted(trace_ids), ASKED_AT_ONCE)
        for some in _parts(store.query(_SUSPECTS, {"trace_ids": asked})["trace_id"].to_pylist(), READ_AT_ONCE)
    )


def as_one_file(spans: Sequence[Span]) -> list[Span]:
    """Each span, in its place, as `separate_shared_ids` makes it of a file with all, whatever it made of it before."""
    keys = {span.key for span in spans}
    shared: dict[tuple[str, str], str] = {}
    for span in spans:
        parent = span.parent_span_id
        if parent and (span.trace_id, parent) in keys and own_id(replace(span, span_id=parent)) == span.span_id:
            shared[span.key] = parent
    joining: set[int] = set()
    before: list[Span] = []
    for position, span in enumerate(spans):
        if span.key in shared:
            joining.add(position)
            before.append(replace(span, span_id=shared[span.key]))
        else:
            parent = span.parent_span_id
            before.append(replace(span, parent_span_id=shared.get((span.trace_id, parent or ""), parent)))
    return separate_shared_ids(before, joining)


def _separate(store: Store, trace_ids: list[str]) -> int:
    wanted = {"trace_ids": trace_ids}
    stored = read_spans(store, "trace_id in (select unnest($trace_ids)::uuid)", wanted)
    separated = as_one_file([replace(span, conflicting=False) for span in stored])
    before, after = list(map(_identity, stored)), list(map(_identity, separated))
    staying = {old for old, new in zip(before, after, strict=True) if old == new}
    moved = [place for place, old in enumerate(before) if old != after[place] and old not in staying]
    if not moved:
        return 0
    # New rows first: whoever is killed in between has both. What is stored already is dropped as any repeat is.
    appended = store.append([separated[place] for place in moved])
    stale = [before[place] for place in moved]
    columns = {field: [getattr(each, field) for each in stale] for field in _Identity._fields}

    def work(writer: Writer) -> None:
        writer.execute(_STALE, columns)
        forget_facts(writer)
        writer.execute(_SETTLED, wanted)

    store.write(work)
    return len(moved) - appended.stored


def _parts(ids: list[str], size: int) -> Iterator[list[str]]:
    return (ids[at : at + size] for at in range(0, len(ids), size))


def _identity(span: Span) -> _Identity:
    """Of a row: all that separating changes, and what tells the sides apart."""
    return _Identity(
        span.trace_id,
        int(span.span_id, 16),
        int(span.parent_span_id or "0", 16),
        int(span.kind),
        span.service,
        span.name,
        min(span.start_unix_nano, INT64_MAX),
        min(span.end_unix_nano, INT64_MAX),
    )
