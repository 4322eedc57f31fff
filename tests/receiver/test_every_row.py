"""Every numbered row of the OTLP conformance and hostile input lists that intake and store answer for has its test."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
ROWS = {"A": [(1, 31)], "B": [(1, 10)], "C": [(1, 11)], "S": [(1, 16), (39, 49)]}


def test_each_row_is_named_by_a_test() -> None:
    wanted = {f"{kind}{n}" for kind, spans in ROWS.items() for first, last in spans for n in range(first, last + 1)}
    named: set[str] = set()
    for file in TESTS.rglob("*.py"):
        for name in re.findall(r"^\s*(?:async )?(?:def test|class Test)(_?\w+)", file.read_text("utf-8"), re.MULTILINE):
            named.update(word for word in name.split("_") if re.fullmatch(r"[ABCS]\d+", word))
    assert wanted - named == set()
