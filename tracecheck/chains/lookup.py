"""Finding chains and hops: lists, and chain ids by any name a user may have."""

import re

from tracecheck.chains.load import hops_of, in_order, numbers_of
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

_FIND = """
    with named as ({named})
    select chain_id from chain_rows where chain_number in (select chain_number from named)
    order by start_unix_nano, chain_id
"""

_EQUAL = """
    select chain_number from chain_rows
    where list_contains(correlation_ids, $needle) or list_contains(run_ids, $needle)
    union all select chain_number from message_rows where message_id = $needle or event_id = $needle
    union all select chain_number from hop_rows where message_id = $needle
"""

_BEGINNING = """
    select chain_number from (
        select chain_number, unnest(correlation_ids) as name from chain_rows
        union all select chain_number, unnest(run_ids) from chain_rows)
    where starts_with(name, $needle)
    union all select chain_number from message_rows where starts_with(message_id, $needle)
    union all select chain_number from message_rows where starts_with(event_id, $needle)
    union all select chain_number from hop_rows where starts_with(message_id, $needle)
"""

_OF_TRACES = """
    union all select chain_number from chain_trace_rows
    where not is_reference and trace_id between $first::uuid and $last::uuid
"""
"""Ids are compared as the numbers they are: to write each as text first takes ten times as long."""

_OF_ORIGIN = """
    union all select chain_number from chain_rows
    where origin_trace_id = $origin::uuid and starts_with(chain_id, $needle)
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
    if chain_id is not None:
        return sorted(hops_of(store, numbers_of(store, [chain_id])).get(chain_id, []), key=in_order)
    rows = store.query("select h.* from hops h join chains c using (chain_id) order by c.start_unix_nano, chain_id")
    found = [hop_of(row) for row in rows.to_pylist()]
    place = {name: number for number, name in enumerate(dict.fromkeys(hop.chain_id for hop in found))}
    return sorted(found, key=lambda hop: (place[hop.chain_id], in_order(hop)))


def find(store: Reader, needle: str) -> list[str]:
    """Chain ids by chain, trace, correlation, run, message or event id; by a prefix of one where none equals it.

    A trace id of 64 bits, as older tracers write it, is also looked for with the zeros that it is stored with.
    """
    if not needle:
        return []
    if numbers := numbers_of(store, [needle]):
        return list(numbers)
    ids = _named(store, needle, _EQUAL) or _named(store, needle, _BEGINNING)
    if not ids and _SHORT_ID.fullmatch(needle):
        return find(store, needle.lower().zfill(32))
    return ids


def _named(store: Reader, needle: str, named: str) -> list[str]:
    """The chains that `named` tells of, and those to whose traces, or to whose own id, the needle leads likewise."""
    asked = {"needle": needle}
    is_beginning = named is _BEGINNING
    if _TRACE_ID.fullmatch(needle) and (is_beginning or len(needle) == 32):
        named += _OF_TRACES
        asked |= {"first": needle.ljust(32, "0"), "last": needle.ljust(32, "f")}
    elif is_beginning and (origin := _TRACE_ID_AND_MORE.match(needle)):
        named += _OF_ORIGIN
        asked |= {"origin": origin[1]}
    ids: list[str] = store.query(_FIND.format(named=named), asked).column("chain_id").to_pylist()
    return ids


_TRACE_ID = re.compile(r"[0-9a-f]{1,32}")
_TRACE_ID_AND_MORE = re.compile(r"([0-9a-f]{32}):")
_SHORT_ID = re.compile(r"[0-9a-fA-F]{1,16}")
