"""Which stored chains may hold a match of a pattern: a coarse choice in SQL, on which `evaluate` has the last word.

Nothing that `evaluate` would match may be left out here; what is chosen too much merely costs its loading.
"""

from collections.abc import Sequence

from tracecheck.expect import Pattern, Role
from tracecheck.store import Reader

OF_ROLE = {
    Role.SEND: "select chain_number from message_rows where destination = $target",
    Role.PROCESS: "select chain_number from hop_rows where destination = $target and outcome <> 'undelivered'",
    Role.SPAN: """
        select p.chain_number from chain_span_rows p
        join span_rows s on s.trace_id = p.trace_id and s.span_id = p.span_id where s.name = $target""",
    Role.CALL: """
        select p.chain_number from chain_span_rows p
        join span_rows s on s.trace_id = p.trace_id and s.span_id = p.span_id
        where s.kind = 3 and s.operation is null and $target is not null""",
}
"""Numbers of the chains with a match, by role; `$target` is the pattern's."""

_CHOSEN = """
    select chain_id from chain_rows
    where chain_number in ({of_role})
        and ($run_id::varchar is null or list_contains(run_ids, $run_id))
        and ($among::varchar[] is null or chain_id in (select unnest($among::varchar[])))
    order by start_unix_nano, chain_id
"""

_LATEST = "select chain_id from ({chosen}) join chain_rows using (chain_id) order by start_unix_nano desc limit $most"

_LAST_INGEST = """
    select c.chain_id, max(s.ingested_unix_nano) as ingested_unix_nano
    from chain_rows c
    join chain_span_rows p using (chain_number)
    join span_rows s on s.trace_id = p.trace_id and s.span_id = p.span_id
    where c.chain_id in (select unnest($chain_ids::varchar[]))
    group by c.chain_id
"""


def chains_with(
    store: Reader, pattern: Pattern, *, run_id: str | None = None, among: Sequence[str] | None = None
) -> list[str]:
    """Ids of the chains that may hold a match, by start: of one run, among the given ones, or of all."""
    parameters = {
        "target": pattern.target,
        "run_id": run_id,
        "among": None if among is None else list(among),
    }
    ids: list[str] = store.query(_CHOSEN.format(of_role=OF_ROLE[pattern.role]), parameters)["chain_id"].to_pylist()
    return ids


def latest_with(
    store: Reader, pattern: Pattern, *, run_id: str | None, among: Sequence[str] | None, most: int
) -> list[str]:
    """As `chains_with`, but only so many of them, the latest first."""
    chosen = _CHOSEN.format(of_role=OF_ROLE[pattern.role])
    asked = {"target": pattern.target, "run_id": run_id, "among": None if among is None else list(among), "most": most}
    ids: list[str] = store.query(_LATEST.format(chosen=chosen), asked)["chain_id"].to_pylist()
    return ids


def last_ingest(store: Reader, chain_ids: Sequence[str]) -> dict[str, int]:
    """When the last span of each chain was stored, by the receiver's clock."""
    rows = store.query(_LAST_INGEST, {"chain_ids": list(chain_ids)}).to_pylist()
    return {row["chain_id"]: row["ingested_unix_nano"] for row in rows}
