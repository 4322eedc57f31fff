"""What passes where, counted: every destination at every consumer group, with the times its messages took."""

from collections.abc import Sequence
from dataclasses import dataclass

from tracecheck.store import Reader

STAGES = """
    select
        destination,
        consumer_group,
        count(*) as hops,
        count(*) filter (outcome in ('failed', 'undelivered')) as broken,
        quantile_disc(transit_ns, 0.5) as transit_p50_ns,
        quantile_disc(transit_ns, 0.95) as transit_p95_ns
    from hops
    where $run_id::varchar is null or chain_id in (select chain_id from chains where list_contains(run_ids, $run_id))
    group by all
    order by min(producer_start_unix_nano) nulls last, destination, consumer_group
    limit $most
"""

BROKEN = """
    select chain_id, count(*) as broken
    from hops
    where outcome in ('failed', 'undelivered') and list_contains($chain_ids, chain_id)
    group by all
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """All messages of one destination at one consumer group. Transit in nanoseconds, None where none is known.

    `broken` counts those that failed or were seen by nobody.
    """

    destination: str | None
    consumer_group: str | None
    hops: int
    broken: int
    transit_p50_ns: int | None
    transit_p95_ns: int | None


def stages(store: Reader, *, run_id: str | None = None, most: int = 200) -> list[Stage]:
    """Stages of all chains, or of one run, in the order messages first passed them."""
    return [Stage(**row) for row in store.query(STAGES, {"run_id": run_id, "most": most}).to_pylist()]


def broken_hops(store: Reader, chain_ids: Sequence[str]) -> dict[str, int]:
    """How many messages of each of these chains failed or were seen by nobody; chains without such are left out."""
    rows = store.query(BROKEN, {"chain_ids": list(chain_ids)}).to_pylist()
    return {row["chain_id"]: row["broken"] for row in rows}
