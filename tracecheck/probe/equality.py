"""When a value seen is the value expected."""

from collections.abc import Mapping
from decimal import Decimal


def same(value: object, expected: object) -> bool:
    """True if equal, types counting: the text "42" is not the number 42, and true is no number.

    Integers, floats and decimals compare as numbers. Lists and tuples compare item by item, mappings by their entries.
    """
    if _is_number(value) and _is_number(expected):
        return value == expected
    if isinstance(value, list | tuple) and isinstance(expected, list | tuple):
        return len(value) == len(expected) and all(map(same, value, expected))
    if isinstance(value, Mapping) and isinstance(expected, Mapping):
        return value.keys() == expected.keys() and all(same(value[key], expected[key]) for key in value)
    return type(value) is type(expected) and value == expected


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)
