"""Which of many chains are looked at, where to look at all of them would take too long."""

from collections import defaultdict
from collections.abc import Sequence
from random import Random

from tracecheck.model import ChainSummary

SEED = 0
"""A choice by chance, and the same one whenever it is made of the same chains."""


def sampled(summaries: Sequence[ChainSummary], most: int) -> list[ChainSummary]:
    """At most so many of each kind of origin (service and name), by chance, in their order: rare kinds stay whole."""
    kinds: dict[tuple[str, str], list[ChainSummary]] = defaultdict(list)
    for summary in summaries:
        kinds[summary.origin.service, summary.origin.name].append(summary)
    random = Random(SEED)  # noqa: S311 - no secret
    chosen: set[str] = set()
    for _, kind in sorted(kinds.items()):
        ids = sorted(summary.chain_id for summary in kind)
        chosen.update(ids if len(ids) <= most else random.sample(ids, most))
    return [summary for summary in summaries if summary.chain_id in chosen]
