"""Chains are found and loaded by number, and that gives what a look through the documented tables gives."""

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from tests.support.random_traces import random_spans
from tests.support.spans import Traces
from tracecheck.chains import find, hops, load, load_many, refresh
from tracecheck.chains.rows import edge_of, hop_of, summary_of
from tracecheck.store import Store, open_store

NAMES = """
    select chain_id, chain_id as name from chains
    union all select chain_id, unnest(trace_ids) from chains
    union all select chain_id, unnest(list_concat(correlation_ids, run_ids)) from chains
    union all select chain_id, unnest([message_id, event_id]) from messages
    union all select chain_id, message_id from hops
"""


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    """Random graphs, and an order whose ids look like the beginnings of each other's."""
    random = Random(7)
    with open_store(":memory:") as opened:  # type: ignore[attr-defined]
        opened.append([span for _ in range(60) for span in random_spans(random)])
        for trace_id, name in (("f" * 32, "f" * 32), ("f" * 31 + "e", "ffff"), ("8" + "0" * 31, "8" + "0" * 15)):
            story = Traces(correlation_id=name, run_id=f"run-{name}")
            sent = story.send("shop", "orders", trace_id=trace_id, message_id=f"{name}-1")
            story.process("billing", "orders", of=sent)
            opened.append(story.spans)
        refresh(opened)
        yield opened


def view(store: Store, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = store.query(f"select * from {name}").to_pylist()
    return rows


def test_a_chain_is_loaded_as_the_documented_tables_tell_it(store: Store) -> None:
    summaries = {row["chain_id"]: summary_of(row) for row in view(store, "chains")}
    assert len(summaries) > 60
    chains = {chain.chain_id: chain for chain in load_many(store, list(summaries))}
    assert {chain_id: chain.summary for chain_id, chain in chains.items()} == summaries
    for name, told, loaded in (
        ("edges", edge_of, lambda chain: chain.edges),
        ("hops", hop_of, lambda chain: chain.hops),
        ("chain_spans", lambda row: (row["trace_id"], row["span_id"]), lambda chain: [one.key for one in chain.spans]),
        ("chain_feeds", lambda row: row["feeding_chain_id"], lambda chain: chain.feeds),
    ):
        by_chain: dict[str, list[str]] = {chain_id: [] for chain_id in chains}
        for row in view(store, name):
            by_chain[row["chain_id"]].append(repr(told(row)))
        assert any(by_chain.values())
        for chain_id, chain in chains.items():
            assert sorted(repr(one) for one in loaded(chain)) == sorted(by_chain[chain_id]), name
    for chain in list(chains.values())[::20]:
        assert load(store, chain.chain_id) == chain
        assert hops(store, chain.chain_id) == list(chain.hops)


def test_any_name_and_any_beginning_finds_what_a_look_through_all_names_finds(store: Store) -> None:
    random = Random(11)
    named = [(row["name"], row["chain_id"]) for row in store.query(NAMES).to_pylist() if row["name"]]
    starts = {row["chain_id"]: (row["start_unix_nano"], row["chain_id"]) for row in view(store, "chains")}
    names = sorted({name for name, _ in named})
    chosen = [*random.sample(names, 40), *(name for name in names if name.startswith(("ff", "80", "run-")))]
    needles = {name[: random.randint(1, len(name))] for name in chosen} | set(chosen[::2])
    needles |= {"%", "_", ":", "f" * 33, "g", "F" * 16}
    for needle in sorted(needles):
        found = {chain_id for name, chain_id in named if name == needle}
        found = found or {chain_id for name, chain_id in named if name.startswith(needle)}
        assert find(store, needle) == sorted(found, key=lambda chain_id: starts[chain_id]), needle


def test_a_chain_that_a_refresh_numbers_anew_meanwhile_is_loaded_whole() -> None:
    story = Traces()
    story.send("shop", "orders")
    with open_store(":memory:") as opened:  # type: ignore[attr-defined]
        opened.append(story.spans)
        refresh(opened)
        chain_id = ":".join(story.spans[0].key)

        class Refreshed:
            """The store; before its second answer another span came in, and the chains were brought up to date."""

            asked = 0

            def query(self, sql: str, parameters: object = None) -> object:
                self.asked += 1
                if self.asked == 2:
                    story.process("billing", "orders", of=story.spans[0])
                    opened.append(story.spans[1:])
                    refresh(opened)
                return opened.query(sql, parameters)  # type: ignore[arg-type]

        chain = load(Refreshed(), chain_id)  # type: ignore[arg-type]
        assert chain == load(opened, chain_id)
        assert len(chain.spans) == 2
