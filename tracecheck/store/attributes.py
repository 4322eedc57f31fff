"""Attributes at rest, and back, without loss: key lists beside value lists for a span, JSON text everywhere else.

Why key lists: they are stored at twice the speed of a MAP and are the fastest to search. Strings keep their place in
`attr_keys`/`attr_vals`, 64-bit integers in `attr_int_keys`/`attr_ints`. U+001E and a letter after a key mark another
type: `b` boolean, `d` double, `y` bytes (base64), `j` JSON, `e` empty. Keys that hold a separator travel together in
one JSON value under `tracecheck.odd_keys`.
"""

import base64
import json
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tracecheck.model import Attributes, AttributeValue

KEY_SEPARATOR = "\x1f"
TYPE_MARK = "\x1e"
ODD_KEYS = "tracecheck.odd_keys"

INT64 = range(-(2**63), 2**63)


class Packed(NamedTuple):
    """The four attribute columns of one span. None is "no such attributes"; an empty text is one empty key."""

    keys: str | None
    values: list[str] | None
    int_keys: str | None
    ints: list[int] | None


def pack(attributes: Attributes) -> Packed:
    """Attributes to columns."""
    keys: list[str] = []
    values: list[str] = []
    int_keys: list[str] = []
    ints: list[int] = []
    odd: dict[str, AttributeValue] = {}
    for key, value in attributes.items():
        if KEY_SEPARATOR in key or TYPE_MARK in key or key == ODD_KEYS:
            odd[key] = value
        elif type(value) is str:
            keys.append(key)
            values.append(value)
        elif type(value) is int and value in INT64:
            int_keys.append(key)
            ints.append(value)
        else:
            mark, written = _marked(value)
            keys.append(key + TYPE_MARK + mark)
            values.append(written)
    if odd:
        keys.append(f"{ODD_KEYS}{TYPE_MARK}j")
        values.append(to_json(odd))
    return Packed(
        KEY_SEPARATOR.join(keys) if keys else None,
        values or None,
        KEY_SEPARATOR.join(int_keys) if int_keys else None,
        ints or None,
    )


def unpack(packed: Packed) -> dict[str, AttributeValue]:
    """Columns to attributes. Lists come back as lists, whatever sequence they were."""
    attributes: dict[str, AttributeValue] = {}
    if packed.keys is not None and packed.values is not None:
        for marked, written in zip(packed.keys.split(KEY_SEPARATOR), packed.values, strict=True):
            key, _, mark = marked.partition(TYPE_MARK)
            value = _unmarked(mark, written)
            if key == ODD_KEYS and isinstance(value, Mapping):
                attributes.update(value)
            else:
                attributes[key] = value
    if packed.int_keys is not None and packed.ints is not None:
        attributes.update(zip(packed.int_keys.split(KEY_SEPARATOR), packed.ints, strict=True))
    return attributes


def to_json(value: AttributeValue) -> str:
    """JSON text that keeps what JSON cannot say: `{"$bytes": base64}`, `{"$double": "NaN"}`, `{"$int": hex}` beyond 64
    bits, `{"$map": ...}` around a map that looks like one of these. Keys are sorted: equal values are equal texts."""
    return json.dumps(_tagged(value), ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False)


def from_json(written: str) -> AttributeValue:
    """The value behind `to_json`."""
    return _untagged(json.loads(written))


def _marked(value: AttributeValue) -> tuple[str, str]:
    match value:
        case None:
            return "e", ""
        case bool():
            return "b", "true" if value else "false"
        case float():
            return "d", repr(float(value))
        case bytes():
            return "y", base64.b64encode(value).decode()
        case _:
            return "j", to_json(value)


def _unmarked(mark: str, written: str) -> AttributeValue:
    match mark:
        case "":
            return written
        case "e":
            return None
        case "b":
            return written == "true"
        case "d":
            return float(written)
        case "y":
            return base64.b64decode(written)
        case _:
            return from_json(written)


def _tagged(value: AttributeValue) -> object:
    match value:
        case bool() | str() | None:
            return value
        case int():
            return int(value) if value in INT64 else {"$int": hex(value)}
        case float():
            return value if math.isfinite(value) else {"$double": repr(value)}
        case bytes():
            return {"$bytes": base64.b64encode(value).decode()}
        case Mapping():
            tagged = {key: _tagged(inner) for key, inner in value.items()}
            return {"$map": tagged} if _is_tag(tagged) else tagged
        case Sequence():
            return [_tagged(inner) for inner in value]


def _untagged(value: object) -> AttributeValue:
    match value:
        case {"$int": str(digits), **rest} if not rest:
            return int(digits, 16)
        case {"$double": str(digits), **rest} if not rest:
            return float(digits)
        case {"$bytes": str(encoded), **rest} if not rest:
            return base64.b64decode(encoded)
        case {"$map": dict(tagged), **rest} if not rest:
            return {key: _untagged(inner) for key, inner in tagged.items()}
        case dict():
            return {key: _untagged(inner) for key, inner in value.items()}
        case list():
            return [_untagged(inner) for inner in value]
        case bool() | str() | int() | float() | None:
            return value
        case _:
            raise TypeError(f"no JSON value: {type(value).__name__}")


def _is_tag(mapping: Mapping[str, object]) -> bool:
    return len(mapping) == 1 and next(iter(mapping)).startswith("$")
