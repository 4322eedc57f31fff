from pathlib import Path

import nbformat
import pandas as pd
import pytest
from nbclient import NotebookClient

from tests.demo.conftest import Ran
from tracecheck.notebook import open_notebook

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "where_chains_break.ipynb"


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
