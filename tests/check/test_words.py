"""What a finding says is what the spans prove, in words that name whom it is about."""

from dataclasses import replace

import pytest

from tests.check.ordering import QUIET, STEPS, Order, checked, group, only
from tests.support.spans import Traces, absent
from tracecheck.check import diagnose
from tracecheck.expect import expect_chain, process, send, span
from tracecheck.expect.python import PolicyName
from tracecheck.model import Cause, Verdict
from tracecheck.report.sentences import explanation, open_first
from tracecheck.store import open_store


@pytest.mark.parametrize(
    ("who", "fact", "meaning"),
    [
        ({"group": "billing"}, "group billing was never seen at orders", "nothing of that group was ever seen there"),
        ({"service": "billing"}, "billing was never seen at orders", "nothing of that service was ever seen there"),
        ({}, "no consumer was ever seen at orders", "; no consumer was ever seen there"),
    ],
)
def test_who_never_consumed_is_called_as_the_step_calls_it(who: dict[str, str], fact: str, meaning: str) -> None:
    story = Order()
    story.placed = story.send("checkout", "orders", at_ms=1)
    steps = {"placed": STEPS["placed"], "charged": process("orders", after="placed", **who)}  # type: ignore[arg-type]
    finding = only(checked(story, expect_chain("order", steps=steps), QUIET))
    assert (finding.code, finding.evidence[0]) == (Cause.NOT_CONSUMED, fact)
    assert meaning in explanation(finding)


@pytest.mark.parametrize(
    ("flags", "side", "first"),
    [
        (0x300, "its parent was remote: the span of the service before it was lost", "open what calls billing first"),
        (0x100, "its parent was local: a span of the same process was lost", "open billing first"),
    ],
)
def test_of_a_delivery_whose_parent_was_lost_it_is_said_on_which_side(flags: int, side: str, first: str) -> None:
    story = Traces()
    story.process("billing", "orders", under=absent(), flags=flags)
    with open_store(":memory:") as store:
        store.append(story.spans)
        (orphan,) = [one for one in diagnose(store) if one.code is Cause.ORPHAN]
    assert (orphan.destination, orphan.evidence[0]) == ("orders", side)
    assert open_first(orphan) == first


@pytest.mark.parametrize(
    ("at_ms", "error", "said"),
    [
        (60, None, "2 successful attempts, another began 40 ms after the first ended"),
        (15, None, "2 successful attempts, another began while the first was at it"),
        (60, "key is taken", "1 successful attempt, another began 40 ms after the first ended"),
    ],
)
def test_a_second_attempt_is_told_by_when_it_began(at_ms: int, error: str | None, said: str) -> None:
    story = Order()
    story.placed = story.send("checkout", "orders", at_ms=1)
    story.process("inventory", "orders", of=story.placed, at_ms=10, took_ms=10)
    story.process("inventory", "orders", of=story.placed, at_ms=at_ms, took_ms=5, error=error)
    steps = {"placed": STEPS["placed"], "reserved": process("orders", group="inventory", after="placed")}
    finding = only(checked(story, expect_chain("order", steps=steps)))
    assert (finding.code, finding.evidence) == (Cause.DUPLICATE_DELIVERY, (said,))


def test_a_killed_attempt_of_a_group_never_seen_is_told_by_the_children_it_left() -> None:
    story = Order()
    story.placed = story.send("checkout", "orders", at_ms=1)
    killed = story.process("billing", "orders", of=story.placed, at_ms=10, took_ms=20)
    story.span("billing", "charge card", under=killed, at_ms=12)
    story.lose(killed)
    steps = {"placed": STEPS["placed"], "charged": STEPS["charged"]}
    finding = only(checked(story, expect_chain("order", steps=steps)))
    assert (finding.code, finding.service, finding.detail["killed"]) == (Cause.PROCESSING_FAILED, "billing", True)
    other = group("audit", "orders", "billing", last_ms=5)
    known = only(checked(story, expect_chain("order", steps=steps), replace(QUIET, groups=(other,))))
    assert known.code is Cause.NOT_CONSUMED


def test_who_sent_what_follows_a_missing_span_alone_is_whom_to_open() -> None:
    story = Order()
    story.placed = story.send("checkout", "orders", at_ms=1)
    charged = story.process("billing", "orders", of=story.placed, at_ms=10, took_ms=20)
    story.send("billing", "payments", under=charged, at_ms=12)
    story.lose(charged)
    steps = {name: STEPS[name] for name in ("placed", "charged")} | {"paid": send("payments", after="charged")}
    finding = only(checked(story, expect_chain("order", steps=steps)))
    assert (finding.code, finding.service) == (Cause.CONSUMER_SPAN_MISSING, "billing")


@pytest.mark.parametrize(
    ("policy", "error", "verdict"),
    [
        ("report", None, Verdict.PASS),
        ("allow", None, Verdict.PASS),
        ("forbid", None, Verdict.INCONCLUSIVE),
        ("report", "no disk", Verdict.INCONCLUSIVE),
    ],
)
def test_handlers_that_may_be_several_consumers_matter_if_one_failed_or_duplicates_are_forbidden(
    policy: PolicyName, error: str | None, verdict: Verdict
) -> None:
    story = Order()
    story.placed = story.send("checkout", "orders", at_ms=1)
    for name, failure in (("archive", None), ("notify", error)):
        story.span("hub", name, under=story.receive("hub", "orders", of=story.placed), error=failure)
    steps = {"placed": STEPS["placed"], "told": process("orders", service="hub", after="placed")}
    spec = expect_chain("order", steps=steps, duplicates={"deliveries": policy})
    finding = only(checked(story, spec))
    assert (finding.code, finding.verdict) == (Cause.AMBIGUOUS, verdict)


@pytest.mark.parametrize(
    ("told_by", "retried", "found"),
    [("both", False, 1), ("sender", False, 1), ("nobody", False, 0), ("both", True, 1)],
)
def test_order_goes_by_the_key_that_either_side_tells_and_by_the_attempt_that_decided(
    told_by: str, retried: bool, found: int
) -> None:
    story = Order()
    root = story.span("checkout", "root", at_ms=0)
    keys = {"both": ("k", "k"), "sender": ("k", None), "nobody": (None, None)}[told_by]
    first, second = (
        story.send("checkout", "orders", under=root, at_ms=at, partition="0", offset=at, key=keys[0]) for at in (1, 2)
    )
    at = {"partition": "0", "key": keys[1]}
    if retried:
        story.process("billing", "orders", of=first, at_ms=5, offset=1, error="busy", **at)
    story.process("billing", "orders", of=second, at_ms=10, offset=2, **at)
    story.process("billing", "orders", of=first, at_ms=20, offset=1, **at)
    steps = {"root": span("root"), "charged": process("orders", group="billing", after="root")}
    codes = [one.code for one in checked(story, expect_chain("order", steps=steps)).findings]
    assert codes == [Cause.OUT_OF_ORDER] * found


def test_of_a_send_that_is_missing_it_is_said_that_it_was_sent() -> None:
    story = Order()
    story.placed = story.send("checkout", "orders", at_ms=1)
    charged = story.process("billing", "orders", of=story.placed, at_ms=10, took_ms=20)
    paid = story.send("billing", "payments", under=charged, at_ms=12)
    story.process("mailer", "payments", of=paid, at_ms=40)
    story.lose(paid)
    steps = {name: STEPS[name] for name in ("placed", "charged")} | {
        "paid": send("payments", service="billing", after="charged"),
        "mailed": process("payments", group="mailer", after="paid"),
    }
    finding = only(checked(story, expect_chain("order", steps=steps)))
    assert (finding.step, finding.code) == ("paid", Cause.CONSUMER_SPAN_MISSING)
    assert explanation(finding).startswith("billing sent it, as later steps prove")
