"""Stored spans to edges, hops and chains: brings the chain tables up to date with everything appended since last time.

The rules are the files in `sql/`, one per step, in the order in which `pipeline` runs them; each says its rule first.
New spans are taken together with every stored chain they may touch, and the rows of those chains are replaced in one
transaction: the tables are the same whatever the order of arrival, the size of the batches or the repetitions.
"""

from functools import cache
from importlib import resources

import pyarrow as pa

from tracecheck.chains import facts
from tracecheck.chains.assembly import assemble
from tracecheck.chains.assembly.stored import spans_of_rows, write_chains
from tracecheck.chains.shapes import write_shapes
from tracecheck.store import Reader, Store, Writer

CORRELATION_TRACE_CAP = 1_000
"""A correlation id seen on more traces than this is a constant, not an id: it joins nothing, and is reported."""

LOST_CONTEXT_WINDOW_NS = 60_000_000_000
"""A message without consumer and a consumer without message, this close at one destination, lost their context."""

WINDOW_SPANS = 2_000_000
"""Spans taken at once, whole appends until there are as many: what bounds the memory of a refresh (some 3 GB)."""

WALK_ROUNDS = 6
"""Parents looked at one by one before pointers are doubled: handlers seldom nest deeper (all but 0.03 % of sends)."""

ASSEMBLED_SPANS = 4_000
"""Up to here chains are put together in memory: 0.1 ms a span, against half a second for the statements of SQL."""

SMALL_SPANS = 20_000
"""Up to here the working tables of a refresh (some 10 MB) stay until the next one; dropping seventy costs 20 ms."""

CORRELATED_ROOTS = """
    c_spans s join c_consumer c on c.correlation_id = s.correlation_id
    where s.parent_span_id is null and s.kind in (0, 1, 3, 4) and c.n < s.n and s.n not in (select n from c_consumer)"""

EVENT = "system, destination, run_id, coalesce(event_id, message_id)"

MORE_THAN_ONE = " having count(*) > 1"

HALF_HOPS = """
    hop_rows where (outcome = 'origin_unknown' or outcome = 'undelivered' and list_contains(findings, 'context_lost'))
        and (coalesce(system, ''), destination) in (
            select coalesce(system, ''), destination from hop_rows
            where chain_number > getvariable('last_chain'))"""

ROWS_TO_ASSEMBLE = """
    select * replace (hex_trace_id(trace_id) as trace_id, hex_span_id(span_id) as span_id,
        hex_span_id(parent_span_id) as parent_span_id,
        list_transform(links, lambda link: struct_update(
            link, trace_id := hex_trace_id(link.trace_id), span_id := hex_span_id(link.span_id))) as links),
        list_transform(
            list_filter(events, lambda e: e.name = 'tracecheck.effect'),
            lambda e: e.attributes::json ->> '$."tracecheck.effect.key"') as effect_keys
    from span_rows
    where rowid in (select place from c_row)
        and start_unix_nano between getvariable('earliest_start') and getvariable('latest_start')
    order by start_unix_nano, content_hash
"""

LAST_APPEND = "select coalesce(max(ingest_number), 0) as last from span_rows"

IS_CURRENT = """
    select stored.number = done.number or coalesce(done.number >= $last::bigint, false) as is_current
    from (select coalesce(max(ingest_number), 0) as number from span_rows) stored,
        (select coalesce(max(ingest_number), 0) as number from chain_progress) done
"""


def refresh(store: Store, *, correlation_trace_cap: int = CORRELATION_TRACE_CAP) -> None:
    """Brings the chain tables of `store` up to date. Costs next to nothing when nothing was appended.

    A remote store is asked to refresh itself. Raises `StoreUnavailable` when the store cannot write at the moment.
    """
    last = int(store.query(LAST_APPEND)["last"][0].as_py())
    while not store.query(IS_CURRENT, {"last": last})["is_current"][0].as_py():
        store.refresh(lambda writer: pipeline(writer, correlation_trace_cap=correlation_trace_cap, last=last))


def is_current(reader: Reader) -> bool:
    """Whether the chain tables cover every append."""
    return bool(reader.query(IS_CURRENT, {"last": None})["is_current"][0].as_py())


def pipeline(writer: Writer, *, correlation_trace_cap: int = CORRELATION_TRACE_CAP, last: int | None = None) -> None:
    """One window of the refresh, inside one write transaction of a local store.

    Nothing is done when the append of number `last` is covered (None: every one). Of many who waited for each other's
    refresh, one then works for all that came before.
    """
    current = writer.execute(IS_CURRENT, {"last": last})
    if current is not None and current["is_current"][0].as_py():
        return
    for name, value in (
        ("window_spans", WINDOW_SPANS),
        ("correlation_trace_cap", correlation_trace_cap),
        ("lost_context_window_ns", LOST_CONTEXT_WINDOW_NS),
        ("block_bits", facts.BLOCK_BITS),
    ):
        writer.execute(f"set variable {name} = {value}")
    spans = _take_touched(writer)
    last_chain = _number(writer, "select getvariable('last_chain')")
    if spans <= ASSEMBLED_SPANS:
        _assemble(writer, last_chain)
    else:
        _rebuild(writer)
    write_shapes(writer, after=last_chain)
    if _any(writer, HALF_HOPS):
        _run(writer, "95_lost_context")
    _run(writer, "99_progress")
    facts.keep_facts(writer)
    _forget(writer)


def _assemble(writer: Writer, after: int) -> None:
    """Few spans: in memory, since the statements below cost a quarter of a second even for one."""
    spans = spans_of_rows(_rows(writer, ROWS_TO_ASSEMBLE))
    constants = frozenset(_rows(writer, "select correlation_id from c_constant").column(0).to_pylist())
    write_chains(writer, assemble(spans, constants), after=after)


def _rebuild(writer: Writer) -> None:
    _run(writer, "05_empty", "10_unique")
    _find_edges(writer)
    _find_owners(writer)
    _run(writer, "60_deliveries", "70_orphans")
    if _any(writer, "c_orphan"):
        _run(writer, "71_missing")
    _find_causes(writer)
    _find_chains(writer)
    _find_hops(writer)
    _run(writer, "93_edges", "94_rows")


def _take_touched(writer: Writer) -> int:
    """Finds the spans to work on, takes away what is stored of their chains, and says how many they are."""
    _run(writer, "00_touched", "01_touched_more")
    while _any(writer, "c_more_trace") or _any(writer, "c_more_key"):
        _run(writer, "01_touched_more")
    _run(writer, "02_rows")
    if _any(writer, "c_touched_chain"):
        _run(writer, "03_replaced")
    return _number(writer, "select count(*) from c_row")


def _find_edges(writer: Writer) -> None:
    _run(writer, "20_roles")
    if _any(writer, "c_named_send"):
        _run(writer, "21_named_sends")
    _run(writer, "22_handlers", "30_folding")
    while _any(writer, "c_folded f join c_folded g on g.n = f.message"):
        _run(writer, "31_folding_again")
    _run(writer, "32_messages", "40_context", "41_stale")
    if _any(writer, "c_link_name"):
        _run(writer, "42_linked_names")
    if _any(writer, "c_consumer where n not in (select consumer from c_edge)"):
        _run(writer, "42_inherited", "43_identity", "42_inherited", "44_correlation", "42_inherited")


def _find_owners(writer: Writer) -> None:
    _run(writer, "50_owner_start")
    for _ in range(WALK_ROUNDS):
        if not _any(writer, "c_frontier"):
            return
        _run(writer, "51_owner_round")
    if _any(writer, "c_frontier"):
        _run(writer, "52_owner_deep")
        _double_pointers(writer)
        _run(writer, "54_owner_found")


def _find_causes(writer: Writer) -> None:
    _run(writer, "80_causes")
    if _any(writer, "c_other_link") or _any(writer, "c_judged where not is_own"):
        _run(writer, "81_links")
    if _any(writer, "c_consumer where role = 'receive' and parent is null and n not in (select consumer from c_edge)"):
        _run(writer, "82_inner")
    if _any(writer, CORRELATED_ROOTS):
        _run(writer, "83_roots")
    _run(writer, "84_several")
    if _any(writer, "c_several"):
        _run(writer, "84_rejoin")


def _find_hops(writer: Writer) -> None:
    if _any(writer, "c_message where coalesce(event_id, message_id) is not null group by " + EVENT + MORE_THAN_ONE):
        _run(writer, "90_duplicate_sends")
    if _any(writer, "c_consumer where n not in (select consumer from c_edge)"):
        _run(writer, "90_unknown")
    _run(writer, "91_hops", "92_hop_rows")


def _find_chains(writer: Writer) -> None:
    _run(writer, "85_nodes")
    _double_pointers(writer)
    _run(writer, "86_places")
    _unite(writer)
    several = _any(writer, "c_node_cause group by node having count(*) > 1")
    loose = _any(writer, "c_loose")
    joined = several or loose
    while joined:
        while several and _joined(writer, "88_several_causes"):
            pass
        joined = loose and _joined(writer, "88_loose_nodes")
    _run(writer, "89_chains")


def _joined(writer: Writer, step: str) -> bool:
    """Runs a step that finds nodes which may join now, and unites them; whether there were any."""
    _run(writer, step)
    if not _any(writer, "c_more"):
        return False
    _unite(writer)
    return True


def _double_pointers(writer: Writer) -> None:
    """Every round halves the way to go; what is not done after log2(spans) + 1 rounds never ends: a cycle."""
    for _ in range(_number(writer, "select count(*) from c_pointer").bit_length() + 1):
        if not _any(writer, "c_pointer where not done"):
            return
        _run(writer, "53_pointer_doubling")


def _unite(writer: Writer) -> None:
    if not _any(writer, "c_pair"):
        return
    _run(writer, "87_hook")
    while _any(writer, "c_hook"):
        while _any(writer, "c_label a join c_label b on b.node = a.label where b.label <> a.label"):
            _run(writer, "87_flatten")
        _run(writer, "87_hook")


def _forget(writer: Writer) -> None:
    """Drops the working tables where they are large; small ones are replaced by the next refresh more cheaply."""
    if _number(writer, "select count(*) from c_row") <= SMALL_SPANS:
        return
    found = writer.execute("select table_name from duckdb_tables() where temporary and starts_with(table_name, 'c_')")
    if found is not None:
        writer.execute(";".join(f'drop table "{name}"' for name in found["table_name"].to_pylist()))


def _run(writer: Writer, *steps: str) -> None:
    for step in steps:
        writer.execute(_statements(step))


def _any(writer: Writer, rows: str) -> bool:
    return _number(writer, f"select count(*) from (select 1 from {rows} limit 1)") > 0  # noqa: S608 - constants


def _number(writer: Writer, sql: str) -> int:
    return int(_rows(writer, sql).column(0)[0].as_py())


def _rows(writer: Writer, sql: str) -> pa.Table:
    rows = writer.execute(sql)
    assert rows is not None
    return rows


@cache
def _statements(step: str) -> str:
    return resources.files("tracecheck.chains").joinpath("sql", f"{step}.sql").read_text("utf-8")
