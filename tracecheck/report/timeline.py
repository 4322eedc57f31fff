"""One chain drawn over time: a lane per service, a bar per span, an arrow per message, and the break where it happened.

The layout is data; `templates/chain.html` turns it into SVG. Bars stand at the times the spans tell, never moved; only
long pauses are drawn short (`axis`). Names are cut and made printable here, and escaped by the template engine.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from tracecheck.model import (
    Cause,
    Chain,
    Evidence,
    Finding,
    Hop,
    Outcome,
    Span,
    SpanBrief,
    SpanKind,
    StatusCode,
    Verdict,
)
from tracecheck.report import sentences
from tracecheck.report.axis import Axis, Pause, axis
from tracecheck.report.sanitise import terminal
from tracecheck.report.shape import shape
from tracecheck.report.units import duration, instant

WIDTH = 1240
LABELS = 150
"""Width left of the bars, where the services are named."""

ROW = 24
BAR = 16
TOP = 34
MAX_BARS = 300
"""Spans drawn, the earliest; with more the picture tells nothing, and the tree below it has them."""

_CHARACTER = 6.4
_BOLD_CHARACTER = 7.2
_THINNEST = 2.0
_LONGEST_LABEL = 34
_LONGEST_SERVICE = 21
_TICKS = 5
_STYLES = {SpanKind.PRODUCER: "send", SpanKind.CONSUMER: "process"}
Key = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One span. `label_x` is where its label starts: inside, or right of it where it is too narrow."""

    x: float
    y: float
    width: float
    style: str
    label: str
    label_x: float
    title: str
    broken: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """The rows of one service. `label` is as much of `title` as has room."""

    label: str
    title: str
    y: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrow:
    """A message from its send to where it was handled. `style`: `context`, `weak` (joined by less) or `lost`."""

    path: str
    style: str
    title: str
    label: str = ""
    label_x: float = 0.0
    label_y: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Everything to draw, in the units of a picture `WIDTH` wide."""

    height: float
    lanes: tuple[Lane, ...]
    bars: tuple[Bar, ...]
    arrows: tuple[Arrow, ...]
    ticks: tuple[tuple[float, str], ...]
    pauses: tuple[Pause, ...]
    left_out: int


def timeline(chain: Chain, findings: Sequence[Finding] = ()) -> Timeline:
    """The layout of one chain, the lanes in order of cause.

    What findings say is missing gets a bar of its own behind the last good span.
    """
    spans = chain.spans[:MAX_BARS]
    forest = shape(replace(chain, spans=spans))
    scale = axis(((span.start_unix_nano, span.end_unix_nano) for span in spans), LABELS + 10, WIDTH - 20)
    broken = {_key(finding.span) for finding in findings if _is_seen(finding)}
    rows = _Rows(dict.fromkeys(forest.spans[key].service for key, _, _ in forest.walk()))
    for span in spans:
        rows.add(span.service, _bar(span, scale, broken=span.key in broken), span.key)
    missing = list(_missing(chain.hops, findings))
    for number, (lane, label, after, _) in enumerate(missing):
        x = scale.place(after.end_unix_nano) + 24 if after is not None else LABELS + 10.0
        width = len(label) * _BOLD_CHARACTER + 12
        x = min(x, WIDTH - width - 4)
        rows.add(lane, _Placed(x=x, width=width, style="missing", label=label, inside=True, title=label), number)
    lanes, bars, places = rows.laid_out()
    return Timeline(
        height=max((lane.y + lane.height for lane in lanes), default=TOP) + 8,
        lanes=tuple(lanes),
        bars=tuple(bars),
        arrows=tuple(_arrows(chain.hops, missing, places)),
        ticks=_ticks(scale),
        pauses=scale.pauses,
        left_out=len(chain.spans) - len(spans),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placed:
    """A bar before it has a row."""

    x: float
    width: float
    style: str
    label: str
    inside: bool
    title: str
    broken: bool = False

    @property
    def right(self) -> float:
        """Where the next bar of its row may begin."""
        return self.x + self.width + (4 if self.inside or not self.label else len(self.label) * _CHARACTER + 8)

    def overlaps(self, other: "_Placed") -> bool:
        """Whether both cannot stand in one row."""
        return self.x < other.right and other.x < self.right


class _Rows:
    """Bars while they are being placed: each in the first row of its lane that has room."""

    def __init__(self, lanes: Iterable[str]) -> None:
        self._lanes: dict[str, list[list[_Placed]]] = {lane: [] for lane in lanes}
        self._rows: dict[object, tuple[str, int, _Placed]] = {}

    def add(self, lane: str, bar: _Placed, name: object) -> None:
        rows = self._lanes.setdefault(lane, [])
        free = (number for number, row in enumerate(rows) if not any(bar.overlaps(other) for other in row))
        number = next(free, len(rows))
        if number == len(rows):
            rows.append([])
        rows[number].append(bar)
        self._rows[name] = (lane, number, bar)

    def laid_out(self) -> tuple[list[Lane], list[Bar], dict[object, Bar]]:
        tops: dict[str, float] = {}
        lanes: list[Lane] = []
        y = float(TOP)
        for name, rows in self._lanes.items():
            tops[name] = y
            title = terminal(name)
            lanes.append(Lane(label=_in_lane(title), title=title, y=y, height=len(rows) * ROW + 8))
            y += lanes[-1].height
        places: dict[object, Bar] = {}
        for key, (lane, number, bar) in self._rows.items():
            places[key] = Bar(
                x=round(bar.x, 1),
                y=tops[lane] + 6 + number * ROW,
                width=round(bar.width, 1),
                style=bar.style,
                label=bar.label,
                label_x=round(bar.x + (5 if bar.inside else bar.width + 4), 1),
                title=bar.title,
                broken=bar.broken,
            )
        return lanes, list(places.values()), places


def _bar(span: Span, scale: Axis, *, broken: bool) -> _Placed:
    x = scale.place(span.start_unix_nano)
    width = max(scale.place(span.end_unix_nano) - x, _THINNEST)
    label = terminal(span.name, _LONGEST_LABEL) or "(no name)"
    inside = len(label) * _CHARACTER + 10 <= width
    if not inside and x + width + len(label) * _CHARACTER + 8 > WIDTH:
        label = ""
    failed = span.status is StatusCode.ERROR
    took = duration(span.end_unix_nano - span.start_unix_nano)
    error = f"; error {terminal(span.status_message)}".rstrip() if failed else ""
    title = f"{terminal(span.service)}: {terminal(span.name)}; {instant(span.start_unix_nano)}, took {took}{error}"
    style = "error" if failed else _STYLES.get(span.kind, "other")
    return _Placed(x=x, width=width, style=style, label=label, inside=inside, title=title, broken=broken)


Missing = tuple[str, str, SpanBrief | None, Key | None]
"""The lane, what to write, the last good span, and its key."""


def _missing(hops: Sequence[Hop], findings: Sequence[Finding]) -> Iterator[Missing]:
    told: set[tuple[Key | None, str | None]] = set()
    for finding in findings:
        if finding.verdict is Verdict.PASS or _is_seen(finding):
            continue
        lane = finding.consumer_group or finding.service or "missing"
        told.add((_key(finding.last_good), finding.consumer_group))
        yield lane, f"✗ {sentences.subject(finding)}: {finding.code}", finding.last_good, _key(finding.last_good)
    for hop in hops:
        unseen = hop.outcome in (Outcome.UNDELIVERED, Outcome.UNOBSERVED)
        if hop.consumer is not None or not unseen or (_key(hop.producer), hop.consumer_group) in told:
            continue
        what = "no delivery seen" if hop.outcome is Outcome.UNDELIVERED else "its span is missing"
        yield hop.consumer_group or "no group", f"✗ {what}", hop.producer, _key(hop.producer)


def _is_seen(finding: Finding) -> bool:
    """Whether a span shows what is wrong; else something is missing."""
    return finding.verdict is not Verdict.PASS and finding.span is not None and finding.code is not Cause.NOT_SENT


def _arrows(hops: Sequence[Hop], missing: list[Missing], places: dict[object, Bar]) -> Iterator[Arrow]:
    for hop in hops:
        attempts = hop.attempt_spans or ((hop.consumer,) if hop.consumer is not None else ())
        for attempt in attempts:
            sent, handled = places.get(_key(hop.producer)), places.get(_key(attempt))
            if sent is None or handled is None:
                continue
            weak = hop.evidence is not None and hop.evidence is not Evidence.CONTEXT
            yield Arrow(
                path=_path(sent, handled),
                style="weak" if weak else "context",
                title=f"{_message(hop)}, transit {duration(hop.transit_ns)}, joined by {hop.evidence or 'nothing'}",
                label=duration(hop.transit_ns) if attempt == attempts[0] and hop.transit_ns is not None else "",
                label_x=handled.x - 5,
                label_y=handled.y + BAR,
            )
    for number, (_, label, _, last_good) in enumerate(missing):
        sent = places.get(last_good)
        if sent is not None:
            yield Arrow(path=_path(sent, places[number]), style="lost", title=label)


def _path(sent: Bar, handled: Bar) -> str:
    x1, y1 = sent.x + sent.width, sent.y + BAR / 2
    x2, y2 = handled.x, handled.y + BAR / 2
    bend = max(12.0, abs(x2 - x1) / 2)
    return f"M{x1:.1f} {y1:.1f} C{x1 + bend:.1f} {y1:.1f} {x2 - bend:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"


def _message(hop: Hop) -> str:
    side = hop.producer or hop.consumer
    return (sentences.message(side) if side is not None else None) or terminal(hop.destination or "a message")


def _ticks(scale: Axis) -> tuple[tuple[float, str], ...]:
    left, right = scale.places[0], scale.places[-1]
    places = [left + (right - left) * number / _TICKS for number in range(_TICKS + 1)] if right > left else [left]
    return tuple((round(place, 1), f"+{duration(_rounded(scale.offset_ns(place)))}") for place in places)


def _rounded(ns: int) -> int:
    """Three significant digits: a tick is a place on a scale, not a measurement."""
    step: int = 10 ** max(len(str(abs(ns))) - 3, 0)
    return round(ns / step) * step


def _key(span: SpanBrief | None) -> Key | None:
    return None if span is None else (span.trace_id, span.span_id)


def _in_lane(service: str) -> str:
    """A name that fits left of the bars: of a long one its begin and its end, as services share one of them."""
    if len(service) <= _LONGEST_SERVICE:
        return service
    half = _LONGEST_SERVICE // 2
    return f"{service[:half]}…{service[-half:]}"
