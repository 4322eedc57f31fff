"""Findings, results and reports built by hand: one good example of each cause, and hostile ones.

`finding(Cause.LATE)` gives a complete finding of that cause, as the check room makes them; keyword arguments replace
fields. `report(...)` wraps results, `hostile_reports()` yields reports that try to break a reporter.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tracecheck.model import (
    Basis,
    Cause,
    CheckReport,
    Completeness,
    Finding,
    NearMiss,
    Result,
    SpanBrief,
    StepResult,
    Verdict,
)

NOON = 1_767_268_800_000_000_000
"""2026-01-01T12:00:00Z."""

SECOND = 1_000_000_000
MS = 1_000_000
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CHAIN = f"{TRACE}:00f067aa0ba902b7"

ASSUMED = Completeness(basis=Basis.ASSUMED, reasons=("last ingest 7.1 s ago, settle 6 s",))
PROVEN = Completeness(basis=Basis.PROVEN, reasons=("all 6 instances sent a flush mark that matches",))
UNKNOWN = Completeness(basis=Basis.UNKNOWN, reasons=("2 of 6 instances sent no flush mark", "last ingest 0.2 s ago"))


def brief(service: str = "checkout", **fields: Any) -> SpanBrief:
    """A span as findings show it: by default checkout's send of orders[0]@41 at 12:00:01."""
    given = {
        "trace_id": TRACE,
        "span_id": "00f067aa0ba902b7",
        "name": "send orders",
        "start_unix_nano": NOON + SECOND,
        "end_unix_nano": NOON + SECOND + 4 * MS,
        "destination": "orders",
        "partition": "0",
        "offset": 41,
    }
    return SpanBrief(service=service, **(given | fields))


SENT = brief()
CHARGED = brief(
    "billing",
    span_id="b7ad6b7169203331",
    name="process orders",
    start_unix_nano=NOON + SECOND + 20 * MS,
    end_unix_nano=NOON + SECOND + 60 * MS,
    consumer_group="billing",
)
FAILED = replace(CHARGED, error="CardDeclined: limit reached")
AUDITED = replace(CHARGED, service="audit", name="process orders", consumer_group="audit", span_id="c7ad6b7169203331")

_STEP: dict[str, Any] = {
    "verdict": Verdict.FAIL,
    "chain_id": CHAIN,
    "correlation_id": "o-17",
    "step": "charged",
    "service": "billing",
    "destination": "orders",
    "consumer_group": "billing",
    "last_good": SENT,
    "expected": "process orders by group billing, after placed, within 3 s",
    "looked_in": "12 spans of the chain",
    "completeness": ASSUMED,
}

_BY_CAUSE: dict[Cause, dict[str, Any]] = {
    Cause.NOT_SENT: {
        "step": "shipped",
        "service": "shipping",
        "destination": "shipments",
        "consumer_group": None,
        "span": CHARGED,
        "last_good": CHARGED,
        "expected": "send shipments, after reserved and charged, within 1 s",
        "waited_ns": 7 * SECOND,
        "limit_ns": SECOND,
    },
    Cause.UPSTREAM_FAILED: {
        "step": "shipped",
        "service": "billing",
        "destination": "shipments",
        "span": FAILED,
        "expected": "send shipments, after charged",
        "waited_ns": 7 * SECOND,
        "evidence": ("process orders of billing ended in error: CardDeclined: limit reached",),
    },
    Cause.SEND_FAILED: {
        "step": "placed",
        "service": "checkout",
        "consumer_group": None,
        "span": replace(SENT, offset=None, error="KafkaTimeoutError: batch expired"),
        "last_good": brief(name="POST /orders", destination=None, partition=None, offset=None),
        "expected": "send orders by checkout",
    },
    Cause.NOT_CONSUMED: {
        "waited_ns": int(6.5 * SECOND),
        "limit_ns": 3 * SECOND,
        "evidence": ("group billing silent since 2026-01-01T12:00:03Z",),
        "near_misses": (NearMiss(span=AUDITED, difference="group is audit, not billing"),),
        "detail": {"group_state": "silent"},
    },
    Cause.PROCESSING_FAILED: {
        "span": FAILED,
        "evidence": ("3 attempts, the last ended 12 ms after it started", "went to orders.dlq[0]@7"),
        "detail": {"attempts": 3, "dead_letter": "orders.dlq"},
    },
    Cause.CONTEXT_LOST: {
        "span": replace(CHARGED, trace_id="a" * 32),
        "evidence": ("process orders began a new trace; found by orders[0]@41 (identity)",),
    },
    Cause.CONSUMER_SPAN_MISSING: {
        "evidence": (
            "shipments[1]@8 was sent by shipping after it",
            "last span of billing stored at 2026-01-01T11:58:10Z",
        ),
    },
    Cause.LATE: {
        "span": CHARGED,
        "measured_ns": int(5.204 * SECOND),
        "limit_ns": 3 * SECOND,
        "evidence": ("transit 5.1 s, processing 40 ms",),
    },
    Cause.DUPLICATE_DELIVERY: {"span": CHARGED, "count": 2, "evidence": ("2 successful attempts, 1.2 s apart",)},
    Cause.DUPLICATE_SEND: {
        "step": "placed",
        "service": "checkout",
        "span": SENT,
        "count": 2,
        "evidence": ("event id e-9 was sent as orders[0]@41 and orders[0]@42",),
    },
    Cause.DUPLICATE_EFFECT: {"span": CHARGED, "count": 2, "evidence": ("effect charge:o-17 applied twice",)},
    Cause.OUT_OF_ORDER: {"span": CHARGED, "evidence": ("orders[0]@42 was handled before orders[0]@41, same key",)},
    Cause.UNEXPECTED: {"step": None, "span": AUDITED, "expected": "no step beside those named (closed: true)"},
    Cause.FORBIDDEN: {
        "step": "never[0]",
        "span": replace(CHARGED, destination="orders.dlq"),
        "destination": "orders.dlq",
        "expected": "never: process orders.dlq",
    },
    Cause.TOO_FEW: {
        "measured_ns": None,
        "expected": "2 times process orders by group billing",
        "evidence": ("found 1",),
    },
    Cause.TOO_MANY: {"span": CHARGED, "expected": "once process orders by group billing", "evidence": ("found 3",)},
    Cause.STATE_NOT_REACHED: {
        "step": "state[0]",
        "destination": None,
        "consumer_group": None,
        "expected": "'SHIPPED' from select status from orders_view where id = :id",
        "waited_ns": 2 * SECOND,
        "limit_ns": 2 * SECOND,
        "evidence": ("last seen: 'PLACED'",),
    },
    Cause.CONTRADICTED: {
        "consumer_group": None,
        "expected": "orders[0]@41 on the bus",
        "looked_in": "the records seen since 2026-01-01T12:00:00Z",
        "evidence": ("sent by checkout", "0 of 3 records are it"),
        "detail": {"says": "the span says sent", "denies": "the bus has nothing", "witness": "bus"},
    },
    Cause.CLOCK_SKEW: {
        "verdict": Verdict.PASS,
        "span": CHARGED,
        "measured_ns": -250 * MS,
        "evidence": ("billing-host starts 250 ms before checkout-host sent",),
    },
    Cause.INCOMPLETE: {
        "verdict": Verdict.INCONCLUSIVE,
        "completeness": UNKNOWN,
        "evidence": ("absence cannot be taken as a fact yet",),
    },
    Cause.ORPHAN: {
        "verdict": Verdict.INCONCLUSIVE,
        "span": CHARGED,
        "evidence": ("its parent 00f067aa0ba902b8 was never stored",),
    },
    Cause.CONFLICTING_SPAN: {
        "verdict": Verdict.INCONCLUSIVE,
        "span": CHARGED,
        "evidence": ("2 different spans under one id",),
    },
    Cause.CYCLE: {
        "verdict": Verdict.INCONCLUSIVE,
        "span": CHARGED,
        "evidence": ("3 spans name each other as parents",),
    },
    Cause.STALE_CONTEXT: {
        "verdict": Verdict.PASS,
        "span": CHARGED,
        "evidence": ("traceparent is that of orders[0]@12",),
    },
    Cause.BATCH_FAN_IN: {
        "verdict": Verdict.PASS,
        "span": CHARGED,
        "evidence": ("one span handled messages of 3 chains",),
    },
    Cause.AMBIGUOUS: {"verdict": Verdict.INCONCLUSIVE, "span": CHARGED, "evidence": ("2 open sends under key o-17",)},
}


def finding(code: Cause = Cause.NOT_CONSUMED, **fields: Any) -> Finding:
    """A complete finding of this cause, with the given fields replaced."""
    return Finding(code=code, **(_STEP | _BY_CAUSE[code] | fields))


def result(*findings: Finding, **fields: Any) -> Result:
    """One expectation on one chain, by default `order`; its verdict is that of its findings, pass without any."""
    verdict = Verdict.merge([each.verdict for each in findings]) if findings else Verdict.PASS
    given: dict[str, Any] = {
        "expectation": "order",
        "chain_id": CHAIN,
        "correlation_id": "o-17",
        "run_id": "run-1",
        "verdict": verdict,
        "completeness": ASSUMED,
        "findings": findings,
        "steps": (
            StepResult(name="placed", verdict=Verdict.PASS, matched=(SENT,), instant_unix_nano=SENT.start_unix_nano),
        ),
    }
    return Result(**(given | fields))


def report(*results: Result, **fields: Any) -> CheckReport:
    """A check over these results, as of 12:00:10."""
    given: dict[str, Any] = {
        "verdict": Verdict.merge([each.verdict for each in results]),
        "results": results,
        "as_of_unix_nano": NOON + 10 * SECOND,
        "matched": bool(results),
    }
    return CheckReport(**(given | fields))


HOSTILE_TEXTS = (
    "",
    " ",
    "\x1b[2J\x1b]8;;http://evil\x07click\x1b]8;;\x07",
    "\x1b]52;c;cm0gLXJm\x07",
    "a\u202egpj.exe\u2066",
    "line\n::error title=owned::yes\r::add-mask::a",
    "##[set-env name=X]y",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "![beacon](http://evil/x.png) @team #12 [a](javascript:b) |pipe| ``` `tick`",
    '"]; click n0 "javascript:alert(1)"; %%{init: {"securityLevel":"loose"}}%%',
    "end\nsubgraph x",
    "=HYPERLINK(A1)",
    "\x00\x01\ufffe\uffff\ud800",
    "]]><failure/>&amp;",
    "{{7*7}} {% raw %} [bold]markup[/bold] :smile:",
    "x" * 200_000,
    "\u0300" * 5_000,
    "´" * 3 + "\u2028\u2029\x85",
)


def hostile_finding(text: str, code: Cause = Cause.NOT_CONSUMED, **fields: Any) -> Finding:
    """A finding with `text` wherever text from outside can stand."""
    span = SpanBrief(
        trace_id=TRACE,
        span_id="00f067aa0ba902b7",
        service=text,
        name=text,
        start_unix_nano=2**63 - 1,
        end_unix_nano=-1,
        destination=text,
        consumer_group=text,
        partition=text,
        offset=2**63 - 1,
        error=text,
    )
    given: dict[str, Any] = {
        "verdict": Verdict.FAIL,
        "chain_id": CHAIN,
        "correlation_id": text,
        "step": text,
        "service": text,
        "destination": text,
        "consumer_group": text,
        "span": span,
        "last_good": span,
        "expected": text,
        "looked_in": text,
        "waited_ns": -1,
        "measured_ns": 2**63 - 1,
        "limit_ns": 0,
        "evidence": (text,) * 50,
        "near_misses": (NearMiss(span=span, difference=text),) * 50,
        "completeness": Completeness(basis=Basis.UNKNOWN, reasons=(text,) * 50),
        "detail": {text: text, "attempts": text, "dead_letter": text},
    }
    return Finding(code=code, **(given | fields))


def hostile_reports() -> Iterator[tuple[str, CheckReport]]:
    """Named reports that no reporter may stumble over: hostile text everywhere, nothing at all, very many."""
    for number, text in enumerate(HOSTILE_TEXTS):
        hostile = result(hostile_finding(text), expectation=text, correlation_id=text, run_id=text, case=text)
        yield f"text {number}", report(hostile)
    yield "every cause, bare", report(*(result(Finding(code=code, verdict=Verdict.FAIL)) for code in Cause))
    yield "nothing matched", report(verdict=Verdict.INCONCLUSIVE)
    yield (
        "no chain",
        report(result(chain_id=None, correlation_id=None, run_id=None, verdict=Verdict.INCONCLUSIVE, steps=())),
    )
    yield "failed without a finding", report(result(verdict=Verdict.FAIL))
    many = result(*(hostile_finding(HOSTILE_TEXTS[9]),) * 20)
    yield "twenty thousand findings", report(*(many,) * 1_000)
