"""Builders of spans: short to write, ordinary unless told otherwise."""

from itertools import count

from tracecheck.model import Attributes, Link, Resource, Span, SpanKind

START = 1_700_000_000_000_000_000
MS = 1_000_000

_ids = count(1)


def new_trace_id() -> str:
    """A trace id not given before in this process."""
    return f"{next(_ids):032x}"


def new_span_id() -> str:
    """A span id not given before in this process."""
    return f"{next(_ids):016x}"


def a_span(
    name: str = "work",
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    attributes: Attributes | None = None,
    resource: Attributes | None = None,
    trace_id: str | None = None,
    span_id: str | None = None,
    start_unix_nano: int = START,
    duration_ns: int = MS,
    **fields: object,
) -> Span:
    """One raw span, as a receiver would decode it; `fields` are any other fields of `Span`."""
    return Span(
        trace_id=trace_id or new_trace_id(),
        span_id=span_id or new_span_id(),
        name=name,
        kind=kind,
        start_unix_nano=start_unix_nano,
        end_unix_nano=start_unix_nano + duration_ns,
        attributes=attributes or {},
        resource=Resource(attributes={"service.name": "checkout"} if resource is None else resource),
        **fields,
    )


def a_link(to: Span | None = None, **attributes: object) -> Link:
    """A link to a span (or to one that was never stored), with attributes; `__` in a name stands for a dot."""
    return Link(
        trace_id=to.trace_id if to else new_trace_id(),
        span_id=to.span_id if to else new_span_id(),
        attributes={name.replace("__", "."): value for name, value in attributes.items()},
    )
