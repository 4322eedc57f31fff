"""Stores a test's spans, rebuilds its chains, and says its hops in lines that a reader can check by eye."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from tests.support.spans import Traces
from tracecheck.chains import hops, load_many, refresh, summaries
from tracecheck.model import Chain, Hop, Span
from tracecheck.store import Store, open_store


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysed:
    """What the chain tables hold: every chain, whole, by start; and every hop."""

    chains: tuple[Chain, ...]
    hops: tuple[Hop, ...]

    @property
    def lines(self) -> list[str]:
        """The hops in words, sorted."""
        return sorted(line(hop) for hop in self.hops)

    def chain_of(self, span: Span) -> Chain:
        """The one chain that holds the span."""
        (found,) = [chain for chain in self.chains if any(each.key == span.key for each in chain.spans)]
        return found

    def hop(self, destination: str | None, group: str | None = None) -> Hop:
        """The one hop to a destination (by a group, or by the service of that name)."""
        (found,) = [
            hop
            for hop in self.hops
            if hop.destination == destination
            and (group is None or group in (hop.consumer_group, hop.consumer and hop.consumer.service))
        ]
        return found


def analysed(*stories: Traces | Sequence[Span]) -> Analysed:
    """Stores the spans in a fresh store in memory, refreshes, and reads everything back."""
    with open_store(":memory:") as store:  # type: ignore[attr-defined]
        for story in stories:
            store.append(story.spans if isinstance(story, Traces) else story)
        return read(store)


def rebuilt(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Has chains rebuilt `in SQL` or `in memory`, however many spans there are."""
    refreshing = sys.modules["tracecheck.chains.refresh"]
    monkeypatch.setattr(refreshing, "ASSEMBLED_SPANS", {"in SQL": 0, "in memory": 1_000_000}[way])


def read(store: Store) -> Analysed:
    """Refreshes a store and reads every chain and hop."""
    refresh(store)
    chains = tuple(load_many(store, [summary.chain_id for summary in summaries(store, marks=True)]))
    return Analysed(chains=chains, hops=tuple(hops(store)))


def line(hop: Hop) -> str:
    """`sender > destination > group: outcome, attempts, evidence [findings]`; without group, `service()` consumes."""
    sender = hop.producer.service if hop.producer else "?"
    group = hop.consumer_group or (f"{hop.consumer.service}()" if hop.consumer else "?")
    said = [hop.outcome.value]
    if hop.attempts != 1 and hop.consumer:
        said.append(f"{hop.attempts} attempts")
    if hop.evidence:
        said.append(f"by {hop.context or hop.evidence.value}")
    findings = f" [{' '.join(hop.findings)}]" if hop.findings else ""
    return f"{sender} > {hop.destination} > {group}: {', '.join(said)}{findings}"
