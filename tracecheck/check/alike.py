"""Chains that are alike are evaluated at once: `evaluate` runs on the first, and what it says holds for all of its way.

Chains of one pattern (`chains.bare`) differ in instants, places and ids. Those become lanes (`check.lanes`): chains for
which something is decided otherwise are left behind, and are evaluated together in the next round. What no round
settles is evaluated by itself. So every finding is the one that `evaluate` gives for that chain alone; a property test
holds it.
"""

import gc
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from tracecheck.chains.bare import Bare, BareChains
from tracecheck.chains.bare_chain import Key, NotReadError, chain_of
from tracecheck.chains.surroundings import Surroundings
from tracecheck.check.across import fed_by, following
from tracecheck.check.evaluate import evaluate
from tracecheck.check.lanes import Lanes, Many, Name
from tracecheck.expect import Expectation, Role
from tracecheck.model import Chain, Result
from tracecheck.store import Reader

WORTH = 4
"""From so many lanes on, evaluating them at once costs less than one by one."""

IN_VAIN = 3
"""After so many rounds that settled fewer, the rest of a pattern is evaluated one by one."""

Results = tuple[Result, ...]


def is_bare(expectation: Expectation) -> bool:
    """Whether messages and deliveries are all that it looks at: bare chains know nothing of attributes."""
    patterns = [*(step.pattern for step in expectation.steps), *expectation.never]
    return all(pattern.role in (Role.SEND, Role.PROCESS) and not pattern.where for pattern in patterns)


@contextmanager
def _no_collections() -> Iterator[None]:
    """What is read and made here is large and has no cycles: looking for them takes a third of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@_no_collections()
def evaluate_alike(
    store: Reader,
    chain_ids: Sequence[str],
    expectation: Expectation,
    surroundings: Surroundings,
    *,
    settle_ns: int | None,
    by_chain: bool,
) -> dict[str, Results]:
    """What `evaluate` says of each of these chains, together with the chains that it feeds.

    The expectation must be bare. Left out are chains that only whole can be told. `by_chain`: silence is that of each
    chain, else that of the store.
    """
    fed = fed_by(store, chain_ids)
    judge = _Judge(
        read=BareChains(store, {chain_id: following(chain_id, fed) for chain_id in chain_ids}),
        expectation=expectation,
        surroundings=surroundings,
        settle_ns=settle_ns,
        by_chain=by_chain,
    )
    alike: dict[object, list[Bare]] = defaultdict(list)
    for bare in judge.read.chains:
        alike[bare.pattern].append(bare)
    at_once = not any(step.budgets for step in expectation.steps)  # a part of a time is told by the order of spans
    found: dict[str, Results] = {}
    for same in alike.values():
        waiting = judge.at_once(same, found) if at_once else same
        for bare in waiting:
            judge.alone(bare, found)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judge:
    """Evaluates bare chains, alike or alone, into `found` by chain id."""

    read: BareChains
    expectation: Expectation
    surroundings: Surroundings
    settle_ns: int | None
    by_chain: bool

    def at_once(self, same: Sequence[Bare], found: dict[str, Results]) -> Sequence[Bare]:
        """Settles those of one pattern that go the same way as others; the rest is given back."""
        waiting = same
        in_vain = 0
        while len(waiting) >= WORTH and in_vain < IN_VAIN:
            lanes = Lanes(len(waiting))
            names = [Name(lanes, list(texts)) for texts in zip(*(one.names for one in waiting), strict=True)]
            values = [_value(lanes, list(each)) for each in zip(*(one.values for one in waiting), strict=True)]
            chain, own = chain_of(self.read, waiting[0], values.__getitem__, names.__getitem__)
            try:
                settled = lanes.spread(
                    self._of(chain, own, Many(lanes, [one.last_ingest_unix_nano for one in waiting]))
                )
            except TypeError:
                break  # it asks what can be told of one chain only
            found |= {waiting[lane].chain_id: results for lane, results in settled.items()}
            waiting = [one for lane, one in enumerate(waiting) if lane not in settled]
            in_vain += len(settled) < WORTH
        return waiting

    def alone(self, bare: Bare, found: dict[str, Results]) -> None:
        """Settles one chain, unless it has to be read whole."""
        chain, own = chain_of(self.read, bare, bare.values.__getitem__, bare.names.__getitem__)
        spans = sorted(chain.spans, key=lambda span: (span.start_unix_nano, span.trace_id, span.span_id))
        edges = sorted(chain.edges, key=lambda edge: (*edge.effect, *edge.cause))
        try:
            found[bare.chain_id] = self._of(
                replace(chain, spans=tuple(spans), edges=tuple(edges)), own, bare.last_ingest_unix_nano
            )
        except NotReadError:
            return

    def _of(self, chain: Chain, own: frozenset[Key], last_ingest: Any) -> Results:
        return evaluate(
            chain,
            self.expectation,
            self.surroundings,
            settle_ns=self.settle_ns,
            quiet_since_unix_nano=last_ingest if self.by_chain else None,
            among=own,
        )


def _value(lanes: Lanes, values: list[Any]) -> Any:
    """What is the same in all lanes is that itself."""
    return values[0] if values.count(values[0]) == len(values) else Many(lanes, values)
