"""Which scenarios there are to run: of files and directories, by tag, one per row of a table of cases."""

import csv
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tracecheck.errors import InvalidFile, UsageError
from tracecheck.expect import Expectation, load_expectations
from tracecheck.expect.yaml_nodes import read_documents
from tracecheck.probe.templates import variables
from tracecheck.scenario.seeded import filled

SUFFIXES = (".yaml", ".yml")
CASE_COLUMN = "case"
MAX_CASES = 10_000
OURS = ("run", "n", "now", "now_ms", "now_ns", "uuid")
"""Variables that every scenario has; a column of that name would be ambiguous."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One expectation of one file, for one case. `columns` are that row's cells; without cases, `case` is None.

    A cell that is written as JSON writes a number, true or false is that, any other cell is its text: `42` is a number,
    `042` is text.
    """

    expectation: Expectation
    source: Path
    case: str | None = None
    columns: Mapping[str, object] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What a person calls it."""
        return self.expectation.name if self.case is None else f"{self.expectation.name} [{self.case}]"


def read_scenarios(paths: Sequence[Path], tags: Collection[str] = ()) -> list[Scenario]:
    """Every scenario of the files, and of all YAML files below the directories, in order of their names.

    With `tags`, only those that carry one of them. Every problem of every file is raised at once as `InvalidFile`;
    `UsageError` where nothing is left.
    """
    scenarios: list[Scenario] = []
    problems: list[str] = []
    for path in spec_files(paths):
        try:
            for number, expectation in enumerate(load_expectations(path)):
                if not tags or set(tags) & set(expectation.tags):
                    scenarios += _of_cases(path, number, expectation)
        except InvalidFile as invalid:
            problems += invalid.problems
    if problems:
        raise InvalidFile(problems)
    if not scenarios:
        chosen = f" with {' or '.join(sorted(tags))} among their tags" if tags else ""
        raise UsageError(f"no specifications{chosen} in {', '.join(map(str, paths))}; expected files ending in .yaml")
    return scenarios


def spec_files(paths: Sequence[Path]) -> Iterator[Path]:
    """The files, and all YAML files below the directories. Raises `UsageError` for a directory without any."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        below = sorted(each for each in path.rglob("*") if each.suffix in SUFFIXES and each.is_file())
        if not below:
            raise UsageError(f"no specifications in {path}; expected files ending in .yaml")
        yield from below


def _of_cases(path: Path, number: int, expectation: Expectation) -> list[Scenario]:
    if expectation.cases is None:
        return [_filling(path, number, Scenario(expectation=expectation, source=path))]
    table = path.parent / expectation.cases
    try:
        content = table.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else f"cannot be read ({error})"
        at = _position(path, number, lambda place, _: place == ("cases",))
        raise InvalidFile([f"{path}:{at}: cases: {table}: {reason}; expected a CSV table"]) from None
    scenarios = [
        Scenario(
            expectation=expectation,
            source=path,
            case=row.get(CASE_COLUMN) or next(iter(row.values())),
            columns={name: _typed(cell) for name, cell in row.items()},
        )
        for row in _rows(table, content)
    ]
    _filling(path, number, scenarios[0])
    return scenarios


def _filling(path: Path, number: int, scenario: Scenario) -> Scenario:
    """The scenario, once it is sure that its templates name what there is: the rows of a table have the same columns.

    What has neither a seed nor cases is no template: braces in it mean themselves.
    """
    if scenario.expectation.seed is None and scenario.case is None:
        return scenario
    try:
        filled(scenario.expectation, variables(run_id="run", case=scenario.columns))
    except UsageError as fault:
        name = str(fault).partition(" ")[0]
        at = _position(path, number, lambda _, value: isinstance(value, str) and name in value)
        raise InvalidFile([f"{path}:{at}: {fault}"]) from None
    return scenario


def _position(path: Path, number: int, meant: Callable[[tuple[str | int, ...], object], bool]) -> str:
    """`line:column` of the first value meant in a document of a file."""
    document = read_documents(path.read_text(encoding="utf-8-sig"))[number]
    for place in document.values:
        value: Any = document.value
        for part in place:
            value = value[part]
        if meant(place, value):
            line, column = document.position(place)
            return f"{line}:{column}"
    return "1:1"


def _typed(cell: str) -> object:
    try:
        value = json.loads(cell)
    except ValueError:
        return cell
    return value if isinstance(value, int | float) and json.dumps(value) == cell else cell


def _rows(table: Path, content: str) -> Iterator[dict[str, str]]:
    reader = csv.reader(content.splitlines(keepends=True), strict=True)
    problems: list[str] = []
    names: set[str] = set()
    rows: list[dict[str, str]] = []
    try:
        header = next(reader, [])
        problems += _wrong_columns(table, header)
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(header):
                problems.append(f"{table}:{reader.line_num}:1: {len(cells)} cells, expected {len(header)} as in line 1")
                continue
            row = dict(zip(header, cells, strict=True))
            name = row.get(CASE_COLUMN) or cells[0]
            if name in names:
                problems.append(
                    f"{table}:{reader.line_num}:1: a second case named {name!r}; name each by column `case`"
                )
            names.add(name)
            rows.append(row)
    except csv.Error as error:
        problems.append(f"{table}:{reader.line_num}:1: this is no valid CSV: {error}")
    if len(rows) > MAX_CASES:
        problems.append(f"{table}:{MAX_CASES + 2}:1: more than {MAX_CASES:,} cases; split the table")
    if not rows and not problems:
        problems.append(f"{table}:1:1: no cases; expected a line of column names and a line per case")
    if problems:
        raise InvalidFile(problems)
    yield from rows


def _wrong_columns(table: Path, header: Sequence[str]) -> Iterator[str]:
    for number, name in enumerate(header, start=1):
        if not name.isidentifier():
            yield f"{table}:1:{number}: column {name!r} cannot be used as {{{name}}}; use letters, digits and _"
        elif name in OURS:
            yield f"{table}:1:{number}: column {name!r} has the name of a variable of every scenario; rename it"
        elif name in header[: number - 1]:
            yield f"{table}:1:{number}: column {name!r} stands twice"
