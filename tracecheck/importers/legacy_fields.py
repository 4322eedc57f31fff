"""What Jaeger and Zipkin share: variable-length ids, microseconds, and OTLP fields that exporters wrote as tags."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tracecheck.model import AttributeValue, StatusCode
from tracecheck.receiver import json_values as read
from tracecheck.receiver.decoded import Notes, Refused

_LAST_MICRO = ((1 << 64) - 1) // 1000
_SCOPE_NAME, _SCOPE_VERSION = ("otel.scope.name", "otel.library.name"), ("otel.scope.version", "otel.library.version")
_STATUS_CODE, _STATUS_TEXT = "otel.status_code", "otel.status_description"
_TRACE_STATE = "w3c.tracestate"


def padded_id(value: object, length: int, what: str, notes: Notes) -> str:
    """An id of up to `length` bytes as hex digits, leading zeros restored. Raises `Refused` when it is none or zero."""
    text = read.text(value, notes).strip().lower() if value is not None else ""
    if not 0 < len(text) <= 2 * length or not set(text) <= set("0123456789abcdef") or not text.strip("0"):
        raise Refused(f"{what} must be 1 to {2 * length} hex digits and not zero")
    return text.rjust(2 * length, "0")


def nanos(holder: Mapping[str, Any], key: str) -> int:
    """A field in microseconds as nanoseconds; absent means 0."""
    value = holder.get(key)
    return 0 if value is None else read.integer(value, key, 0, _LAST_MICRO) * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What the tags of one span say about its other fields, and the tags that are left."""

    attributes: Mapping[str, AttributeValue]
    status: StatusCode
    status_message: str
    scope_name: str
    scope_version: str
    trace_state: str


def meaning_of(tags: Mapping[str, AttributeValue]) -> Meaning:
    """Takes out the tags that OTLP has fields for (OpenTelemetry's rules for exporting to Jaeger and Zipkin).

    `error` stays an attribute; without a status code it means ERROR, unless it is false.
    """
    rest = dict(tags)
    code = rest.pop(_STATUS_CODE, None)
    described = rest.pop(_STATUS_TEXT, None)
    error = rest.get("error")
    status = StatusCode.UNSET
    if code in ("OK", "ERROR"):
        status = StatusCode[str(code)]
    elif error is not None and str(error).lower() != "false":
        status = StatusCode.ERROR
    message = described if isinstance(described, str) else ""
    if status is StatusCode.ERROR and not message and isinstance(error, str) and error.lower() != "true":
        message = error
    scope_name, scope_version = _first(rest, _SCOPE_NAME), _first(rest, _SCOPE_VERSION)
    return Meaning(
        status=status,
        status_message=message,
        scope_name=scope_name,
        scope_version=scope_version,
        trace_state=_first(rest, (_TRACE_STATE,)),
        attributes=rest,
    )


def _first(tags: dict[str, AttributeValue], names: tuple[str, ...]) -> str:
    """Takes all the names out; the first that holds text is the answer."""
    found = [tags.pop(name, None) for name in names]
    return next((value for value in found if isinstance(value, str)), "")
