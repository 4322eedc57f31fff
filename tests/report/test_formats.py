"""Each machine format says what its contract promises: JSON's fields and order, JUnit's cases, GitHub's annotations."""

import json
from xml.etree import ElementTree

from tests.support.findings import CHAIN, PROVEN, TRACE, finding, report, result
from tests.support.order_chain import order_chain
from tracecheck.model import Cause, Verdict
from tracecheck.report import Look, documents, render

SPAN = ["trace_id", "span_id", "service", "name", "start_unix_nano", "end_unix_nano"]
FINDING = [
    "code",
    "chain_id",
    "service",
    "destination",
    "consumer_group",
    "span",
    "last_good",
    "expected",
    "measured_ns",
    "limit_ns",
    "evidence",
    "count",
    "text",
]


def test_check_has_the_fields_of_its_contract_in_order() -> None:
    document = json.loads(render("json", report(result(finding(Cause.LATE), completeness=PROVEN, case="row 2"))))
    assert list(document)[:3] == ["schema", "verdict", "results"]
    assert document["schema"] == "tracecheck/check/v1"
    (told,) = document["results"]
    assert list(told) == ["chain_id", "expectation", "case", "verdict", "completeness", "findings"]
    assert told["chain_id"] == CHAIN
    assert told["case"] == "row 2"
    assert told["completeness"]["basis"] == "proven"
    (late,) = told["findings"]
    assert list(late) == [*FINDING, "step"]
    assert (late["code"], late["step"], late["measured_ns"], late["limit_ns"]) == (
        "late",
        "charged",
        5_204_000_000,
        3_000_000_000,
    )
    assert list(late["span"]) == list(late["last_good"]) == SPAN


def test_diagnose_has_the_fields_of_its_contract_in_order() -> None:
    document = documents.diagnose([finding(last_good=None)])
    assert list(document) == ["schema", "findings"]
    assert list(document["findings"][0]) == FINDING
    assert document["findings"][0]["last_good"] is None


def test_chains_has_the_fields_of_its_contract_in_order() -> None:
    document = documents.chains([order_chain().summary])
    (row,) = document["chains"]
    assert list(row) == [
        "chain_id",
        "trace_ids",
        "correlation_id",
        "run_id",
        "origin",
        "start_unix_nano",
        "duration_ns",
        "spans",
        "hops",
        "findings",
    ]
    assert list(row["origin"]) == ["service", "name", "cause_absent"]


def test_hops_has_the_fields_of_its_contract_in_order() -> None:
    document = documents.hops(order_chain().hops)
    delivered, undelivered = document["hops"]
    assert list(delivered) == [
        "chain_id",
        "system",
        "destination",
        "consumer_group",
        "partition",
        "offset",
        "message_id",
        "producer",
        "consumer",
        "evidence",
        "context",
        "transit_ns",
        "consumer_instant",
        "processing_ns",
        "succeeded_after_ns",
        "attempts",
        "outcome",
        "findings",
    ]
    assert list(delivered["producer"]) == list(delivered["consumer"]) == SPAN
    assert (delivered["outcome"], delivered["context"], delivered["evidence"]) == ("delivered", "link", "context")
    assert (undelivered["outcome"], undelivered["consumer"], undelivered["evidence"]) == ("undelivered", None, None)


def test_query_values_become_json_without_loss_of_meaning() -> None:
    document = documents.rows(["a", "b", "c", "d"], [[float("nan"), b"\x01", {"k": [1, None]}, float("-inf")]])
    assert json.loads(documents.dump(document))["rows"] == [["NaN", "AQ==", {"k": [1, None]}, "-Infinity"]]


def test_junit_has_a_suite_per_expectation_and_a_case_per_chain() -> None:
    checked = report(
        result(finding()),
        result(correlation_id="o-18"),
        result(finding(Cause.INCOMPLETE), expectation="refund", case="row 1"),
        passed_by_sift=7,
    )
    root = ElementTree.fromstring(render("junit", checked).encode())
    suites = root.findall("testsuite")
    assert [suite.get("name") for suite in suites] == ["order", "refund", "7 more chains passed in bulk"]
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("3", "1", "1")
    failed, passed = suites[0].findall("testcase")
    held = {each.get("name"): each.get("value") for each in failed.iter("property")}
    assert (held["trace_id"], held["chain_id"], held["run_id"]) == (TRACE, CHAIN, "run-1")
    assert failed.find("failure") is not None
    assert failed.find("failure").get("type") == "not_consumed"  # type: ignore[union-attr]
    assert "last good" in str(failed.find("failure").text)  # type: ignore[union-attr]
    assert passed.get("name") == "o-18"
    assert passed.find("failure") is None
    assert suites[1].find("testcase/error") is not None, "an inconclusive case must not look skipped or green"


def test_junit_of_nothing_matched_is_not_green() -> None:
    root = ElementTree.fromstring(render("junit", report(verdict=Verdict.INCONCLUSIVE)).encode())
    assert root.get("errors") == "1"


def test_github_shows_ten_gravest_first_and_counts_the_rest() -> None:
    doubts = [result(finding(Cause.INCOMPLETE))] * 8
    lines = render("github", report(*doubts, *[result(finding())] * 6)).splitlines()
    assert [line.split(" ")[0] for line in lines[:10]] == ["::error"] * 6 + ["::warning"] * 4
    assert lines[10] == "and 4 more findings, all in the job summary"
    assert lines[0].startswith("::error title=order charged%3A not_consumed::FAIL order  charged: not_consumed;")
    assert "%0A  last good" in lines[0]


def test_markdown_holds_totals_causes_picture_and_blocks() -> None:
    written = render("markdown", report(result(finding()), result()), Look(chain=lambda _: order_chain()))
    assert written.startswith("## tracecheck: ❌ failed\n\n1 failed, 0 inconclusive, 1 passed of 2 chains")
    assert "| `order` | `charged` | not_consumed | 1 |" in written
    assert "```mermaid\nflowchart LR" in written
    assert "```text\nFAIL order  charged" in written
