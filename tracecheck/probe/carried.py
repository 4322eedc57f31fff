"""What a message's headers say about whose it is: trace context, correlation, run and event id (DESIGN 2)."""

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

from tracecheck.probe.brokers.protocol import Headers, Seen

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")
EVENT_ID_HEADERS = ("tracecheck-event-id", "ce_id", "ce-id", "cloudevents:id", "cloudevents_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """The identities in a message's headers; each None where there is none. Ids of the trace are lower-case hex."""

    trace_id: str | None = None
    span_id: str | None = None
    correlation_id: str | None = None
    run_id: str | None = None
    event_id: str | None = None


@lru_cache(maxsize=4096)
def carried(seen: Seen) -> Carried:
    """Reads the headers, names in any case, the last of a name. Never raises; what is malformed counts as absent."""
    headers = texts(seen.headers)
    context = _TRACEPARENT.fullmatch(headers.get("traceparent", "").strip().lower())
    baggage = _baggage(headers.get("baggage", ""))
    return Carried(
        trace_id=context[1] if context else None,
        span_id=context[2] if context else None,
        correlation_id=baggage.get("correlation.id") or headers.get("correlation-id") or None,
        run_id=baggage.get("tracecheck.run.id") or None,
        event_id=next((headers[name] for name in EVENT_ID_HEADERS if headers.get(name)), None),
    )


def texts(headers: Headers) -> dict[str, str]:
    """Headers by lower-case name, the last of each, those that are UTF-8."""
    found = {}
    for name, value in headers:
        try:
            found[name.lower()] = value.decode()
        except UnicodeDecodeError:
            continue
    return found


def _baggage(text: str) -> dict[str, str]:
    entries = (entry.partition(";")[0].partition("=") for entry in text.split(","))
    return {key.strip(): unquote(value.strip()) for key, separator, value in entries if separator}
