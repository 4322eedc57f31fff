"""What makes a store doubtful that looks complete: spans sampled away, links dropped, exporters slower than assumed."""

from dataclasses import dataclass

from tracecheck.chains.facts import OF_RUN, instances_of
from tracecheck.store import Reader

NS_PER_S = 1_000_000_000
LIVE_NS = 60_000_000_000
"""Where not even one span came in so soon after its end, spans were imported: when they came then tells nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caveats:
    """By service in order of name: those that sample, and links dropped over the SDK's limits; and the longest that a
    span took from its end to the store, with its service (None where spans were imported)."""

    sampled: tuple[str, ...] = ()
    links_dropped: tuple[tuple[str, int], ...] = ()
    slowest_export: tuple[str, int] | None = None

    def reasons(self, settle_ns: int) -> tuple[str, ...]:
        """Each as a short fact; an export only if it took longer than the quiet time waited for (0: none was)."""
        facts = []
        if self.sampled:
            facts.append(f"{_names(self.sampled)} sampled: what is absent may have been left out")
        if self.links_dropped:
            total = sum(count for _, count in self.links_dropped)
            names = _names([name for name, _ in self.links_dropped])
            facts.append(f"{total} links of {names} were dropped over a limit: paths may be missing")
        if self.slowest_export is not None and self.slowest_export[1] > settle_ns > 0:
            service, took_ns = self.slowest_export
            late = f"a span of {service} came in {took_ns / NS_PER_S:.3g} s after its end"
            facts.append(f"{late}, settle {settle_ns / NS_PER_S:.3g} s")
        return tuple(facts)


_BY_SERVICE = """
    select service, coalesce(bool_or(is_sampled), false) as is_sampled, sum(links_dropped)::bigint as links_dropped,
        min(soonest_ns) as soonest_ns, max(latest_ns) as latest_ns
    from ({instances}) group by service order by service
"""


def caveats(store: Reader, run_id: str | None = None) -> Caveats:
    """What the stored spans (of a run, or all) say against taking absence for a fact."""
    instances = instances_of(None if run_id is None else OF_RUN)
    rows = store.query(
        _BY_SERVICE.format(instances=instances), None if run_id is None else {"run_id": run_id}
    ).to_pylist()
    live = [row for row in rows if row["soonest_ns"] is not None and row["soonest_ns"] <= LIVE_NS]
    slowest = max(((row["latest_ns"], row["service"]) for row in live if row["latest_ns"] is not None), default=None)
    return Caveats(
        sampled=tuple(row["service"] for row in rows if row["is_sampled"]),
        links_dropped=tuple((row["service"], row["links_dropped"]) for row in rows if row["links_dropped"]),
        slowest_export=None if slowest is None else (slowest[1], slowest[0]),
    )


def _names(services: tuple[str, ...] | list[str]) -> str:
    return ", ".join(services[:4]) + (f" and {len(services) - 4} more" if len(services) > 4 else "")
