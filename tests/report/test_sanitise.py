"""Untrusted text never becomes anything but text, in any medium (rows S50 to S58 of the hostile-input list)."""

import csv
import html
import io
import re
import unicodedata
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tracecheck.report import sanitise

ANY_TEXT = st.text(alphabet=st.characters(), max_size=40) | st.sampled_from(
    [
        "<script>alert(1)</script>",
        "\x1b]8;;http://x\x07",
        "a|b`c`",
        "::error::x",
        "##[error]x",
        "%%{init}%%",
        '"; x',
        "\u202eabc",
    ]
)


@given(ANY_TEXT)
def test_S52_a_terminal_gets_printable_characters_only(text: str) -> None:
    shown = sanitise.terminal(text)
    assert shown.isprintable()
    assert all(
        unicodedata.bidirectional(c) not in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
        for c in shown
    )


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x1b]52;c;aGk=\x07", "\\x1b]52;c;aGk=\\x07"),
        ("a\u202eb\u2066", "a\\u202eb\\u2066"),
        ("line\nbreak\ttab", "line\\nbreak\\ttab"),
        ("\ud800", "\\ud800"),
        ("C1 \x9b", "C1 \\x9b"),
        ("sep\u2028", "sep\\u2028"),
        ("Zahlung läuft 支払い", "Zahlung läuft 支払い"),
    ],
)
def test_S52_what_is_escaped_stays_visible(raw: str, shown: str) -> None:
    assert sanitise.terminal(raw) == shown


def test_S60_a_long_value_is_cut_and_says_by_how_much() -> None:
    assert sanitise.terminal("x" * 1_000_000, 10) == "xxxxxxxxxx…(+999990)"


@given(ANY_TEXT)
def test_S53_xml_carries_whatever_comes(text: str) -> None:
    element = ElementTree.Element("case", name=sanitise.xml(text))
    element.text = sanitise.xml(text)
    ElementTree.fromstring(ElementTree.tostring(element, encoding="utf-8"))


def test_S53_what_xml_forbids_is_replaced() -> None:
    assert sanitise.xml("a\x00b\ufffec\ud800\n") == "a\ufffdb\ufffdc\ufffd\n"


@given(ANY_TEXT)
def test_S54_a_github_message_stays_on_its_line(text: str) -> None:
    sent = sanitise.github_message(text)
    assert not set(sent) & {"\n", "\r"}
    assert re.fullmatch(r"(?:[^%]|%25|%0A|%0D)*", sent)


@given(ANY_TEXT)
def test_S54_a_github_property_cannot_open_another(text: str) -> None:
    assert not set(sanitise.github_property(text)) & {"\n", "\r", ":", ","}


@given(ANY_TEXT)
def test_S54_no_shown_name_reads_as_a_log_command(text: str) -> None:
    shown = sanitise.terminal(text)
    assert not shown.lstrip().startswith("::")
    assert "##[" not in shown


@given(ANY_TEXT)
def test_S55_markdown_shows_the_text_and_nothing_else(text: str) -> None:
    table = f"| name |\n|---|\n| {sanitise.markdown(text)} |\n"
    rendered = MarkdownIt("gfm-like", {"linkify": False}).render(table)
    seen = _Seen()
    seen.feed(rendered)
    assert set(seen.tags) <= {"table", "thead", "tbody", "tr", "th", "td", "code"}
    assert rendered.count("<td>") == 1
    expected = sanitise.terminal(text).strip() or "–"
    assert seen.cells[-1].strip() == expected


@given(ANY_TEXT)
def test_S55_a_markdown_block_cannot_be_closed_from_inside(text: str) -> None:
    block = sanitise.markdown_block(sanitise.terminal(text) + "\n````\nlast")
    tokens = MarkdownIt("commonmark").parse(block)
    assert [token.type for token in tokens] == ["fence"]


@given(ANY_TEXT)
def test_S56_a_mermaid_label_holds_no_syntax(text: str) -> None:
    label = sanitise.mermaid(text)
    inner = label[1:-1]
    assert label[0] == label[-1] == '"'
    assert not set(re.sub(r"#\d+;", "", inner)) & set("\"#;%{}<>|`:&\\\n='")
    assert html.unescape(re.sub(r"#(\d+);", r"&#\1;", inner)) == sanitise.terminal(text, 60)


@given(ANY_TEXT)
def test_S50_html_shows_the_text_and_nothing_else(text: str) -> None:
    seen = _Seen()
    seen.feed(f'<td title="{sanitise.html(text)}">{sanitise.html(text)}</td>')
    assert seen.tags == ["td"]
    assert seen.cells == [sanitise.terminal(text)]
    assert seen.titles == [sanitise.terminal(text)]


@pytest.mark.parametrize("formula", ["=cmd()", "+1+1", "-2", "@SUM(A1)", "\t=1", "\r=1"])
def test_S58_a_cell_that_starts_like_a_formula_is_prefixed(formula: str) -> None:
    assert sanitise.csv_cell(formula) == f"'{formula}"
    assert sanitise.csv_cell(formula, guard=False) == formula


def test_S58_numbers_stay_numbers() -> None:
    assert sanitise.csv_cell(-2) == -2


@given(ANY_TEXT)
def test_S58_a_csv_cell_comes_back_as_one_cell(text: str) -> None:
    out = io.StringIO()
    csv.writer(out).writerow(["a", sanitise.csv_cell(text), "b"])
    assert len(next(csv.reader(io.StringIO(out.getvalue(), newline="")))) == 3


class _Seen(HTMLParser):
    """What a browser would see: tags, text of the cells, titles."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.cells: list[str] = []
        self.titles: list[str | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.titles.extend(value for name, value in attrs if name == "title")
        if tag in {"td", "th"}:
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        if self.cells and self.tags[-1] in {"td", "th", "code"}:
            self.cells[-1] += data
