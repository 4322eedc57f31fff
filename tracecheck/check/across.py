"""Steps across a batch: what one handling of several chains' messages went on to do stands in a chain of its own.

An expectation may step there from each chain that fed it. So a chain is checked together with the chains it feeds.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from tracecheck.chains import load_many
from tracecheck.model import Chain
from tracecheck.store import Reader

MOST_STEPS = 3
"""How many batches in a row are followed; further on, almost everything follows from almost everything."""

MOST_CHAINS = 50
"""How many fed chains one chain is checked together with: a worker's endless loop may be fed by all there are."""

MOST_LOADED = 256
"""How many fed chains are in memory at once."""

_FED = """
    select c.chain_id, f.feeding_chain_id
    from chain_feed_rows f join chain_rows c using (chain_number)
    where f.feeding_chain_id in (select unnest($chain_ids::varchar[]))
    order by f.feeding_chain_id, c.start_unix_nano, c.chain_id
"""


def widened(store: Reader, chains: Iterable[Chain]) -> Iterator[Chain]:
    """Each chain with the spans, edges and hops of those it feeds, directly or through further batches."""
    given = list(chains)
    fed = fed_by(store, [chain.chain_id for chain in given])
    for some in _loaded_at_once([(chain, following(chain.chain_id, fed)) for chain in given]):
        wanted = dict.fromkeys(other for _, others in some for other in others)
        loaded = {chain.chain_id: chain for chain in load_many(store, list(wanted))} if wanted else {}
        for chain, others in some:
            yield together(chain, [loaded[other] for other in others if other in loaded]) if others else chain


def _loaded_at_once(given: Iterable[tuple[Chain, list[str]]]) -> Iterator[list[tuple[Chain, list[str]]]]:
    """Chains and what they feed in groups that load together, for each look at the store has a fixed cost."""
    some: list[tuple[Chain, list[str]]] = []
    wanted: set[str] = set()
    for chain, others in given:
        if some and len(wanted.union(others)) > MOST_LOADED:
            yield some
            some, wanted = [], set()
        some.append((chain, others))
        wanted.update(others)
    if some:
        yield some


def fed_by(store: Reader, chain_ids: Sequence[str]) -> dict[str, list[str]]:
    """By chain: those it feeds, for these chains and all that follow within `MOST_STEPS`."""
    fed: dict[str, list[str]] = {}
    waiting = list(chain_ids)
    for _ in range(MOST_STEPS):
        if not waiting:
            break
        rows = store.query(_FED, {"chain_ids": waiting}).to_pylist()
        fed |= {chain_id: [] for chain_id in waiting}
        for row in rows:
            fed[row["feeding_chain_id"]].append(row["chain_id"])
        waiting = sorted({row["chain_id"] for row in rows} - set(fed))
    return fed


def following(chain_id: str, fed: dict[str, list[str]]) -> list[str]:
    """The chains that one feeds, directly or through others, nearest first; `fed` is by the feeding chain."""
    found: dict[str, None] = {}
    waiting = [chain_id]
    for _ in range(MOST_STEPS):
        waiting = [other for one in waiting for other in fed.get(one, ()) if other != chain_id and other not in found]
        found |= dict.fromkeys(waiting)
    return list(found)[:MOST_CHAINS]


def together(chain: Chain, others: Iterable[Chain]) -> Chain:
    """A chain with the spans, edges and hops of others."""
    parts = [chain, *others]
    spans = {span.key: span for part in parts for span in part.spans}
    return replace(
        chain,
        spans=tuple(sorted(spans.values(), key=lambda span: (span.start_unix_nano, span.trace_id, span.span_id))),
        edges=tuple(edge for part in parts for edge in part.edges),
        hops=tuple(hop for part in parts for hop in part.hops),
    )
