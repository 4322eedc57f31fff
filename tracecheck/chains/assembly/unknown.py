"""Consumers whose message nobody is seen to send (`90_unknown`)."""

from collections import defaultdict
from collections.abc import Container, Iterable
from dataclasses import dataclass, replace

from tracecheck.chains.assembly.edges import Edges
from tracecheck.chains.assembly.facts import Facts, Said
from tracecheck.chains.assembly.names import named
from tracecheck.chains.assembly.parts import Parts


@dataclass(frozen=True, slots=True)
class Unknown:
    """One such delivery of a chain; `context` is how a trace context arrived that leads to no stored span."""

    origin: int
    attempts: list[Said]
    context: str | None


def unknown_of(facts: Facts, edges: Edges, parts: Parts) -> Iterable[Unknown]:
    """Those that name the same position or id are one delivery. A batch that names its messages on its links has one
    for each; a process span of a delivery outranks its receives."""
    around = {facts.parent[n] for n in facts.consumers}
    candidates: dict[int, tuple[str, dict[str, Said]]] = {}
    for n, said in facts.consumers.items():
        if n in edges.of or n in edges.unclear or said.destination is None or not _is_hop(facts, said, around):
            continue
        candidates[n] = (said.service if said.group is None else said.group, _parts_of(said, edges))
    together: dict[tuple[object, ...], list[Said]] = defaultdict(list)
    for n, (group, own) in candidates.items():
        within = _around(facts, candidates, n, group)
        for part, said in own.items():
            if part not in within:
                together[said.system, said.destination, part, group].append(said)
    for attempts in together.values():
        by_chain: dict[int, list[Said]] = defaultdict(list)
        for said in [said for said in attempts if said.role == "process"] or attempts:
            by_chain[parts.origin[said.n]].append(said)
        for origin, kept in by_chain.items():
            contexts = (_context(facts, said) for said in kept)
            yield Unknown(origin, kept, min((one for one in contexts if one is not None), default=None))


def _parts_of(said: Said, edges: Edges) -> dict[str, Said]:
    """What a consumer's messages are told by, and what it says of each."""
    found: dict[str, Said] = {}
    for one in [named(said, name) for name in edges.linked.get(said.n, ())] or [said]:
        part = f"n{one.n}"
        if one.offset is not None:
            part = f"p{one.partition or ''}:{one.offset}"
        elif one.message_id is not None:
            part = f"i{one.message_id}"
        known = found.get(part, one)
        found[part] = replace(
            one, partition=_most(one.partition, known.partition), message_id=_most(one.message_id, known.message_id)
        )
    return found


def _most(one: str | None, other: str | None) -> str | None:
    return max((each for each in (one, other) if each is not None), default=None)


def _around(facts: Facts, candidates: dict[int, tuple[str, dict[str, Said]]], n: int, group: str) -> Container[str]:
    """The messages of the consumer that a consumer is directly inside: it is the same attempt at those."""
    outer = facts.parent[n]
    if outer is None or outer >= n or outer not in candidates:
        return ()
    outer_group, own = candidates[outer]
    same = (outer_group, facts.consumers[outer].destination) == (group, facts.consumers[n].destination)
    return {*own, f"n{n}"} if same else ()


def _is_hop(facts: Facts, said: Said, around: set[int | None]) -> bool:
    """Not a receive around other consumers or linking to them, and not an empty poll."""
    n = said.n
    if any(target in facts.consumers for _, target in facts.links.get(n, ())):
        return False
    if said.role != "receive":
        return True
    says_nothing = said.offset is None and said.message_id is None and said.partition is None and not said.batch_count
    rooted = said.span.parent_span_id is None or facts.parent[n] is not None
    return n not in around and not (says_nothing and n not in facts.links and rooted)


def _context(facts: Facts, said: Said) -> str | None:
    if said.span.parent_span_id is not None and facts.parent[said.n] is None:
        return "parent"
    return "link" if any(target is None for _, target in facts.links.get(said.n, ())) else None
