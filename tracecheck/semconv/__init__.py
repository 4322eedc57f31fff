"""Every attribute spelling, to canonical values. Runs once, when spans are stored; nothing later reads a raw one.

`names` holds the tables (which spelling means what), `values` turns any attribute value into text or a number without
ever raising, `spans` applies both to one span.
"""

from tracecheck.semconv.names import EFFECT_EVENT, FLUSH_COUNT, FLUSH_SPAN, START_SPAN
from tracecheck.semconv.spans import canonical

__all__ = ["EFFECT_EVENT", "FLUSH_COUNT", "FLUSH_SPAN", "START_SPAN", "canonical"]
