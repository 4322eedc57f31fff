"""What the store knows outside one chain: who exports, who flushed, and how far each consumer group came."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tracecheck.chains.facts import OF_RUN, groups_of, instances_of
from tracecheck.semconv import FLUSH_SPAN, START_SPAN
from tracecheck.store import Reader


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceSeen:
    """One process instance that exported spans.

    `flushed`: it sent a flush mark. `spans_marked` is the span count its latest mark states (None without a mark);
    `spans_stored` is how many of its spans are stored, start and flush marks left out on both sides.
    """

    service: str
    instance: str | None
    flushed: bool
    spans_marked: int | None
    spans_stored: int
    last_seen_unix_nano: int

    @property
    def whole(self) -> bool:
        """True if its latest flush mark proves that all its spans are stored (more would mean: not its last)."""
        return self.flushed and self.spans_marked is not None and self.spans_stored == self.spans_marked


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSeen:
    """One consumer group at one destination. `max_offsets` is the highest handled offset by partition."""

    system: str | None
    destination: str
    consumer_group: str | None
    services: tuple[str, ...]
    last_seen_unix_nano: int
    max_offsets: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupPosition:
    """Where the broker itself has a consumer group in one partition: the next offset it will handle, and the end.

    `committed` None: the group has committed nothing there. `end` is the offset of the next message to be sent.
    """

    consumer_group: str
    destination: str
    partition: str
    committed: int | None
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The facts around a chain on which completeness and the state of a silent group are judged.

    `last_ingest_unix_nano` is the receiver's clock at the last append (None: nothing stored); `as_of_unix_nano` is the
    instant for which all this holds. With `run_id`, only what that run's spans say. `positions` were read from the
    broker, if one was given.
    """

    last_ingest_unix_nano: int | None
    as_of_unix_nano: int
    instances: tuple[InstanceSeen, ...] = ()
    groups: tuple[GroupSeen, ...] = ()
    run_id: str | None = None
    positions: tuple[GroupPosition, ...] = ()
    """Read from the broker, if one was given."""


LAST = """
    select max(ingested_unix_nano) as last_ingest_unix_nano, epoch_ns(current_timestamp) as as_of_unix_nano
    from span_rows where $run_id::varchar is null or run_id = $run_id
"""

OF_RUNS_INSTANCES = """(service, coalesce(instance, '')) in (
    select (service, coalesce(instance, '')) from span_rows where run_id = $run_id)"""

OF_RUNS_CHAINS = "chain_number in (select chain_number from chain_rows where list_contains(run_ids, $run_id))"

INSTANCES = f"""
    with twin as (
        select service, instance, count(*) - count(distinct (trace_id, span_id)) as beside
        from span_rows where conflicting and name not in ('{FLUSH_SPAN}', '{START_SPAN}') group by service, instance
    )
    select s.service, s.instance, s.marks > 0 as flushed, s.spans_marked,
        s.spans - coalesce(t.beside, 0) as spans_stored, s.last_seen_unix_nano
    from ({{seen}}) s
    left join twin t on t.service = s.service and t.instance is not distinct from s.instance
    order by s.service, s.instance nulls first
"""  # noqa: S608 - constants


def surroundings(store: Reader, run_id: str | None = None) -> Surroundings:
    """What the store knows beside any one chain; with `run_id`, what that run's spans and chains say.

    An instance belongs to a run if any of its spans does; its flush mark and its count are about all its spans.
    """
    run = {"run_id": run_id}
    last = store.query(LAST, run).to_pylist()[0]
    of_run = None if run_id is None else run
    seen = instances_of(None if run_id is None else OF_RUNS_INSTANCES)
    groups = groups_of(None, None) if run_id is None else groups_of(OF_RUN, OF_RUNS_CHAINS)
    return Surroundings(
        last_ingest_unix_nano=last["last_ingest_unix_nano"],
        as_of_unix_nano=last["as_of_unix_nano"],
        instances=tuple(InstanceSeen(**row) for row in store.query(INSTANCES.format(seen=seen), of_run).to_pylist()),
        groups=_groups(store.query(groups, of_run).to_pylist()),
        run_id=run_id,
    )


def quiet_for_ns(store: Reader, run_id: str | None = None) -> int | None:
    """How long ago the last span came in, by the clock of the store's owner; None where none ever did."""
    last = store.query(LAST, {"run_id": run_id}).to_pylist()[0]
    came = last["last_ingest_unix_nano"]
    return None if came is None else last["as_of_unix_nano"] - came


def _groups(rows: list[dict[str, Any]]) -> tuple[GroupSeen, ...]:
    by_key: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_key[row["system"] or "", row["destination"], row["consumer_group"] or ""].append(row)
    groups = []
    for (system, destination, group), seen in sorted(by_key.items()):
        offsets = {row["partition_id"]: row["max_offset"] for row in seen if row["max_offset"] is not None}
        for partition in offsets:
            offsets[partition] = max(row["max_offset"] or 0 for row in seen if row["partition_id"] == partition)
        groups.append(
            GroupSeen(
                system=system or None,
                destination=destination,
                consumer_group=group or None,
                services=tuple(sorted({row["service"] for row in seen})),
                last_seen_unix_nano=max(row["last_seen_unix_nano"] for row in seen),
                max_offsets=offsets,
            )
        )
    return tuple(groups)
