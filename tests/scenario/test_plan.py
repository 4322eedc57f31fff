"""Scenarios are found in files and directories, chosen by tag, and made one per case; what is wrong is said at once."""

from pathlib import Path

import pytest

from tracecheck.errors import InvalidFile, UsageError
from tracecheck.scenario.plan import Scenario, read_scenarios

STEPS = "steps:\n  placed: {send: orders}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "deep").mkdir()
    (tmp_path / "a.yaml").write_text(f"chain: a\ntags: [smoke]\n{STEPS}---\nchain: b\n{STEPS}")
    (tmp_path / "deep" / "c.yml").write_text(f"chain: c\ntags: [slow, nightly]\ncases: orders.csv\n{STEPS}")
    (tmp_path / "deep" / "orders.csv").write_text('case,total\nsmall,1\n"large, gift",900\n')
    (tmp_path / "notes.txt").write_text("not a specification")
    return tmp_path


def names(scenarios: list[Scenario]) -> list[str]:
    return [scenario.name for scenario in scenarios]


def test_a_directory_holds_every_yaml_file_below_it(folder: Path) -> None:
    assert names(read_scenarios([folder])) == ["a", "b", "c [small]", "c [large, gift]"]


def test_a_tag_chooses_the_scenarios_that_carry_it(folder: Path) -> None:
    assert names(read_scenarios([folder], ["smoke"])) == ["a"]
    assert names(read_scenarios([folder], ["nightly", "smoke"])) == ["a", "c [small]", "c [large, gift]"]


def test_a_tag_that_nothing_carries_is_a_mistake_not_a_pass(folder: Path) -> None:
    with pytest.raises(UsageError, match="with smoek among their tags"):
        read_scenarios([folder], ["smoek"])


def test_a_case_brings_its_cells(folder: Path) -> None:
    large = read_scenarios([folder])[-1]
    assert large.columns == {"case": "large, gift", "total": 900}


def test_a_cell_is_a_number_only_where_it_is_written_as_one(folder: Path) -> None:
    (folder / "deep" / "orders.csv").write_text("a,b,c,d,e\n7,007,true,1.5,x\n")
    assert list(read_scenarios([folder])[-1].columns.values()) == [7, "007", True, 1.5, "x"]


def test_a_template_that_names_nothing_is_refused_where_it_stands(folder: Path) -> None:
    seed = 'seed: {kafka: orders, key: "o-{run}", value: {id: "{totl}"}}\n'
    (folder / "a.yaml").write_text(f"chain: a\n{STEPS}{seed}")
    with pytest.raises(InvalidFile) as refused:
        read_scenarios([folder / "a.yaml"])
    assert f"{folder / 'a.yaml'}:4:51: {{totl}} is not known; expected one of" in str(refused.value)


def test_without_a_column_named_case_the_first_names_it(folder: Path) -> None:
    (folder / "deep" / "orders.csv").write_text("id,total\no-1,1\n\no-2,2\n")
    assert [scenario.case for scenario in read_scenarios([folder / "deep"])] == ["o-1", "o-2"]


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("a,b\n1\n", ["orders.csv:2:1: 1 cells, expected 2 as in line 1"]),
        (
            "a,a,run,x-y\n",
            ["'a' stands twice", "1:3: column 'run' has the name of", "1:4: column 'x-y' cannot be used"],
        ),
        ("a\n1\n1\n", ["orders.csv:3:1: a second case named '1'"]),
        ("", ["orders.csv:1:1: no cases"]),
        ('a\n"x', ["no valid CSV"]),
    ],
)
def test_a_table_of_cases_is_refused_with_its_reasons(folder: Path, table: str, expected: list[str]) -> None:
    (folder / "deep" / "orders.csv").write_text(table)
    with pytest.raises(InvalidFile) as refused:
        read_scenarios([folder])
    for part in expected:
        assert part in str(refused.value)


def test_problems_of_several_files_are_told_together(folder: Path) -> None:
    (folder / "a.yaml").write_text("chain: a\nsteps: {placed: {sned: orders}}\n")
    (folder / "deep" / "orders.csv").unlink()
    with pytest.raises(InvalidFile) as refused:
        read_scenarios([folder])
    assert f"{folder / 'a.yaml'}:2:18" in str(refused.value)
    assert f"{folder / 'deep' / 'c.yml'}:3:8: cases: {folder / 'deep' / 'orders.csv'}: no such file" in str(
        refused.value
    )
