"""Each part of a delivery's time can have a budget; what the spans cannot tell is doubted and never passed."""

from typing import Any

import pytest

from tests.check.ordering import QUIET, checked, only
from tests.support.spans import MS, Traces
from tracecheck.check import check_store
from tracecheck.errors import InvalidFile
from tracecheck.expect import Expectation, expect_chain, parse_expectations, process, send
from tracecheck.expect.model import Segment
from tracecheck.expect.write_yaml import write_yaml
from tracecheck.model import Cause, Verdict
from tracecheck.store import open_store


def story(**more: Any) -> Traces:
    """Sent from 0 to 5 ms, stamped by the broker at 2 ms, handled from 40 to 60 ms, and sent on at 55 ms."""
    told = Traces(correlation_id="o-1")
    sent = told.send("checkout", "orders", at_ms=0, took_ms=5)
    record_time = told.start_unix_nano + 2 * MS
    span = {"at_ms": 40, "took_ms": 20, "record_time_unix_nano": record_time} | more
    handled = told.process("billing", "orders", of=sent, **span)
    told.send("billing", "payments", under=handled, at_ms=55)
    return told


def expecting(**budgets: str) -> Expectation:
    steps = {"placed": send("orders"), "charged": process("orders", group="billing", after="placed", budgets=budgets)}  # type: ignore[arg-type]
    return expect_chain("order", steps=steps)


@pytest.mark.parametrize(
    ("segment", "took_ms"), [("transit", 35), ("queue", 38), ("processing", 20), ("forwarding", 15)]
)
def test_a_part_over_its_budget_is_late_and_within_it_is_not(segment: str, took_ms: int) -> None:
    assert checked(story(), expecting(**{segment: f"{took_ms}ms"}), QUIET).findings == ()
    finding = only(checked(story(), expecting(**{segment: f"{took_ms - 1}ms"}), QUIET))
    assert (finding.code, finding.verdict, finding.step) == (Cause.LATE, Verdict.FAIL, "charged")
    assert (finding.measured_ns, finding.limit_ns) == (took_ms * MS, (took_ms - 1) * MS)
    assert finding.expected == f"process orders by group billing, {segment} within {took_ms - 1} ms"
    assert finding.evidence[0] == f"its {segment} took {took_ms} ms"
    assert (finding.detail["segment"], finding.service) == (segment, "billing")


@pytest.mark.parametrize(
    ("segment", "more", "reason"),
    [
        ("queue", {"record_time_unix_nano": None}, "no span carries the record's own time"),
        ("queue", {"record_time_unix_nano": 2**62}, "or it lies after the attempt"),
        ("transit", {"at_ms": -30}, "the clocks of the two sides disagree"),
    ],
)
def test_a_part_that_the_spans_do_not_tell_is_in_doubt(segment: str, more: dict[str, Any], reason: str) -> None:
    result = checked(story(**more), expecting(**{segment: "1h"}), QUIET)
    (finding,) = [one for one in result.findings if one.code is Cause.INCOMPLETE]
    assert (finding.verdict, result.verdict) == (Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE)
    assert reason in finding.evidence[0]


def test_a_handler_that_sends_nothing_has_no_forwarding_to_bound() -> None:
    told = story()
    told.lose(told.spans[-1])
    finding = only(checked(told, expecting(forwarding="1h"), QUIET))
    assert (finding.code, finding.verdict) == (Cause.INCOMPLETE, Verdict.INCONCLUSIVE)
    assert "its handling sent nothing" in finding.evidence[0]


def test_budgets_are_written_alike_in_yaml_and_python() -> None:
    text = "chain: order\nsteps:\n  placed: {send: orders}\n" + (
        "  charged: {process: orders, group: billing, after: placed, budgets: {queue: 1s, transit: 250ms}}\n"
    )
    (read,) = parse_expectations(text)
    assert read == expecting(queue="1s", transit="250ms")
    assert read.steps[1].budgets == ((Segment.TRANSIT, 250 * MS), (Segment.QUEUE, 1000 * MS))
    assert parse_expectations(write_yaml(read)) == [read]


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ("{send: orders, budgets: {transit: 1s}}", "budgets belong to a process step"),
        ("{process: orders, budgets: {transitt: 1s}}", "did you mean 'transit'?"),
        ("{process: orders, budgets: {transit: 1}}", "did you mean 1s?"),
    ],
)
def test_wrong_budgets_are_refused_where_they_stand(step: str, told: str) -> None:
    with pytest.raises(InvalidFile, match=r"<text>:3:\d+: ") as raised:
        parse_expectations(f"chain: order\nsteps:\n  placed: {step}\n")
    assert told in str(raised.value)


@pytest.mark.parametrize(("within", "expected"), [("60ms", Verdict.PASS), ("40ms", Verdict.FAIL)])
def test_a_step_is_done_when_the_handler_that_follows_its_receive_span_is(within: str, expected: Verdict) -> None:
    story = Traces()
    sent = story.send("checkout", "orders", at_ms=0, took_ms=1)
    received = story.receive("billing", "orders", of=sent, at_ms=3, took_ms=1)
    story.span("billing", "on message", under=received, at_ms=5, took_ms=45)
    steps = {"placed": send("orders"), "charged": process("orders", after="placed", within=within)}
    with open_store(":memory:") as store:  # type: ignore[attr-defined]
        store.append(story.spans)
        report = check_store(store, [expect_chain("order", steps=steps)], settle_ns=0)
    assert report.verdict is expected
