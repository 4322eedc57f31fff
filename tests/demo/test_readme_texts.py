"""The failure texts that the README shows are what the demo really prints."""

import re
from pathlib import Path

import pytest

from tests.demo.conftest import Ran
from tracecheck.report import render_text

README = Path(__file__).parents[2] / "README.md"
SHOWN = re.findall(r"^```text\n(FAIL .*?)\n```$", README.read_text(), re.MULTILINE | re.DOTALL)
PARTS = ["cause", "last good", "looked for", "nearest miss", "times", "completeness"]


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
    """Leaves out ids, instants, offsets and measured times: what differs from one run of the demo to the next."""
    text = re.sub(r"\b[0-9a-f]{16,32}\b", "ID", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "INSTANT", text)
    text = re.sub(r"\]@\d+", "]@OFFSET", text)
    text = re.sub(r"(\d+ min )?[\d.]+ (ns|us|µs|ms|s|min|h)\b", "TIME", text)
    return re.sub(r"  2 of 8 instances", "  N of N instances", re.sub(r"\d+ spans?", "N spans", text))
