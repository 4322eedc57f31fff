"""A load in words, as the document `tracecheck/load/v1`, and drawn as SVG."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from markupsafe import escape

from tracecheck.model import Verdict
from tracecheck.report.sanitise import terminal
from tracecheck.report.units import duration
from tracecheck.scenario.load.budgets import COUNTS
from tracecheck.scenario.load.figures import Quantiles
from tracecheck.scenario.load.model import Event, LoadOutcome

WIDTH, HEIGHT, MARGIN, GAP = 860, 200, 60, 50
MOST_POINTS = 4000
MOST_NAMED = 100
LAST_NAMED = 5
NS_PER_S = 1_000_000_000


def document(outcome: LoadOutcome) -> dict[str, Any]:
    """`load`: figures in nanoseconds, by step; the series of staleness as [instant, behind]."""
    staleness = outcome.staleness
    return {
        "schema": "tracecheck/load/v1",
        "verdict": outcome.report.verdict.value,
        "run_id": outcome.run_id,
        "rate_per_s": outcome.rate_per_s,
        "duration_ns": outcome.duration_ns,
        "ramp_ns": outcome.ramp_ns,
        "completeness": asdict(outcome.completeness),
        "whole": _figures(outcome.whole),
        "steps": {terminal(name): _figures(one) for name, one in outcome.steps.items()},
        "hops": {terminal(name): _figures(one) for name, one in outcome.hops.items()},
        "send_delay": _figures(outcome.send_delay),
        "staleness": None
        if staleness is None
        else {
            "sampled": staleness.sampled,
            "seen": staleness.seen,
            "behind": _figures(staleness.behind),
            "catch_up_ns": staleness.catch_up_ns,
            "resolution_ns": staleness.resolution_ns,
            "series": [list(point) for point in staleness.series],
        },
        "budgets": [
            {"name": one.name, "limit": one.limit, "measured": one.measured, "held": one.held}
            for one in outcome.budgets
        ],
        "interrupted": outcome.interrupted,
        "unsent": [{"number": one.number, "error": terminal(one.error or "")} for one in outcome.unsent[:MOST_NAMED]],
        "injected": [one.correlation_id for one in _injected(outcome)] if outcome.interrupted else [],
        "timeline": [list(point) for point in outcome.timeline],
    }


def render_load(outcome: LoadOutcome) -> str:
    """The figures as a table, ending in a newline. Durations are from the instant an event was due."""
    counts = outcome.completeness
    lines = [
        f"{outcome.report.verdict.value.upper()} load {terminal(outcome.run_id)}  {outcome.rate_per_s:g}/s for "
        f"{duration(outcome.duration_ns)}"
        + (f", ramp {duration(outcome.ramp_ns)}" if outcome.ramp_ns else "")
        + (", interrupted" if outcome.interrupted else ""),
        f"  events        {counts.due} due, {counts.sent} sent, {counts.passed} passed, {counts.failed} failed, "
        f"{counts.undecided} undecided",
        f"  completeness  {counts.lost} lost, {counts.duplicated} duplicated, {counts.out_of_order} out of order, "
        f"{counts.late} late",
        f"  {'latency':<24}{'p50':>12}{'p90':>12}{'p95':>12}{'p99':>12}{'max':>12}",
        _line("whole", outcome.whole),
        *(_line(f"to {terminal(name, 20)}", one) for name, one in outcome.steps.items()),
        *(_line(f"hop {terminal(name, 19)}", one) for name, one in outcome.hops.items()),
        _line("send delay (ours)", outcome.send_delay),
    ]
    if (staleness := outcome.staleness) is not None:
        caught_up = "never within the time given" if staleness.catch_up_ns is None else duration(staleness.catch_up_ns)
        lines += [
            _line("read model behind", staleness.behind),
            f"  read model    {staleness.seen} of {staleness.sampled} entities seen; caught up after {caught_up}; "
            f"looked every {duration(staleness.resolution_ns)} at worst",
        ]
    if outcome.unsent:
        lines.append(f"  not sent      {len(outcome.unsent)}: {terminal(outcome.unsent[0].error or '', 200)}")
    if outcome.interrupted:
        lines += _named(outcome)
    for budget in outcome.budgets:
        shown = [str(value) if budget.name in COUNTS else duration(value) for value in (budget.measured, budget.limit)]
        lines.append(f"  budget        {budget.name}: {shown[0]} of {shown[1]}, {'held' if budget.held else 'BROKEN'}")
    return "\n".join(lines) + "\n"


def _named(outcome: LoadOutcome) -> list[str]:
    """What was put onto the bus before the interrupt: all of the run, the last ones by name."""
    injected = _injected(outcome)
    last = ", ".join(terminal(one.correlation_id or "") for one in injected[-LAST_NAMED:])
    under = f"{len(injected)} under run {terminal(outcome.run_id)}"
    return [f"  injected      {under}; the last by correlation id: {last or '-'}"]


def _injected(outcome: LoadOutcome) -> list[Event]:
    sent = (event for event in outcome.events if event.correlation_id is not None)
    return sorted(sent, key=lambda event: event.number)


def render_plot(outcome: LoadOutcome) -> str:
    """Two plots above each other, one time axis: latency of each chain by when it was due; how far the read model was
    behind. SVG without scripts or outside references."""
    staleness = outcome.staleness
    series = staleness.series if staleness is not None else ()
    instants = [at for at, _ in (*outcome.timeline, *series)]
    begin, end = (min(instants), max(instants)) if instants else (0, 1)
    step = max(1, len(outcome.timeline) // MOST_POINTS)
    parts = [
        _panel(
            0, "latency of the whole chain, from when it was due", outcome.timeline[::step], begin, end, joined=False
        ),
        _panel(1, "read model behind", series, begin, end, joined=True),
    ]
    height = 2 * (HEIGHT + GAP) + GAP
    colour = {Verdict.PASS: "#1a7f37", Verdict.FAIL: "#cf222e", Verdict.INCONCLUSIVE: "#9a6700"}[outcome.report.verdict]
    title = f"{outcome.report.verdict.value}: {outcome.rate_per_s:g}/s for {duration(outcome.duration_ns)}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'font-family="sans-serif" font-size="12"><rect width="{WIDTH}" height="{height}" fill="#fff"/>'
        f'<text x="{MARGIN}" y="24" font-size="15" fill="{colour}">{escape(title)}</text>{"".join(parts)}</svg>\n'
    )


def _panel(row: int, title: str, points: Sequence[tuple[int, int]], begin: int, end: int, *, joined: bool) -> str:
    top = GAP + row * (HEIGHT + GAP)
    most = max((value for _, value in points), default=0) or 1
    span = max(end - begin, 1)

    def place(point: tuple[int, int]) -> tuple[float, float]:
        at, value = point
        return MARGIN + (at - begin) / span * (WIDTH - 2 * MARGIN), top + HEIGHT - value / most * (HEIGHT - 20)

    places = [place(point) for point in points]
    if joined:
        drawn = f'<polyline fill="none" stroke="#0969da" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in places)}"/>'
    else:
        drawn = "".join(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="1.5" fill="#0969da" fill-opacity="0.5"/>' for x, y in places
        )
    base = top + HEIGHT
    return (
        f'<text x="{MARGIN}" y="{top + 6}">{escape(title)}</text>'
        f'<line x1="{MARGIN}" y1="{base}" x2="{WIDTH - MARGIN}" y2="{base}" stroke="#888"/>'
        f'<line x1="{MARGIN}" y1="{top + 20}" x2="{MARGIN}" y2="{base}" stroke="#888"/>'
        f'<text x="{MARGIN - 6}" y="{top + 24}" text-anchor="end">{escape(duration(most if points else None))}</text>'
        f'<text x="{MARGIN - 6}" y="{base}" text-anchor="end">0</text>'
        f'<text x="{WIDTH - MARGIN}" y="{base + 16}" text-anchor="end">{span / NS_PER_S:.1f} s</text>{drawn}'
    )


def _figures(found: Quantiles | None) -> dict[str, int] | None:
    return None if found is None else asdict(found)


def _line(name: str, found: Quantiles | None) -> str:
    if found is None:
        return f"  {name:<24}{'nothing measured':>12}"
    values = (found.p50_ns, found.p90_ns, found.p95_ns, found.p99_ns, found.max_ns)
    return f"  {name:<24}" + "".join(f"{duration(value):>12}" for value in values)
