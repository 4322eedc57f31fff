"""The tests of chance against counting every possible outcome."""

from itertools import combinations
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracecheck.check.chance import chance_of_exceeding, chance_of_failing, surviving, usual

SMALL = st.integers(1, 6)


@given(SMALL, SMALL, st.data())
def test_exceeding_is_as_likely_as_counting_all_orders_says(baseline: int, candidate: int, data: st.DataObject) -> None:
    above = data.draw(st.integers(0, candidate))
    places = range(baseline + candidate)
    hits = 0
    for base in combinations(places, baseline):
        mark = usual(list(base))
        hits += sum(place > mark for place in places if place not in base) >= above
    assert chance_of_exceeding(baseline, candidate, above) == pytest.approx(hits / comb(baseline + candidate, baseline))


@given(SMALL, SMALL, st.data())
def test_failing_is_as_likely_as_dealing_the_failures_out_says(trials: int, others: int, data: st.DataObject) -> None:
    failed, elsewhere = data.draw(st.integers(0, trials)), data.draw(st.integers(0, others))
    deals = list(combinations(range(trials + others), failed + elsewhere))
    hits = sum(sum(place < trials for place in deal) >= failed for deal in deals)
    assert chance_of_failing(trials, failed, others, elsewhere) == pytest.approx(hits / len(deals))


@given(st.lists(st.floats(0, 1), max_size=12))
def test_what_survives_are_the_least_likely_and_never_more_than_each_alone(chances: list[float]) -> None:
    held = surviving(chances, 0.01)
    assert all(chance <= 0.01 for chance, holds in zip(chances, held, strict=True) if holds)
    left = [chance for chance, holds in zip(chances, held, strict=True) if not holds]
    assert all(chance <= min(left, default=1) for chance, holds in zip(chances, held, strict=True) if holds)
    assert any(held) == (min(chances, default=1) <= 0.01 / max(1, len(chances)))


def test_one_outlier_in_ten_does_not_move_what_is_usual() -> None:
    assert usual([1, 1, 1, 1, 1, 1, 1, 1, 2, 900]) == 2
