"""What each command prints: data on standard output in the format asked for, words on standard error."""

import csv
import io
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.cli.conftest import Run
from tracecheck.cli.entry import SECTIONS, app
from tracecheck.cli.output import table, wants_colour

NOW = ["--settle", "0"]
"""Nothing more can come: the store was filled beforehand."""


@pytest.mark.parametrize(
    ("spec", "more", "status", "told"),
    [
        ("order.yaml", NOW, 1, "1 failed, 0 inconclusive, 1 passed of 2 chains"),
        ("order.yaml", [*NOW, "--run", "run-1"], 0, "0 failed, 0 inconclusive, 1 passed of 1 chain"),
        ("order.yaml", [*NOW, "--chain", "o-1"], 0, "1 passed of 1 chain"),
        ("order.yaml", ["--settle", "1000h"], 3, "1 inconclusive, 1 passed of 2 chains"),
        ("refund.yaml", NOW, 3, "nothing matched"),
        ("order.yaml", [*NOW, "--run", "no-such-run"], 3, "nothing matched"),
        ("placed.yaml", NOW, 0, "2 passed of 2 chains"),
    ],
)
def test_check_says_and_returns_its_verdict(
    tracecheck: Run, spec: str, more: list[str], status: int, told: str
) -> None:
    ended = tracecheck("check", "{orders}/" + spec, *more)
    assert told in ended.out.splitlines()[-1]
    assert ended.status == status
    assert ended.err == ""


def test_check_tells_the_broken_step_in_seven_parts(tracecheck: Run) -> None:
    lines = tracecheck("check", "{orders}/order.yaml", *NOW).out.splitlines()
    assert lines[0].startswith("FAIL order  charged: not_consumed; last good: orders[0]@42 sent by checkout; ")
    assert [line[2:16].strip() for line in lines[1:] if line.startswith("  ") and line[2:16].strip()] == [
        "cause",
        "last good",
        "looked for",
        "nearest miss",
        "times",
        "completeness",
    ]


def test_check_writes_every_report_beside_what_it_prints(tracecheck: Run, tmp_path: Path) -> None:
    wanted = ["junit", "html", "json", "markdown", "mermaid", "github", "text"]
    reports = [part for name in wanted for part in ("--report", f"{name}={{tmp}}/report.{name}")]
    ended = tracecheck("check", "{orders}/order.yaml", *NOW, "--output", "json", *reports)
    assert ended.status == 1
    document = json.loads(ended.out)
    assert document["verdict"] == "fail"
    assert {each["verdict"] for each in document["results"]} == {"pass", "fail"}
    written = {name: (tmp_path / f"report.{name}").read_text() for name in wanted}
    assert json.loads(written["json"])["results"] == document["results"]
    assert ElementTree.fromstring(written["junit"]).get("failures") == "1"
    assert written["mermaid"].startswith("flowchart LR\n")
    assert "not_consumed" in written["mermaid"]
    assert "```mermaid" in written["markdown"]
    assert "✗ charged: not_consumed" in written["html"]
    assert written["github"].startswith("::error ")
    assert written["text"].startswith("FAIL order")


def test_check_annotates_under_github_actions_and_leaves_a_summary(
    tracecheck: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    (tmp_path / "summary.md").write_text("from an earlier step\n")
    ended = tracecheck("check", "{orders}/order.yaml", *NOW)
    assert ended.out.startswith("::error title=order charged%3A not_consumed::")
    summary = (tmp_path / "summary.md").read_text()
    assert summary.startswith("from an earlier step\n## tracecheck: ❌ failed")


def test_check_takes_a_directory_of_specs(tracecheck: Run, orders: Path, tmp_path: Path) -> None:
    for name in ("placed.yaml", "refund.yaml"):
        (tmp_path / "below").mkdir(exist_ok=True)
        (tmp_path / "below" / name).write_text((orders / name).read_text())
    ended = tracecheck("check", "{tmp}", "--settle", "0", "--output", "json")
    assert {each["expectation"] for each in json.loads(ended.out)["results"]} == {"placed", "refund"}


def test_wait_returns_as_check_does_once_certain(tracecheck: Run) -> None:
    assert tracecheck("wait", "o-1", "--spec", "{orders}/order.yaml", "--for", "30s", *NOW).status == 0
    assert tracecheck("wait", "--run", "run-2", "--spec", "{orders}/order.yaml", "--for", "30s", *NOW).status == 1
    assert tracecheck("wait", "o-77", "--spec", "{orders}/order.yaml", "--for", "10ms", *NOW).status == 3


def test_chains_are_listed_and_filtered(tracecheck: Run) -> None:
    rows = tracecheck("chains").out.splitlines()
    assert rows[0].split() == [
        "chain", "start", "duration", "spans", "hops", "correlation", "run", "origin", "findings",
    ]  # fmt: skip
    assert ["o-1" in rows[1], "o-2" in rows[2], len(rows)] == [True, True, 3]
    assert [row["correlation_id"] for row in _json(tracecheck, "chains", "--run", "run-2")["chains"]] == ["o-2"]
    assert [row["correlation_id"] for row in _json(tracecheck, "chains", "--limit", "1")["chains"]] == ["o-2"]
    assert len(_json(tracecheck, "chains", "--since", "2023-11-14T22:13:20Z")["chains"]) == 2
    assert [row["run_id"] for row in _json(tracecheck, "chains", "--since", "2023-11-14T22:13:21")["chains"]] == [
        "run-2"
    ]
    assert _json(tracecheck, "chains", "--since", "1h") == {"schema": "tracecheck/chains/v1", "chains": []}


@pytest.mark.parametrize("needle", ["o-2", "run-2"])
def test_show_draws_the_chain_named_by_any_id(tracecheck: Run, needle: str) -> None:
    ended = tracecheck("show", needle)
    assert ended.status == 0
    assert "checkout: send orders" in ended.out
    assert "✗ orders[0]@42: no delivery" in ended.out


def test_show_takes_a_prefix_and_refuses_an_ambiguous_one_with_candidates(tracecheck: Run) -> None:
    chain_ids = [row["chain_id"] for row in _json(tracecheck, "chains")["chains"]]
    assert tracecheck("show", chain_ids[0][:-3]).status == 0
    ended = tracecheck("show", "o-")
    assert ended.status == 2
    assert ended.out == ""
    assert all(chain_id in ended.err for chain_id in chain_ids)


def test_show_has_json_and_mermaid(tracecheck: Run) -> None:
    document = _json(tracecheck, "show", "o-1")
    assert document["schema"] == "tracecheck/show/v1"
    assert [span["service"] for span in document["spans"]] == ["checkout", "billing"]
    assert [hop["outcome"] for hop in document["hops"]] == ["delivered"]
    assert tracecheck("show", "o-1", "--output", "mermaid").out.startswith("flowchart LR\n")


def test_hops_are_listed_for_all_chains_or_one(tracecheck: Run) -> None:
    hops = _json(tracecheck, "hops")["hops"]
    assert [(hop["offset"], hop["consumer_group"], hop["outcome"]) for hop in hops] == [
        (41, "billing", "delivered"),
        (42, None, "undelivered"),
    ]
    assert len(_json(tracecheck, "hops", "o-1")["hops"]) == 1
    rows = tracecheck("hops", "o-1").out.splitlines()
    assert len(rows) == 2
    assert rows[1].startswith("orders[0]@41  checkout  billing  delivered")


def test_diagnose_reads_and_exits_zero(tracecheck: Run) -> None:
    ended = tracecheck("diagnose")
    assert ended.status == 0
    assert _json(tracecheck, "diagnose")["schema"] == "tracecheck/diagnose/v1"
    assert tracecheck("diagnose", "o-1").out == "nothing wrong is proven by the spans themselves\n"


def test_sql_prints_a_table_json_or_csv(tracecheck: Run) -> None:
    query = (
        "select service, count(*) as n, null as nothing, '=1+1' as risky from spans group by service order by service"
    )
    rows = tracecheck("sql", query).out.splitlines()
    assert rows[0].split() == ["service", "n", "nothing", "risky"]
    assert rows[1].split() == ["billing", "1", "–", "=1+1"]
    assert rows[-1] == "2 rows"
    document = _json(tracecheck, "sql", query)
    assert list(document) == ["schema", "columns", "rows"]
    assert document["rows"] == [["billing", 1, None, "=1+1"], ["checkout", 2, None, "=1+1"]]
    guarded = list(csv.reader(io.StringIO(tracecheck("sql", query, "--output", "csv").out)))
    assert guarded == [
        ["service", "n", "nothing", "risky"],
        ["billing", "1", "", "'=1+1"],
        ["checkout", "2", "", "'=1+1"],
    ]
    plain = tracecheck("sql", query, "--output", "csv", "--plain-csv").out
    assert "billing,1,,=1+1" in plain


def test_S54_a_table_cannot_forge_a_log_command(tracecheck: Run) -> None:
    ended = tracecheck("sql", "select '::error::x' || chr(27) || chr(10) || '::add-mask::y' as name")
    assert not any(line.lstrip().startswith("::") for line in ended.out.splitlines())
    assert "\x1b" not in ended.out


def test_sql_shows_maps_lists_and_bytes(tracecheck: Run) -> None:
    query = "select map {'a': 1} as m, [1, 2] as l, 'x'::blob as b, date '2026-01-02' as d, sum(1) as s"
    assert _json(tracecheck, "sql", query)["rows"] == [[{"a": 1}, [1, 2], "eA==", "2026-01-02", 1]]
    assert '{"a": 1}' in tracecheck("sql", query).out


@pytest.mark.parametrize(
    ("interval", "shown"),
    [
        ("to_seconds(90)", "PT90S"),
        ("to_microseconds(-1500)", "PT-0.0015S"),
        ("to_months(14) + to_days(3)", "P14M3D"),
        ("to_days(0)", "PT0S"),
    ],
)
def test_sql_shows_an_interval_as_one_text(tracecheck: Run, interval: str, shown: str) -> None:
    assert json.loads(tracecheck("sql", f"select {interval}", "--output", "json").out)["rows"] == [[shown]]


def test_import_prints_its_counts_and_says_problems_apart(tracecheck: Run, tmp_path: Path) -> None:
    good = {"traceId": "ab" * 16, "spanId": "cd" * 8, "name": "work", "startTimeUnixNano": "1", "endTimeUnixNano": "2"}
    bad = good | {"spanId": ""}
    request = {"resourceSpans": [{"scopeSpans": [{"spans": [good, bad]}]}]}
    (tmp_path / "t.json").write_text(json.dumps(request))
    ended = tracecheck("import", "{tmp}/t.json", "--store", "{tmp}/new.duckdb", "--output", "json")
    assert ended.status == 0
    document = json.loads(ended.out)
    assert list(document) == [
        "schema", "files", "spans_read", "spans_stored", "duplicates", "rejected", "repaired", "skipped",
    ]  # fmt: skip
    assert (document["spans_read"], document["spans_stored"], document["rejected"]) == (2, 1, 1)
    assert "t.json" in ended.err
    again = tracecheck("import", "{tmp}/t.json", "--store", "{tmp}/new.duckdb")
    assert "0 spans stored, 1 duplicates, 1 rejected" in again.out


def test_import_of_nothing_but_what_is_no_trace_fails_and_still_counts(tracecheck: Run, tmp_path: Path) -> None:
    (tmp_path / "page.json").write_text("<html>502 Bad Gateway</html>")
    ended = tracecheck("import", "{tmp}/page.json", "--store", ":memory:")
    assert (ended.status, "1 rejected" in ended.out, "error page" in ended.err) == (2, True, True)


def test_schema_prints_what_is_published(tracecheck: Run) -> None:
    assert json.loads(tracecheck("schema").out)["$id"] == "tracecheck/expectation/v1"
    tables = {each["name"]: each["columns"] for each in _json(tracecheck, "schema", "tables")["tables"]}
    assert all(tables.values()), "every documented table exists"
    assert {"trace_id", "attributes"} <= {column["name"] for column in tables["spans"]}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(tracecheck: Run, shell: str) -> None:
    assert "_TRACECHECK_COMPLETE" in tracecheck("completion", shell).out


def test_help_names_every_command_once_under_its_section(tracecheck: Run) -> None:
    ended = tracecheck("--help")
    assert ended.status == 0
    lines = [line.split()[0] for line in ended.out.splitlines() if line.startswith("  ") and line.strip()]
    for title, commands in SECTIONS.items():
        assert f"{title}:" in ended.out
        for command in commands:
            assert lines.count(str(command.name)) == 1
    assert set(app.commands) == {str(command.name) for commands in SECTIONS.values() for command in commands}


@pytest.mark.parametrize("command", sorted(app.commands))
def test_every_command_explains_itself(tracecheck: Run, command: str) -> None:
    ended = tracecheck(command, "--help")
    assert ended.status == 0
    assert ended.out.startswith(f"Usage: tracecheck {command} ")


@pytest.mark.parametrize(
    ("env", "terminal", "wanted"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
        ({"TERM": "dumb"}, True, False),
    ],
)
def test_colour_is_for_terminals_and_can_be_forbidden_or_forced(
    monkeypatch: pytest.MonkeyPatch, env: dict[str, str], terminal: bool, wanted: bool
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: terminal, raising=False)
    assert wants_colour(stream) is wanted


def test_a_forced_colour_paints_the_verdict(tracecheck: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert tracecheck("check", "{orders}/order.yaml", *NOW).out.startswith("\x1b[1;31mFAIL\x1b[0m order")


def test_a_table_aligns_wide_and_combining_characters() -> None:
    assert table(("name", "n"), [("支払い", "1"), ("e\u0301", "22")], right=("n",)) == (
        "name     n\n支払い   1\ne\u0301       22\n"
    )


def _json(tracecheck: Run, *arguments: str) -> dict[str, list[dict[str, object]]]:
    ended = tracecheck(*arguments, "--output", "json")
    assert ended.status == 0, ended.err
    document: dict[str, list[dict[str, object]]] = json.loads(ended.out)
    return document
