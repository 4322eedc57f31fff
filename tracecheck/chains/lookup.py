"""Finding chains and hops: lists, and chain ids by any name a user may have."""

import re
from typing import Any

from tracecheck.chains.load import in_order
from tracecheck.chains.rows import hop_of, summary_of
from tracecheck.model import ChainSummary, Hop
from tracecheck.semconv import FLUSH_SPAN, START_SPAN
from tracecheck.store import Reader

SUMMARIES = """
    select * from chains
    where ($run_id::varchar is null or list_contains(run_ids, $run_id))
        and ($since::bigint is null or end_unix_nano >= $since)
        and ($marks or hops > 0 or spans > 1 or origin_name not in ($flush_span, $start_span))
    order by start_unix_nano desc, chain_id desc
    limit coalesce($limit::bigint, 9223372036854775807)
"""

FIND = """
    with named as (
        select chain_number, chain_id as name from chain_rows
        union all
        select chain_number, unnest(list_transform(trace_ids, lambda t: replace(t::varchar, '-', ''))) from chain_rows
        union all
        select chain_number, unnest(list_concat(correlation_ids, run_ids)) from chain_rows
        union all
        select chain_number, unnest([message_id, event_id]) from message_rows
        union all
        select chain_number, message_id from hop_rows
    ), found as (
        select chain_number, bool_or(name = $needle) as is_exact
        from named where starts_with(name, $needle) group by chain_number
    )
    select chain_id from found join chain_rows using (chain_number)
    where is_exact or not (select bool_or(is_exact) from found)
    order by start_unix_nano, chain_id
"""

BY_ORIGIN = """
    select chain_id from chain_rows where origin_trace_id = $trace_id::uuid and origin_span_id = $span_id::ubigint
"""


def summaries(
    store: Reader,
    *,
    run_id: str | None = None,
    since_unix_nano: int | None = None,
    limit: int | None = None,
    marks: bool = False,
) -> list[ChainSummary]:
    """Chains by start: of one run, or with a span that ended at `since_unix_nano` or later; the latest `limit`.

    Each start and flush mark of a process is a chain of its own; they are left out unless `marks` asks for them.
    """
    asked = {"run_id": run_id, "since": since_unix_nano, "limit": limit, "marks": marks}
    rows = store.query(SUMMARIES, asked | {"flush_span": FLUSH_SPAN, "start_span": START_SPAN}).to_pylist()
    return [summary_of(row) for row in reversed(rows)]


def hops(store: Reader, chain_id: str | None = None) -> list[Hop]:
    """Hops of one chain, or of all, chain by chain in order of start."""
    sql = "select h.* from hops h join chains c using (chain_id)"
    parameters: dict[str, Any] = {}
    if chain_id is not None:
        sql += " where chain_id = $chain_id"
        parameters["chain_id"] = chain_id
    rows = store.query(f"{sql} order by c.start_unix_nano, chain_id", parameters).to_pylist()
    found = [hop_of(row) for row in rows]
    place = {name: number for number, name in enumerate(dict.fromkeys(hop.chain_id for hop in found))}
    return sorted(found, key=lambda hop: (place[hop.chain_id], in_order(hop)))


def find(store: Reader, needle: str) -> list[str]:
    """Chain ids by chain, trace, correlation, run, message or event id; by a prefix of one where none equals it.

    A chain's own id is looked for by the origin that it names, a tenth of the work of looking through all names. A
    trace id of 64 bits, as older tracers write it, is also looked for with the zeros that it is stored with.
    """
    if not needle:
        return []
    ids: list[str] = []
    if origin := _CHAIN_ID.fullmatch(needle):
        asked = {"trace_id": origin["trace_id"], "span_id": int(origin["span_id"], 16)}
        ids = store.query(BY_ORIGIN, asked).column("chain_id").to_pylist()
    if not ids:
        ids = store.query(FIND, {"needle": needle}).column("chain_id").to_pylist()
    if not ids and _SHORT_ID.fullmatch(needle):
        ids = store.query(FIND, {"needle": needle.lower().zfill(32)}).column("chain_id").to_pylist()
    return ids


_CHAIN_ID = re.compile(r"(?P<trace_id>[0-9a-f]{32}):(?P<span_id>[0-9a-f]{16})")
_SHORT_ID = re.compile(r"[0-9a-fA-F]{1,16}")
