"""A chain as a forest a reader can follow: each span below its strongest cause, in the order things happened."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from tracecheck.model import Chain, Edge, Span

Key = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """`spans` by key; `above` is the one edge a span hangs on; `below` its effects, earliest first; `roots` the rest.

    Chains may hold cycles: a span whose causes lead back to itself is a root, so that a walk from the roots meets every
    span exactly once.
    """

    spans: dict[Key, Span]
    above: dict[Key, Edge] = field(default_factory=dict)
    below: dict[Key, list[Key]] = field(default_factory=dict)
    roots: list[Key] = field(default_factory=list)

    def walk(self) -> Iterator[tuple[Key, int, bool]]:
        """Every span, depth first: (key, depth, whether it is the last of its siblings)."""
        pending = [(root, 0, number == 0) for number, root in enumerate(reversed(self.roots))]
        while pending:
            key, depth, last = pending.pop()
            yield key, depth, last
            effects = self.below.get(key, [])
            pending += [(effect, depth + 1, number == 0) for number, effect in enumerate(reversed(effects))]


def shape(chain: Chain) -> Shape:
    """The forest of a chain, in linear time. Of several causes the strongest wins, a parent before a link."""
    spans = {span.key: span for span in chain.spans}
    above: dict[Key, Edge] = {}
    for edge in chain.edges:
        if edge.effect in spans and edge.cause in spans and edge.effect != edge.cause:
            held = above.get(edge.effect)
            if held is None or _weight(edge) < _weight(held):
                above[edge.effect] = edge
    _cut_cycles(above, spans)
    below: defaultdict[Key, list[Key]] = defaultdict(list)
    for effect, edge in above.items():
        below[edge.cause].append(effect)
    for effects in below.values():
        effects.sort(key=lambda key: (spans[key].start_unix_nano, key))
    roots = [key for key in spans if key not in above]
    origin = (chain.summary.origin.trace_id, chain.summary.origin.span_id)
    roots.sort(key=lambda key: (key != origin, spans[key].start_unix_nano, key))
    return Shape(spans=spans, above=above, below=dict(below), roots=roots)


def _weight(edge: Edge) -> tuple[int, bool, Key]:
    return (edge.evidence.rank, edge.via != "parent", edge.cause)


def _cut_cycles(above: dict[Key, Edge], spans: dict[Key, Span]) -> None:
    """Takes the edge of the earliest span out of every cycle."""
    done: set[Key] = set()
    for start in spans:
        path: list[Key] = []
        on_path: set[Key] = set()
        key: Key | None = start
        while key is not None and key not in done and key not in on_path:
            path.append(key)
            on_path.add(key)
            edge = above.get(key)
            key = edge.cause if edge is not None else None
        if key is not None and key in on_path:
            cycle = path[path.index(key) :]
            del above[min(cycle, key=lambda member: (spans[member].start_unix_nano, member))]
        done |= on_path
