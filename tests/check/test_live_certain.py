"""What is said with certainty while spans come in is what the store says once all of them are there."""

from random import Random
from typing import Any

from tests.check.ordering import LATER, QUIET
from tests.support.spans import MS, Traces
from tracecheck.chains.assembly import assemble
from tracecheck.chains.live import Watch
from tracecheck.check import evaluate
from tracecheck.check.live import Passed, check_chains
from tracecheck.expect import Expectation, all_of, expect_chain, process, send
from tracecheck.expect.python import WrittenStep
from tracecheck.model import Cause, CheckReport, Span, Verdict
from tracecheck.scenario.wait import _is_certain
from tracecheck.store.rows import span_table

STORIES = 50
TOOK_MS = (1, 1, 1, 30, 30, 30, 400, 400, 1_500)
"""How long anything takes: some within the budget of a step, some within that of the whole, some in neither."""


SHAPES = ("process", "link", "identity", "receive", "receive, process", "receive, handler", "poll", "again", "twice")


def expectations() -> list[Expectation]:
    steps = {
        "placed": send("orders"),
        "charged": process("orders", group="billing", after="placed", within="1s"),
        "paid": send("payments", after="charged", within="1s"),
        "booked": process("payments", group="ledger", after="paid", within="1s"),
    }
    joined = {
        "placed": send("orders"),
        "charged": process("orders", group="billing", after="placed", within="1s"),
        "packed": process("orders", group="shipping", after="placed"),
        "paid": send("payments", after=all_of("charged", "packed"), within="400ms"),
    }
    return [
        expect_chain("steps", steps=steps),
        expect_chain("whole", steps=steps, within="2s"),
        expect_chain("joined", steps=joined),
    ]


def consume(random: Random, story: Traces, service: str, sent: Span) -> Span:
    """One message handled, in one of the shapes in which libraries tell it; the last span of it."""
    took = random.choice(TOOK_MS)
    story.wait(random.choice(TOOK_MS))
    assert sent.messaging is not None
    destination, offset = sent.messaging.destination, sent.messaging.identity.offset
    known: dict[str, Any] = {"group": service, "partition": "0", "offset": offset}
    match random.choice(SHAPES):
        case "process":
            return story.process(service, destination, of=sent, took_ms=took, **known)
        case "link":
            return story.process(service, destination, of=sent, style="link", took_ms=took, **known)
        case "identity":
            return story.process(service, destination, took_ms=took, **known)
        case "receive":
            return story.receive(service, destination, of=sent, took_ms=took, **known)
        case "receive, process":
            received = story.receive(service, destination, of=sent, **known)
            return story.process(service, destination, under=received, links=[sent], took_ms=took, **known)
        case "receive, handler":
            received = story.receive(service, destination, of=sent, **known)
            return story.span(service, "handle", under=received, took_ms=took, error=random.random() < 0.3)
        case "poll":
            polled = story.poll(service, destination, links=[sent], **known)
            return story.process(service, destination, under=polled, links=[sent], took_ms=took, **known)
        case shape:
            story.process(service, destination, of=sent, error=shape == "again", **known)
            story.wait(took)
            return story.process(service, destination, of=sent, **known)


def an_order(random: Random, offset: int) -> list[Span]:
    """Placed, charged, paid and booked, however late; sometimes a part of it never happens."""
    story = Traces(run_id=f"run-{offset}", correlation_id=f"order-{offset}")
    placed = story.send("checkout", "orders", partition="0", offset=offset)
    if random.random() < 0.7:
        consume(random, story, "shipping", placed)
        story.now_unix_nano = placed.end_unix_nano
    if random.random() < 0.9:
        charging = consume(random, story, "billing", placed)
        if random.random() < 0.9:
            at_ms = (charging.start_unix_nano - story.start_unix_nano) // MS
            paid = story.send("billing", "payments", under=charging, at_ms=at_ms, partition="0", offset=offset)
            consume(random, story, "ledger", paid)
    return story.spans


def arrivals(random: Random, spans: list[Span], *, any_order: bool) -> list[Span]:
    """Any order, or one in which each service exports its own spans by their end, as exporters do."""
    shuffled = random.sample(spans, len(spans))
    if any_order:
        return shuffled
    own = {span.service: iter(sorted(_of(spans, span.service), key=_end)) for span in spans}
    return [next(own[span.service]) for span in shuffled]


def _of(spans: list[Span], service: str) -> list[Span]:
    return [span for span in spans if span.service == service]


def _end(span: Span) -> int:
    return span.end_unix_nano


def first_certain(spans: list[Span], asked: list[Expectation], run_id: str) -> dict[str, CheckReport]:
    """By expectation: the first report on which a wait for it would end, each span coming by itself."""
    watch = Watch(run_id=run_id)
    passed: Passed = {}
    found: dict[str, CheckReport] = {}
    for span in spans:
        watch.hear(span_table([span]))
        chains = watch.chains()
        assert chains is not None
        for expectation in asked:
            report = check_chains(
                chains,
                [expectation],
                concerns=watch.concerns,
                now_unix_nano=LATER,
                run_id=run_id,
                passed=passed,
            )
            if _is_certain(report, may_still_come=True):
                found.setdefault(expectation.name, report)
    return found


def once_all_has_come(spans: list[Span], expectation: Expectation) -> Verdict:
    results = (evaluate(chain, expectation, QUIET, settle_ns=0) for chain in assemble(spans).chains)
    return Verdict.merge([result.verdict for of_chain in results for result in of_chain])


def test_what_is_certain_before_all_has_come_stays() -> None:
    random = Random(5)
    said: list[Verdict] = []
    for number in range(STORIES):
        spans = an_order(random, number)
        any_order = random.random() < 0.5
        early = first_certain(arrivals(random, spans, any_order=any_order), expectations(), f"run-{number}")
        for expectation in expectations():
            report = early.get(expectation.name)
            if report is None or (any_order and report.verdict is Verdict.FAIL):
                continue  # of a late attempt, one before it that is told of afterwards makes an early one
            assert once_all_has_come(spans, expectation) is report.verdict, (expectation.name, report, spans)
            said.append(report.verdict)
    assert said.count(Verdict.PASS) > 10
    assert said.count(Verdict.FAIL) > 10


def test_a_message_received_is_no_pass_while_its_handling_may_still_be_told_of() -> None:
    story = Traces(run_id="run-1")
    placed = story.send("checkout", "orders")
    received = story.receive("billing", "orders", of=placed, group="billing")
    handling = story.span("billing", "handle", under=received, took_ms=5_000)
    within = expect_chain("order", steps={"placed": send("orders"), "charged": charged_within("1s")})
    assert not first_certain([placed, received], [within], "run-1")
    late = first_certain([placed, received, handling], [within], "run-1")["order"]
    assert [finding.code for result in late.results for finding in result.findings] == [Cause.LATE]


def test_a_late_attempt_that_counts_earlier_ones_is_certain_once_those_have_come() -> None:
    story = Traces(run_id="run-1")
    placed = story.send("checkout", "orders")
    first = story.process("billing", "orders", of=placed, attempt=1)
    story.wait(5_000)
    again = story.process("billing", "orders", of=placed, attempt=2)
    within = expect_chain("order", steps={"placed": send("orders"), "charged": charged_within("1s")})
    assert not first_certain([placed, again], [within], "run-1")
    assert first_certain([placed, again, first], [within], "run-1")["order"].verdict is Verdict.PASS
    assert once_all_has_come([placed, again], within) is Verdict.FAIL


def charged_within(within: str) -> WrittenStep:
    return process("orders", group="billing", after="placed", within=within)
