"""What chance alone would do: exact, distribution-free tests for few samples with outliers among them.

Two questions are asked of a baseline and a candidate: do the candidate's values stand above what nearly all baseline
values stay below (the precedence test), and do more of the candidate's trials fail (Fisher's exact test). Both count
ranks or trials and so need no assumption about a distribution; with too few samples they cannot reach significance.
"""

from collections.abc import Sequence
from math import exp, lgamma

NEARLY_ALL = 0.9
"""The share of the baseline that marks what is usual: one sample in ten may be an outlier without moving the mark."""


def usual_rank(count: int) -> int:
    """The rank, from 1, of the sample that nine of ten do not exceed."""
    return int(NEARLY_ALL * (count - 1)) + 1


def usual(values: Sequence[int]) -> int:
    """The value that nine of ten samples do not exceed. `values` are sorted and not empty."""
    return values[usual_rank(len(values)) - 1]


def chance_of_exceeding(baseline: int, candidate: int, above: int, rank: int | None = None) -> float:
    """The probability that at least `above` of `candidate` samples exceed the baseline's sample of that rank by chance.

    `rank` counts from 1 among `baseline` samples (default: `usual_rank`). Exact if both come from one continuous
    distribution, whatever it is; ties make it smaller still in truth.
    """
    rank = usual_rank(baseline) if rank is None else rank
    return _at_least(rank, baseline + candidate, baseline, rank + candidate - above)


def chance_of_failing(trials: int, failed: int, base_trials: int, base_failed: int) -> float:
    """Fisher's exact test, one-sided: that `failed` of `trials` or more fail if both fail equally often."""
    return _at_least(failed, trials + base_trials, trials, failed + base_failed)


def surviving(chances: Sequence[float], level: float, family: int | None = None) -> list[bool]:
    """Which of several tests hold together at `level`, by Holm's rule: the chance of any false one stays below it.

    `family` is how many were asked in all, where those that could not hold are left out (default: these alone).
    """
    order = sorted(range(len(chances)), key=chances.__getitem__)
    held = [False] * len(chances)
    for place, number in enumerate(order):
        if chances[number] > level / ((family or len(chances)) - place):
            break
        held[number] = True
    return held


def _at_least(hits: int, population: int, marked: int, drawn: int) -> float:
    """P(at least `hits` marked ones among `drawn` of `population`, of which `marked` are marked)."""
    highest = min(marked, drawn)
    lowest = max(hits, drawn - (population - marked), 0)
    if hits <= max(0, drawn - (population - marked)):
        return 1.0
    whole = _ln_choose(population, drawn)
    terms = (
        exp(_ln_choose(marked, hit) + _ln_choose(population - marked, drawn - hit) - whole)
        for hit in range(lowest, highest + 1)
    )
    return min(1.0, sum(terms))


def _ln_choose(count: int, chosen: int) -> float:
    return lgamma(count + 1) - lgamma(chosen + 1) - lgamma(count - chosen + 1)
