"""The tables equal what another algorithm finds, on thousands of graphs with everything that goes wrong."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from random import Random

import pytest

from tests.support.oracle_hops import HopOracle, OracleHop
from tests.support.random_traces import random_spans
from tests.support.stored import rebuilt
from tracecheck.chains import hops, refresh
from tracecheck.model import Hop, Span
from tracecheck.store import Store, open_store

GRAPHS = int(os.environ.get("TRACECHECK_ORACLE_GRAPHS", "1500"))
"""Random graphs in the ordinary run; set the variable for more."""


@pytest.fixture
def store() -> Iterator[Store]:
    with open_store(":memory:") as opened:  # type: ignore[attr-defined]
        yield opened


@pytest.mark.parametrize(("most", "way"), [(4, "in SQL"), (11, "in SQL"), (16, "in SQL"), (11, "in memory")])
def test_edges_hops_and_chains_equal_the_oracles(
    store: Store, most: int, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rebuilt(way, monkeypatch)
    random = Random(most)
    graphs = [random_spans(random, most) for _ in range(GRAPHS // 3)]
    store.append([span for graph in graphs for span in graph])
    refresh(store)
    stored = stored_of(store)
    fired: Counter[str] = Counter()
    for graph in graphs:
        compare(graph, stored, fired)
    if GRAPHS >= 1500 and most > 4:
        assert {rule for rule, times in fired.items() if times} >= EVERY_RULE


EVERY_RULE = {
    "context", "identity", "correlation", "delivered", "failed", "undelivered", "origin_unknown", "unobserved",
    "cycle", "orphan", "batch_fan_in", "ambiguous", "stale_context", "context_lost", "clock_skew",
    "duplicate_delivery", "duplicate_send", "processing_failed", "send_failed",
    "conflicting_span", "duplicate_effect", "sent by name", "handled after", "failed after",
    "named by a link", "several by links",
}  # fmt: skip
"""A generator that never reaches a rule proves nothing about it."""


MESSAGES = """
    select trace_id, span_id, chain_id, service, system, destination, partition_id, message_offset, message_id,
        event_id, retry_of, correlation_id, run_id, start_unix_nano, end_unix_nano, failed, deliveries,
        owner_trace_id, owner_span_id, owner_destination, owner_group
    from messages"""


class Stored:
    """The chain tables, by trace."""

    def __init__(self, store: Store) -> None:
        self.hops = [_comparable(hop) for hop in hops(store)]
        self.chain_of = {
            (row["trace_id"], row["span_id"]): row["chain_id"]
            for row in store.query("select * from chain_spans").to_pylist()
        }
        self.edges = [
            ((row["trace_id"], row["span_id"]), (row["cause_trace_id"], row["cause_span_id"]), row["evidence"])
            for row in store.query("select * from edges where is_message").to_pylist()
        ]
        self.findings = {
            row["chain_id"]: set(row["findings"])
            for row in store.query("select chain_id, findings from chains").to_pylist()
        }
        self.messages = [tuple(row.values()) for row in store.query(MESSAGES).to_pylist()]
        self.feeds = {
            (row["chain_id"], row["feeding_chain_id"]) for row in store.query("select * from chain_feeds").to_pylist()
        }


def stored_of(store: Store) -> Stored:
    return Stored(store)


def compare(graph: Sequence[Span], stored: Stored, fired: Counter[str]) -> None:
    """Everything the tables say about one graph equals what the oracle says."""
    oracle = HopOracle(graph)
    keys = {span.key for span in graph}
    traces = {span.trace_id for span in graph}
    expected = {oracle.spans[n].key: oracle.chain_id(origin) for n, origin in oracle.chains.items()}
    assert {key: stored.chain_of[key] for key in keys} == expected, graph
    assert Counter(edge for edge in stored.edges if edge[0] in keys) == oracle.message_edges, graph
    found = sorted((hop for hop in stored.hops if hop.chain_id.split(":")[0] in traces), key=repr)
    assert found == oracle.hops, graph
    chains = set(expected.values())
    assert {chain: stored.findings[chain] for chain in chains} == oracle.findings, graph
    feeds = {(oracle.chain_id(a), oracle.chain_id(b)) for a, b in oracle.feeds}
    assert {feed for feed in stored.feeds if feed[0] in chains} == feeds, graph
    assert sorted((row for row in stored.messages if row[:2] in keys), key=repr) == oracle.sent, graph
    fired["sent by name"] += any(hop.producer in {oracle.spans[n].key for n in oracle.promoted} for hop in found)
    fired["handled after"] += bool(oracle.handlers)
    fired["failed after"] += any(oracle.went_wrong(n) and oracle.spans[n].status != 2 for n in oracle.handlers)
    fired["named by a link"] += bool(oracle.named_by_links)
    fired["several by links"] += (
        max(Counter(hop.consumer for hop in found if hop.producer is None).values(), default=0) > 1
    )
    fired.update(hop.outcome for hop in found)
    fired.update(hop.evidence[0] for hop in found if hop.evidence[0])
    fired.update(code for codes in oracle.findings.values() for code in codes)


def _comparable(hop: Hop) -> OracleHop:
    return OracleHop(
        hop.chain_id,
        (hop.producer.trace_id, hop.producer.span_id) if hop.producer else None,
        (hop.consumer.trace_id, hop.consumer.span_id) if hop.consumer else None,
        hop.consumer_group,
        (hop.partition, hop.offset, hop.message_id),
        (hop.evidence.value if hop.evidence else None, hop.context),
        (hop.transit_ns, hop.consumer_instant, hop.processing_ns, hop.succeeded_after_ns),
        (hop.attempts, tuple(sorted((span.trace_id, span.span_id) for span in hop.attempt_spans))),
        hop.outcome.value,
        hop.findings,
    )
