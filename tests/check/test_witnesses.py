"""Spans, records and states are held against each other, and only where they disagree is something said."""

from dataclasses import replace

import pytest

from tests.support.findings import NOON, SECOND, TRACE
from tests.support.order_chain import SENT, SENT_BRIEF, order_chain
from tests.support.seen import message
from tracecheck.check.witnesses import BusWitness, StateWitness, disagreements, watches
from tracecheck.model import Cause, Finding, Hop, StepResult, Verdict
from tracecheck.probe.brokers import Seen
from tracecheck.probe.samples import Sample
from tracecheck.probe.state import StateOutcome

CHAIN = order_chain()
SAID = {"traceparent": f"00-{TRACE}-{SENT.span_id}-01", "baggage": "correlation.id=o-17"}
ON_THE_BUS = message("orders", offset=41, headers=SAID)
DONE = (
    StepResult(name="placed", verdict=Verdict.PASS, matched=(SENT_BRIEF,)),
    StepResult(name="charged", verdict=Verdict.PASS, matched=(SENT_BRIEF,)),
)
MISSING = (DONE[0], StepResult(name="charged", verdict=Verdict.FAIL))


def bus(*seen: Seen, caught_up: bool = True, since_unix_nano: int = NOON, watched: str = "orders") -> BusWitness:
    return BusWitness(watched=(watched,), since_unix_nano=since_unix_nano, seen=seen, caught_up=caught_up)


def state(*, met: bool) -> StateWitness:
    sample = Sample(
        name="view",
        query="select",
        expected='equals "SHIPPED"',
        actual='"PAID"',
        met=met,
        error=None,
        sampled_unix_nano=NOON + SECOND,
        took_ns=1,
    )
    outcome = StateOutcome(met=met, value=None, samples=(sample,), reached_unix_nano=None, took_ns=None)
    return StateWitness(name="view", outcome=outcome)


def said(finding: Finding) -> tuple[object, object]:
    return finding.detail["says"], finding.detail["denies"]


def test_witnesses_that_agree_say_nothing() -> None:
    assert disagreements(CHAIN, DONE, bus(ON_THE_BUS), [state(met=True)]) == ()


def test_a_span_says_sent_and_the_bus_has_nothing() -> None:
    (finding,) = disagreements(CHAIN, DONE, bus(message("orders", offset=40)))
    assert (finding.code, finding.verdict) == (Cause.CONTRADICTED, Verdict.FAIL)
    assert said(finding) == ("the span says sent", "the bus has nothing")
    assert (finding.step, finding.service, finding.span) == ("placed", "checkout", SENT_BRIEF)
    assert finding.expected == "orders[0]@41 on the bus"
    assert finding.looked_in == "the records seen since 2026-01-01T12:00:00.000Z"
    assert finding.evidence == ("checkout has a span for it without error", "1 other records seen there")


def test_what_was_not_read_to_its_end_proves_no_loss() -> None:
    (finding,) = disagreements(CHAIN, DONE, bus(caught_up=False))
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert finding.evidence[-1] == "the bus was not read to its end"


@pytest.mark.parametrize(
    "witness",
    [bus(watched="refunds"), bus(since_unix_nano=NOON + 5 * SECOND)],
    ids=["another topic was watched", "it was sent before"],
)
def test_nothing_is_said_of_what_was_not_watched(witness: BusWitness) -> None:
    assert disagreements(CHAIN, DONE, witness) == ()


def test_a_send_that_failed_contradicts_nothing() -> None:
    failed = tuple(replace(hop, producer=replace(SENT_BRIEF, error="timed out")) for hop in CHAIN.hops)
    assert disagreements(order_chain(hops=failed), DONE, bus()) == ()


def test_a_record_is_on_the_bus_and_no_span_sent_it() -> None:
    other = message("orders", offset=42, headers=SAID, seen_unix_nano=NOON)
    (finding,) = disagreements(CHAIN, MISSING, bus(ON_THE_BUS, other))
    assert (finding.code, finding.verdict) == (Cause.CONTRADICTED, Verdict.INCONCLUSIVE)
    assert said(finding) == ("it is on the bus", "no span sent it")
    assert finding.expected == "a span that sent orders[0]@42"


def test_a_sender_without_spans_that_no_step_asks_about_is_only_worth_saying() -> None:
    other = message("orders", offset=42, headers=SAID)
    assert [one.verdict for one in disagreements(CHAIN, DONE, bus(ON_THE_BUS, other))] == [Verdict.PASS]


def test_records_of_others_are_no_concern_of_the_chain() -> None:
    foreign = message("orders", offset=42, headers={"baggage": "correlation.id=o-99"})
    assert disagreements(CHAIN, DONE, bus(ON_THE_BUS, foreign)) == ()


def test_without_any_span_every_record_is_unaccounted_for() -> None:
    assert [said(one) for one in disagreements(None, (), bus(ON_THE_BUS))] == [("it is on the bus", "no span sent it")]


@pytest.mark.parametrize(
    ("known", "record", "same"),
    [
        ({"partition": "0", "offset": 41}, message("orders", partition="1", offset=41, headers=SAID), False),
        ({"message_id": "e-1"}, message("orders", offset=7, headers={**SAID, "tracecheck-event-id": "e-1"}), True),
        ({"message_id": "e-1"}, message("orders", offset=7, headers={**SAID, "tracecheck-event-id": "e-2"}), False),
        ({}, message("orders", offset=7, headers=SAID), True),
        ({}, message("orders", offset=7, headers={"traceparent": f"00-{TRACE}-{'9' * 16}-01"}), True),
        ({}, message("orders", offset=7, headers={"traceparent": f"00-{'9' * 32}-{SENT.span_id}-01"}), False),
        ({}, message("shipments", offset=7, headers=SAID), False),
    ],
    ids=["other partition", "same id", "other id", "same context", "context above it", "other trace", "other topic"],
)
def test_a_record_is_the_message_of_a_span_by_place_else_id_else_trace(
    known: dict[str, object], record: Seen, same: bool
) -> None:
    def with_identity(hop: Hop) -> Hop:
        return replace(hop, **{"partition": None, "offset": None, "message_id": None, **known})

    chain = order_chain(hops=tuple(map(with_identity, CHAIN.hops)))
    found = disagreements(chain, DONE, bus(record))
    assert (found == ()) is same


def test_a_state_was_reached_and_a_step_has_no_span() -> None:
    (finding,) = disagreements(CHAIN, MISSING, states=[replace(state(met=True), steps=("charged",))])
    assert said(finding) == ("the state was reached", "charged has no span")
    assert (finding.verdict, finding.step) == (Verdict.INCONCLUSIVE, "view")


def test_a_state_was_reached_and_there_are_no_spans_at_all() -> None:
    (finding,) = disagreements(None, (), states=[state(met=True)])
    assert said(finding) == ("the state was reached", "any step has no span")


def test_every_step_has_its_span_and_the_state_was_not_reached() -> None:
    (finding,) = disagreements(CHAIN, DONE, states=[state(met=False)])
    assert said(finding) == ("every step has its span", "the state was not reached")
    assert finding.verdict is Verdict.FAIL
    assert finding.evidence == ('last sampled 2026-01-01T12:00:01.000Z: "PAID"',)


def test_one_span_on_the_way_vouches_for_a_state() -> None:
    assert disagreements(CHAIN, MISSING, states=[state(met=True)]) == ()


def test_only_the_steps_that_bring_a_state_about_are_asked_about() -> None:
    assert disagreements(CHAIN, MISSING, states=[replace(state(met=True), steps=("placed",))]) == ()


def test_a_step_and_a_state_that_both_are_missing_agree() -> None:
    assert disagreements(CHAIN, MISSING, states=[state(met=False)]) == ()


@pytest.mark.parametrize(
    ("watched", "destination", "sees"),
    [
        ("orders", "orders", True),
        ("orders", "orders.dlq", False),
        ("shop:order.*", "shop:order.placed", True),
        ("shop:order.*", "shop:order.placed.eu", False),
        ("shop:order.#", "shop:order", True),
        ("shop:#.eu", "shop:order.placed.eu", True),
        ("shop:", "shop:anything.at.all", True),
        ("shop:#", "bank:order", False),
    ],
)
def test_a_pattern_of_an_exchange_sees_what_it_routes(watched: str, destination: str, sees: bool) -> None:
    assert watches(watched, destination) is sees
