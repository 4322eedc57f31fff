"""Sides of a shared id that came in different files, put right in the store as if they had come in one.

A file that holds only one side stores it under the id as it is: whether another comes, nobody knows then. When it does,
both stand under one id, and children of the server may hang on the client. The traces where that can be are read again
and separated anew; what became of a span earlier is seen by its id, which is made from what the span is.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import NamedTuple

from tracecheck.importers.shared_ids import own_id, separate_shared_ids
from tracecheck.model import Span
from tracecheck.store.protocol import Store, Writer
from tracecheck.store.rows import INT64_MAX
from tracecheck.store.spans import read_spans

TRACES_AT_ONCE = 10_000

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
    asked = sorted(trace_ids)
    return sum(_separate(store, asked[at : at + TRACES_AT_ONCE]) for at in range(0, len(asked), TRACES_AT_ONCE))


def as_one_file(spans: Sequence[Span]) -> list[Span]:
    """The spans as `separate_shared_ids` makes them of a file with all of them, whatever it made of them before."""
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
    suspects = store.query(_SUSPECTS, {"trace_ids": trace_ids})["trace_id"].to_pylist()
    if not suspects:
        return 0
    wanted = {"trace_ids": suspects}
    stored = read_spans(store, "trace_id in (select unnest($trace_ids)::uuid)", wanted)
    separated = as_one_file([replace(span, conflicting=False) for span in stored])
    known, right = {_identity(span) for span in stored}, {_identity(span): span for span in separated}
    stale = [each for each in known if each not in right]
    if not stale:
        return 0
    new = [span for identity, span in right.items() if identity not in known]
    store.append(new)  # before the old rows go: whoever is killed between has both

    columns = {field: [getattr(each, field) for each in stale] for field in _Identity._fields}

    def work(writer: Writer) -> None:
        writer.execute(_STALE, columns)
        writer.execute(_SETTLED, wanted)

    store.write(work)
    return len(stale) - len(new)


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
