"""The causes that decide to which chain a span belongs, where that is not simply its parent (`80` to `84`)."""

from bisect import bisect_left
from collections import defaultdict

from tracecheck.chains.assembly.deliveries import Deliveries
from tracecheck.chains.assembly.edges import Edges
from tracecheck.chains.assembly.facts import Facts

Causes = dict[int, dict[int, set[str]]]
"""By span: each deciding cause, and why it is one."""


def causes_of(facts: Facts, edges: Edges, deliveries: Deliveries) -> Causes:
    """Every span's deciding causes."""
    causes: Causes = {}

    def add(n: int, cause: int, why: str) -> None:
        causes.setdefault(n, {}).setdefault(cause, set()).add(why)

    for n, own in edges.of.items():
        for edge in own:
            add(n, edge.message, "message")
    for n, (message, _) in edges.stale.items():
        if n not in edges.of:
            add(n, message, "stale")
    for n in deliveries.orphans:
        span = facts.spans[n]
        ghost = deliveries.ghosts.get((span.trace_id, str(span.parent_span_id)))
        if ghost is not None:
            add(n, ghost.message, "missing")
    for n, cause, why in _links(facts, edges, causes):
        add(n, cause, why)
    for n, cause in _inner(facts, edges):
        add(n, cause, "inner")
    for n, cause in _roots(facts):
        add(n, cause, "correlation")
    for n, cause, why in _rejoined(facts, edges, causes):
        causes[n] = {cause: {why}}
    return causes


def _links(facts: Facts, edges: Edges, causes: Causes) -> list[tuple[int, int, str]]:
    """Links decide where there is neither a message nor a parent, or between consumers; others are joins."""
    found: list[tuple[int, int, str]] = []
    joins = set(edges.joined)
    for n in facts.linked:
        is_consumer = n in facts.consumers
        if n not in causes:
            alone = facts.parent[n] is None
            found += [
                (n, target, "link")
                for target in set(facts.targets(n))
                if alone or (is_consumer and target in facts.consumers)
            ]
        if n in facts.producers:
            continue
        for target in facts.targets(n):
            said = facts.said(target)
            if said is not None and said.role != "receive" and not (is_consumer and target in edges.message_of):
                joins.add((n, target))
    decided = causes.keys() | {n for n, _, _ in found}
    for n, cause in joins:
        parent = facts.parent[n]
        if n in decided:
            found.append((n, cause, "join"))
        elif parent is not None:
            found += [(n, cause, "join"), (n, parent, "parent")]
    return found


def _inner(facts: Facts, edges: Edges) -> list[tuple[int, int]]:
    """A receive without message, parent or links goes by what the consumers inside it handled."""
    outer = {
        n
        for n, said in facts.consumers.items()
        if said.role == "receive"
        and facts.parent[n] is None
        and n not in edges.of
        and n not in edges.stale
        and n not in facts.linked
    }
    if not outer:
        return []
    found: list[tuple[int, int]] = []
    for n in facts.consumers:
        around = facts.parent[n]
        if around in outer:
            if n in edges.of:
                found += [(around, edge.message) for edge in edges.of[n]]
            else:
                found += [(around, target) for _, target in facts.links.get(n, ()) if target is not None]
    return found


def _roots(facts: Facts) -> list[tuple[int, int]]:
    """A span that begins a trace goes by the consumer of its service and correlation id just before it."""
    handled: dict[tuple[str, str], list[int]] = defaultdict(list)
    for n, said in facts.consumers.items():
        if said.correlation_id is not None:
            handled[said.correlation_id, said.service].append(n)
    found: list[tuple[int, int]] = []
    for n, span in enumerate(facts.spans):
        if span.parent_span_id is None and facts.begins_trace(n):
            consumers = handled.get((str(span.correlation_id), span.service), ())
            if before := bisect_left(consumers, n):
                found.append((n, consumers[before - 1]))
    return found


def _rejoined(facts: Facts, edges: Edges, causes: Causes) -> list[tuple[int, int, str]]:
    """What a consumer of several causes sends joins one of them again by its own id, else by its correlation id."""
    several = {n for n, of in causes.items() if len(of) > 1 and n in facts.consumers}
    if not several:
        return []
    named: dict[tuple[int, int, str], int] = {}
    for owner in several:
        for cause in causes[owner]:
            if (said := facts.said(cause)) is None:
                continue
            for sort, name in ((1, said.message_id), (1, said.event_id), (2, said.correlation_id)):
                if name is not None:
                    key = (owner, sort, name)
                    named[key] = min(cause, named.get(key, cause))
    found: list[tuple[int, int, str]] = []
    for n, message in edges.messages.items():
        sender = edges.owner(n)
        if sender not in several:
            continue
        for sort, name in ((1, message.message_id), (1, message.event_id), (2, message.correlation_id)):
            if name is not None and (sender, sort, name) in named:
                found.append((n, named[sender, sort, name], "identity" if sort == 1 else "correlation_of_batch"))
                break
    return found
