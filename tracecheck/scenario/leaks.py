"""Finds what of one run shows up in another: test runs that share a bus must not share messages, spans or rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tracecheck.chains import refresh
from tracecheck.store import Store

MOST_NAMED = 100

_SPANS = """
    select s.trace_id || ':' || s.span_id as what, s.service || ': ' || s.name as shown, s.run_id as foreign_run
    from chains c
    join chain_spans p using (chain_id)
    join spans s on s.trace_id = p.trace_id and s.span_id = p.span_id
    where list_contains(c.run_ids, $run_id) and s.run_id <> $run_id and not list_contains($known::varchar[], s.run_id)
    order by s.start_unix_nano limit $most
"""

_RECORDS = """
    select distinct r.destination || coalesce('[' || r.partition_id || ']@' || r.message_offset, '') as what,
        'message of trace ' || r.trace_id as shown, r.run_id as foreign_run
    from records r
    where r.run_id <> $run_id and not list_contains($known::varchar[], r.run_id)
        and r.trace_id in (select trace_id from spans where run_id = $run_id)
    order by what limit $most
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """Something of a foreign run inside this one. `kind` is `span`, `record` or `row`; `what` names it.

    For a span that is its id, for a record its place on the bus, for a row its text.
    """

    kind: str
    what: str
    shown: str
    foreign_run: str | None


def find_leaks(store: Store, run_id: str, *, known: Sequence[str] = ()) -> tuple[Leak, ...]:
    """Spans and records of other runs in the chains and traces of this one, at most 100 of each; `known` runs may be.

    A span of another run inside a chain of this one means that a service took one run's message and answered under the
    other's context (a forwarded stale header, a batch, a shared key). A record is one that was seen on the bus.
    """
    refresh(store)
    parameters = {"run_id": run_id, "known": list(known), "most": MOST_NAMED}
    found: list[Leak] = []
    for kind, query in (("span", _SPANS), ("record", _RECORDS)):
        rows: list[dict[str, Any]] = store.query(query, parameters).to_pylist()
        found += [Leak(kind=kind, **row) for row in rows]
    return tuple(found)


def foreign_rows(rows: Sequence[object], run_id: str, *, known: Sequence[str] = ()) -> tuple[Leak, ...]:
    """Of the rows that a query found for this run, those in which its id does not stand.

    `rows` are what a state probe samples: values, or mappings by column. A row belongs to a run if a column's text
    holds the run's id, which templates (`o-{run}`) see to.
    """
    leaks = []
    for row in rows:
        text = ", ".join(map(str, row.values())) if isinstance(row, dict) else str(row)
        if not any(each in text for each in (run_id, *known)):
            leaks.append(Leak(kind="row", what=text[:200], shown="a row without this run's id", foreign_run=None))
    return tuple(leaks[:MOST_NAMED])
