"""W3C trace context (level 2) and baggage as their recommendations say, where OpenTelemetry's own propagators differ.

`OTEL_PROPAGATORS=tracecheck` chooses it, and `configure()` does where that variable says nothing. What differs: two
`traceparent` headers begin a new trace; `tracestate` keys follow level 2 (a repeated one keeps its first value);
baggage has no limit but its 8192 bytes, keeps properties, joins repeated headers, and writes a space as `%20`.
"""

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote

from opentelemetry import baggage, propagate, trace
from opentelemetry import context as context_api
from opentelemetry.baggage import _BAGGAGE_KEY
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import CarrierT, Getter, Setter, default_getter, default_setter
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from tracecheck_instrumentation import names
from tracecheck_instrumentation.headers import MAX_FIELD_BYTES
from tracecheck_instrumentation.health import ignored

MAX_TRACESTATE_MEMBERS = 32
"""More drop the whole list (W3C trace context, 3.3.1.1)."""


def use_unless_chosen() -> None:
    """Propagate with `TracecheckPropagator`, unless `OTEL_PROPAGATORS` or the service's code chose otherwise."""
    present = getattr(propagate.get_global_textmap(), "_propagators", ())
    untouched = [type(each) for each in present] == [TraceContextTextMapPropagator, W3CBaggagePropagator]
    if untouched and not os.environ.get("OTEL_PROPAGATORS"):
        propagate.set_global_textmap(TracecheckPropagator())


_FLAGS = tuple(map(TraceFlags, range(256)))


class TracecheckPropagator(CompositePropagator):
    """Trace context and baggage, both as strict as their recommendations."""

    def __init__(self) -> None:
        super().__init__([StrictTraceContext(), StrictBaggage()])


class StrictTraceContext(TraceContextTextMapPropagator):
    """OpenTelemetry's propagator, with the cases of the W3C suite that it fails."""

    _PARENT = re.compile(r"[ \t]*([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?[ \t]*")

    def extract(
        self, carrier: CarrierT, context: Context | None = None, getter: Getter[CarrierT] = default_getter
    ) -> Context:
        """Return `context` with the sender's span, or as it was if the headers are not valid."""
        context = Context() if context is None else context
        parents = getter.get(carrier, self._TRACEPARENT_HEADER_NAME) or []
        if len(parents) != 1:
            if parents:
                ignored("header_repeated")
            return context
        match = self._PARENT.fullmatch(parents[0])
        if match is None:
            return context
        version, trace_id, span_id, flags, more = match.groups()
        if version == "ff" or (version == "00" and more):
            return context
        states = getter.get(carrier, self._TRACESTATE_HEADER_NAME)
        state = StrictTraceState.from_header(states) if states else None
        sender = SpanContext(int(trace_id, 16), int(span_id, 16), True, _FLAGS[int(flags, 16)], state)
        return trace.set_span_in_context(NonRecordingSpan(sender), context) if sender.is_valid else context

    def inject(
        self, carrier: CarrierT, context: Context | None = None, setter: Setter[CarrierT] = default_setter
    ) -> None:
        """Write the current span's place in its trace; nothing if there is none."""
        sender = trace.get_current_span(context).get_span_context()
        if not sender.is_valid:
            return
        parent = "00-%032x-%016x-%02x" % (sender.trace_id, sender.span_id, sender.trace_flags)  # noqa: UP031 - faster
        setter.set(carrier, self._TRACEPARENT_HEADER_NAME, parent)
        if sender.trace_state:
            setter.set(carrier, self._TRACESTATE_HEADER_NAME, sender.trace_state.to_header())


class StrictTraceState(TraceState):
    """A tracestate whose keys are those of level 2: up to 256 of `a-z 0-9 _ - * / @`, the first a letter or digit."""

    _KEY = re.compile(r"[a-z0-9][a-z0-9_\-*/@]{0,255}")
    _VALUE = re.compile(r"[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]")

    def __init__(self, entries: Sequence[tuple[str, str]] | None = None) -> None:
        super().__init__()
        kept: dict[str, str] = {}
        for key, value in entries or ():
            if self._fits(key, value):
                kept.setdefault(key, value)
        self._dict = kept if len(kept) <= MAX_TRACESTATE_MEMBERS else {}

    def add(self, key: str, value: str) -> "StrictTraceState":
        """Return a list that begins with this new member, or this one if that cannot be."""
        return self if key in self else self.update(key, value)

    def update(self, key: str, value: str) -> "StrictTraceState":
        """Return a list that begins with this member, in the place of an earlier one of that key."""
        others = [(name, text) for name, text in self.items() if name != key]
        if not self._fits(key, value) or len(others) >= MAX_TRACESTATE_MEMBERS:
            return self
        return StrictTraceState([(key, value), *others])

    def delete(self, key: str) -> "StrictTraceState":
        """Return a list without this member."""
        return StrictTraceState([(name, text) for name, text in self.items() if name != key])

    @classmethod
    def from_header(cls, header_list: list[str]) -> "StrictTraceState":
        """Return the members of the headers in order; none at all if one of them is not valid, or they are too many."""
        joined = ",".join(header_list)
        if len(joined) > MAX_FIELD_BYTES:
            ignored("header_oversized")
            return cls()
        members = [each.partition("=") for member in joined.split(",") if (each := member.strip(" \t"))]
        if len(members) > MAX_TRACESTATE_MEMBERS or not all(cls._fits(key, value) for key, _, value in members):
            ignored("header_malformed")
            return cls()
        return cls([(key, value) for key, _, value in members])

    @classmethod
    def _fits(cls, key: str, value: str) -> bool:
        return cls._KEY.fullmatch(key) is not None and cls._VALUE.fullmatch(value) is not None


class BaggageValue(str):
    """A baggage value that came with properties: `(name, value)` pairs, the value None where there is none.

    It is the text itself to everything else, and passes its properties on when it is sent.
    """

    __slots__ = ("properties",)
    properties: tuple[tuple[str, str | None], ...]

    def __new__(cls, text: str, properties: Sequence[tuple[str, str | None]]) -> "BaggageValue":
        """Return `text` with `properties`."""
        value = super().__new__(cls, text)
        value.properties = tuple(properties)
        return value


class StrictBaggage(W3CBaggagePropagator):
    """Baggage bounded by its length alone (8192 bytes), with properties, percent-coded as W3C baggage says."""

    def extract(
        self, carrier: CarrierT, context: Context | None = None, getter: Getter[CarrierT] = default_getter
    ) -> Context:
        """Return `context` with the entries of all baggage headers. An entry that is not valid is left out."""
        context = context_api.get_current() if context is None else context
        given = getter.get(carrier, self._BAGGAGE_HEADER_NAME)
        if not given:
            return context
        joined = ",".join(given)
        if len(joined) > MAX_FIELD_BYTES or not (joined.isascii() or len(joined.encode()) <= MAX_FIELD_BYTES):
            ignored("header_oversized")
            return context
        # At once, since one `set_baggage` for each of 2000 entries copies the others 2000 times.
        found: Mapping[str, object] = _entries(joined)
        if present := baggage.get_all(context):
            found = {**present, **found}
        return context_api.set_value(_BAGGAGE_KEY, found, context)

    def inject(
        self, carrier: CarrierT, context: Context | None = None, setter: Setter[CarrierT] = default_setter
    ) -> None:
        """Write the entries, correlation and run id first; those that go beyond 8192 bytes are left out."""
        members: list[str] = []
        length = -1
        entries: Mapping[str, Any] = baggage.get_all(context)
        ours_first = entries if len(entries) < 2 else sorted(entries, key=_OURS.__contains__, reverse=True)
        for key in ours_first:
            member = _member(key, entries[key])
            if length + 1 + len(member) > MAX_FIELD_BYTES:
                ignored("header_oversized")
                continue
            members.append(member)
            length += 1 + len(member)
        if members:
            setter.set(carrier, self._BAGGAGE_HEADER_NAME, ",".join(members))


_OURS = frozenset({names.CORRELATION_ID, names.RUN_ID})
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_TOKEN_SPECIALS = "!#$%&'*+-.^_`|~"
_OCTETS = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*")
_ENTRY = re.compile(rf"[ \t]*({_TOKEN.pattern})[ \t]*=[ \t]*({_OCTETS.pattern})[ \t]*(?:;(.*))?")
_PLAIN = re.compile(r"[A-Za-z0-9_.~-]*")
"""What percent-coding leaves as it is."""


def _entries(header: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in header.split(","):
        match = _ENTRY.fullmatch(entry)
        if match is None:
            if entry.strip(" \t"):
                ignored("header_malformed")
            continue
        key, value, properties = match.groups()
        if properties is None:
            found[key] = unquote(value) if "%" in value else value
        else:
            # Passed on as they came: nothing here reads them, and decoding twice would change them.
            sound = [pair for each in properties.split(";") if (pair := _pair(each)) is not None]
            found[key] = BaggageValue(unquote(value), sound)
    return found


def _pair(text: str) -> tuple[str, str | None] | None:
    key, equals, value = text.partition("=")
    key, value = key.strip(" \t"), value.strip(" \t")
    if not _TOKEN.fullmatch(key) or not _OCTETS.fullmatch(value):
        return None
    return key, value if equals else None


def _member(key: str, value: object) -> str:
    written = value if isinstance(value, str) else str(value)
    if not _PLAIN.fullmatch(written):
        written = quote(written, safe="")
    if isinstance(value, BaggageValue):
        written += "".join(f";{name}" if text is None else f";{name}={text}" for name, text in value.properties)
    return f"{key if _TOKEN.fullmatch(key) else quote(key, safe=_TOKEN_SPECIALS)}={written}"
