"""The pages say what happened, when, and where it broke, and nothing in them can run or load anything."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.services.chromium import Browser
from tests.support.findings import HOSTILE_TEXTS, MS, NOON, SECOND, finding, hostile_finding
from tests.support.order_chain import RESERVED, SENT, SENT_BRIEF, odd_chain, order_chain
from tracecheck.chains import Stage
from tracecheck.model import Chain, Finding
from tracecheck.report.axis import axis
from tracecheck.report.pages import Overview, chain_page, overview_page
from tracecheck.report.timeline import MAX_BARS, WIDTH, timeline

INTERVALS = st.lists(
    st.tuples(st.integers(0, 10**18), st.integers(0, 10**15)).map(lambda pair: (pair[0], pair[0] + pair[1])),
    min_size=1,
    max_size=30,
)


def an_overview(
    chains: Sequence[Chain] = (), findings: Sequence[Finding] = (), destination: str = "orders"
) -> Overview:
    stage = Stage(
        destination=destination,
        consumer_group="billing",
        hops=40,
        broken=3,
        transit_p50_ns=12 * MS,
        transit_p95_ns=2 * SECOND,
    )
    return Overview(
        chains=[chain.summary for chain in chains],
        broken={},
        findings=findings,
        stages=[stage],
        as_of_unix_nano=NOON + 9 * SECOND,
    )


@given(INTERVALS, st.data())
def test_later_is_never_further_left_and_nothing_leaves_the_picture(
    intervals: list[tuple[int, int]], data: st.DataObject
) -> None:
    scale = axis(intervals, 100.0, 1000.0)
    instants = sorted(data.draw(st.lists(st.sampled_from([each for pair in intervals for each in pair]), min_size=2)))
    places = [scale.place(each) for each in instants]
    assert places == sorted(places)
    assert all(100.0 <= place <= 1000.0 + 1e-6 for place in places)


def test_a_pause_of_hours_leaves_milliseconds_of_work_their_room() -> None:
    hour = 3600 * SECOND
    scale = axis([(0, 10 * MS), (hour, hour + 10 * MS)], 0.0, 240.0)
    assert [(round(each.x), round(each.width), each.length_ns) for each in scale.pauses] == [(100, 40, hour - 10 * MS)]
    assert round(scale.place(hour)) == 140


def test_each_span_has_its_bar_and_each_message_its_arrow() -> None:
    picture = timeline(order_chain())
    assert [lane.label for lane in picture.lanes] == ["checkout", "inventory", "billing"]
    assert [bar.style for bar in picture.bars] == ["other", "send", "process", "error", "missing"]
    assert [arrow.style for arrow in picture.arrows] == ["context", "lost"]
    assert picture.arrows[0].label == "15 ms"


def test_services_whose_long_names_begin_alike_are_told_apart_and_keep_off_the_bars() -> None:
    names = [f"com.example.shop.production.{end}" for end in ("billing", "shipping", "mailer", "inventory")]
    spans = tuple(replace(span, service=name) for span, name in zip(order_chain().spans, names, strict=True))
    lanes = timeline(order_chain(spans=spans)).lanes
    assert {lane.title for lane in lanes} >= set(names)
    assert len({lane.label for lane in lanes}) == len(lanes)
    assert all(len(lane.label) <= 21 for lane in lanes)


def test_what_never_came_is_drawn_behind_the_last_good_span_in_the_lane_of_who_should_have_acted() -> None:
    picture = timeline(order_chain(), [finding(last_good=SENT_BRIEF)])
    missing = [bar for bar in picture.bars if bar.style == "missing"]
    assert [bar.label for bar in missing] == ["✗ charged: not_consumed"]
    sent = next(bar for bar in picture.bars if bar.style == "send")
    assert missing[0].x > sent.x + sent.width


@given(st.integers(1, 30))
def test_bars_of_one_row_never_overlap(spans: int) -> None:
    bars = timeline(odd_chain(spans, [])).bars
    for row in {bar.y for bar in bars}:
        ends = [(bar.x, bar.x + bar.width) for bar in bars if bar.y == row]
        assert all(before[1] <= after[0] for before, after in zip(sorted(ends), sorted(ends)[1:], strict=False))


def test_bars_stay_inside_and_what_is_left_out_is_counted() -> None:
    picture = timeline(odd_chain(MAX_BARS + 7, []))
    assert picture.left_out == 7
    assert all(bar.x >= 0 and bar.x + bar.width <= WIDTH for bar in picture.bars)


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_S57_no_name_becomes_markup(text: str) -> None:
    spans = tuple(replace(span, service=text, name=text, status_message=text) for span in order_chain().spans)
    chain = order_chain(spans=spans, summary=replace(order_chain().summary, correlation_id=text, run_id=text))
    for page in (
        chain_page(chain, [hostile_finding(text)]),
        overview_page(an_overview([chain], [hostile_finding(text)], text), links=True),
    ):
        assert set(re.findall(r"<(script|img|iframe|object|embed|link|base|form)", page)) == set()
        assert not re.search(r"<[^>]*\son\w+=", page)
        svg = re.search(r"<svg.*</svg>", page, re.DOTALL)
        if svg is not None:
            ElementTree.fromstring(svg.group(0))


def test_the_first_page_links_each_chain_only_where_something_answers() -> None:
    chain = order_chain()
    with_links = overview_page(an_overview([chain], [finding(chain_id=chain.chain_id)]), links=True)
    assert with_links.count(f'href="chains/{quote(chain.chain_id)}"') == 2
    assert "href" not in overview_page(an_overview([chain]), links=False)


@pytest.mark.service("chromium")
def test_a_browser_shows_the_chain_and_where_it_broke(tmp_path: Path, chromium: Browser) -> None:
    page = tmp_path / "chain.html"
    page.write_text(chain_page(order_chain(), [finding(last_good=SENT_BRIEF)]), encoding="utf-8")
    shown = chromium.dom(page.as_uri())
    assert "✗ charged: not_consumed" in shown
    assert shown.count("<rect") >= 5
    picture = chromium.screenshot(page.as_uri(), tmp_path / "chain.png", width=1400, height=900)
    assert picture.stat().st_size > 20_000


def test_a_span_names_its_instant_and_how_long_it_took_under_the_pointer() -> None:
    titles = [bar.title for bar in timeline(order_chain()).bars]
    assert f"checkout: {SENT.name}; 2026-01-01T12:00:01.001Z, took 4 ms" in titles
    assert f"inventory: {RESERVED.name}; 2026-01-01T12:00:01.020Z, took 40 ms" in titles
