"""What holds for every reporter, known or new: it never raises, its size is bounded, hostile text stays text."""

import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from markdown_it import MarkdownIt

from tests.support.findings import finding, hostile_reports, report, result
from tests.support.order_chain import order_chain
from tracecheck.errors import StoreUnavailable, UsageError
from tracecheck.model import CheckReport
from tracecheck.report import Look, register, render, reporter_names
from tracecheck.report.markdown import MAX_BYTES

HOSTILE = dict(hostile_reports())
PER_FINDING = 500_000
"""Bytes of the hostile finding in any format: some 70 texts of at most 1,024 characters, six bytes each in JSON."""

_ARROW = r'(?: --> | -->\|"[^"|<>]*"\| | -\.-x | -\.-> )'
MERMAID_LINE = re.compile(
    rf'(?:flowchart LR|  n\d+(?:\["[^"]*"\]|\(\["[^"]*"\]\))|  (?:none|more)\["[^"]*"\]|  n\d+{_ARROW}n\d+'
    r"|  classDef (?:message|broken|doubt) [a-z0-9#:,-]+|  class n\d+ (?:message|broken|doubt))"
)


def _findings(checked: CheckReport) -> int:
    return sum(max(1, len(each.findings)) for each in checked.results)


@pytest.mark.parametrize("name", reporter_names())
@pytest.mark.parametrize("hostile", [name for name in HOSTILE if "thousand" not in name])
def test_a_reporter_writes_whatever_comes_within_bounds(name: str, hostile: str) -> None:
    written = render(name, HOSTILE[hostile], Look(chain=lambda _: order_chain()))
    assert written.rstrip("\n")
    assert len(written.encode("utf-8")) <= 20_000 + PER_FINDING * _findings(HOSTILE[hostile])


@pytest.mark.parametrize("name", [name for name in reporter_names() if name not in {"json", "junit"}])
def test_S60_a_report_for_people_is_capped(name: str) -> None:
    assert len(render(name, HOSTILE["twenty thousand findings"]).encode()) <= MAX_BYTES


@pytest.mark.parametrize("hostile", HOSTILE)
def test_S52_text_is_printable_line_by_line(hostile: str) -> None:
    for line in render("text", HOSTILE[hostile], Look(verbose="thousand" not in hostile)).splitlines():
        assert line.isprintable()


@pytest.mark.parametrize("name", ["text", "github"])
@pytest.mark.parametrize("hostile", HOSTILE)
def test_S54_no_line_of_a_log_is_a_command_but_our_own(name: str, hostile: str) -> None:
    lines = render(name, HOSTILE[hostile]).splitlines()
    commands = [line for line in lines if line.lstrip().startswith("::")]
    assert all("##[" not in line for line in lines)
    assert len(commands) <= (11 if name == "github" else 0)
    for command in commands:
        assert re.match(r"::(?:error|warning) title=[^:,]*::", command)


@pytest.mark.parametrize("hostile", [name for name in HOSTILE if "thousand" not in name])
def test_S53_junit_parses_and_has_a_case_per_result(hostile: str) -> None:
    root = ElementTree.fromstring(render("junit", HOSTILE[hostile]).encode())
    assert len(root.findall(".//testcase")) == max(1, len(HOSTILE[hostile].results))
    assert {child.tag for case in root.findall(".//testcase") for child in case} <= {"properties", "failure", "error"}


@pytest.mark.parametrize("hostile", [name for name in HOSTILE if "thousand" not in name])
def test_S55_markdown_renders_no_link_no_image_and_no_html_of_theirs(hostile: str) -> None:
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(render("markdown", HOSTILE[hostile]))
    flat = [each for token in tokens for each in (token, *(token.children or ()))]
    assert not {token.type for token in flat} & {"link_open", "image", "html_block"}
    in_code = False
    for token in flat:
        if token.type == "html_inline":
            assert token.content in {"<code>", "</code>"}
            in_code = token.content == "<code>"
        if token.type == "text" and not in_code:
            assert "@team" not in token.content


@pytest.mark.parametrize("hostile", [name for name in HOSTILE if "thousand" not in name])
def test_S56_mermaid_is_made_of_our_own_syntax_only(hostile: str) -> None:
    lines = render("mermaid", HOSTILE[hostile]).splitlines()
    assert lines[0] == "flowchart LR"
    assert [line for line in lines if not MERMAID_LINE.fullmatch(line)] == []


@pytest.mark.parametrize("hostile", [name for name in HOSTILE if "thousand" not in name])
def test_S52_json_is_ascii_and_parses(hostile: str) -> None:
    written = render("json", HOSTILE[hostile])
    assert written.isascii()
    assert len(json.loads(written)["results"]) == len(HOSTILE[hostile].results)


@pytest.mark.parametrize("hostile", [name for name in HOSTILE if "thousand" not in name])
def test_S50_html_has_no_element_and_no_attribute_of_theirs(hostile: str) -> None:
    seen = _Page()
    seen.feed(render("html", HOSTILE[hostile], Look(chain=lambda _: order_chain())))
    assert seen.tags <= {
        *("html", "head", "meta", "title", "style", "body", "h1", "span", "p"),
        *("div", "table", "thead", "tbody", "tr", "th", "td", "details", "summary", "pre"),
    }
    assert seen.attributes <= {"lang", "charset", "http-equiv", "content", "name", "class", "open"}
    assert "default-src 'none'" in seen.policy


@pytest.mark.parametrize("name", ["html", "markdown", "mermaid"])
def test_a_report_outlives_a_chain_that_cannot_be_loaded(name: str) -> None:
    def gone(_: str) -> None:
        raise StoreUnavailable("the store is gone")

    assert "not_consumed" in render(name, report(result(finding())), Look(chain=gone))  # type: ignore[arg-type]


def test_a_reporter_from_elsewhere_is_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracecheck.report.reporter._REPORTERS", {})
    register("shout", lambda checked, _: checked.verdict.upper() + "\n")
    assert render("shout", report(result(finding()))) == "FAIL\n"


def test_an_unknown_format_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"'xml'; use one of github, html, json"):
        render("xml", report())


class _Page(HTMLParser):
    """Elements and attributes as a browser would see them."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.policy = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if ("http-equiv", "Content-Security-Policy") in attrs:
            self.policy = str(dict(attrs)["content"])
