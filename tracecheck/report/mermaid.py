"""A Mermaid flowchart of one chain, the break marked: services as boxes, messages between them, time on the arrows.

What a service did between taking one message and sending the next is one box; calls between services are plain arrows.
GitHub, GitLab and most wikis draw the text as it is.
"""

from collections.abc import Iterator, Sequence

from tracecheck.errors import TracecheckError
from tracecheck.model import Cause, Chain, CheckReport, Edge, Finding, Hop, Outcome, SpanBrief, Verdict
from tracecheck.report import sentences
from tracecheck.report.reporter import Look
from tracecheck.report.sanitise import mermaid as label
from tracecheck.report.shape import Key, Shape, shape
from tracecheck.report.units import duration

MAX_NODES = 80
"""Boxes drawn; a picture with more tells nobody anything. What is left out is counted in it."""

MAX_HOPS = 400
MAX_EDGES = 4000
_MAX_CALLS = 200

_STYLES = (
    "classDef message fill:#eef,stroke:#558",
    "classDef broken fill:#fdd,stroke:#c00,color:#900,stroke-width:3px",
    "classDef doubt fill:#ffd,stroke:#a80,stroke-dasharray:4",
)


def render(report: CheckReport, look: Look) -> str:
    """The reporter `mermaid`: the first broken chain, else the first chain; from its findings alone if it cannot be
    loaded."""
    results = sorted((each for each in report.results if each.chain_id), key=lambda each: each.verdict is Verdict.PASS)
    for result in results[:1]:
        if look.chain is not None and result.chain_id is not None:
            try:
                return draw(look.chain(result.chain_id), result.findings)
            except TracecheckError:
                pass
        return _from_findings(result.findings)
    return "flowchart LR\n  " + f"none[{label('no chain to draw')}]\n"


def draw(chain: Chain, findings: Sequence[Finding] = ()) -> str:
    """The flowchart of one chain, ending in a newline."""
    picture = _Picture(shape(chain))
    for hop in chain.hops[:MAX_HOPS]:
        picture.hop(hop)
    picture.left_out += max(0, len(chain.hops) - MAX_HOPS)
    for edge in chain.edges[:MAX_EDGES]:
        if edge.via == "link" and not edge.is_message:
            picture.joined(edge)
    if not chain.hops:
        for root in picture.forest.roots:
            picture.box(root)
    for finding in findings:
        picture.finding(finding)
    return picture.text()


class _Picture:
    """Boxes and arrows while they are being collected; the ids are ours, so that no name can be syntax."""

    def __init__(self, forest: Shape) -> None:
        self.forest = forest
        self._names: dict[object, str] = {}
        self._lines: dict[str, list[str]] = {}
        self._classes: dict[str, str] = {}
        self._arrows: dict[str, None] = {}
        self.left_out = 0

    def box(self, key: Key) -> str | None:
        """The box of the service that this span belongs to, and the calls that led there."""
        chain_of_calls = list(_calls(self.forest, key))
        previous = None
        for owner, service in reversed(chain_of_calls):
            node = self._node(("box", owner, service), [service])
            if node is None:
                return previous
            if previous is not None:
                self._arrow(f"{previous} --> {node}")
            previous = node
        return previous

    def hop(self, hop: Hop) -> None:
        """The message, who sent it, and who handled it or did not."""
        message = self._message(hop)
        if message is None:
            return
        if hop.producer is not None:
            producer = self._brief(hop.producer)
            if producer is not None:
                self._arrow(f"{producer} --> {message}")
        elif (origin := self._special(("origin", message), ["sender not seen"], "doubt")) is not None:
            self._arrow(f"{origin} -.-> {message}")
        if hop.consumer is not None:
            consumer = self._brief(hop.consumer)
            if consumer is not None:
                time = "" if hop.transit_ns is None else f"|{label(duration(hop.transit_ns))}|"
                self._arrow(f"{message} -->{time} {consumer}")
                if hop.outcome is Outcome.FAILED:
                    self._mark(consumer, "broken", [f"failed {hop.attempts} times" if hop.attempts > 1 else "failed"])
        elif hop.outcome is Outcome.UNDELIVERED:
            lost = self._special(
                ("lost", message, hop.consumer_group), [hop.consumer_group or "", "no delivery seen"], "broken"
            )
            self._dead_end(message, lost)
        elif hop.outcome is Outcome.UNOBSERVED:
            unseen = self._special(
                ("unseen", message, hop.consumer_group), [hop.consumer_group or "", "span missing"], "doubt"
            )
            self._dead_end(message, unseen)

    def joined(self, edge: Edge) -> None:
        """What a handler waited for beside its own message (a join)."""
        if edge.cause in self.forest.spans and edge.effect in self.forest.spans:
            cause, effect = self.box(edge.cause), self.box(edge.effect)
            if cause is not None and effect is not None and cause != effect:
                self._arrow(f"{cause} -.->|{label('joined')}| {effect}")

    def finding(self, finding: Finding) -> None:
        """Marks where it broke. What never came gets a box of its own behind the last good one."""
        if finding.verdict is Verdict.PASS:
            return
        style = "broken" if finding.verdict is Verdict.FAIL else "doubt"
        what = [f"{sentences.subject(finding)} – {finding.code}"]
        lost = self._lost_box(finding)
        if lost is not None:
            self._mark(lost, style, what)
        elif finding.span is not None and finding.code is not Cause.NOT_SENT:
            node = self._brief(finding.span)
            if node is not None:
                self._mark(node, style, what)
        else:
            last_good = self._brief(finding.last_good) if finding.last_good is not None else None
            self._dead_end(last_good, self._special(("finding", finding.step, finding.code), what, style))

    def text(self) -> str:
        """The flowchart."""
        lines = ["flowchart LR"]
        for node, words in self._lines.items():
            text = "<br/>".join(label(word)[1:-1] for word in words if word)
            shape_of = ('(["', '"])') if self._classes.get(node) == "message" else ('["', '"]')
            lines.append(f"  {node}{shape_of[0]}{text or 'unknown'}{shape_of[1]}")
        lines += [f"  {arrow}" for arrow in self._arrows]
        if self.left_out:
            lines.append(f"  more[{label(f'and {self.left_out} more')}]")
        lines += [f"  {style}" for style in _STYLES]
        lines += [f"  class {node} {style}" for node, style in self._classes.items()]
        return "\n".join(lines) + "\n"

    def _brief(self, span: SpanBrief) -> str | None:
        key = (span.trace_id, span.span_id)
        if key in self.forest.spans:
            return self.box(key)
        return self._node(("box", key, span.service), [span.service])

    def _message(self, hop: Hop) -> str | None:
        side = hop.producer or hop.consumer
        identity: object = (side.trace_id, side.span_id) if side is not None else (hop.destination, hop.offset)
        place = sentences.message(side) if side is not None else hop.destination
        node = self._node(("message", identity), [place or "message"])
        if node is not None:
            self._classes[node] = "message"
        return node

    def _lost_box(self, finding: Finding) -> str | None:
        if finding.last_good is None:
            return None
        message = self._names.get(("message", (finding.last_good.trace_id, finding.last_good.span_id)))
        keys = ((kind, message, group) for kind in ("lost", "unseen") for group in (finding.consumer_group, None))
        return next((self._names[key] for key in keys if key in self._names), None)

    def _special(self, key: object, words: list[str], style: str) -> str | None:
        node = self._node(key, words)
        if node is not None:
            self._classes[node] = style
        return node

    def _dead_end(self, node: str | None, missing: str | None) -> None:
        if node is not None and missing is not None:
            self._arrow(f"{node} -.-x {missing}")

    def _mark(self, node: str, style: str, words: list[str]) -> None:
        self._classes[node] = style
        self._lines[node] += [word for word in words if word not in self._lines[node]]

    def _arrow(self, arrow: str) -> None:
        self._arrows[arrow] = None

    def _node(self, key: object, words: list[str]) -> str | None:
        if key not in self._names:
            if len(self._names) >= MAX_NODES:
                self.left_out += 1
                return None
            self._names[key] = f"n{len(self._names)}"
            self._lines[self._names[key]] = [word for word in words if word]
        return self._names[key]


def _calls(forest: Shape, key: Key) -> Iterator[tuple[Key, str]]:
    """The services a call passed on its way to this span, from here back to where its message was taken (or began)."""
    path = [key]
    while (edge := forest.above.get(path[-1])) is not None and not edge.is_message and len(path) < _MAX_CALLS:
        path.append(edge.cause)
    owner = path[-1]
    previous = None
    for step in path:
        service = forest.spans[step].service
        if service != previous:
            yield owner, service
        previous = service


def _from_findings(findings: Sequence[Finding]) -> str:
    """What broke after what, when the chain itself cannot be loaded."""
    picture = _Picture(Shape(spans={}))
    for finding in findings[:MAX_NODES]:
        picture.finding(finding)
    return picture.text()
