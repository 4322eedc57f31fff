"""What a finding says is what the spans prove, in words that name whom it is about."""

import pytest

from tests.check.ordering import QUIET, STEPS, Order, checked, only
from tests.support.spans import Traces, absent
from tracecheck.check import diagnose
from tracecheck.expect import expect_chain, process
from tracecheck.model import Cause
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
