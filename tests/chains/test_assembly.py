"""Chains put together in memory are those that SQL writes, value for value."""

import os
from collections import Counter, defaultdict
from dataclasses import replace
from random import Random

import pytest

from tests.support.random_traces import random_spans
from tests.support.spans import Traces
from tests.support.stored import read, rebuilt
from tracecheck.chains.assembly import assemble
from tracecheck.model import Chain, Hop, Span
from tracecheck.store import open_store
from tracecheck.store.spans import read_spans

GRAPHS = int(os.environ.get("TRACECHECK_ORACLE_GRAPHS", "900"))


@pytest.mark.parametrize("most", [5, 9, 16])
def test_assembled_chains_equal_stored_ones_on_random_graphs(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rebuilt("in SQL", monkeypatch)
    random = Random(most * 7)
    graphs = [random_spans(random, most) for _ in range(GRAPHS // 3)]
    assert_equal([span for graph in graphs for span in graph], graphs)


def assert_equal(spans: list[Span], graphs: list[list[Span]]) -> None:
    """Each graph by itself, assembled, is its part of the store."""
    with open_store(":memory:") as store:  # type: ignore[attr-defined]
        store.append(spans)
        stored = {chain.chain_id: comparable(chain) for chain in read(store).chains}
        read_again: dict[tuple[str, str], list[Span]] = defaultdict(list)
        for span in read_spans(store):
            read_again[span.key].append(span)
    seen: set[str] = set()
    for graph in graphs:
        keys = dict.fromkeys(span.key for span in graph)
        for chain in assemble([span for key in keys for span in read_again[key]]).chains:
            assert comparable(chain) == stored[chain.chain_id], graph
            seen.add(chain.chain_id)
    assert seen == set(stored)


def comparable(chain: Chain) -> tuple[object, ...]:
    """All of a chain but the one finding that other chains decide."""
    hops = [without_lost_context(hop) for hop in chain.hops]
    found = {code for code in chain.summary.findings if code != "context_lost"}
    found |= {code for hop in hops for code in hop.findings}
    return (
        replace(chain.summary, findings=tuple(sorted(found))),
        chain.spans,
        Counter(chain.edges),
        Counter(hops),
        chain.feeds,
        chain.correlation_ids,
        chain.run_ids,
    )


def without_lost_context(hop: Hop) -> Hop:
    if hop.outcome not in ("undelivered", "origin_unknown"):
        return hop
    return replace(hop, findings=tuple(code for code in hop.findings if code != "context_lost"))


def test_a_constant_correlation_id_joins_nothing_in_memory_either() -> None:
    story = Traces(correlation_id="constant")
    story.send("checkout", "orders")
    story.process("billing", "orders")
    assert len(assemble(story.spans).chains) == 1
    assert len(assemble(story.spans, constants={"constant"}).chains) == 2
