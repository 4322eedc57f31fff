"""`export` as a user meets it."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run


def test_a_run_is_exported_and_imported_into_another_store(tracecheck: Run, tmp_path: Path) -> None:
    done = tracecheck("export", "{tmp}/run.jsonl.zst", "--run", "run-1", "-o", "json")
    assert json.loads(done.out) == {
        "schema": "tracecheck/export/v1",
        "spans": 2,
        "file": f"{tmp_path}/run.jsonl.zst",
        "format": "otlp",
    }
    assert tracecheck("import", "{tmp}/run.jsonl.zst", "--strict", "--store", "{tmp}/other.duckdb").status == 0
    ids = "select trace_id, span_id from spans {} order by all"
    of_run = tracecheck("sql", ids.format("where run_id = 'run-1'")).out
    assert tracecheck("sql", ids.format(""), "--store", "{tmp}/other.duckdb").out == of_run


def test_a_chain_goes_to_standard_output_by_any_of_its_names(tracecheck: Run) -> None:
    piped = tracecheck("export", "-", "--chain", "o-2")
    (line,) = piped.out.splitlines()
    ((scope,),) = [each["scopeSpans"] for each in json.loads(line)["resourceSpans"]]
    assert [span["name"] for span in scope["spans"]] == ["send orders"]
    assert piped.err == ""


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["-", "--chain", "nobody"], 2, "nothing stored is named 'nobody'"),
        (["-", "--run", "nobody"], 0, "no stored span is of that choice"),
        (["{tmp}/no/such/folder.jsonl"], 4, "cannot be written"),
        (["-", "--since", "yesterday"], 2, "expected an instant"),
        (["-", "--store", "{tmp}/none.duckdb"], 4, "there is no store"),
    ],
)
def test_what_cannot_be_exported_is_said(tracecheck: Run, arguments: list[str], status: int, told: str) -> None:
    done = tracecheck("export", *arguments)
    assert (done.status, done.out) == (status, "")
    assert told in done.err
