"""Attributes that need no cleaning reach a span of the SDK's at once, and not one by one.

The SDK takes each attribute through a check of its type, a cut and a lock, which for the fifteen of a message costs
more than half of the rest of its span. Names and values that are plain already come out as they went in, so they are
held back where the sampler answers and put into the span where it starts, before any other processor sees it.
Attributes that are not plain, a limit that they would meet, or an SDK built otherwise: then they go the SDK's way.
"""

import threading
from collections.abc import Mapping

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import Span
from opentelemetry.sdk.trace.sampling import Decision, SamplingResult
from opentelemetry.util.types import Attributes, AttributeValue

_PLAIN = frozenset({str, bool, int, float})
_TEXT = frozenset({str})


class HeldBack(threading.local):
    """The attributes of the span this thread is about to start, from its sampler to its first processor."""

    _attributes: Mapping[str, AttributeValue] | None = None

    def hold(self, asked: Attributes, answer: SamplingResult) -> SamplingResult:
        """Return `answer` without the attributes that were `asked` about, if they are plain and it changed none."""
        held = asked and answer.decision is not Decision.DROP and _is_plain(asked) and answer.attributes == asked
        self._attributes = asked if held else None
        return SamplingResult(answer.decision, None, answer.trace_state) if held else answer

    def give(self, span: Span) -> None:
        """Put what was held back into the span that was just started."""
        attributes, self._attributes = self._attributes, None
        if attributes is None:
            return
        kept = getattr(span, "_attributes", None)
        if isinstance(kept, BoundedAttributes) and kept.max_value_len is None and _fits(len(attributes), kept.maxlen):
            values = getattr(kept, "_dict", None)
            if type(values) is dict:
                values.update(attributes)
                return
        span.set_attributes(attributes)


def _is_plain(attributes: Mapping[str, AttributeValue]) -> bool:
    values, names = map(type, attributes.values()), map(type, attributes)
    return _PLAIN.issuperset(values) and _TEXT.issuperset(names) and "" not in attributes


def _fits(count: int, limit: int | None) -> bool:
    return limit is None or count <= limit
