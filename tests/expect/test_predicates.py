"""Predicates compare by type and value, and say in what a value differs."""

import pytest

from tracecheck.expect.model import Comparison, Predicate
from tracecheck.expect.predicates import ABSENT, difference, holds

HOLDS = [
    ("equals", 42, 42, True),
    ("equals", 42, 42.0, True),
    ("equals", 42, "42", False),
    ("equals", 1, True, False),
    ("equals", None, None, True),
    ("equals", None, ABSENT, False),
    ("one_of", ("a", "b"), "b", True),
    ("one_of", ("a", "b"), "c", False),
    ("contains", "b", "abc", True),
    ("contains", "b", ["a", "b"], True),
    ("contains", "b", 3, False),
    ("starts_with", "a", "abc", True),
    ("ends_with", "c", "abc", True),
    ("ends_with", "c", b"abc", False),
    ("at_least", 3, 3, True),
    ("at_least", 3, 2.9, False),
    ("at_least", 3, "4", False),
    ("at_most", 3, True, False),
    ("exists", True, None, True),
    ("exists", True, ABSENT, False),
    ("exists", False, ABSENT, True),
]


@pytest.mark.parametrize(("comparison", "wanted", "value", "expected"), HOLDS)
def test_a_predicate_holds_only_for_its_values(comparison: str, wanted: object, value: object, expected: bool) -> None:
    predicate = Predicate(attribute="x", comparison=Comparison(comparison), value=wanted)  # type: ignore[arg-type]
    assert holds(predicate, value) is expected
    assert (difference(predicate, value) is None) is expected


def test_a_difference_tells_what_was_found_and_what_was_expected() -> None:
    predicate = Predicate(attribute="order.id", value="o-1")
    assert difference(predicate, "o-2") == "order.id is 'o-2', expected: order.id equals 'o-1'"
    assert difference(predicate, ABSENT) == "order.id is absent, expected: order.id equals 'o-1'"
