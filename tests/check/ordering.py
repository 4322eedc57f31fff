"""An order system in test spans, and one expectation of it: what most tests of the check room start from.

    checkout POST /orders -> orders -> inventory -> reservations -> shipping \\
                                    -> billing   -> payments     -> shipping  -> shipments -> mailer
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from tests.support.spans import MS, START, Traces
from tests.support.stored import Analysed, analysed
from tracecheck.chains.surroundings import GroupSeen, InstanceSeen, Surroundings
from tracecheck.check import evaluate
from tracecheck.expect import Expectation, all_of, expect_chain, process, send
from tracecheck.expect.python import WrittenStep
from tracecheck.model import Finding, Result, Span

LATER = START + 3_600_000 * MS
"""An hour after every story: nothing more comes."""

QUIET = Surroundings(last_ingest_unix_nano=LATER - 60_000 * MS, as_of_unix_nano=LATER)
"""Nothing was ingested for a minute: completeness is assumed."""

BUSY = replace(QUIET, last_ingest_unix_nano=LATER)
"""Something was ingested just now: completeness is unknown."""

STEPS: dict[str, WrittenStep] = {
    "placed": send("orders", service="checkout"),
    "reserved": process("orders", group="inventory", after="placed", within="2s"),
    "goods": process("reservations", group="shipping", after="reserved", within="2s"),
    "charged": process("orders", group="billing", after="placed", within="3s"),
    "paid": process("payments", group="shipping", after="charged", within="2s"),
    "shipped": send("shipments", service="shipping", after=all_of("goods", "paid"), within="1s"),
    "mailed": process("shipments", group="mailer", after="shipped", within="1s"),
}
ORDER = expect_chain("order", steps=STEPS)


class Order(Traces):
    """The story of one order; a test takes spans out, changes them, or stops it early. Spans are attributes by role."""

    shift = 0
    """Added to every offset, so that several orders have messages of their own."""

    placed: Span
    reserved: Span
    reservation: Span
    charged: Span
    payment: Span
    goods: Span
    paid: Span
    shipped: Span
    mailed: Span

    def up_to_inventory(self, **more: Any) -> "Order":
        """Placed and reserved; `more` goes to the reserving span."""
        self.post = self.span("checkout", "POST /orders", took_ms=9, instance="c1")
        self.placed = self.send(
            "checkout", "orders", under=self.post, at_ms=1, partition="0", offset=41 + self.shift, instance="c1"
        )
        self.reserved = self.process(
            "inventory",
            "orders",
            of=self.placed,
            at_ms=10,
            took_ms=20,
            partition="0",
            offset=41 + self.shift,
            instance="i1",
            **more,
        )
        return self

    def up_to_halves(self) -> "Order":
        """Both events that shipping waits for were sent and handled."""
        self.up_to_inventory()
        self.reservation = self.send(
            "inventory",
            "reservations",
            under=self.reserved,
            at_ms=20,
            partition="0",
            offset=7 + self.shift,
            instance="i1",
        )
        self.charged = self.process(
            "billing",
            "orders",
            of=self.placed,
            at_ms=12,
            took_ms=30,
            partition="0",
            offset=41 + self.shift,
            instance="b1",
        )
        self.payment = self.send(
            "billing", "payments", under=self.charged, at_ms=35, partition="0", offset=3 + self.shift, instance="b1"
        )
        self.goods = self.process(
            "shipping",
            "reservations",
            of=self.reservation,
            at_ms=45,
            took_ms=5,
            partition="0",
            offset=7 + self.shift,
            instance="s1",
        )
        return self

    def whole(self) -> "Order":
        """All of it."""
        self.up_to_halves()
        self.paid = self.process(
            "shipping",
            "payments",
            of=self.payment,
            links=[self.goods],
            at_ms=55,
            took_ms=9,
            partition="0",
            offset=3 + self.shift,
            instance="s1",
        )
        self.shipped = self.send(
            "shipping", "shipments", under=self.paid, at_ms=58, partition="0", offset=5 + self.shift, instance="s1"
        )
        self.mailed = self.process(
            "mailer",
            "shipments",
            of=self.shipped,
            at_ms=70,
            took_ms=10,
            partition="0",
            offset=5 + self.shift,
            instance="m1",
        )
        return self


def checked(
    story: Traces | Sequence[Span] | Analysed,
    expectation: Expectation = ORDER,
    surroundings: Surroundings = QUIET,
    **more: Any,
) -> Result:
    """The one result of the one instance in a story, from stored spans to the verdict."""
    (result,) = all_checked(story, expectation, surroundings, **more)
    return result


def all_checked(
    story: Traces | Sequence[Span] | Analysed,
    expectation: Expectation = ORDER,
    surroundings: Surroundings = QUIET,
    **more: Any,
) -> list[Result]:
    """Every result of a story."""
    chains = (story if isinstance(story, Analysed) else analysed(story)).chains
    return [result for chain in chains for result in evaluate(chain, expectation, surroundings, **more)]


def said(result: Result) -> list[str]:
    """The findings in words: `step: code (verdict)`, fails without the verdict."""
    return [
        f"{one.step}: {one.code.value}" + ("" if one.verdict.value == "fail" else f" ({one.verdict.value})")
        for one in result.findings
    ]


def only(result: Result) -> Finding:
    """The one finding."""
    (finding,) = result.findings
    return finding


def instance(
    service: str, name: str, *, marked: int | None = None, stored: int = 10, last_ms: float = 100
) -> InstanceSeen:
    """An instance that flushed if `marked` says how many spans it counted."""
    return InstanceSeen(
        service=service,
        instance=name,
        flushed=marked is not None,
        spans_marked=marked,
        spans_stored=stored,
        last_seen_unix_nano=START + round(last_ms * MS),
    )


ALL = ("checkout", "inventory", "billing", "shipping", "mailer")


def flushed(*services: str, among: Iterable[str] = ALL) -> tuple[InstanceSeen, ...]:
    """One instance per service, of which the named ones sent a whole flush mark."""
    return tuple(instance(name, f"{name[0]}1", marked=10 if name in services else None) for name in among)


def group(name: str, destination: str, service: str | None = None, *, last_ms: float = 0, **offsets: int) -> GroupSeen:
    """A consumer group as the store has seen it; offsets by partition as `p0=41`."""
    return GroupSeen(
        system="kafka",
        destination=destination,
        consumer_group=name,
        services=(service or name,),
        last_seen_unix_nano=START + round(last_ms * MS),
        max_offsets={partition[1:]: offset for partition, offset in offsets.items()},
    )
