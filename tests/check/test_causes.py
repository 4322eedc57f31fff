"""Each cause, at the step where it belongs and nowhere else, with the last good span and the evidence."""

from dataclasses import replace
from typing import Any

import pytest

from tests.check.ordering import ALL, BUSY, ORDER, QUIET, STEPS, Order, checked, flushed, group, instance, only, said
from tests.support.spans import MS, absent
from tracecheck.expect import expect_chain, process, send, span
from tracecheck.model import Basis, Cause, SpanKind, Verdict


def test_a_healthy_order_passes_without_a_finding() -> None:
    result = checked(Order().whole())
    assert result.findings == ()
    assert result.verdict is Verdict.PASS
    assert [step.name for step in result.steps] == list(STEPS)
    assert all(step.verdict is Verdict.PASS and step.matched for step in result.steps)
    assert {step.name: step.took_ns for step in result.steps} == {
        "placed": None,
        "reserved": 29 * MS,
        "goods": 20 * MS,
        "charged": 41 * MS,
        "paid": 22 * MS,
        "shipped": -6 * MS,
        "mailed": 22 * MS,
    }


def test_a_handler_that_sends_nothing_is_not_sent_at_the_step_that_waits() -> None:
    story = Order().whole()
    story.lose(story.reservation, story.goods, story.paid, story.shipped, story.mailed)
    story.process("shipping", "payments", of=story.payment, at_ms=55, took_ms=5, instance="s1")
    finding = only(checked(story))
    assert (finding.step, finding.code, finding.verdict) == ("goods", Cause.NOT_SENT, Verdict.FAIL)
    assert finding.service == "inventory"
    assert finding.destination == "reservations"
    assert finding.last_good is not None
    assert finding.last_good.span_id == story.reserved.span_id
    assert finding.evidence == ("process orders of inventory finished, and sent nothing",)
    assert finding.expected == "process reservations by group shipping, after reserved, within 2 s"


def test_a_join_that_sends_nothing_is_not_sent_once() -> None:
    story = Order().whole()
    story.lose(story.shipped, story.mailed)
    finding = only(checked(story))
    assert (finding.step, finding.code, finding.service) == ("shipped", Cause.NOT_SENT, "shipping")
    assert finding.last_good is not None
    assert finding.last_good.service == "shipping"


def test_a_request_that_fails_before_its_send_is_upstream_failed() -> None:
    story = Order(correlation_id="o-1")
    post = story.span("checkout", "POST /orders", kind=SpanKind.SERVER, error="out of stock")
    steps = {
        "accepted": span("POST /orders", service="checkout"),
        **STEPS,
        "placed": send("orders", service="checkout", after="accepted"),
    }
    finding = only(checked(story, expect_chain("order", steps=steps)))
    assert (finding.step, finding.code) == ("placed", Cause.UPSTREAM_FAILED)
    assert finding.span is not None
    assert finding.span.span_id == post.span_id
    assert finding.span.error == "out of stock"
    assert finding.last_good is None
    assert finding.correlation_id == "o-1"


def test_a_handler_that_no_step_names_and_that_fails_is_upstream_failed_where_its_send_was_awaited() -> None:
    story = Order().up_to_inventory(error="no stock")
    steps = {"placed": STEPS["placed"], "stocked": send("reservations", after="placed")}
    finding = only(checked(story, expect_chain("order", steps=steps)))
    assert (finding.step, finding.code, finding.service) == ("stocked", Cause.UPSTREAM_FAILED, "inventory")
    assert finding.last_good is not None
    assert finding.last_good.span_id == story.placed.span_id
    assert finding.evidence == ("process orders of inventory ended in error: no stock",)


def test_every_attempt_failing_is_processing_failed_with_its_attempts_and_dead_letter() -> None:
    story = Order().up_to_inventory(error="no stock")
    story.process("inventory", "orders", of=story.placed, at_ms=40, error="no stock", partition="0", offset=41)
    last = story.process("inventory", "orders", of=story.placed, at_ms=60, error="still none", partition="0", offset=41)
    story.send("inventory", "orders.dlq", under=last, partition="0", offset=9)
    story.process("billing", "orders", of=story.placed, at_ms=12, took_ms=30)
    result = checked(
        story, expect_chain("order", steps={name: STEPS[name] for name in ("placed", "reserved", "goods")})
    )
    finding = only(result)
    assert (finding.step, finding.code) == ("reserved", Cause.PROCESSING_FAILED)
    assert finding.span is not None
    assert finding.span.span_id == last.span_id
    assert finding.last_good is not None
    assert finding.last_good.span_id == story.placed.span_id
    assert finding.detail == {"attempts": 3, "dead_letter": "orders.dlq"}
    assert finding.evidence == ("3 attempts, the last took 1 ms", "went to orders.dlq[0]@9")
    assert [step.verdict for step in result.steps] == [Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE]


def test_an_attempt_that_succeeds_after_failed_ones_meets_the_step() -> None:
    story = Order().up_to_inventory(error="busy")
    story.process("inventory", "orders", of=story.placed, at_ms=40, took_ms=10, partition="0", offset=41)
    result = checked(story, expect_chain("order", steps={name: STEPS[name] for name in ("placed", "reserved")}))
    assert result.findings == ()
    assert result.steps[1].took_ns == 49 * MS


def test_a_send_that_failed_and_reached_nobody_is_send_failed() -> None:
    story = Order()
    post = story.span("checkout", "POST /orders", took_ms=9)
    story.send("checkout", "orders", under=post, at_ms=1, error="batch expired")
    finding = only(checked(story))
    assert (finding.step, finding.code, finding.service) == ("placed", Cause.SEND_FAILED, "checkout")
    assert finding.last_good is not None
    assert finding.last_good.span_id == post.span_id
    assert finding.evidence == ("the send ended in error: batch expired",)


def test_a_send_that_failed_but_was_received_is_no_failure() -> None:
    story = Order()
    story.placed = story.send("checkout", "orders", error="no answer in time", at_ms=1)
    story.process("inventory", "orders", of=story.placed, at_ms=10)
    steps = {"placed": STEPS["placed"], "reserved": STEPS["reserved"]}
    assert checked(story, expect_chain("order", steps=steps)).findings == ()


TWO_STEPS = expect_chain("order", steps={name: STEPS[name] for name in ("placed", "charged")})


GROUP_STATES = [
    ("never_seen", (), "group billing was never seen at orders"),
    ("silent", (group("billing", "orders", last_ms=-500),), "group billing silent since 2023-11-14T22:13:19Z"),
    (
        "behind",
        (group("billing", "orders", last_ms=900, p0=40),),
        "group billing was alive at 2023-11-14T22:13:20Z and has handled nothing past orders[0]@41",
    ),
    ("past", (group("billing", "orders", last_ms=900, p0=57),), "group billing handled orders[0]@57, past it"),
]


@pytest.mark.parametrize(("state", "groups", "fact"), GROUP_STATES, ids=[row[0] for row in GROUP_STATES])
def test_a_message_that_its_group_never_handled_is_not_consumed_and_tells_the_groups_state(
    state: str, groups: Any, fact: str
) -> None:
    story = Order().up_to_inventory()
    audit = story.process("audit", "orders", of=story.placed, at_ms=12)
    finding = only(checked(story, TWO_STEPS, replace(QUIET, groups=groups)))
    assert (finding.step, finding.code, finding.consumer_group) == ("charged", Cause.NOT_CONSUMED, "billing")
    assert finding.last_good is not None
    assert finding.last_good.span_id == story.placed.span_id
    assert finding.evidence[0] == fact
    assert finding.detail["group_state"] == state
    assert finding.waited_ns == QUIET.as_of_unix_nano - story.placed.start_unix_nano
    assert [miss.difference for miss in finding.near_misses] == [
        "group is inventory, not billing",
        "group is audit, not billing",
    ]
    assert finding.near_misses[1].span.span_id == audit.span_id
    assert finding.completeness is not None
    assert finding.completeness.basis is (Basis.PROVEN if state == "past" else Basis.ASSUMED)


def test_a_near_miss_is_no_other_step_of_the_expectation() -> None:
    story = Order().up_to_inventory()
    steps = {name: STEPS[name] for name in ("placed", "reserved", "charged")}
    assert only(checked(story, expect_chain("order", steps=steps))).near_misses == ()


def test_a_misspelled_destination_is_a_near_miss() -> None:
    story = Order().up_to_inventory()
    story.send("inventory", "reservation", under=story.reserved)
    steps = {"placed": STEPS["placed"], "reserved": STEPS["reserved"], "sent": send("reservations", after="reserved")}
    finding = only(checked(story, expect_chain("order", steps=steps)))
    assert finding.code is Cause.NOT_SENT
    assert [miss.difference for miss in finding.near_misses] == ["destination is reservation, not reservations"]
    assert finding.evidence[0] == "process orders of inventory finished, and sent only reservation"


def test_a_step_that_came_after_its_budget_is_late_with_where_the_time_went() -> None:
    story = Order().whole()
    story.change(story.charged, end_unix_nano=story.charged.start_unix_nano + 5_000 * MS)
    finding = only(checked(story))
    assert (finding.step, finding.code) == ("charged", Cause.LATE)
    assert finding.span is not None
    assert finding.span.span_id == story.charged.span_id
    assert (finding.measured_ns, finding.limit_ns) == (5_011 * MS, 3_000 * MS)
    assert finding.last_good is not None
    assert finding.last_good.span_id == story.placed.span_id
    assert finding.evidence == ("transit 10 ms, processing 5 s",)


def test_the_whole_can_be_late_although_no_step_is() -> None:
    finding = only(checked(Order().whole(), expect_chain("order", steps=STEPS, within="50ms")))
    assert (finding.step, finding.code, finding.measured_ns) == ("mailed", Cause.LATE, 79 * MS)
    assert finding.evidence[0] == "charged took 41 ms"


def lost_context(story: Order) -> None:
    """The handler of the reservation begins a trace of its own; the position of the message is all that is left."""
    goods = replace(story.goods, trace_id="f" * 32, parent_span_id=None)
    story.lose(story.goods, story.paid, story.shipped)
    story.spans.append(goods)
    paid = story.process("shipping", "payments", of=story.payment, links=[goods], at_ms=55, took_ms=9)
    shipped = story.send("shipping", "shipments", under=paid, at_ms=58, span_id=story.shipped.span_id)
    assert shipped.key == story.shipped.key


def test_a_message_that_went_on_without_its_context_is_said_and_passes_by_default() -> None:
    story = Order(correlation_id="o-1").whole()
    lost_context(story)
    finding = only(checked(story))
    assert (finding.step, finding.code, finding.verdict) == ("goods", Cause.CONTEXT_LOST, Verdict.PASS)
    assert finding.last_good is not None
    assert finding.last_good.span_id == story.reservation.span_id
    assert finding.evidence == (
        "process reservations of shipping began a new trace; found by reservations[0]@7 (identity)",
    )


def test_weaker_evidence_than_the_expectation_accepts_fails_at_that_step_alone() -> None:
    story = Order(correlation_id="o-1").whole()
    lost_context(story)
    result = checked(story, replace(ORDER, evidence=expect_chain("x", steps=STEPS, evidence="context").evidence))
    assert said(result) == ["goods: context_lost"]


def test_a_handler_whose_next_send_begins_a_new_trace_has_lost_the_context() -> None:
    story = Order(correlation_id="o-1").up_to_inventory()
    story.send("inventory", "reservations", at_ms=40)
    steps = {"placed": STEPS["placed"], "reserved": STEPS["reserved"], "sent": send("reservations", after="reserved")}
    finding = only(checked(story, expect_chain("order", steps=steps)))
    assert (finding.step, finding.code, finding.service) == ("sent", Cause.CONTEXT_LOST, "inventory")
    assert finding.last_good is not None
    assert finding.last_good.span_id == story.reserved.span_id


def test_a_second_handling_after_success_is_a_duplicate_delivery_and_its_consequences_are_not_reported() -> None:
    story = Order().whole()
    again = story.process(
        "inventory", "orders", of=story.placed, at_ms=200, took_ms=20, partition="0", offset=41, attempt=2
    )
    second = story.send("inventory", "reservations", under=again, at_ms=210, partition="0", offset=8)
    story.process("shipping", "reservations", of=second, at_ms=240, partition="0", offset=8)
    steps = {**STEPS, "goods": process("reservations", group="shipping", after="reserved", within="2s", times=1)}
    for policy, verdict in (("report", Verdict.PASS), ("forbid", Verdict.FAIL)):
        finding = only(checked(story, expect_chain("order", steps=steps, duplicates={"deliveries": policy})))  # type: ignore[dict-item]
        assert (finding.step, finding.code, finding.verdict) == ("reserved", Cause.DUPLICATE_DELIVERY, verdict)
        assert finding.span is not None
        assert finding.span.span_id == again.span_id
        assert finding.last_good is not None
        assert finding.last_good.span_id == story.reserved.span_id
        assert finding.count == 1
    assert checked(story, expect_chain("order", steps=steps, duplicates={"deliveries": "allow"})).findings == ()


def test_one_event_id_sent_twice_is_one_instance_with_a_duplicate_send() -> None:
    story = Order()
    post = story.span("checkout", "POST /orders", took_ms=30)
    first = story.send("checkout", "orders", under=post, at_ms=1, partition="0", offset=41, event_id="e-9")
    second = story.send("checkout", "orders", under=post, at_ms=5, partition="0", offset=42, event_id="e-9")
    story.process("inventory", "orders", of=first, at_ms=10, partition="0", offset=41)
    story.process("inventory", "orders", of=second, at_ms=20, partition="0", offset=42)
    steps = {"placed": STEPS["placed"], "reserved": STEPS["reserved"]}
    finding = only(checked(story, expect_chain("order", steps=steps, duplicates={"sends": "forbid"})))
    assert (finding.step, finding.code, finding.verdict) == ("placed", Cause.DUPLICATE_SEND, Verdict.FAIL)
    assert finding.evidence == ("event id e-9 was sent as orders[0]@41 and orders[0]@42",)


def test_two_sends_without_an_event_id_are_two_instances_and_no_finding() -> None:
    story = Order()
    post = story.span("checkout", "POST /orders", took_ms=30)
    for offset in (41, 42):
        sent = story.send("checkout", "orders", under=post, at_ms=offset - 40, partition="0", offset=offset)
        story.process("inventory", "orders", of=sent, at_ms=offset, partition="0", offset=offset)
    from tests.check.ordering import all_checked

    steps = {"placed": STEPS["placed"], "reserved": STEPS["reserved"]}
    results = all_checked(story, expect_chain("order", steps=steps))
    assert [result.findings for result in results] == [(), ()]


def test_an_effect_applied_twice_under_one_key_is_a_duplicate_effect() -> None:
    story = Order().up_to_inventory(effects=["stock:o-1"])
    story.process(
        "inventory", "orders", of=story.placed, at_ms=50, partition="0", offset=41, effects=["stock:o-1", "other"]
    )
    steps = {"placed": STEPS["placed"], "reserved": STEPS["reserved"]}
    result = checked(story, expect_chain("order", steps=steps, duplicates={"deliveries": "allow"}))
    finding = only(result)
    assert (finding.step, finding.code, finding.verdict) == ("reserved", Cause.DUPLICATE_EFFECT, Verdict.FAIL)
    assert finding.evidence == ("effect stock:o-1 applied twice",)


def test_a_killed_attempt_that_nobody_repeats_is_processing_failed_by_the_children_it_left() -> None:
    story = Order(correlation_id="o-1")
    story.placed = story.send("checkout", "orders", at_ms=1, partition="0", offset=41)
    child = story.span("inventory", "UPDATE stock", under=absent(story.placed), at_ms=20, instance="i1")
    around = replace(QUIET, groups=(group("inventory", "orders"),))
    steps = {"placed": STEPS["placed"], "reserved": STEPS["reserved"]}
    finding = only(checked(story, expect_chain("order", steps=steps), around))
    assert (finding.step, finding.code) == ("reserved", Cause.PROCESSING_FAILED)
    assert finding.detail == {"attempts": 1, "killed": True}
    assert finding.span is not None
    assert finding.span.span_id == child.span_id
    assert finding.last_good is not None
    assert finding.last_good.span_id == story.placed.span_id


def test_a_killed_attempt_that_is_repeated_is_late_and_nothing_else() -> None:
    story = Order(correlation_id="o-1")
    story.placed = story.send("checkout", "orders", at_ms=1, partition="0", offset=41)
    story.span("inventory", "UPDATE stock", under=absent(story.placed), at_ms=20, instance="i1")
    story.process("inventory", "orders", of=story.placed, at_ms=10_000, partition="0", offset=41, instance="i2")
    around = replace(QUIET, groups=(group("inventory", "orders"),), instances=flushed("checkout"))
    steps = {"placed": STEPS["placed"], "reserved": STEPS["reserved"]}
    finding = only(checked(story, expect_chain("order", steps=steps), around))
    assert (finding.step, finding.code, finding.measured_ns) == ("reserved", Cause.LATE, 10_000 * MS)


def without_inventory(story: Order) -> Order:
    """Inventory's exporter is cut off: it worked, and none of its spans came."""
    story.lose(story.reserved, story.reservation)
    return story


def test_a_step_that_later_ones_prove_has_only_lost_its_span() -> None:
    around = replace(QUIET, groups=(group("inventory", "orders", last_ms=-9_000),))
    result = checked(without_inventory(Order(correlation_id="o-1").whole()), ORDER, around)
    finding = only(result)
    assert (finding.step, finding.code, finding.verdict) == (
        "reserved",
        Cause.CONSUMER_SPAN_MISSING,
        Verdict.FAIL,
    )
    assert finding.detail == {"proved_by": "goods", "did": "handled it"}
    assert finding.evidence[0] == "reservations[0]@7 was handled by shipping after it (goods)"


def test_a_dead_exporter_in_the_middle_is_inconclusive_and_never_not_consumed() -> None:
    around = replace(
        QUIET,
        instances=flushed("checkout", "billing", "shipping", "mailer"),
        groups=(group("inventory", "orders", last_ms=-9_000),),
    )
    result = checked(without_inventory(Order(correlation_id="o-1").whole()), ORDER, around)
    finding = only(result)
    assert (finding.step, finding.code, finding.verdict) == (
        "reserved",
        Cause.CONSUMER_SPAN_MISSING,
        Verdict.INCONCLUSIVE,
    )
    assert result.verdict is Verdict.INCONCLUSIVE


LAST_STEP = expect_chain("order", steps={name: STEPS[name] for name in ("placed", "charged")})


@pytest.mark.parametrize(
    "instances",
    [
        flushed("checkout", "inventory"),
        (*flushed("checkout", "inventory", among=("checkout", "inventory")), instance("billing", "b1", marked=14)),
    ],
    ids=["no flush mark", "spans lost"],
)
def test_a_dead_exporter_of_the_last_step_is_inconclusive_and_never_not_consumed(instances: Any) -> None:
    around = replace(QUIET, instances=instances, groups=(group("billing", "orders", last_ms=-9_000, p0=30),))
    finding = only(checked(Order().up_to_inventory(), LAST_STEP, around))
    assert (finding.step, finding.code, finding.verdict) == ("charged", Cause.INCOMPLETE, Verdict.INCONCLUSIVE)
    assert finding.detail["would_be"] == "not_consumed"


def test_a_group_whose_service_flushed_everything_has_provably_not_consumed() -> None:
    around = replace(BUSY, instances=flushed("billing"), groups=(group("billing", "orders", last_ms=-9_000),))
    finding = only(checked(Order().up_to_inventory(), LAST_STEP, around))
    assert (finding.code, finding.verdict) == (Cause.NOT_CONSUMED, Verdict.FAIL)
    assert finding.completeness is not None
    assert finding.completeness.basis is Basis.PROVEN
    assert not any("dead exporter" in fact for fact in finding.evidence)

    silent = replace(QUIET, groups=around.groups)
    assert any("dead exporter" in fact for fact in only(checked(Order().up_to_inventory(), LAST_STEP, silent)).evidence)


def test_absence_is_inconclusive_while_spans_may_still_come() -> None:
    finding = only(checked(Order().up_to_inventory(), LAST_STEP, BUSY))
    assert (finding.code, finding.verdict) == (Cause.INCOMPLETE, Verdict.INCONCLUSIVE)
    assert finding.detail["would_be"] == "not_consumed"


def test_absence_is_inconclusive_while_the_budget_still_runs() -> None:
    story = Order().up_to_inventory()
    now = story.placed.start_unix_nano + 2_000 * MS
    around = replace(QUIET, as_of_unix_nano=now, last_ingest_unix_nano=now - 1_500 * MS)
    finding = only(checked(story, LAST_STEP, around, settle_ns=1_000 * MS))
    assert (finding.code, finding.detail["would_be"]) == (Cause.INCOMPLETE, "not_consumed")
    over = replace(around, as_of_unix_nano=now + 1_001 * MS)
    assert only(checked(story, LAST_STEP, over, settle_ns=1_000 * MS)).code is Cause.NOT_CONSUMED


def test_every_service_is_covered_by_the_helpers() -> None:
    assert {one.service for one in Order().whole().spans} == set(ALL)
