"""What the demo leaves and prints, the README's failure texts among it: one run, looked at by many tests."""

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from nbclient import NotebookClient

from tests.demo.conftest import Ran
from tracecheck.chains import load_many, summaries
from tracecheck.demo.faults import Fault
from tracecheck.model import Basis, Verdict
from tracecheck.notebook import open_notebook
from tracecheck.report import render_text
from tracecheck.store import open_store

README = Path(__file__).parents[2] / "README.md"
SHOWN = re.findall(r"^```text\n(FAIL .*?)\n```$", README.read_text(), re.MULTILINE | re.DOTALL)
PARTS = ["cause", "last good", "looked for", "nearest miss", "times", "completeness"]
NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "where_chains_break.ipynb"


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


# --- as an analyst sees it -----------------------------------------------------------------------------------------


def test_the_notebook_runs_on_the_demo_and_draws_every_plot(broken_demo: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACECHECK_DEMO", str(broken_demo.out))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    drawn = [cell for cell in notebook.cells if "alt.Chart(" in cell.source]

    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()

    plots = [
        str(output.data["image/svg+xml"])
        for cell in drawn
        for output in cell.outputs
        if output.output_type == "execute_result"
    ]
    assert len(plots) == len(drawn) == 4
    assert all(plot.count("graphics-symbol") > 5 for plot in plots)


def test_the_notebook_is_kept_without_outputs() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]

    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)


def test_frames_hold_what_the_check_found(broken_demo: Ran) -> None:
    with open_notebook(broken_demo.out / "tracecheck.duckdb") as look:
        findings = look.findings(broken_demo.out / "order.yaml")

    found = set(findings[["correlation_id", "step", "code"]].itertuples(index=False, name=None))
    assert found == {(one.correlation_id, one.step, one.cause) for one in broken_demo.outcome.injected}
    assert findings.text.str.len().min() > 10


def test_frames_keep_units_and_add_plottable_instants(broken_demo: Ran) -> None:
    with open_notebook(broken_demo.out / "tracecheck.duckdb") as look:
        frames = {"spans": look.spans(), "chains": look.chains(), "hops": look.hops()}

    for name, frame in frames.items():
        assert len(frame), name
        assert pd.api.types.is_datetime64_any_dtype(frame.start), name
        assert frame.start.is_monotonic_increasing, name
    assert {"transit_ns", "succeeded_after_ns", "correlation_id"} <= set(frames["hops"].columns)


def test_without_an_expectation_frames_hold_what_the_spans_alone_prove(broken_demo: Ran) -> None:
    with open_notebook(broken_demo.out / "tracecheck.duckdb") as look:
        findings = look.findings()

    assert "processing_failed" in set(findings.code)
    assert "not_sent" not in set(findings.code)


def test_the_readme_shows_three_failures():
    assert len(SHOWN) == 3


@pytest.mark.parametrize("text", SHOWN, ids=[text.splitlines()[0].partition(";")[0] for text in SHOWN])
def test_a_shown_failure_is_one_of_the_demo(text: str, broken_demo: Ran):
    said = re.split(r"^(?=FAIL|PASS)", render_text(broken_demo.outcome.report), flags=re.MULTILINE)
    assert _without_the_varying(text) in [_without_the_varying(part.strip()) for part in said]


@pytest.mark.parametrize("text", SHOWN, ids=[text.splitlines()[0].partition(";")[0] for text in SHOWN])
def test_a_shown_failure_is_complete_within_twelve_lines(text: str):
    lines = text.splitlines()
    assert len(lines) <= 12
    assert [line[2:16].strip() for line in lines[1:] if line[2:16].strip()] == PARTS


def _without_the_varying(text: str) -> str:
    """Leaves out ids, instants, offsets, measured times and that an exporter was slow: what differs between runs."""
    text = re.sub(r"; a span of \w+ came in [\d.]+ s after its end, settle [\d.]+ s", "", text)
    text = re.sub(r"\b[0-9a-f]{16,32}\b", "ID", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "INSTANT", text)
    text = re.sub(r"\]@\d+", "]@OFFSET", text)
    text = re.sub(r"(\d+ min )?[\d.]+ (ns|us|µs|ms|s|min|h)\b", "TIME", text)
    return re.sub(r"  2 of 8 instances", "  N of N instances", re.sub(r"\d+ spans?", "N spans", text))
