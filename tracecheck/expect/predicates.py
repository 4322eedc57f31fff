"""When a predicate holds, and in what a value differs from it."""

from tracecheck.expect.model import Comparison, PlainValue, Predicate
from tracecheck.model import AttributeValue

ABSENT = object()
"""Stands for an attribute that is not there (a present null is None)."""


def holds(predicate: Predicate, value: AttributeValue | object) -> bool:
    """True if the value meets the predicate. Pass `ABSENT` for no value.

    Types count: the text "42" does not equal the number 42, and true is no number. Int and float compare as numbers.
    """
    wanted = predicate.value
    comparison = predicate.comparison
    if comparison is Comparison.EXISTS:
        return (value is not ABSENT) == bool(wanted)
    if value is ABSENT:
        return False
    if comparison is Comparison.EQUALS:
        return _equal(value, wanted)
    if comparison is Comparison.ONE_OF:
        return isinstance(wanted, tuple) and any(_equal(value, one) for one in wanted)
    if comparison in (Comparison.AT_LEAST, Comparison.AT_MOST):
        if not (_is_number(value) and _is_number(wanted)):
            return False
        return value >= wanted if comparison is Comparison.AT_LEAST else value <= wanted  # type: ignore[operator]
    if comparison is Comparison.CONTAINS and isinstance(value, list | tuple):
        return any(_equal(one, wanted) for one in value)
    if not (isinstance(value, str) and isinstance(wanted, str)):
        return False
    if comparison is Comparison.CONTAINS:
        return wanted in value
    return value.startswith(wanted) if comparison is Comparison.STARTS_WITH else value.endswith(wanted)


def describe(predicate: Predicate) -> str:
    """The predicate in words, e.g. `order.id equals 'o-1'`."""
    if predicate.comparison is Comparison.EXISTS:
        return f"{predicate.attribute} {'exists' if predicate.value else 'is absent'}"
    wanted = list(predicate.value) if isinstance(predicate.value, tuple) else predicate.value
    return f"{predicate.attribute} {predicate.comparison.value.replace('_', ' ')} {wanted!r}"


def difference(predicate: Predicate, value: AttributeValue | object) -> str | None:
    """None where it holds, else a short fact such as `order.id is 'o-2', expected equals 'o-1'`."""
    if holds(predicate, value):
        return None
    got = "is absent" if value is ABSENT else f"is {_short(value)}"
    return f"{predicate.attribute} {got}, expected: {describe(predicate)}"


def _equal(value: object, wanted: PlainValue | tuple[PlainValue, ...]) -> bool:
    if _is_number(value) and _is_number(wanted):
        return value == wanted
    return type(value) is type(wanted) and value == wanted


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
