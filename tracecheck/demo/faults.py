"""What goes wrong in the demo, and what its spans then prove.

A plan, drawn from a seed, says which order meets which fault where. The services read it from a private file, and
nothing of it reaches a span, a header or an event: they ask `prepared` how to run their handler, and misbehave as real
services do. They import this module, so it stays light.
"""

import json
import os
import random
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, partial
from pathlib import Path
from typing import Any

from tracecheck.demo.services import Body, Handler, Send
from tracecheck.model import Cause

PLAN_VARIABLE = "DEMO_PLAN"
SLOW_S = 5.0
"""How long a slow handler takes: well beyond the 3 s that `order.yaml` gives each step."""

MOST_OF_A_KIND = 2
"""A killed consumer costs its group some ten seconds and a slow one five, while nothing else may be under way."""

ANY_TOPIC = "*"


class Fault(StrEnum):
    """How a service can fail an order."""

    HANDLER_FAILS = "handler_fails"
    EVENT_SWALLOWED = "event_swallowed"
    SLOW = "slow"
    CONTEXT_LOST = "context_lost"
    DELIVERED_TWICE = "delivered_twice"
    KILLED = "killed"

    @property
    def holds_up_others(self) -> bool:
        """True if messages behind this one in its partition wait, and would be late without any fault of their own."""
        return self in (Fault.SLOW, Fault.KILLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One fault in one service's handler of one topic, and the one finding that its spans prove, and why."""

    fault: Fault
    service: str
    topic: str
    step: str
    cause: Cause
    because: str


def _cases(fault: Fault, cause: Cause, because: str, steps: Mapping[tuple[str, str], str]) -> tuple[Case, ...]:
    return tuple(
        Case(fault=fault, service=service, topic=topic, step=step, cause=cause, because=because)
        for (service, topic), step in steps.items()
    )


_REQUEST = ("checkout", "POST /orders")
_INVENTORY, _BILLING = ("inventory", "orders"), ("billing", "orders")
_GOODS, _PAYMENT, _SHIPPING = ("shipping", "reservations"), ("shipping", "payments"), ("shipping", ANY_TOPIC)
_MAILER, _PROJECTOR = ("mailer", "shipments"), ("projector", "shipments")
_HANDLED = {_INVENTORY: "reserved", _BILLING: "charged", _MAILER: "mailed", _PROJECTOR: "projected"}
_HALVES = {_GOODS: "goods_ready", _PAYMENT: "payment_seen"}

CASES: tuple[Case, ...] = (
    *_cases(
        Fault.HANDLER_FAILS,
        Cause.PROCESSING_FAILED,
        "every attempt's process span ended in error, and the steps after it follow from that",
        _HANDLED | _HALVES,
    ),
    *_cases(
        Fault.HANDLER_FAILS,
        Cause.UPSTREAM_FAILED,
        "the request's span ended in error before anything was sent",
        {_REQUEST: "placed"},
    ),
    *_cases(
        Fault.EVENT_SWALLOWED,
        Cause.NOT_SENT,
        "the handler's span ended well with no send below it, so the step that waits for the event is the first unmet",
        {_REQUEST: "placed", _INVENTORY: "goods_ready", _BILLING: "payment_seen", _SHIPPING: "shipped"},
    ),
    # Not in shipping: one process handles both halves, so the other half would wait behind and be late as well.
    *_cases(
        Fault.SLOW,
        Cause.LATE,
        "the process span ended well, but beyond the step's budget",
        _HANDLED,
    ),
    # Not in checkout and shipping: two groups read what they send, so one loss would rightly be found twice.
    *_cases(
        Fault.CONTEXT_LOST,
        Cause.CONTEXT_LOST,
        "partition and offset tie the handler to the send, but its span began a trace of its own",
        {_INVENTORY: "goods_ready", _BILLING: "payment_seen"},
    ),
    *_cases(
        Fault.DELIVERED_TWICE,
        Cause.DUPLICATE_DELIVERY,
        "a second process span of the same partition and offset in the group began after a successful one",
        _HANDLED | _HALVES,
    ),
    # The killed attempt leaves no span. What remains is a delivery after the broker noticed, and that took too long.
    *_cases(
        Fault.KILLED,
        Cause.LATE,
        "a killed process exports nothing; its group took the message up again only after the session had run out",
        _HANDLED,
    ),
)


def draw(seed: int, order_ids: Sequence[str]) -> dict[str, Case]:
    """Return which orders meet which fault: a quarter of them, all kinds in turn, none more than twice."""
    dice = random.Random(seed)  # noqa: S311 - a reproducible plan, no secret
    kinds = list(Fault)
    dice.shuffle(kinds)
    count = min(max(1, len(order_ids) // 4), MOST_OF_A_KIND * len(kinds)) if order_ids else 0
    struck = sorted(dice.sample(list(order_ids), count))
    left = {kind: [case for case in CASES if case.fault is kind] for kind in kinds}
    plan: dict[str, Case] = {}
    for number, order_id in enumerate(struck):
        choices = left[kinds[number % len(kinds)]]
        plan[order_id] = choices.pop(dice.randrange(len(choices)))
    return plan


def write_plan(plan: Mapping[str, Case], path: Path) -> None:
    """Write the plan where the services find it (`$DEMO_PLAN`)."""
    rows = {order: {"fault": c.fault, "service": c.service, "topic": c.topic} for order, c in plan.items()}
    path.write_text(json.dumps(rows))


def struck(path: Path) -> set[str]:
    """Return the orders whose fault has really happened, by the marks the services left beside the plan."""
    return {mark.stem for mark in path.parent.glob("*.struck")}


# --- inside a service -------------------------------------------------------------------------------------------------


def prepared(service: str, topic: str, body: Body, send: Send, handle: Handler) -> Callable[[], None]:
    """Return the call that handles this message, which may not be quite the one the service meant.

    Called inside the handler's span. What it returns adds no frame of this module to a stack trace.
    """
    order_id = body["id"]
    match _fault(service, topic, order_id):
        case Fault.HANDLER_FAILS:
            _mark(order_id)
            return partial(handle, topic, {}, send)
        case Fault.EVENT_SWALLOWED:
            return partial(handle, topic, body, _send_nothing)
        case Fault.SLOW:
            _mark(order_id)
            time.sleep(SLOW_S)
        case Fault.KILLED if _mark(order_id):
            os.kill(os.getpid(), signal.SIGKILL)
    return partial(handle, topic, body, send)


def commit_lost(service: str, topic: str, body: Body) -> bool:
    """Return True if the handled message is not to be committed, so that the broker delivers it once more."""
    return _fault(service, topic, body["id"]) is Fault.DELIVERED_TWICE and _mark(body["id"])


def lose_headers(service: str) -> None:
    """Put an old relay between this service's producers and the broker: of some events it keeps one header.

    Must come before anything instruments the producer, to be closer to the broker than the instrumentation.
    """
    from kafka import KafkaProducer

    send = KafkaProducer.send

    def relay(producer: Any, topic: str, **event: Any) -> Any:
        order_id = event["key"].decode()
        if _fault(service, "orders", order_id) is Fault.CONTEXT_LOST:
            _mark(order_id)
            event["headers"] = [header for header in event["headers"] if header[0] == "correlation-id"]
        return send(producer, topic, **event)

    KafkaProducer.send = relay


def _fault(service: str, topic: str, order_id: str) -> Fault | None:
    row = _plan().get(order_id)
    if row is None or row["service"] != service or row["topic"] not in (topic, ANY_TOPIC):
        return None
    return Fault(row["fault"])


@cache
def _plan() -> dict[str, dict[str, str]]:
    path = os.environ.get(PLAN_VARIABLE)
    plan: dict[str, dict[str, str]] = json.loads(Path(path).read_text()) if path else {}
    return plan


def _mark(order_id: str) -> bool:
    """Leave the mark that an order's fault happened; True the first time, in whatever process that was."""
    mark = Path(os.environ[PLAN_VARIABLE]).parent / f"{order_id}.struck"
    try:
        mark.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def _send_nothing(_: str, body: Body) -> None:
    _mark(body["id"])
