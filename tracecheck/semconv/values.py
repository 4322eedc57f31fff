"""Any attribute value, to text or a number. Total: what makes no sense is None, nothing raises.

Values arrive as any OTLP type, whatever the convention says: partitions as int or text, offsets as text (kafkajs), keys
as bytes, names as JSON with quotes (aiokafka).
"""

from collections.abc import Sequence
from hashlib import sha256

from tracecheck.model import Attributes, AttributeValue

LONGEST_ID = 512
"""Longer ids, chosen by whoever sends the message, are kept as a digest."""

INT32_MAX = 2**31 - 1
INT64_MAX = 2**63 - 1


def first_text(attributes: Attributes, names: Sequence[str]) -> str | None:
    """The first of the named attributes that holds a non-empty text."""
    for name in names:
        value = attributes.get(name)
        if value is not None:
            found = text(value)
            if found is not None:
                return found
    return None


def first_id(attributes: Attributes, names: Sequence[str]) -> str | None:
    """As `first_text`, for ids: one of more than 512 characters becomes `sha256:` and its digest."""
    found = first_text(attributes, names)
    if found is None or len(found) <= LONGEST_ID:
        return found
    return "sha256:" + sha256(found.encode("utf-8", "surrogatepass")).hexdigest()


def first_natural(attributes: Attributes, names: Sequence[str], largest: int = INT64_MAX) -> int | None:
    """The first of the named attributes that holds an integer from 0 to `largest`."""
    for name in names:
        value = attributes.get(name)
        if value is not None:
            found = natural(value, largest)
            if found is not None:
                return found
    return None


def first_true(attributes: Attributes, names: Sequence[str]) -> bool:
    """Whether any of the named attributes says true."""
    return any(name in attributes and is_up(attributes[name]) for name in names)


def text(value: AttributeValue) -> str | None:
    """Text of a scalar: an integral double as an integer, bytes as UTF-8 or else hex, a list of one as its element.

    Booleans, maps, longer lists and empty text are None. JSON quotes around a whole text are dropped.
    """
    match value:
        case str():
            return unquoted(value) or None
        case bool() | None:
            return None
        case int():
            return str(value) if abs(value) <= 2**64 else hex(value)
        case float():
            return str(int(value)) if value.is_integer() and abs(value) <= 2**64 else str(value)
        case bytes():
            try:
                return value.decode() or None
            except UnicodeDecodeError:
                return value.hex()
        case Sequence() if len(value) == 1 and is_scalar(value[0]):
            return text(value[0])
        case _:
            return None


def natural(value: AttributeValue, largest: int = INT64_MAX) -> int | None:
    """An integer from 0 to `largest`, also written as text or an integral double. Kafka's -1 for "unknown" is None."""
    match value:
        case bool() | None:
            return None
        case int():
            number = value
        case float() if value.is_integer():
            number = int(value)
        case str() if value.isascii() and value.isdigit() and len(value) <= 19:
            number = int(value)
        case _:
            return None
    return number if 0 <= number <= largest else None


def is_up(value: AttributeValue) -> bool:
    """Whether a flag is up, as a boolean or as text."""
    return value is True or (isinstance(value, str) and value.lower() == "true")


def is_scalar(value: AttributeValue) -> bool:
    """Whether the value is neither a list nor a map nor empty."""
    return isinstance(value, str | bool | int | float | bytes)


def unquoted(value: str) -> str:
    """Without one pair of JSON quotes around the whole."""
    return value[1:-1] if len(value) >= 2 and value[0] == value[-1] == '"' else value
