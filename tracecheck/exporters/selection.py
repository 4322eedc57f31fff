"""Which spans an export takes, and in which pages it reads them, so that no export holds more than a page."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tracecheck.store.protocol import Reader

PAGE_SPANS = 10_000
"""Spans read at once: about 30 MB as objects."""

_OF_CHAINS = """
    (trace_id, span_id) in (
        select (c.trace_id, c.span_id) from chain_span_rows c join chain_rows using (chain_number)
        where list_contains($chain_ids, chain_id)
    )
"""

_PAGES = """
    with appends as (
        select ingest_number, count(*) as spans from span_rows where {condition} group by ingest_number
    ), numbered as (
        select *, sum(spans) over (order by ingest_number) as so_far from appends
    )
    select min(ingest_number) as first, max(ingest_number) as last, sum(spans)::bigint as spans
    from numbered group by (so_far - 1) // $page_spans order by first
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Of which chains, of which run, and which that overlap `[since, until)`; None: no such condition."""

    chain_ids: tuple[str, ...] | None = None
    run_id: str | None = None
    since_unix_nano: int | None = None
    until_unix_nano: int | None = None

    def condition(self) -> tuple[str, dict[str, object]]:
        """As SQL over `span_rows`, and its parameters."""
        parts, parameters = ["true"], dict[str, object]()
        if self.chain_ids is not None:
            parts.append(_OF_CHAINS)
            parameters["chain_ids"] = list(self.chain_ids)
        if self.run_id is not None:
            parts.append("run_id = $run_id")
            parameters["run_id"] = self.run_id
        if self.since_unix_nano is not None:
            parts.append("end_unix_nano >= $since")
            parameters["since"] = self.since_unix_nano
        if self.until_unix_nano is not None:
            parts.append("start_unix_nano < $until")
            parameters["until"] = self.until_unix_nano
        return " and ".join(parts), parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A part of a selection, as a condition over `span_rows` with its parameters, and how many spans it had."""

    where_sql: str
    parameters: Mapping[str, object]
    spans: int


def pages(reader: Reader, selection: Selection, page_spans: int = PAGE_SPANS) -> Iterator[Page]:
    """The selection in order of arrival, in pages of about `page_spans`; spans that arrive meanwhile are not in it.

    Whole appends go together, found fast by their number; an append over the page size is cut by its span ids.
    """
    condition, parameters = selection.condition()
    counted = reader.query(_PAGES.format(condition=condition), {**parameters, "page_spans": page_spans}).to_pylist()
    for row in counted:
        cuts = -(-row["spans"] // page_spans)
        for cut in range(cuts):
            yield Page(
                where_sql=f"{condition} and ingest_number between $first and $last "
                + ("" if cuts == 1 else f"and hash(span_id) % {cuts} = {cut}"),
                parameters={**parameters, "first": row["first"], "last": row["last"]},
                spans=row["spans"],
            )
