"""The critical path of a chain: where its time went, from the end back to its origin.

Inside a synchronous part (a span and everything below it that is no consumer of a message) the usual rule holds: from
the end of a span back to the child that finished last before, children clipped to their parent, children wholly outside
it dropped. At the start of a part the path goes on at the cause that brought it about: for a consumer that is the
producer span of its message, which comes before it, not around it. So does a handler come after the receive span that
it stands below, where that has ended before it began.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from tracecheck.model import Chain, Edge, Operation, Span

Key = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PathSegment:
    """A stretch of the path spent in one span itself and in none of its children. Time between segments is transit."""

    trace_id: str
    span_id: str
    service: str
    name: str
    start_unix_nano: int
    end_unix_nano: int


def critical_path(chain: Chain) -> tuple[PathSegment, ...]:
    """The path, from the end of the part that finished last back to the origin. Segments of no length are left out."""
    return tuple(
        PathSegment(
            trace_id=span.trace_id,
            span_id=span.span_id,
            service=span.service,
            name=span.name,
            start_unix_nano=start,
            end_unix_nano=end,
        )
        for span, start, end in _walk_back(_Parts(chain))
        if end > start
    )


class _Parts:
    """A chain by synchronous parents: children of each span, and the causes of the spans that begin a part."""

    def __init__(self, chain: Chain) -> None:
        self.spans = {span.key: span for span in chain.spans}
        self.parent: dict[Key, Key] = {}
        self.children: dict[Key, list[Span]] = defaultdict(list)
        self.causes: dict[Key, list[Edge]] = defaultdict(list)
        consumers = {edge.effect for edge in chain.edges if edge.is_message}
        for edge in chain.edges:
            if edge.cause not in self.spans:
                continue
            is_inside = edge.via == "parent" and not edge.is_message and edge.effect not in consumers
            if is_inside and not self._handles(edge):
                self.parent[edge.effect] = edge.cause
                self.children[edge.cause].append(self.spans[edge.effect])
            else:
                self.causes[edge.effect].append(edge)

    def _handles(self, edge: Edge) -> bool:
        """A handler below a receive span that has ended: it goes on from there, and is not inside."""
        above, below = self.spans[edge.cause], self.spans[edge.effect]
        receives = above.messaging is not None and above.messaging.operation is Operation.RECEIVE
        return receives and below.start_unix_nano >= above.end_unix_nano

    def last(self) -> Span:
        """The part that finished last."""
        roots = [span for key, span in self.spans.items() if key not in self.parent] or list(self.spans.values())
        return max(roots, key=lambda span: (span.end_unix_nano, span.key))

    def cause(self, key: Key) -> Span | None:
        """What brought a span about: the producer of its message before anything else, of several the last to end."""
        found = [(edge.is_message, self.spans[edge.cause]) for edge in self.causes[key]]
        _, span = max(found, key=lambda item: (item[0], item[1].end_unix_nano, item[1].key), default=(False, None))
        return span


Stretch = tuple[Span, int, int]


def _walk_back(parts: _Parts) -> Iterator[Stretch]:
    span: Span | None = parts.last()
    until = span.end_unix_nano if span else 0
    seen: set[Key] = set()
    while span is not None and span.key not in seen:  # causes may run in a circle
        seen.add(span.key)
        yield from _inside(parts, span, until)
        if (above := parts.parent.get(span.key)) is not None:
            # The rest of the parent, before this span began.
            until, span = span.start_unix_nano, parts.spans[above]
        else:
            began = span.start_unix_nano
            span = parts.cause(span.key)
            until = min(began, span.end_unix_nano) if span else 0


def _inside(parts: _Parts, outermost: Span, until: int) -> Iterator[Stretch]:
    """Stretches of a span and its children up to an instant, latest first. No recursion: nesting may be deep."""
    frames = [_Frame(parts, outermost, outermost.start_unix_nano, min(until, outermost.end_unix_nano))]
    open_spans = {outermost.key}
    while frames:
        frame = frames[-1]
        child = frame.next_child()
        if child is None or child.key in open_spans:
            if child is None:
                yield frame.span, frame.earliest, frame.at
                open_spans.discard(frame.span.key)
                frames.pop()
            continue
        end, start = min(child.end_unix_nano, frame.latest), max(child.start_unix_nano, frame.earliest)
        yield frame.span, end, frame.at
        frame.at = start
        open_spans.add(child.key)
        frames.append(_Frame(parts, child, start, end))


class _Frame:
    """A span on the way down: between which instants, how far back the path has come, and which children are left."""

    __slots__ = ("_left", "at", "earliest", "latest", "span")

    def __init__(self, parts: _Parts, span: Span, earliest: int, latest: int) -> None:
        self.span, self.earliest, self.latest = span, earliest, latest
        self.at = latest
        self._left = sorted(
            parts.children[span.key], key=lambda child: (child.end_unix_nano, child.start_unix_nano, child.key)
        )

    def next_child(self) -> Span | None:
        """The child that finished last before the path's present instant."""
        while self._left:
            child = self._left.pop()
            is_outside = child.end_unix_nano <= self.earliest or child.start_unix_nano >= self.latest
            if not is_outside and min(child.end_unix_nano, self.latest) <= self.at:
                return child
        return None
