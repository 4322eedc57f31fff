"""A chain as a tree and as a flowchart: across traces, with times, with the break where it happened."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report.test_every_reporter import MERMAID_LINE
from tests.support.findings import HOSTILE_TEXTS, finding, hostile_finding, report, result
from tests.support.order_chain import SENT_BRIEF, odd_chain, order_chain
from tracecheck.model import Cause, Verdict
from tracecheck.report import Look, render, render_mermaid, render_tree
from tracecheck.report.tree import MAX_LINES

GRAPHS = st.integers(1, 30).flatmap(
    lambda spans: st.tuples(
        st.just(spans), st.lists(st.tuples(st.integers(0, spans - 1), st.integers(0, spans - 1)), max_size=60)
    )
)


def test_the_tree_crosses_traces_and_marks_the_break_below_the_send() -> None:
    assert render_tree(order_chain(), [finding(last_good=SENT_BRIEF)]) == (
        "chain 4bf92f3577b34da6a3ce929d0e0e4736:0000000000000001  correlation o-17  run run-1\n"
        "2026-01-01T12:00:01.000Z  60 ms, 4 spans, 2 hops, 2 traces\n"
        "findings: not_consumed\n"
        "      +0 ns  checkout: POST /orders  12 ms\n"
        "      +1 ms  └─ checkout: send orders  4 ms  → orders[0]@41\n"
        "                   ✗ orders[0]@41: no delivery to group billing was seen\n"
        "                   ✗ charged: not_consumed; last good: orders[0]@41 sent by checkout; "
        "group billing silent since 12:00:03\n"
        "     +20 ms     └─ inventory: process orders  40 ms  ← orders by group inventory, transit 15 ms"
        "  trace a3ce929d0e0e47364bf92f3577b34da6\n"
        "     +30 ms        └─ inventory: UPDATE stock  10 ms  error\n"
    )


@given(GRAPHS)
def test_every_span_stands_in_the_tree_once_whatever_the_edges(graph: tuple[int, list[tuple[int, int]]]) -> None:
    spans, edges = graph
    lines = render_tree(odd_chain(spans, edges)).splitlines()
    assert sum("service-" in line for line in lines) == spans


def test_S35_a_chain_of_fifty_thousand_in_a_line_is_drawn_up_to_its_cap() -> None:
    chain = odd_chain(50_000, [(number, number - 1) for number in range(1, 50_000)])
    lines = render_tree(chain).splitlines()
    assert sum("service-" in line for line in lines) == MAX_LINES
    assert lines[-1].strip() == f"… and {50_000 - MAX_LINES} more spans (all with --verbose)"
    assert max(map(len, lines)) < 300


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_S52_a_tree_of_hostile_names_is_printable(text: str) -> None:
    spans = tuple(replace(span, service=text, name=text, status_message=text) for span in order_chain().spans)
    summary = replace(order_chain().summary, correlation_id=text, run_id=text)
    drawn = render_tree(order_chain(spans=spans, summary=summary, feeds=(text,)), [hostile_finding(text)])
    assert all(line.isprintable() and len(line) < 3_000 for line in drawn.splitlines())


def test_a_finding_whose_span_is_elsewhere_stands_at_the_end() -> None:
    lines = render_tree(order_chain(), [finding(last_good=None)]).splitlines()
    assert lines[-1] == "✗ billing / orders: not_consumed; group billing silent since 12:00:03".replace(
        "billing / orders", "charged"
    )


def test_the_flowchart_shows_message_time_and_break() -> None:
    assert render_mermaid(order_chain(), [finding(last_good=SENT_BRIEF)]).splitlines() == [
        "flowchart LR",
        '  n0(["orders[0]@41"])',
        '  n1["checkout"]',
        '  n2["inventory"]',
        '  n3["billing<br/>no delivery seen<br/>charged – not_consumed"]',
        "  n1 --> n0",
        '  n0 -->|"15 ms"| n2',
        "  n0 -.-x n3",
        "  classDef message fill:#eef,stroke:#558",
        "  classDef broken fill:#fdd,stroke:#c00,color:#900,stroke-width:3px",
        "  classDef doubt fill:#ffd,stroke:#a80,stroke-dasharray:4",
        "  class n0 message",
        "  class n3 broken",
    ]


def test_what_was_never_sent_gets_a_box_behind_the_last_good_one() -> None:
    hops = (order_chain().hops[0],)
    drawn = render_mermaid(order_chain(hops=hops), [finding(Cause.NOT_SENT, last_good=hops[0].consumer)])
    assert "  n2 -.-x n3\n" in drawn
    assert '  n3["shipped – not_sent"]\n' in drawn


@given(GRAPHS)
def test_a_flowchart_of_any_graph_ends_and_is_well_formed(graph: tuple[int, list[tuple[int, int]]]) -> None:
    drawn = render_mermaid(odd_chain(*graph))
    assert [line for line in drawn.splitlines() if not MERMAID_LINE.fullmatch(line)] == []


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_S56_hostile_names_of_a_chain_stay_labels(text: str) -> None:
    spans = tuple(replace(span, service=text, name=text) for span in order_chain().spans)
    drawn = render_mermaid(order_chain(spans=spans), [hostile_finding(text)])
    assert [line for line in drawn.splitlines() if not MERMAID_LINE.fullmatch(line)] == []


def test_the_mermaid_report_draws_the_broken_chain_not_the_first() -> None:
    asked: list[str] = []

    def load(chain_id: str) -> object:
        asked.append(chain_id)
        return order_chain()

    checked = report(result(chain_id="good:1"), result(finding(), chain_id="bad:1"), verdict=Verdict.FAIL)
    render("mermaid", checked, Look(chain=load))  # type: ignore[arg-type]
    assert asked == ["bad:1"]
