"""Which chain every span belongs to: parts that grow together until nothing changes (`85` to `89`).

A *head* is a span with deciding causes or without a stored parent; everything below it goes where it goes. The spans of
one trace that are in or below a parent cycle share one head, their earliest.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from tracecheck.chains.assembly.causes import Causes
from tracecheck.chains.assembly.facts import Facts


@dataclass(slots=True)
class Parts:
    """`origin` of the chain of every span; `feeds` are (origin, origin of a chain that feeds it)."""

    origin: list[int]
    circular: set[int] = field(default_factory=set)
    feeds: set[tuple[int, int]] = field(default_factory=set)
    entries: list[int] = field(default_factory=list)
    """Spans without a stored parent."""
    loose: set[int] = field(default_factory=set)
    """Entries that name an absent parent, and of whose cause nothing is known."""
    known: set[int] = field(default_factory=set)
    """Entries that begin a trace, or whose cause is in another one."""


class _Labels:
    """Union-find whose label is the smallest member."""

    def __init__(self, heads: Iterable[int]) -> None:
        self._up = {n: n for n in heads}

    def __getitem__(self, n: int) -> int:
        up = self._up
        while up[n] != n:
            up[n] = up[up[n]]
            n = up[n]
        return n

    def unite(self, a: int, b: int) -> None:
        one, other = self[a], self[b]
        if one != other:
            self._up[max(one, other)] = min(one, other)


def parts_of(facts: Facts, causes: Causes) -> Parts:
    """Every span's chain."""
    head, cycles = _heads(facts, causes)
    entries = [n for n, parent in enumerate(facts.parent) if parent is None]
    loose = {n for n in entries if n not in causes and facts.spans[n].parent_span_id is not None}
    known = {n for n in entries if n not in loose and _is_known(facts, causes, n)}
    before = {n: {head[cause] for cause in of} for n, of in causes.items()}
    labels = _Labels(set(head))
    joined = {n for n, of in before.items() if len(of) == 1 and n not in of}
    for n in joined:
        labels.unite(n, next(iter(before[n])))
    drifting = sorted(loose | cycles)
    _unite_drifting(facts, drifting, cycles, known, labels, joined)
    _grow(facts, before, drifting, known, labels, joined)
    parts = _named(head, before, labels, joined)
    parts.circular |= {parts.origin[n] for n in cycles}
    parts.entries, parts.loose, parts.known = entries, loose, known
    return parts


def _heads(facts: Facts, causes: Causes) -> tuple[list[int], set[int]]:
    """Every span's head, and the heads that stand for cycles."""
    head: list[int] = [-1] * len(facts.spans)
    circling: dict[str, list[int]] = defaultdict(list)
    for start in range(len(head)):
        walked: list[int] = []
        at, seen = start, set()
        found = -1
        while True:
            if head[at] != -1:
                found = head[at]
                break
            parent = facts.parent[at]
            if at in causes or parent is None:
                found = at
                walked.append(at)
                break
            if at in seen:
                found = -2
                break
            seen.add(at)
            walked.append(at)
            at = parent
        for n in walked:
            head[n] = found
    for n, at in enumerate(head):
        if at == -2:
            circling[facts.spans[n].trace_id].append(n)
    for ns in circling.values():
        for n in ns:
            head[n] = ns[0]
    return head, {ns[0] for ns in circling.values()}


def _is_known(facts: Facts, causes: Causes, n: int) -> bool:
    trace_id = facts.spans[n].trace_id
    return n not in causes or any(facts.spans[cause].trace_id != trace_id for cause in causes[n])


def _unite_drifting(
    facts: Facts, drifting: list[int], cycles: set[int], known: set[int], labels: _Labels, joined: set[int]
) -> None:
    """Loose heads under one absent parent belong together; where a trace has no known entry, all of them do."""
    if not drifting:
        return
    traces = {facts.spans[n].trace_id for n in known}
    first: dict[tuple[str, bool, str | None], int] = {}
    for n in drifting:
        span = facts.spans[n]
        is_known = span.trace_id in traces
        absent = None if not is_known or n in cycles else span.parent_span_id
        group = first.setdefault((span.trace_id, is_known, absent), n)
        if group != n:
            joined.add(n)
            labels.unite(n, group)


def _grow(
    facts: Facts, before: dict[int, set[int]], drifting: list[int], known: set[int], labels: _Labels, joined: set[int]
) -> None:
    """A head of several causes joins their chain once they share one; only then a loose head that of its trace."""
    waiting = [n for n in before if n not in joined]
    entries: dict[str, list[int]] = defaultdict(list)
    if drifting:
        traces = {facts.spans[n].trace_id for n in drifting}
        for n in known:
            if facts.spans[n].trace_id in traces:
                entries[facts.spans[n].trace_id].append(n)
    while True:
        while True:
            found = []
            for n in waiting:
                own = labels[n]
                outside = {label for cause in before[n] if (label := labels[cause]) != own}
                if len(outside) == 1:
                    found.append((n, outside.pop()))
            if not found:
                break
            for n, label in found:
                joined.add(n)
                labels.unite(n, label)
            waiting = [n for n in waiting if n not in joined]
        found = []
        for n in drifting:
            if n in joined:
                continue
            places = {labels[entry] for entry in entries[facts.spans[n].trace_id]}
            if len(places) == 1 and places != {labels[n]}:
                found.append((n, places.pop()))
        if not found:
            return
        for n, label in found:
            joined.add(n)
            labels.unite(n, label)


def _named(head: list[int], before: dict[int, set[int]], labels: _Labels, joined: set[int]) -> Parts:
    """Each part by its origin: its first head that joined nothing, else its first span, and then it is circular."""
    unsettled = {n for n in before if n not in joined}
    inward = {n for n in unsettled if all(labels[cause] == labels[n] for cause in before[n])}
    origin_of: dict[int, int] = {}
    for n in sorted(set(head)):
        if n not in joined and n not in inward:
            origin_of.setdefault(labels[n], n)
    circular: set[int] = set()
    origin: list[int] = []
    for n, at in enumerate(head):
        label = labels[at]
        if label not in origin_of:
            origin_of[label] = n
            circular.add(n)
        origin.append(origin_of[label])
    circular |= {origin[n] for n in unsettled if labels[n] in {labels[cause] for cause in before[n]}}
    feeds = {(origin[n], origin[cause]) for n, of in before.items() for cause in of if origin[n] != origin[cause]}
    return Parts(origin=origin, circular=circular, feeds=feeds)
