"""From stored spans to a report, and to a diagnosis without any expectation."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.check.ordering import LATER, STEPS, Order, said
from tests.support.spans import MS, START, Traces
from tracecheck.check import check_store, diagnose
from tracecheck.errors import UsageError
from tracecheck.expect import expect_chain, process, send
from tracecheck.model import Cause, CheckReport, SpanKind, Verdict
from tracecheck.store import Store, open_store

SMALL = expect_chain("small", steps={name: STEPS[name] for name in ("placed", "reserved")})
MINUTE = 60_000 * MS


@pytest.fixture
def store() -> Iterator[Store]:
    with open_store(":memory:") as opened:  # type: ignore[attr-defined]
        yield opened


def order(number: int, run_id: str | None = None, *, reserved: bool = True) -> Order:
    """One order, a minute after the one before."""
    story = Order(correlation_id=f"o-{number}", run_id=run_id, start_unix_nano=START + number * MINUTE)
    story.placed = story.send("checkout", "orders", partition="0", offset=number)
    if reserved:
        story.reserved = story.process("inventory", "orders", of=story.placed, partition="0", offset=number)
    return story


def verdicts(report: CheckReport) -> dict[str | None, Verdict]:
    return {result.correlation_id: result.verdict for result in report.results}


def test_every_chain_with_the_anchor_is_checked_and_the_gravest_verdict_stands(store: Store) -> None:
    for number in range(4):
        store.append(order(number, reserved=number != 2).spans)
    store.append(Traces().spans or [Order().span("cron", "tick")])
    report = check_store(store, [SMALL], settle_ns=0)
    assert verdicts(report) == {
        "o-0": Verdict.PASS,
        "o-1": Verdict.PASS,
        "o-2": Verdict.FAIL,
        "o-3": Verdict.PASS,
    }
    assert report.verdict is Verdict.FAIL
    assert report.matched
    assert [said(result) for result in report.results if result.findings] == [["reserved: not_consumed"]]


def test_a_run_sees_only_its_own_chains_and_a_needle_only_what_it_names(store: Store) -> None:
    store.append(order(0, "run-a").spans)
    store.append(order(1, "run-b", reserved=False).spans)
    assert verdicts(check_store(store, [SMALL], run_id="run-a", settle_ns=0)) == {"o-0": Verdict.PASS}
    assert verdicts(check_store(store, [SMALL], needle="o-1", settle_ns=0)) == {"o-1": Verdict.FAIL}


def test_nothing_matched_is_never_green(store: Store) -> None:
    report = check_store(store, [SMALL], settle_ns=0)
    assert not report.matched
    assert report.verdict is Verdict.INCONCLUSIVE
    store.append(order(0).spans)
    report = check_store(store, [expect_chain("other", steps={"a": send("elsewhere")})], settle_ns=0)
    assert not report.matched
    assert report.verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("told", ["its parent", "a position", "nothing"])
def test_later_steps_without_the_first_say_that_its_span_is_missing(store: Store, told: str) -> None:
    story = order(0)
    story.send("inventory", "reservations", under=story.reserved)
    story.lose(story.placed)
    if told != "its parent":
        identity = replace(story.reserved.messaging.identity, offset=0 if told == "a position" else None)  # type: ignore[union-attr]
        messaging = replace(story.reserved.messaging, identity=identity)  # type: ignore[type-var]
        story.change(story.reserved, parent_span_id=None, messaging=messaging)
    store.append(story.spans)
    (result,) = check_store(store, [SMALL], settle_ns=0).results
    assert (result.verdict, said(result)) == (Verdict.INCONCLUSIVE, ["placed: consumer_span_missing (inconclusive)"])
    assert "reserved" in result.findings[0].evidence[0]


def test_a_chain_that_almost_has_the_first_step_is_shown_where_none_has_it(store: Store) -> None:
    story = Traces()
    story.process("inventory", "orders", of=story.send("shop", "orders"))
    store.append(story.spans)
    report = check_store(store, [SMALL], settle_ns=0)
    (result,) = report.results
    assert (report.matched, result.evidence) == (False, ("send orders by checkout, in all chains stored",))
    assert [miss.difference for miss in result.near_misses] == ["service is shop, not checkout"]


def test_a_name_that_nothing_has_is_told_as_such(store: Store) -> None:
    store.append(order(0).spans)
    report = check_store(store, [SMALL], needle="nope", settle_ns=0)
    assert not report.matched
    assert report.results[0].evidence[1] == "nothing stored is named 'nope'"


def test_no_expectation_at_all_is_never_green(store: Store) -> None:
    report = check_store(store, [])
    assert (report.verdict, report.matched) == (Verdict.INCONCLUSIVE, False)


def test_a_seeded_scenario_whose_first_step_is_missing_is_not_sent(store: Store) -> None:
    store.append(order(0, "run-a").spans)
    steps = {"placed": send("invoices", service="billing"), "booked": process("invoices", after="placed")}
    report = check_store(store, [expect_chain("i", steps=steps, seed={"kafka": "invoices"})], settle_ns=0)
    (result,) = report.results
    assert said(result) == ["placed: not_sent"]
    assert result.chain_id is None
    assert report.matched


def test_too_few_instances_are_too_few(store: Store) -> None:
    store.append(order(0).spans)
    report = check_store(store, [replace(SMALL, at_least=2)], settle_ns=0)
    assert [said(result) for result in report.results] == [[], ["placed: too_few"]]
    assert report.results[1].findings[0].detail == {"found": 1, "at_least": 2}
    later = check_store(store, [replace(SMALL, at_least=2)], settle_ns=10**18)
    assert later.verdict is Verdict.INCONCLUSIVE


def test_never_holds_in_every_chain_of_a_run_and_else_in_the_chain(store: Store) -> None:
    store.append(order(0, "run-a").spans)
    other = Traces(run_id="run-a")
    other.process("graveyard", "orders.dlq", of=other.send("janitor", "orders.dlq"))
    store.append(other.spans)
    never = replace(SMALL, never=expect_chain("x", steps=STEPS, never=[process("orders.dlq")]).never)
    in_run = check_store(store, [never], run_id="run-a", settle_ns=0)
    assert [said(result) for result in in_run.results] == [[], ["never[0]: forbidden"]]
    assert check_store(store, [never], settle_ns=0).verdict is Verdict.PASS


def test_silence_is_that_of_each_chain_where_a_store_is_never_silent(store: Store) -> None:
    store.append(order(0, reserved=False).spans)
    first = store.query("select max(ingested_unix_nano) as at from span_rows")["at"][0].as_py()
    store.append(order(1, reserved=False).spans)
    settle = 1_000_000_000
    second = store.query("select max(ingested_unix_nano) as at from span_rows")["at"][0].as_py()
    assert second > first
    now = first + settle + (second - first) // 2
    report = check_store(store, [SMALL], settle_ns=settle, now_unix_nano=now)
    assert verdicts(report) == {"o-0": Verdict.FAIL, "o-1": Verdict.INCONCLUSIVE}


def test_a_late_span_changes_the_verdict_of_its_chain(store: Store) -> None:
    story = order(0)
    store.append([story.placed])
    assert check_store(store, [SMALL], settle_ns=0).verdict is Verdict.FAIL
    store.append([story.reserved])
    assert check_store(store, [SMALL], settle_ns=0).verdict is Verdict.PASS


def test_any_span_and_a_call_can_open_an_instance(store: Store) -> None:
    story = Order()
    post = story.span("checkout", "POST /orders", kind=SpanKind.SERVER)
    story.send("checkout", "orders", under=post)
    story.span("checkout", "GET", kind=SpanKind.CLIENT, under=post, attributes={"server.address": "payments"})
    store.append(story.spans)
    from tracecheck.expect import call, span

    for anchor in (span("POST /orders"), call("payments")):
        report = check_store(store, [expect_chain("x", steps={"opened": anchor})], settle_ns=0)
        assert report.verdict is Verdict.PASS
        assert report.matched


def test_as_of_is_the_instant_it_was_judged_at(store: Store) -> None:
    store.append(order(0).spans)
    assert check_store(store, [SMALL], now_unix_nano=LATER).as_of_unix_nano == LATER


def test_diagnose_counts_what_spans_prove_by_service_destination_and_group(store: Store) -> None:
    for number in range(5):
        story = order(number, reserved=number in (0, 4))
        if number in (1, 2):
            story.process("inventory", "orders", of=story.placed, error="no stock", partition="0", offset=number)
        store.append(story.spans)
    failed, left_out = diagnose(store, settle_ns=0)
    assert (failed.code, failed.service, failed.destination, failed.consumer_group, failed.count) == (
        Cause.PROCESSING_FAILED,
        "inventory",
        "orders",
        "inventory",
        2,
    )
    assert failed.evidence == ("2 times since 2023-11-14T22:14:20Z, last at 2023-11-14T22:15:20Z",)
    assert failed.span is not None
    assert failed.span.error == "no stock"
    assert failed.last_good is not None
    assert failed.last_good.offset == 1
    assert (left_out.code, left_out.count, left_out.correlation_id) == (Cause.NOT_CONSUMED, 1, "o-3")
    assert left_out.detail["group_state"] == "past"


def test_diagnose_of_one_chain_tells_of_that_chain_alone(store: Store) -> None:
    healthy, broken = order(0), order(1, reserved=False)
    broken.process("inventory", "orders", of=broken.placed, error="no stock", partition="0", offset=1)
    store.append([*healthy.spans, *broken.spans])
    chain_ids = {f"{one.placed.trace_id}:{one.placed.span_id}": one for one in (healthy, broken)}
    found = {chain_id: [one.code for one in diagnose(store, chain_id, settle_ns=0)] for chain_id in chain_ids}
    assert list(found.values()) == [[], [Cause.PROCESSING_FAILED]]
    with pytest.raises(UsageError):
        diagnose(store, "no such chain")


def test_diagnose_says_nothing_about_healthy_chains(store: Store) -> None:
    store.append(Order().whole().spans)
    store.append(order(5).spans)
    assert diagnose(store, settle_ns=0) == []
