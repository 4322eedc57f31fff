"""How often, never, closed, optional, alternatives, and what narrows a step."""

from typing import Any

import pytest

from tests.check.assembled import assembled
from tests.check.ordering import BUSY, QUIET, STEPS, Order, only, said
from tests.check.ordering import checked as checked_from_store
from tests.support.spans import MS, Traces
from tests.support.stored import analysed
from tracecheck.check import evaluate
from tracecheck.check.index import Index
from tracecheck.expect import Expectation, any_of, call, expect_chain, process, send, span
from tracecheck.model import Cause, Result, SpanKind, Verdict


def checked(story: Traces, expectation: Expectation, around: Any = QUIET) -> Result:
    (result,) = evaluate(assembled(story.spans), expectation, around)
    return result


def items(count: int) -> Traces:
    """An order whose inventory sends one event per item."""
    story = Order().up_to_inventory()
    for number in range(count):
        sent = story.send(
            "inventory", "items", under=story.reserved, at_ms=12 + number, partition="0", offset=number, key="k"
        )
        story.process("packing", "items", of=sent, partition="0", offset=number, key="k")
    return story


PACKED = {"placed": STEPS["placed"], "reserved": STEPS["reserved"]}


@pytest.mark.parametrize(
    ("count", "times", "expected"),
    [
        (2, 2, []),
        (3, {"at_least": 2, "at_most": 3}, []),
        (1, 2, ["packed: too_few"]),
        (3, 2, ["packed: too_many"]),
        (3, {"at_most": 1}, ["packed: too_many"]),
        (5, None, []),
    ],
)
def test_a_step_is_met_as_often_as_it_says(count: int, times: Any, expected: list[str]) -> None:
    steps = {**PACKED, "packed": process("items", group="packing", after="reserved", times=times)}
    assert said(checked(items(count), expect_chain("c", steps=steps))) == expected


def test_too_few_is_an_absence_and_too_many_a_fact() -> None:
    steps = {**PACKED, "packed": process("items", group="packing", after="reserved", times=2)}
    expectation = expect_chain("c", steps=steps)
    assert said(checked(items(1), expectation, BUSY)) == ["packed: incomplete (inconclusive)"]
    assert said(checked(items(3), expectation, BUSY)) == ["packed: too_many"]


def test_a_pass_with_a_negative_claim_waits_until_nothing_more_can_come() -> None:
    expectation = expect_chain("c", steps=PACKED, never=[process("orders.dlq")])
    assert checked(items(0), expectation, QUIET).verdict is Verdict.PASS
    result = checked(items(0), expectation, BUSY)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert said(result) == ["None: incomplete (inconclusive)"]
    assert checked(items(0), expect_chain("c", steps=PACKED), BUSY).verdict is Verdict.PASS


def test_what_must_never_happen_fails_at_once() -> None:
    story = Order().up_to_inventory()
    dead = story.send("inventory", "orders.dlq", under=story.reserved)
    story.process("graveyard", "orders.dlq", of=dead)
    finding = only(checked(story, expect_chain("c", steps=PACKED, never=[process("orders.dlq")]), BUSY))
    assert (finding.step, finding.code, finding.service) == ("never[0]", Cause.FORBIDDEN, "graveyard")
    assert finding.last_good is not None
    assert finding.last_good.span_id == dead.span_id


def test_closed_reports_each_message_and_delivery_that_no_step_names() -> None:
    story = Order().up_to_inventory()
    closed = expect_chain("c", steps=PACKED, closed=True)
    assert said(checked(story, closed)) == []
    audited = story.process("audit", "orders", of=story.placed)
    extra = story.send("inventory", "extras", under=story.reserved)
    findings = checked(story, closed).findings
    assert [finding.code for finding in findings] == [Cause.UNEXPECTED] * 2
    assert {finding.span.span_id for finding in findings if finding.span} == {audited.span_id, extra.span_id}
    assert {finding.evidence for finding in findings} == {
        ("process orders by audit",),
        ("send extras by inventory",),
    }


def test_an_optional_step_may_be_absent_with_all_that_follows_it() -> None:
    steps = {
        **PACKED,
        "gift": send("gifts", after="reserved", optional=True),
        "wrapped": process("gifts", group="wrapping", after="gift"),
    }
    result = checked(items(0), expect_chain("c", steps=steps))
    assert result.findings == ()
    assert [step.verdict for step in result.steps] == [Verdict.PASS] * 4


def test_an_optional_step_that_is_there_must_hold() -> None:
    story = Order().up_to_inventory()
    story.send("inventory", "gifts", under=story.reserved, at_ms=5_000)
    steps = {**PACKED, "gift": send("gifts", after="reserved", optional=True, within="1s")}
    assert said(checked(story, expect_chain("c", steps=steps))) == ["gift: late"]
    gift_lost = {**steps, "gift": send("gifts", after="reserved", optional=True)}
    gift_lost["wrapped"] = process("gifts", group="wrapping", after="gift")
    assert said(checked(story, expect_chain("c", steps=gift_lost))) == ["wrapped: not_consumed"]


def test_an_alternative_is_met_by_any_of_its_predecessors() -> None:
    story = Order().up_to_inventory()
    story.send("inventory", "reservations", under=story.reserved)
    steps = {
        **PACKED,
        "from_stock": send("reservations", after="reserved", optional=True),
        "backordered": send("backorders", after="reserved", optional=True),
        "told": process("reservations", group="shipping", after=any_of("from_stock", "backordered")),
    }
    assert said(checked(story, expect_chain("c", steps=steps))) == ["told: not_consumed"]
    story.process("shipping", "reservations", of=story.spans[-1])
    assert said(checked(story, expect_chain("c", steps=steps))) == []


def test_any_span_and_a_call_can_be_steps() -> None:
    story = Order().up_to_inventory()
    stock = story.span("inventory", "UPDATE stock", under=story.reserved, attributes={"rows": 3})
    payments = story.span(
        "inventory", "GET", kind=SpanKind.CLIENT, under=story.reserved, attributes={"server.address": "pricing"}
    )
    story.span("ledger", "POST /entries", kind=SpanKind.SERVER, under=payments)
    steps = {
        **PACKED,
        "updated": span("UPDATE stock", service="inventory", after="reserved", where={"rows": {"at_least": 1}}),
        "priced": call("pricing", service="inventory", after="reserved"),
        "entered": call("ledger", after="reserved"),
    }
    result = checked(story, expect_chain("c", steps=steps))
    assert result.findings == ()
    assert result.steps[2].matched[0].span_id == stock.span_id
    steps["updated"] = span("UPDATE stock", after="reserved", where={"rows": 4})
    steps["priced"] = call("prices", after="reserved")
    first, second = checked(story, expect_chain("c", steps=steps)).findings
    assert (first.step, first.code) == ("updated", Cause.TOO_FEW)
    assert [miss.difference for miss in first.near_misses] == []
    assert (second.step, second.code) == ("priced", Cause.TOO_FEW)


def test_where_narrows_a_message_by_its_attributes() -> None:
    story = Order().up_to_inventory(attributes={"tenant": "b"})
    steps = {"placed": STEPS["placed"], "reserved": process("orders", after="placed", where={"tenant": "a"})}
    finding = only(checked(story, expect_chain("c", steps=steps)))
    assert finding.code is Cause.NOT_CONSUMED
    assert [miss.difference for miss in finding.near_misses] == ["tenant is 'b', expected: tenant equals 'a'"]
    steps["reserved"] = process("orders", after="placed", where={"tenant": "b", "messaging.kafka.offset": 41})
    assert checked(story, expect_chain("c", steps=steps)).findings == ()


def test_a_join_by_correlation_and_time_alone_is_said() -> None:
    story = Order(correlation_id="o-1").whole()
    story.change(story.paid, links=())
    finding = only(checked(story, expect_chain("c", steps=STEPS)))
    assert (finding.step, finding.code, finding.verdict) == ("shipped", Cause.CONTEXT_LOST, Verdict.PASS)
    assert finding.detail["join"] == ["goods"]
    strict = expect_chain("c", steps=STEPS, evidence="context")
    assert said(checked(story, strict)) == ["shipped: context_lost"]


def test_a_join_without_link_and_correlation_is_not_met() -> None:
    story = Order().whole()
    story.change(story.paid, links=())
    finding = only(checked(story, expect_chain("c", steps=STEPS)))
    assert (finding.step, finding.code, finding.verdict) == ("shipped", Cause.CONTEXT_LOST, Verdict.FAIL)
    assert finding.evidence == ("no path, link or correlation id leads from goods",)


def test_an_effect_before_its_cause_is_out_of_order() -> None:
    story = Order().up_to_inventory()
    steps = {"reserved": process("orders", group="inventory"), "placed": send("orders", after="reserved")}
    finding = only(checked(story, expect_chain("c", steps=steps)))
    assert (finding.step, finding.code) == ("placed", Cause.OUT_OF_ORDER)


def test_one_key_handled_against_its_offsets_is_out_of_order() -> None:
    story = items(2)
    first, second = (one for one in story.spans if one.name == "process items")
    story.change(first, start_unix_nano=second.end_unix_nano + MS, end_unix_nano=second.end_unix_nano + 2 * MS)
    steps = {**PACKED, "packed": process("items", group="packing", after="reserved")}
    finding = only(checked(story, expect_chain("c", steps=steps)))
    assert (finding.step, finding.code) == ("packed", Cause.OUT_OF_ORDER)
    assert finding.evidence == ("items[0]@1 was handled before items[0]@0, same key",)


def test_a_budget_over_clocks_that_disagree_is_inconclusive() -> None:
    story = Order().up_to_inventory()
    story.change(story.reserved, start_unix_nano=story.placed.start_unix_nano - 250 * MS)
    finding = only(checked(story, expect_chain("c", steps=PACKED)))
    assert (finding.code, finding.verdict, finding.measured_ns) == (Cause.CLOCK_SKEW, Verdict.INCONCLUSIVE, -250 * MS)
    unbounded = {"placed": STEPS["placed"], "reserved": process("orders", group="inventory", after="placed")}
    assert said(checked(story, expect_chain("c", steps=unbounded))) == ["reserved: clock_skew (pass)"]


def test_a_budget_that_a_wrong_clock_exceeds_blames_no_service_after_it() -> None:
    """Inventory's clock is half a minute behind, so shipping seems to take what inventory sent half a minute late."""
    story = Order().whole()
    for span_ in (story.reserved, story.reservation):
        behind = {
            "start_unix_nano": span_.start_unix_nano - 30_000 * MS,
            "end_unix_nano": span_.end_unix_nano - 30_000 * MS,
        }
        story.change(span_, **behind)
    result = checked_from_store(story, expect_chain("c", within="5s", steps=STEPS))
    assert said(result) == ["reserved: clock_skew (inconclusive)", "goods: clock_skew (inconclusive)"]
    named = [(one.span, one.last_good) for one in result.findings]
    assert [(at and at.service, good and good.service) for at, good in named] == [("inventory", "checkout")] * 2
    assert result.findings[1].evidence == (
        "goods took 30.02 s, but by a clock of which inventory and checkout show it wrong",
    )


def test_a_service_that_is_late_by_clocks_that_agree_stays_late_beside_a_wrong_one() -> None:
    story = Order().whole()
    story.change(story.reserved, start_unix_nano=story.placed.start_unix_nano - 250 * MS)
    story.change(story.charged, end_unix_nano=story.charged.end_unix_nano + 60_000 * MS)
    steps = {name: STEPS[name] for name in ("placed", "reserved", "charged")}
    found = said(checked_from_store(story, expect_chain("c", steps=steps)))
    assert found == ["reserved: clock_skew (inconclusive)", "charged: late"]


def test_conflicting_spans_make_their_step_inconclusive() -> None:
    story = Order().up_to_inventory()
    story.change(story.reserved, conflicting=True)
    assert said(checked(story, expect_chain("c", steps=PACKED))) == ["reserved: conflicting_span (inconclusive)"]


def test_each_match_of_the_anchor_is_an_instance_with_its_own_verdict() -> None:
    story = Order().up_to_inventory()
    again = story.send("checkout", "orders", under=story.post, at_ms=3, partition="0", offset=42)
    results = evaluate(assembled(story.spans), expect_chain("c", steps=PACKED), QUIET)
    assert [said(result) for result in results] == [[], ["reserved: not_consumed"]]
    story.process("inventory", "orders", of=again, at_ms=30)
    assert all(not said(result) for result in evaluate(assembled(story.spans), expect_chain("c", steps=PACKED), QUIET))


def test_a_call_that_turns_out_to_be_a_send_is_no_call() -> None:
    story = Traces()
    sent = story.span("checkout", "send orders", kind=SpanKind.CLIENT)
    story.receive("billing", "orders", under=sent, kind=SpanKind.SERVER)
    other = story.span("billing", "select", kind=SpanKind.CLIENT)
    calls = [unit.keys for chain in analysed(story).chains for unit in Index(chain).calls]
    assert calls == [(other.key,)]
