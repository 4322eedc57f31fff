import json
import re
import xml.etree.ElementTree as ET

from tests.demo.conftest import Ran
from tracecheck.chains import load_many, summaries
from tracecheck.demo.faults import Fault
from tracecheck.model import Basis, Verdict
from tracecheck.store import open_store


def test_the_findings_are_the_faults_and_nothing_else(broken_demo: Ran) -> None:
    assert broken_demo.outcome.mismatch == ()
    assert broken_demo.outcome.exit_code == 0
    assert len(broken_demo.outcome.injected) == 10


def test_the_check_fails_where_orders_were_broken_and_passes_the_others(broken_demo: Ran) -> None:
    outcome = broken_demo.outcome
    failed = {result.correlation_id for result in outcome.report.results if result.verdict is Verdict.FAIL}

    assert outcome.check_exit_code == 1
    assert failed == {one.correlation_id for one in outcome.injected}
    assert {result.verdict for result in outcome.report.results} == {Verdict.PASS, Verdict.FAIL}
    assert len(outcome.report.results) == 40


def test_without_faults_every_order_passes_on_proven_evidence(healthy_demo: Ran) -> None:
    outcome = healthy_demo.outcome

    assert (outcome.exit_code, outcome.check_exit_code) == (0, 0)
    assert outcome.injected == outcome.mismatch == ()
    assert [result.verdict for result in outcome.report.results] == [Verdict.PASS] * 12
    assert {result.completeness.basis for result in outcome.report.results} == {Basis.PROVEN}


def test_the_results_are_left_as_files(broken_demo: Ran) -> None:
    out = broken_demo.out
    report = json.loads((out / "report.json").read_text())
    cases = ET.parse(out / "junit.xml").getroot().iter("testcase")

    assert report["verdict"] == "fail"
    assert len(report["results"]) == 40
    assert sum(1 for case in cases if case.find("failure") is not None) == 10
    assert (out / "chain.mmd").read_text().startswith("flowchart")
    assert json.loads((out / "injected.json").read_text()) == [
        {"correlation_id": one.correlation_id, "step": one.step, "cause": one.cause}
        for one in broken_demo.outcome.injected
    ]


def test_the_demo_says_how_far_it_is(broken_demo: Ran) -> None:
    assert any("40 of 40" in line for line in broken_demo.said)


def test_no_span_names_a_fault(broken_demo: Ran) -> None:
    store = open_store(str(broken_demo.out / "tracecheck.duckdb"), read_only=True)
    try:
        rows = store.query("select * from span_rows").to_pylist()
    finally:
        store.close()
    everything = "\n".join(str(row) for row in rows).lower()
    telling = ("faults?", "inject", "swallow", r"plan\.json", *Fault)

    assert len(rows) > 500
    assert [word for word in telling if re.search(rf"\b{word}", everything)] == []


def test_every_order_is_one_chain_however_many_traces_it_has(broken_demo: Ran) -> None:
    store = open_store(str(broken_demo.out / "tracecheck.duckdb"), read_only=True)
    try:
        orders = [summary for summary in summaries(store) if summary.correlation_id]
        chains = list(load_many(store, [summary.chain_id for summary in orders]))
    finally:
        store.close()

    assert sorted(summary.correlation_id or "" for summary in orders) == [f"order-1-{n:03d}" for n in range(1, 41)]
    assert {summary.origin.name for summary in orders} == {"POST /orders"}
    assert all(len(chain.correlation_ids) == 1 for chain in chains)


def test_only_orders_whose_context_was_lost_are_handled_in_two_traces(broken_demo: Ran) -> None:
    lost = {one.correlation_id for one in broken_demo.outcome.injected if one.cause == "context_lost"}
    store = open_store(str(broken_demo.out / "tracecheck.duckdb"), read_only=True)
    try:
        rows = store.query(
            "select correlation_id, count(distinct trace_id) as traces from spans "
            "where kind = 'consumer' and correlation_id is not null group by 1"
        ).to_pylist()
    finally:
        store.close()

    assert lost
    assert {row["correlation_id"] for row in rows if row["traces"] > 1} == lost
