"""Reading single values out of a parsed OTLP/JSON document: ranges, spellings, and what is refused.

Each reader takes a parsed value, or the object that holds it and its key; an absent or `null` value is the protobuf
default. A value that cannot be meant raises `Refused`.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from tracecheck.errors import DecodeError
from tracecheck.receiver.decoded import Notes, Refused

_INTEGER = re.compile(r"-?[0-9]{1,20}")
_LONGEST_INTEGER = 20
_NOT_BLANK = re.compile(r"\S")


def load_object(body: bytes | str, notes: Notes) -> dict[str, Any]:
    """Parses JSON text that must be one object. Bad UTF-8 is repaired and counted.

    Numbers with a point or exponent become `Decimal`, so that an integer written so is still exact. Raises
    `DecodeError` for anything that is no JSON object, for NaN literals, and for nesting beyond the parser's limit.
    """
    document = load(body, notes)
    if not isinstance(document, dict):
        raise DecodeError(f"the body must be a JSON object, and is {_name(document)}")
    return document


def load(body: bytes | str, notes: Notes) -> Any:
    """As `load_object`, for any JSON value."""
    try:
        return _DECODER.decode(body if isinstance(body, str) else _decoded(body, notes))
    except RecursionError:
        raise DecodeError("the JSON nests too deeply") from None
    except ValueError as error:
        raise DecodeError(f"not valid JSON: {error}") from None


def load_several(body: bytes, notes: Notes) -> Iterator[tuple[int, Any]]:
    """JSON values one after another in one text, each with the line it begins on; raises as `load` does."""
    text = _decoded(body, notes)
    position, line = 0, 1
    while match := _NOT_BLANK.search(text, position):
        line += text.count("\n", position, match.start())
        try:
            value, position = _DECODER.raw_decode(text, match.start())
        except RecursionError:
            raise DecodeError("the JSON nests too deeply") from None
        except ValueError as error:
            raise DecodeError(f"not valid JSON: {error}") from None
        yield line, value
        line += text.count("\n", match.start(), position)


def an_object(value: object, what: str) -> Mapping[str, Any]:
    """A JSON object; absent means empty."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Refused(f"{what} must be an object, and is {_name(value)}")
    return value


def array(holder: Mapping[str, Any], key: str) -> list[Any]:
    """A JSON array; absent means empty."""
    value = holder.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise Refused(f"{key} must be an array, and is {_name(value)}")
    return value


def objects(holder: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """A JSON array of objects; a `null` item is an empty object."""
    return [an_object(item, key) for item in array(holder, key)]


def text(value: object, notes: Notes) -> str:
    """Text; a lone surrogate, which no store can hold, becomes U+FFFD and is counted."""
    if not isinstance(value, str):
        raise Refused(f"text was expected, and {_name(value)} came")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            notes.repair("text with a lone surrogate got U+FFFD in its place")
            return value.encode("utf-16", "surrogatepass").decode("utf-16", errors="replace")
    return value


def boolean(value: object) -> bool:
    """`true` or `false`."""
    if not isinstance(value, bool):
        raise Refused(f"boolValue must be true or false, and is {_name(value)}")
    return value


def integer(value: object, what: str, lowest: int, highest: int) -> int:
    """An integer as number or decimal text, within its range. `1e18` and `7.0` are integers, `1.5` is not."""
    number: int | None = None
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        number = int(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        number = value
    elif isinstance(value, Decimal) and value.adjusted() < _LONGEST_INTEGER and value == value.to_integral_value():
        number = int(value)
    if number is None or not lowest <= number <= highest:
        raise Refused(f"{what} must be an integer from {lowest} to {highest}")
    return number


def uint64(holder: Mapping[str, Any], key: str) -> int:
    """An unsigned 64-bit field; absent means 0."""
    value = holder.get(key)
    return 0 if value is None else integer(value, key, 0, (1 << 64) - 1)


def uint32(holder: Mapping[str, Any], key: str) -> int:
    """An unsigned 32-bit field; absent means 0."""
    value = holder.get(key)
    return 0 if value is None else integer(value, key, 0, (1 << 32) - 1)


def enum(holder: Mapping[str, Any], key: str, names: Mapping[str, int], notes: Notes) -> int:
    """An enum number; absent means 0. A known name is accepted and counted, an unknown one refused."""
    value = holder.get(key)
    if value is None:
        return 0
    if isinstance(value, str):
        if value not in names:
            raise Refused(f"{key} must be a number, and is an unknown name")
        notes.repair(f"{key} was written as a name; OTLP/JSON wants the number")
        return names[value]
    return integer(value, key, -(1 << 31), (1 << 31) - 1)


def double(value: object) -> float:
    """A double as number, as decimal text, or as "NaN", "Infinity", "-Infinity"."""
    if value in ("NaN", "Infinity", "-Infinity"):
        return float(str(value))
    if isinstance(value, str | int | Decimal) and not isinstance(value, bool):
        try:
            number = float(value)
        except (ValueError, OverflowError):
            pass
        else:
            if number - number == 0:
                return number
    raise Refused("doubleValue must be a number in the range of a double")


def base64_bytes(value: object) -> bytes:
    """Bytes as base64, standard or URL-safe, padded or not."""
    if isinstance(value, str):
        standard = value.replace("-", "+").replace("_", "/").rstrip("=")
        try:
            return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
        except (binascii.Error, ValueError):
            pass
    raise Refused("bytesValue must be base64 text")


def hex_id(value: object, length: int, notes: Notes) -> bytes:  # noqa: ARG001 - one signature for both id readers
    """An id on the wire: hex in any letter case, of any length (the caller checks). Absent means empty."""
    if value is None:
        return b""
    if isinstance(value, str):
        try:
            return binascii.unhexlify(value)
        except (binascii.Error, ValueError):
            pass
    raise Refused(f"an id is not hex text of {length} bytes")


def file_id(value: object, length: int, notes: Notes) -> bytes:
    """An id in a file: hex, or base64 as some backends write it, or hex that lost its leading zeros (counted)."""
    if isinstance(value, str) and 0 < len(value) < 2 * length and re.fullmatch("[0-9a-fA-F]+", value):
        notes.repair("a short id was padded with leading zeros")
        return binascii.unhexlify(value.rjust(2 * length, "0"))
    if isinstance(value, str) and value.endswith("="):
        raw = base64_bytes(value)
        if len(raw) == length:
            return raw
    return hex_id(value, length, notes)


def _decoded(body: bytes, notes: Notes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        notes.repair("text that is not UTF-8 got U+FFFD in place of the bad bytes")
        return body.decode("utf-8-sig", errors="replace")


def _no_constant(literal: str) -> None:
    raise ValueError(f"{literal} is no JSON number")


_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_no_constant)


def _name(value: object) -> str:
    return {type(None): "null", bool: "true or false", str: "text", list: "an array", dict: "an object"}.get(
        type(value), "a number"
    )
