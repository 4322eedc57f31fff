"""One chain built by hand: checkout sends an order; inventory reserves it, billing never sees it.

checkout POST /orders
  checkout send orders        -> orders[0]@41
    inventory process orders  (group inventory, its own trace, joined by a link)
    x billing: no delivery
"""

from dataclasses import replace

from tests.support.findings import MS, NOON, SECOND, TRACE
from tracecheck.model import (
    Chain,
    ChainSummary,
    Edge,
    Evidence,
    Hop,
    Origin,
    Outcome,
    Span,
    SpanBrief,
    SpanKind,
    StatusCode,
)

OTHER_TRACE = "a3ce929d0e0e47364bf92f3577b34da6"


def span(
    service: str, name: str, number: int, start_ms: int, end_ms: int, trace_id: str = TRACE, **fields: object
) -> Span:
    """A span of `number` as its id, its times in milliseconds after 12:00:01."""
    return Span(
        trace_id=trace_id,
        span_id=f"{number:016x}",
        service=service,
        name=name,
        start_unix_nano=NOON + SECOND + start_ms * MS,
        end_unix_nano=NOON + SECOND + end_ms * MS,
        **fields,  # type: ignore[arg-type]
    )


def brief_of(span: Span, **fields: object) -> SpanBrief:
    """The same span as hops and findings show it."""
    return SpanBrief(
        trace_id=span.trace_id,
        span_id=span.span_id,
        service=span.service,
        name=span.name,
        start_unix_nano=span.start_unix_nano,
        end_unix_nano=span.end_unix_nano,
        **fields,  # type: ignore[arg-type]
    )


def edge(
    effect: Span, cause: Span, evidence: Evidence = Evidence.CONTEXT, via: str = "parent", message: bool = False
) -> Edge:
    """From a span to its cause."""
    return Edge(
        trace_id=effect.trace_id,
        span_id=effect.span_id,
        cause_trace_id=cause.trace_id,
        cause_span_id=cause.span_id,
        evidence=evidence,
        via=via,
        is_message=message,
    )


PLACED = span("checkout", "POST /orders", 1, 0, 12, kind=SpanKind.SERVER)
SENT = span("checkout", "send orders", 2, 1, 5, kind=SpanKind.PRODUCER)
RESERVED = span("inventory", "process orders", 3, 20, 60, OTHER_TRACE, kind=SpanKind.CONSUMER)
STORED = span("inventory", "UPDATE stock", 4, 30, 40, OTHER_TRACE, kind=SpanKind.CLIENT, status=StatusCode.ERROR)

SENT_BRIEF = brief_of(SENT, destination="orders", partition="0", offset=41)
RESERVED_BRIEF = brief_of(RESERVED, destination="orders", partition="0", offset=41, consumer_group="inventory")

_DELIVERED = Hop(
    chain_id=f"{TRACE}:{PLACED.span_id}",
    system="kafka",
    destination="orders",
    consumer_group="inventory",
    partition="0",
    offset=41,
    message_id=None,
    producer=SENT_BRIEF,
    consumer=RESERVED_BRIEF,
    evidence=Evidence.CONTEXT,
    context="link",
    transit_ns=15 * MS,
    consumer_instant="process_start",
    processing_ns=40 * MS,
    succeeded_after_ns=55 * MS,
    attempts=1,
    outcome=Outcome.DELIVERED,
    attempt_spans=(RESERVED_BRIEF,),
)
_UNDELIVERED = replace(
    _DELIVERED,
    consumer_group="billing",
    consumer=None,
    evidence=None,
    context=None,
    transit_ns=None,
    consumer_instant=None,
    processing_ns=None,
    succeeded_after_ns=None,
    attempts=0,
    outcome=Outcome.UNDELIVERED,
    attempt_spans=(),
)


def order_chain(**fields: object) -> Chain:
    """The chain described above, with fields replaced."""
    summary = ChainSummary(
        chain_id=f"{TRACE}:{PLACED.span_id}",
        trace_ids=(TRACE, OTHER_TRACE),
        correlation_id="o-17",
        run_id="run-1",
        origin=Origin(
            trace_id=TRACE, span_id=PLACED.span_id, service="checkout", name="POST /orders", cause_absent=False
        ),
        start_unix_nano=PLACED.start_unix_nano,
        duration_ns=60 * MS,
        spans=4,
        hops=2,
        findings=("not_consumed",),
    )
    chain = Chain(
        summary=summary,
        spans=(PLACED, SENT, RESERVED, STORED),
        edges=(edge(SENT, PLACED), edge(RESERVED, SENT, via="link", message=True), edge(STORED, RESERVED)),
        hops=(_DELIVERED, _UNDELIVERED),
        correlation_ids=("o-17",),
        run_ids=("run-1",),
    )
    return replace(chain, **fields)  # type: ignore[arg-type]


def odd_chain(spans: int, edges: list[tuple[int, int]], name: str = "work") -> Chain:
    """A chain of `spans` numbered spans with these (effect, cause) edges, cycles and all."""
    made = [span(f"service-{number % 5}", name, number + 1, number, number + 1) for number in range(spans)]
    joined = tuple(edge(made[effect], made[cause]) for effect, cause in edges)
    return order_chain(spans=tuple(made), edges=joined, hops=())
