"""Every fault of the demo comes out as exactly one finding, on the step and with the cause it is said to have."""

from collections.abc import Callable
from functools import partial
from importlib.resources import files

import pytest

from tests.support.spans import MS, START, Traces, link
from tracecheck.check import check_store
from tracecheck.demo.faults import CASES, Case, Fault
from tracecheck.expect import parse_expectations
from tracecheck.model import Span, SpanKind, Verdict
from tracecheck.store import open_store

ORDER = parse_expectations(files("tracecheck.demo").joinpath("order.yaml").read_text())
Goes = Callable[[Span], Span | None]


class Story(Traces):
    """One order through the demo's six services, with a fault in one of them."""

    def __init__(self, number: int, case: Case | None) -> None:
        super().__init__(correlation_id=f"o-{number}", start_unix_nano=START + number * 60_000 * MS)
        self.number, self.case = number, case
        self.offsets = dict.fromkeys(("reservations", "payments", "shipments"), number * 2)
        self.halves: dict[str, Span] = {}
        self.tell()

    def hit(self, fault: Fault, service: str, topic: str) -> bool:
        case = self.case
        return case is not None and case.fault is fault and case.service == service and case.topic in (topic, "*")

    def ms(self, span: Span) -> float:
        """When a span ended, in milliseconds of this story."""
        return (span.end_unix_nano - self.start_unix_nano) / MS

    def tell(self) -> None:
        fails = self.hit(Fault.HANDLER_FAILS, "checkout", "POST /orders")
        post = self.span("checkout", "POST /orders", kind=SpanKind.SERVER, took_ms=10, error=fails, instance="c1")
        if fails or self.hit(Fault.EVENT_SWALLOWED, "checkout", "POST /orders"):
            return
        placed = self.send("checkout", "orders", under=post, at_ms=2, partition="0", offset=self.number, instance="c1")
        goods = self.handle("inventory", "orders", placed, partial(self.pass_on, "inventory", "reservations"))
        paid = self.handle("billing", "orders", placed, partial(self.pass_on, "billing", "payments"))
        shipped: Span | None = None
        for half in sorted(filter(None, (goods, paid)), key=lambda span: span.end_unix_nano):
            topic = "reservations" if half is goods else "payments"
            shipped = self.handle("shipping", topic, half, partial(self.ship, topic)) or shipped
        if shipped is not None:
            self.handle("mailer", "shipments", shipped, lambda _: None)
            self.handle("projector", "shipments", shipped, lambda _: None)

    def handle(self, service: str, topic: str, message: Span, goes: Goes) -> Span | None:
        """The attempts of one service at one message; what the first good one sends."""
        assert message.messaging is not None
        before = {"inventory": "reservations", "billing": "payments"}
        lost = any(before.get(name) == topic and self.hit(Fault.CONTEXT_LOST, name, "orders") for name in before)
        attempt = partial(
            self.process,
            service,
            topic,
            of=None if lost else message,
            partition=message.messaging.identity.partition,
            offset=message.messaging.identity.offset,
            instance=f"{service[0]}1",
        )
        start = self.ms(message) + (10_000 if self.hit(Fault.KILLED, service, topic) else 5)
        if self.hit(Fault.HANDLER_FAILS, service, topic):
            for number in range(3):
                attempt(at_ms=start + 60 * number, error="KeyError: 'id'")
            return None
        first = attempt(at_ms=start, took_ms=5_000 if self.hit(Fault.SLOW, service, topic) else 10)
        sent = None if self.hit(Fault.EVENT_SWALLOWED, service, topic) else goes(first)
        if self.hit(Fault.DELIVERED_TWICE, service, topic):
            goes(attempt(at_ms=self.ms(first) + 3, took_ms=10, attempt=2))
        return sent

    def pass_on(self, service: str, topic: str, handling: Span) -> Span:
        self.offsets[topic] += 1
        return self.send(
            service,
            topic,
            under=handling,
            at_ms=self.ms(handling) - 3,
            partition="0",
            offset=self.offsets[topic],
            instance=f"{service[0]}1",
        )

    def ship(self, topic: str, handling: Span) -> Span | None:
        complete = len(self.halves) == 2
        self.halves.setdefault(topic, handling)
        if complete or len(self.halves) < 2:
            return None
        others = [link(span) for came, span in self.halves.items() if came != topic]
        return self.pass_on("shipping", "shipments", self.change(handling, links=(*handling.links, *others)))


def name(case: Case) -> str:
    return f"{case.fault.value} in {case.service} at {case.topic}"


@pytest.fixture(scope="module")
def found() -> dict[str, tuple[Verdict, list[tuple[str | None, str]]]]:
    """By case, what one check over all of them found; the healthy order is `healthy`."""
    cases: list[Case | None] = [None, *CASES]
    with open_store(":memory:") as store:  # type: ignore[attr-defined]
        for number, case in enumerate(cases):
            store.append(Story(number, case).spans)
        report = check_store(store, ORDER, settle_ns=0)
    by_order = {result.correlation_id: result for result in report.results}
    return {
        name(case) if case else "healthy": (
            by_order[f"o-{number}"].verdict,
            [(one.step, one.code.value) for one in by_order[f"o-{number}"].findings],
        )
        for number, case in enumerate(cases)
    }


def test_a_healthy_order_of_the_demo_has_no_finding(found: dict[str, object]) -> None:
    assert found["healthy"] == (Verdict.PASS, [])


@pytest.mark.parametrize("case", CASES, ids=name)
def test_each_fault_of_the_demo_is_one_finding(case: Case, found: dict[str, object]) -> None:
    assert found[name(case)] == (Verdict.FAIL, [(case.step, case.cause.value)])
