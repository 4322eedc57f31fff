"""Rules that hold whatever the spans: order, subsets, completeness, and that no chain makes a check fall over."""

import random
from collections.abc import Callable
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.check.assembled import assembled
from tests.check.ordering import BUSY, LATER, QUIET, STEPS, Order, flushed, group
from tests.support.spans import MS, Traces, absent
from tracecheck.check import evaluate
from tracecheck.expect import Expectation, any_of, call, expect_chain, process, send, span
from tracecheck.expect.python import WrittenStep
from tracecheck.model import Basis, Cause, Chain, Result, Span, Verdict

patient = settings(deadline=None)

FORBIDS = {"deliveries": "forbid", "sends": "forbid", "effects": "forbid"}
ONCE: dict[str, WrittenStep] = {**STEPS, "mailed": process("shipments", group="mailer", after="shipped", times=1)}
STRICT = expect_chain("strict", steps=STEPS, evidence="context", duplicates=FORBIDS, never=[process("dlq")])  # type: ignore[arg-type]
CLOSED = expect_chain("closed", steps=ONCE, closed=True)
PLAIN = expect_chain("plain", steps=STEPS)
expectations = st.sampled_from([STRICT, CLOSED, PLAIN])


def late(story: Order) -> None:
    story.change(story.charged, end_unix_nano=story.charged.start_unix_nano + 9_000 * MS)


def twice(story: Order) -> None:
    story.process("mailer", "shipments", of=story.shipped, at_ms=300, partition="0", offset=5)


def failing(story: Order) -> None:
    story.change(story.goods, status=story.goods.status.ERROR)


def context_lost(story: Order) -> None:
    story.change(story.mailed, trace_id="e" * 32, parent_span_id=None)


def dead(story: Order) -> None:
    story.process("graveyard", "dlq", of=story.send("billing", "dlq", under=story.charged))


def again(story: Order) -> None:
    sent = story.send("shipping", "shipments", under=story.paid, at_ms=61, partition="0", offset=6)
    story.process("mailer", "shipments", of=sent, at_ms=90, partition="0", offset=6)


def killed(story: Order) -> None:
    story.span("mailer", "write", under=absent(story.shipped), at_ms=65)


FAULTS: tuple[Callable[[Order], None], ...] = (late, twice, failing, context_lost, dead, again, killed)


@st.composite
def stories(draw: st.DrawFn) -> list[Span]:
    """One order with at most one fault."""
    story = Order(correlation_id="o-1").whole()
    for fault in draw(st.lists(st.sampled_from(FAULTS), max_size=1)):
        fault(story)
    return story.spans


@st.composite
def subsets(draw: st.DrawFn) -> tuple[list[Span], list[Span]]:
    """A story, and what is left of it after some spans never came."""
    spans = draw(stories())
    lost = draw(st.sets(st.sampled_from(range(len(spans))), max_size=4))
    return spans, [one for number, one in enumerate(spans) if number not in lost]


def verdict(results: tuple[Result, ...]) -> Verdict:
    return Verdict.merge([one.verdict for one in results])


@patient
@given(subsets(), expectations)
def test_spans_that_are_still_missing_never_turn_a_fail_into_a_pass(
    told: tuple[list[Span], list[Span]], expectation: Expectation
) -> None:
    spans, some = told
    if verdict(evaluate(assembled(spans), expectation, BUSY)) is Verdict.FAIL and some:
        assert verdict(evaluate(assembled(some), expectation, BUSY)) is not Verdict.PASS


@patient
@given(subsets(), expectations)
def test_a_verdict_that_is_certain_before_completeness_stays_with_it(
    told: tuple[list[Span], list[Span]], expectation: Expectation
) -> None:
    _, some = told
    if not some:
        return
    early = verdict(evaluate(assembled(some), expectation, BUSY))
    if early is not Verdict.INCONCLUSIVE:
        assert verdict(evaluate(assembled(some), expectation, QUIET)) is early


@patient
@given(subsets(), expectations)
def test_without_completeness_no_absence_is_a_fact(
    told: tuple[list[Span], list[Span]], expectation: Expectation
) -> None:
    _, some = told
    absences = (Cause.NOT_SENT, Cause.NOT_CONSUMED, Cause.PROCESSING_FAILED, Cause.TOO_FEW, Cause.UPSTREAM_FAILED)
    for result in evaluate(assembled(some), expectation, BUSY) if some else ():
        assert not [one for one in result.findings if one.code in absences]


@patient
@given(subsets(), expectations)
def test_a_service_with_a_dead_exporter_is_never_told_not_to_have_consumed(
    told: tuple[list[Span], list[Span]], expectation: Expectation
) -> None:
    _, some = told
    survivors = [one for one in some if one.service != "inventory"]
    around = replace(
        QUIET,
        instances=flushed("checkout", "billing", "shipping", "mailer"),
        groups=(group("inventory", "orders"),),
    )
    for result in evaluate(assembled(survivors), expectation, around) if survivors else ():
        assert result.verdict is not Verdict.PASS
        assert not [one for one in result.findings if one.code is Cause.NOT_CONSUMED and one.step == "reserved"]


@patient
@given(stories(), expectations, st.randoms(use_true_random=False))
def test_the_order_of_spans_edges_and_hops_changes_nothing(
    spans: list[Span], expectation: Expectation, chance: random.Random
) -> None:
    chain = assembled(spans)
    expected = evaluate(chain, expectation, QUIET)
    shuffled = list(spans)
    chance.shuffle(shuffled)
    again_assembled = assembled(shuffled)
    edges, hops = list(again_assembled.edges), list(again_assembled.hops)
    chance.shuffle(edges)
    chance.shuffle(hops)
    assert evaluate(replace(again_assembled, edges=tuple(edges), hops=tuple(hops)), expectation, QUIET) == expected


@patient
@given(stories(), expectations)
def test_every_finding_of_a_step_says_what_was_expected_and_where_it_was_looked_for(
    spans: list[Span], expectation: Expectation
) -> None:
    for result in evaluate(assembled(spans), expectation, QUIET):
        for finding in result.findings:
            assert finding.expected
            assert finding.looked_in
            assert finding.chain_id == result.chain_id
            assert finding.evidence


SERVICES = ("a", "b", "c")
DESTINATIONS = ("q", "r", None)
WILD = expect_chain(
    "wild",
    steps={
        "first": send("q"),
        "second": process("q", group="b", after="first", within="1s", times=1),
        "third": send("r", after=any_of("first", "second"), optional=True),
        "fourth": span("work", after="second"),
        "fifth": call("c", after="first"),
        "sixth": process("r", after="third", within="1ms"),
    },
    within="2s",
    never=[process("nowhere")],
    closed=True,
    duplicates=FORBIDS,  # type: ignore[arg-type]
)


@st.composite
def wild_chains(draw: st.DrawFn) -> Chain:
    """Any spans with any parents and links: cycles, orphans, messages that name each other, times in any order."""
    story = Traces(correlation_id=draw(st.none() | st.just("o-1")))
    for _ in range(draw(st.integers(1, 14))):
        make = draw(st.sampled_from([story.send, story.process, story.receive, story.poll, story.create]))
        make(
            draw(st.sampled_from(SERVICES)),
            draw(st.sampled_from(DESTINATIONS)),
            at_ms=draw(st.integers(0, 3_000)),
            took_ms=draw(st.integers(-5, 2_000)),
            error=draw(st.booleans()),
            partition=draw(st.none() | st.just("0")),
            offset=draw(st.none() | st.integers(0, 3)),
            event_id=draw(st.none() | st.just("e")),
            key=draw(st.none() | st.just("k")),
        )
    spans = list(story.spans)
    keys = [one.key for one in spans]
    for number, one in enumerate(spans):
        if draw(st.booleans()):
            trace_id, span_id = draw(st.sampled_from([*keys, absent()]))
            spans[number] = replace(one, trace_id=trace_id, parent_span_id=span_id)
    chain = assembled(spans)
    findings = ("cycle",) if draw(st.booleans()) else ()
    return replace(chain, summary=replace(chain.summary, findings=findings))


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(wild_chains(), st.sampled_from([QUIET, BUSY, replace(QUIET, as_of_unix_nano=0)]))
def test_no_chain_makes_a_check_fall_over(chain: Chain, around: object) -> None:
    results = evaluate(chain, WILD, around)  # type: ignore[arg-type]
    for result in results:
        assert len(result.steps) == len(WILD.steps)
        assert (result.verdict is Verdict.PASS) == all(one.verdict is Verdict.PASS for one in result.findings)


def test_the_helpers_hold_what_the_rules_need() -> None:
    assert [result.findings for result in evaluate(assembled(Order().whole().spans), PLAIN, QUIET)] == [()]
    assert BUSY.as_of_unix_nano == QUIET.as_of_unix_nano == LATER
    assert evaluate(assembled(Order().whole().spans), PLAIN, BUSY)[0].completeness.basis is Basis.UNKNOWN
