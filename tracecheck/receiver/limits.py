"""Cuts spans to size, so that one runaway attribute cannot fill a store. What is cut is counted and said."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tracecheck.model import Attributes, AttributeValue, Event, Link, Span
from tracecheck.receiver.decoded import Decoded, Notes

_WIDEST_CHARACTER = 4

CUT_TEXT = "text over the size limit was cut"
CUT_BYTES = "bytes over the size limit were cut"


def surplus(limits: "SpanLimits") -> str:
    """What is said of attributes beyond the limit."""
    return f"attributes beyond {limits.attributes} were dropped"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanLimits:
    """Per span. SDKs stop at 128 attributes by default, and stack traces stay well below the length given here."""

    attributes: int = 1000
    value_bytes: int = 256 * 1024
    name_bytes: int = 16 * 1024


def limited(decoded: Decoded, limits: SpanLimits) -> Decoded:
    """The same spans within the limits: surplus attributes are dropped and added to the dropped count, long text and
    bytes are cut, text between characters."""
    notes = Notes()
    cutter = _Cutter(limits, notes)
    spans = [cutter.span(span) for span in decoded.spans]
    if not notes.repairs:
        return decoded
    cut = notes.decoded(spans)
    return replace(
        cut,
        rejected=decoded.rejected,
        repaired=decoded.repaired + cut.repaired,
        reasons=(*decoded.reasons, *cut.reasons),
    )


class _Cutter:
    def __init__(self, limits: SpanLimits, notes: Notes) -> None:
        self._limits = limits
        self._notes = notes

    def span(self, span: Span) -> Span:
        name = self._text(span.name, self._limits.name_bytes)
        message = self._text(span.status_message, self._limits.value_bytes)
        attributes, dropped = self._attributes(span.attributes)
        events = tuple(self._event(event) for event in span.events)
        links = tuple(self._link(link) for link in span.links)
        if (
            name is span.name
            and message is span.status_message
            and attributes is span.attributes
            and all(new is old for new, old in zip(events, span.events, strict=True))
            and all(new is old for new, old in zip(links, span.links, strict=True))
        ):
            return span
        return replace(
            span,
            name=name,
            status_message=message,
            attributes=attributes,
            dropped_attributes_count=span.dropped_attributes_count + dropped,
            events=events,
            links=links,
        )

    def _event(self, event: Event) -> Event:
        name = self._text(event.name, self._limits.name_bytes)
        attributes, dropped = self._attributes(event.attributes)
        if name is event.name and attributes is event.attributes:
            return event
        count = event.dropped_attributes_count + dropped
        return replace(event, name=name, attributes=attributes, dropped_attributes_count=count)

    def _link(self, link: Link) -> Link:
        attributes, dropped = self._attributes(link.attributes)
        if attributes is link.attributes:
            return link
        return replace(link, attributes=attributes, dropped_attributes_count=link.dropped_attributes_count + dropped)

    def _attributes(self, attributes: Attributes) -> tuple[Attributes, int]:
        """The attributes, the very same when nothing is cut, and how many were dropped."""
        dropped = max(len(attributes) - self._limits.attributes, 0)
        self._notes.repair(surplus(self._limits), dropped)
        cut = {
            self._text(key, self._limits.name_bytes): self._value(value)
            for key, value in list(attributes.items())[: self._limits.attributes]
        }
        same = not dropped and all(key in cut and cut[key] is value for key, value in attributes.items())
        return (attributes if same else cut), dropped

    def _value(self, value: AttributeValue) -> AttributeValue:
        if isinstance(value, str):
            return self._text(value, self._limits.value_bytes)
        if isinstance(value, bytes):
            if len(value) <= self._limits.value_bytes:
                return value
            self._notes.repair(CUT_BYTES)
            return value[: self._limits.value_bytes]
        if isinstance(value, dict):
            cut = {key: self._value(item) for key, item in value.items()}
            return value if all(cut[key] is item for key, item in value.items()) else cut
        if isinstance(value, Sequence):
            items = tuple(self._value(item) for item in value)
            return value if all(new is old for new, old in zip(items, value, strict=True)) else items
        return value

    def _text(self, text: str, limit: int) -> str:
        if len(text) * _WIDEST_CHARACTER <= limit:
            return text
        encoded = text.encode()
        if len(encoded) <= limit:
            return text
        self._notes.repair(CUT_TEXT)
        return encoded[:limit].decode(errors="ignore")
