"""Builds readable test traces of `model.Span`: ids are counted, a clock steps, ids of the baggage are inherited.

    order = Traces(correlation_id="o-1")
    placed = order.send("checkout", "orders")
    charged = order.process("billing", "orders", of=placed)      # context as parent; style="link" for a new trace
    order.send("billing", "payments", under=charged)
    store.append(order.spans)

The spans of `Traces` are already canonical (as `semconv.canonical` would leave them), so they can be stored or loaded
as they are; `a_span` and `a_link` are raw, as a receiver decodes them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import count
from typing import Any, Literal

from tracecheck.model import (
    Attributes,
    AttributeValue,
    Event,
    Link,
    MessageIdentity,
    Messaging,
    Operation,
    Resource,
    Span,
    SpanKind,
    StatusCode,
)

MS = 1_000_000
"""Nanoseconds in a millisecond."""

START = 1_700_000_000_000_000_000
"""Where the clock of every `Traces` begins unless told otherwise (unix nano)."""

Key = tuple[str, str]
Target = Span | Key | Link
Style = Literal["parent", "link", "both"]

_ids = count(1)


class Traces:
    """A stepping clock, counted ids and every span built so far (`spans`), which `lose` takes out again.

    A span starts at `at_ms` (milliseconds after `start_unix_nano`), else where the clock stands, and lasts `took_ms`;
    the clock then moves to its end, plus one millisecond, if that is later. Correlation and run id come from the
    arguments, else from the parent or first linked span, else from these defaults.
    """

    def __init__(
        self, *, correlation_id: str | None = None, run_id: str | None = None, start_unix_nano: int = START
    ) -> None:
        self.spans: list[Span] = []
        self.start_unix_nano = start_unix_nano
        self.now_unix_nano = start_unix_nano
        self._correlation_id = correlation_id
        self._run_id = run_id

    # --- message spans ------------------------------------------------------------------------------------------------

    def send(self, service: str, destination: str | None, **more: object) -> Span:
        """A PRODUCER send span."""
        return self._message(Operation.SEND, SpanKind.PRODUCER, service, destination, more)

    def create(self, service: str, destination: str | None, **more: object) -> Span:
        """A PRODUCER create span: one message of a batch."""
        return self._message(Operation.CREATE, SpanKind.PRODUCER, service, destination, more)

    def receive(self, service: str, destination: str | None, **more: object) -> Span:
        """A CONSUMER receive span; `of` names the producer span of its message."""
        return self._message(Operation.RECEIVE, SpanKind.CONSUMER, service, destination, more)

    def poll(self, service: str, destination: str | None, **more: object) -> Span:
        """A CLIENT receive span; its messages are `links`."""
        return self._message(Operation.RECEIVE, SpanKind.CLIENT, service, destination, more)

    def process(self, service: str, destination: str | None, **more: object) -> Span:
        """A CONSUMER process span of group `group` (the service's name unless given; None for none)."""
        more.setdefault("group", service)
        return self._message(Operation.PROCESS, SpanKind.CONSUMER, service, destination, more)

    def _message(
        self, operation: Operation, kind: SpanKind, service: str, destination: str | None, more: dict[str, object]
    ) -> Span:
        messaging = Messaging(
            system=more.pop("system", "kafka"),  # type: ignore[arg-type]
            operation=more.pop("operation", operation),  # type: ignore[arg-type]
            destination=destination,
            consumer_group=more.pop("group", None),  # type: ignore[arg-type]
            identity=MessageIdentity(
                partition=more.pop("partition", None),  # type: ignore[arg-type]
                offset=more.pop("offset", None),  # type: ignore[arg-type]
                message_id=more.pop("message_id", None),  # type: ignore[arg-type]
            ),
            key=more.pop("key", None),  # type: ignore[arg-type]
            event_id=more.pop("event_id", None),  # type: ignore[arg-type]
            batch_count=more.pop("batch_count", None),  # type: ignore[arg-type]
            record_time_unix_nano=more.pop("record_time_unix_nano", None),  # type: ignore[arg-type]
            attempt=more.pop("attempt", None),  # type: ignore[arg-type]
            retry_of=more.pop("retry_of", None),  # type: ignore[arg-type]
            tombstone=more.pop("tombstone", False),  # type: ignore[arg-type]
        )
        more.setdefault("kind", kind)
        more.setdefault("name", " ".join(filter(None, [operation.value, destination])))
        return self.span(service, messaging=messaging, **more)  # type: ignore[arg-type]

    # --- any span -----------------------------------------------------------------------------------------------------

    def span(
        self,
        service: str,
        name: str = "work",
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        under: Span | Key | None = None,
        of: Span | Key | None = None,
        style: Style = "parent",
        links: Iterable[Target] = (),
        trace_id: str | None = None,
        span_id: str | None = None,
        at_ms: float | None = None,
        took_ms: float = 1,
        error: str | bool | None = None,
        correlation_id: str | None = None,
        run_id: str | None = None,
        instance: str | None = None,
        host: str | None = None,
        attributes: Attributes | None = None,
        effects: Sequence[str] = (),
        messaging: Messaging | None = None,
        flags: int = 0,
    ) -> Span:
        """Any span. `under` is its parent (same trace); `of` is the producer of its message, as parent, link or both.

        `error` marks it failed, with that message. `effects` are keys of `tracecheck.effect` events. A key given as
        `(trace_id, span_id)` may name a span that is never stored: `absent(...)` makes one.
        """
        targets: list[Target] = list(links)
        if of is not None:
            if style in ("link", "both"):
                targets.insert(0, of)
            if style in ("parent", "both"):
                under = of
        parent = _key(under) if under is not None else None
        near = [item for item in (under, *targets) if isinstance(item, Span)]
        start = self.now_unix_nano if at_ms is None else self.start_unix_nano + round(at_ms * MS)
        end = start + round(took_ms * MS)
        self.now_unix_nano = max(self.now_unix_nano, end + MS)
        resource: dict[str, str] = {"service.name": service}
        resource |= {"service.instance.id": instance} if instance else {}
        resource |= {"host.name": host} if host else {}
        built = Span(
            trace_id=trace_id or (parent[0] if parent else new_trace_id()),
            span_id=span_id or new_span_id(),
            parent_span_id=parent[1] if parent else None,
            name=name,
            kind=kind,
            start_unix_nano=start,
            end_unix_nano=end,
            status=StatusCode.ERROR if error else StatusCode.UNSET,
            status_message=error if isinstance(error, str) else "",
            flags=flags,
            attributes=attributes or {},
            links=tuple(_link(target) for target in targets),
            events=tuple(
                Event(time_unix_nano=end, name="tracecheck.effect", attributes={"tracecheck.effect.key": key})
                for key in effects
            ),
            resource=Resource(attributes=resource),
            service=service,
            instance=instance,
            host=host,
            correlation_id=correlation_id or _first(near, "correlation_id") or self._correlation_id,
            run_id=run_id or _first(near, "run_id") or self._run_id,
            messaging=messaging,
        )
        self.spans.append(built)
        return built

    def wait(self, ms: float) -> None:
        """Moves the clock on."""
        self.now_unix_nano += round(ms * MS)

    def lose(self, *lost: Span) -> None:
        """Takes spans out of `spans`: they never reached the store."""
        keys = {span.key for span in lost}
        self.spans[:] = [span for span in self.spans if span.key not in keys]

    def change(self, span: Span, **values: object) -> Span:
        """Replaces a built span by one with other values, e.g. `end_unix_nano`."""
        changed = replace(span, **values)  # type: ignore[arg-type]
        self.spans[:] = [changed if other is span else other for other in self.spans]
        return changed


def new_trace_id() -> str:
    """The next trace id."""
    return f"{next(_ids):032x}"


def new_span_id() -> str:
    """The next span id."""
    return f"{next(_ids):016x}"


def absent(near: Span | None = None) -> Key:
    """Key of a span that is never stored, in the trace of `near` or in one of its own."""
    return (near.trace_id if near else new_trace_id(), new_span_id())


def link(
    target: Span | Key,
    *,
    partition: str | None = None,
    offset: int | None = None,
    message_id: str | None = None,
    attributes: Attributes | None = None,
) -> Link:
    """A span link, with what a batch consumer says about that one message."""
    trace_id, span_id = _key(target)
    identity = MessageIdentity(partition=partition, offset=offset, message_id=message_id)
    return Link(trace_id=trace_id, span_id=span_id, identity=identity, attributes=attributes or {})


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
    **fields: Any,
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


def a_link(to: Span | None = None, **attributes: AttributeValue) -> Link:
    """A link to a span (or to one that was never stored), with attributes; `__` in a name stands for a dot."""
    return Link(
        trace_id=to.trace_id if to else new_trace_id(),
        span_id=to.span_id if to else new_span_id(),
        attributes={name.replace("__", "."): value for name, value in attributes.items()},
    )


def _key(target: Span | Key) -> Key:
    return target.key if isinstance(target, Span) else target


def _link(target: Target) -> Link:
    return target if isinstance(target, Link) else link(target)


def _first(spans: Iterable[Span], name: str) -> str | None:
    return next((value for span in spans if (value := getattr(span, name)) is not None), None)
