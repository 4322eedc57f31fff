"""The text report tells a failing step in at most twelve lines, its seven parts in order, and passes in one line."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.findings import (
    ASSUMED,
    CHAIN,
    HOSTILE_TEXTS,
    SENT,
    UNKNOWN,
    finding,
    hostile_finding,
    report,
    result,
)
from tracecheck.model import Cause, SpanBrief, Verdict
from tracecheck.report import Look, render, sentence
from tracecheck.report.sentences import did, open_first
from tracecheck.report.text import MAX_BLOCKS, block

GOLDEN = Path(__file__).parent / "golden"
PARTS = ["cause", "last good", "looked for", "nearest miss", "times", "completeness"]


@pytest.mark.parametrize("cause", Cause)
def test_each_cause_reads_as_its_golden_text(cause: Cause) -> None:
    told = "\n".join(block(result(finding(cause)), finding(cause), Look())) + "\n"
    path = GOLDEN / f"{cause}.txt"
    if os.environ.get("TRACECHECK_UPDATE_GOLDEN") == "1":
        path.write_text(told)
    assert told == path.read_text()


@pytest.mark.parametrize("told", [*(finding(cause) for cause in Cause), *map(hostile_finding, HOSTILE_TEXTS)])
def test_a_failing_step_has_its_seven_parts_in_order_within_twelve_lines(told) -> None:
    lines = block(result(told), told, Look())
    labels = [line[2:16].strip() for line in lines[1:]]
    assert len(lines) <= 12
    assert lines[0].startswith(("FAIL ", "INCONCLUSIVE ", "PASS "))
    assert [label for label in labels if label] == PARTS
    assert all(line.isprintable() and len(line) < 1_500 for line in lines)
    assert all(line.startswith("  ") for line in lines[1:])


def test_the_headline_is_that_of_the_readme() -> None:
    lines = block(result(finding()), finding(), Look())
    assert lines[0] == (
        "FAIL order  charged: not_consumed; last good: orders[0]@41 sent by checkout; "
        "group billing silent since 12:00:03"
    )


def test_no_field_of_a_finding_is_lost_between_its_lines() -> None:
    told = finding()
    lines = "\n".join(block(result(told), told, Look()))
    for part in (
        CHAIN,
        "o-17",
        told.expected,
        told.looked_in,
        "6.5 s",
        "3 s",
        "audit",
        "last ingest 7.1 s ago",
        "12:00:01.000Z",
    ):
        assert str(part) in lines


def test_a_late_step_says_when_it_came_and_how_late() -> None:
    told = finding(Cause.LATE)
    assert sentence(told).endswith("came 2.204 s over its budget of 3 s")
    lines = block(result(told), told, Look())
    assert any("it came 5.204 s after what it follows" in line for line in lines)
    assert any("12:00:01.020Z" in line for line in lines)


def test_an_aggregated_finding_says_how_often_and_needs_no_step() -> None:
    told = finding(step=None, count=37, last_good=None)
    assert sentence(told) == "billing / orders: not_consumed 37 times; group billing silent since 12:00:03"


def test_passing_chains_take_one_line_in_all() -> None:
    text = render("text", report(*[result()] * 40, passed_by_sift=60))
    assert text.splitlines() == [
        "PASS order  100 chains",
        "0 failed, 0 inconclusive, 100 passed of 100 chains; as of 2026-01-01T12:00:10.000Z",
    ]


def test_verbose_names_each_passing_chain() -> None:
    text = render("text", report(result(correlation_id="o-1"), result(correlation_id="o-2")), Look(verbose=True))
    assert text.splitlines()[:2] == ["PASS order  o-1", "PASS order  o-2"]


def test_a_harmless_finding_is_noted_on_a_pass_and_told_when_asked() -> None:
    noted = report(result(finding(Cause.CLOCK_SKEW)))
    assert render("text", noted).startswith("PASS order  1 chain; 1x clock_skew\n")
    assert "two clocks disagree" in render("text", noted, Look(verbose=True))


def test_what_was_not_told_in_full_is_counted_by_step_and_cause() -> None:
    text = render("text", report(*[result(finding())] * (MAX_BLOCKS + 400)))
    assert text.count("FAIL order") == MAX_BLOCKS
    assert "and 400 more (all with --verbose):\n     400x order  charged: not_consumed\n" in text
    assert "425 failed" in text


def test_nothing_matched_is_said_and_is_no_pass() -> None:
    text = render("text", report(verdict=Verdict.INCONCLUSIVE))
    assert text.startswith("nothing matched: ")
    assert "PASS" not in text


def test_a_verdict_without_a_finding_is_explained() -> None:
    text = render("text", report(result(verdict=Verdict.INCONCLUSIVE, completeness=UNKNOWN)))
    assert "INCONCLUSIVE order  nothing is known to be wrong, and completeness is unknown" in text
    assert "2 of 6 instances sent no flush mark" in text


def test_colour_is_only_added_when_asked_and_changes_no_word() -> None:
    plain = render("text", report(result(finding())))
    coloured = render("text", report(result(finding())), Look(colour=True))
    assert "\x1b" not in plain
    assert coloured.replace("\x1b[1;31m", "").replace("\x1b[0m", "") == plain


def test_a_result_uses_its_own_completeness_where_the_finding_has_none() -> None:
    told = finding(completeness=None)
    assert "assumed: last ingest" in "\n".join(block(result(told, completeness=ASSUMED), told, Look()))


def test_the_offending_span_is_shown_beside_the_last_good_one() -> None:
    told = finding(Cause.PROCESSING_FAILED)
    lines = block(result(told), told, Look())
    assert any("seen: orders[0]@41 failed in billing" in line and "CardDeclined" in line for line in lines)
    same = replace(told, span=SENT, last_good=SENT)
    assert not any("seen:" in line for line in block(result(same), same, Look())[1:])


OPENED = {
    Cause.FORBIDDEN: "open billing first",
    Cause.UNEXPECTED: "open audit first",
    Cause.NOT_SENT: "open shipping first",
    Cause.SEND_FAILED: "open checkout first",
    Cause.DUPLICATE_SEND: "open checkout first",
    Cause.BATCH_FAN_IN: None,
    Cause.STALE_CONTEXT: None,
    Cause.CLOCK_SKEW: None,
}


@pytest.mark.parametrize("cause", Cause)
def test_a_reader_who_does_not_know_the_system_is_told_which_service_to_open_first(cause: Cause) -> None:
    told = block(result(finding(cause)), finding(cause), Look())[1]
    expected = OPENED.get(cause, "open billing first")
    if expected is None:
        assert " first" not in told
    else:
        assert told.endswith(f"; {expected}")


def test_clocks_to_compare_are_named_and_a_group_stands_for_its_unknown_service() -> None:
    skewed = replace(finding(Cause.CLOCK_SKEW), verdict=Verdict.INCONCLUSIVE)
    assert open_first(skewed) == "compare the clocks of checkout and billing first"
    unknown = replace(finding(Cause.NOT_CONSUMED), service=None)
    assert open_first(unknown) == "open the service of group billing first"


def test_a_span_that_received_without_a_group_is_no_sender() -> None:
    span = SpanBrief(
        trace_id="1" * 32, span_id="2" * 16, service="billing", name="orders receive", start_unix_nano=1,
        end_unix_nano=2, destination="orders", consumes=True,
    )  # fmt: skip
    assert did(span) == "orders handled by billing"
    assert did(replace(span, error="boom")) == "orders failed in billing"
    assert did(replace(span, consumes=False)) == "orders sent by billing"
