"""Which message each consumer span handled, by the strongest evidence there is (`40_context` to `44_correlation`)."""

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TypeVar

from tracecheck.chains.assembly.facts import Facts, Said
from tracecheck.chains.assembly.messages import messages_of
from tracecheck.chains.assembly.names import EXACT, last_before, named, names_of, offered_by
from tracecheck.model import MessageIdentity

CONTEXT, IDENTITY, CORRELATION, INFERRED = range(4)

_Value = TypeVar("_Value", str, int)


@dataclass(frozen=True, slots=True)
class MessageEdge:
    """From a consumer to a message; `basis` is the consumer that says so, `context` how a trace context told it."""

    message: int
    evidence: int
    via: str
    context: str | None
    basis: int
    partition: str | None = None
    offset: int | None = None
    message_id: str | None = None
    ambiguous: bool = False


@dataclass(slots=True)
class Edges:
    """All of it. `stale` is context that contradicts identity; `joined` are other messages that a consumer waited for;
    `unclear` are process spans inside a batch of which nothing tells what they handled; `linked` is what links to no
    message say of theirs, by the consumer that does not say it itself."""

    facts: Facts
    message_of: dict[int, int]
    messages: dict[int, Said]
    of: dict[int, list[MessageEdge]] = field(default_factory=dict)
    stale: dict[int, tuple[int, str]] = field(default_factory=dict)
    joined: list[tuple[int, int]] = field(default_factory=list)
    unclear: set[int] = field(default_factory=set)
    linked: dict[int, list[MessageIdentity]] = field(default_factory=dict)
    owners: dict[int, int | None] = field(default_factory=dict)

    def owner(self, n: int) -> int | None:
        """The nearest consumer among the ancestors; None also above a cycle."""
        parent, consumers = self.facts.parent, self.facts.consumers
        walked: list[int] = []
        at: int | None = n
        found: int | None = None
        seen: set[int] = set()
        while at is not None and at not in seen:
            if at in self.owners:
                found = self.owners[at]
                break
            seen.add(at)
            walked.append(at)
            above = parent[at]
            if above is not None and above in consumers:
                found = above
                break
            at = above
        self.owners.update(dict.fromkeys(walked, found))
        return found


def edges_of(facts: Facts) -> Edges:
    """Every consumer's messages."""
    message_of, messages = messages_of(facts)
    edges = Edges(facts=facts, message_of=message_of, messages=messages)
    _by_context(edges)
    _by_linked_names(edges)
    if len(edges.of) < len(facts.consumers):
        _inherit(edges)
        _by_identity(edges)
        _inherit(edges)
        _by_correlation(edges)
        _inherit(edges)
    return edges


def _by_context(edges: Edges) -> None:
    facts = edges.facts
    for n, said in facts.consumers.items():
        found: dict[int, MessageEdge] = {}
        parent = facts.parent[n]
        if parent in edges.message_of:
            message = edges.message_of[parent]
            found[message] = MessageEdge(message, CONTEXT, "parent", "parent", n)
        for link, target in facts.links.get(n, ()):
            if target not in edges.message_of:
                continue
            message, identity = edges.message_of[target], link.identity
            known = found.get(message)
            if known is None:
                known = MessageEdge(message, CONTEXT, "link", "link", n)
            found[message] = replace(
                known,
                partition=_most(known.partition, identity.partition),
                offset=_most(known.offset, identity.offset),
                message_id=_most(known.message_id, identity.message_id),
            )
        if not found:
            continue
        own = _own(edges, said, list(found.values()))
        if len(own) < len(found):
            edges.joined += [(n, edge.message) for edge in found.values() if edge not in own]
        if own:
            edges.of[n] = own
    _set_stale_aside(edges)


def _most(one: _Value | None, other: _Value | None) -> _Value | None:
    if one is None or other is None:
        return other if one is None else one
    return max(one, other)


def _own(edges: Edges, said: Said, found: list[MessageEdge]) -> list[MessageEdge]:
    """A consumer of one message may carry further links: those are joins. A link to its own absent parent says that
    that span was its producer."""
    facts, n = edges.facts, said.n
    own_parent = (said.span.trace_id, said.span.parent_span_id)
    if facts.parent[n] is None and any(
        target is None and (link.trace_id, link.span_id) == own_parent for link, target in facts.links.get(n, ())
    ):
        return []
    if len(found) == 1:
        return found
    names_one = said.of_one and (said.offset is not None or said.message_id is not None)
    if not names_one and all(edge.via != "parent" for edge in found):
        return found
    fits = [_fit(edges, said, edge) for edge in found]
    best = max(fits)
    return [edge for edge, fit in zip(found, fits, strict=True) if fit == best]


def _fit(edges: Edges, said: Said, edge: MessageEdge) -> int:
    if edge.via == "parent":
        return 4
    if edge.offset is not None and edge.offset == said.offset and edge.partition == said.partition:
        return 3
    if edge.message_id is not None and edge.message_id == said.message_id:
        return 3
    return 2 if said.destination is not None and said.destination == edges.messages[edge.message].destination else 1


def _set_stale_aside(edges: Edges) -> None:
    positions, names = set(), set()
    for message in edges.messages.values():
        positions.add((message.system, message.destination, message.partition, message.offset))
        names.add((message.system, message.destination, message.message_id))
    for n, said in edges.facts.consumers.items():
        own = edges.of.get(n)
        if own is None or len(own) != 1 or not said.of_one:
            continue
        message = edges.messages[own[0].message]
        if message.of_one and _is_stale(said, message, own[0].via, positions, names):
            edges.stale[n] = (message.n, own[0].via)
            del edges.of[n]


def _is_stale(
    said: Said,
    message: Said,
    via: str,
    positions: set[tuple[str | None, str | None, str | None, int | None]],
    names: set[tuple[str | None, str | None, str | None]],
) -> bool:
    same_place = said.destination is not None and said.destination == message.destination
    if said.system in EXACT and message.system == said.system and not same_place:
        both_named = said.destination is not None and message.destination is not None
        if both_named and (said.role == "process" or via == "parent"):
            return True
    ids = [one for one in (message.message_id, message.event_id) if one is not None]
    same_id = said.message_id in ids or said.event_id in ids
    if same_place and not same_id and said.partition is not None and message.partition is not None:
        known = said.offset is not None and message.offset is not None
        if said.partition != message.partition or (known and said.offset != message.offset):
            return True
    at = said.partition is not None and said.offset is not None
    if at and (message.partition, message.offset) == (said.partition, said.offset):
        return False
    if said.system is None or said.destination is None:
        return False
    if at and (said.system, said.destination, said.partition, said.offset) in positions:
        return True
    named = said.message_id is not None and (said.system, said.destination, said.message_id) in names
    return named and not same_id


def _by_linked_names(edges: Edges) -> None:
    """Batches say on each link which message it is. Where a link leads to no message, that finds it."""
    facts = edges.facts
    for n, links in facts.links.items():
        said = facts.consumers.get(n)
        if said is None or (said.of_one and (said.offset is not None or said.message_id is not None)):
            continue
        if any(edge.context == "parent" for edge in edges.of.get(n, ())):
            continue
        names = {
            link.identity: None
            for link, target in links
            if (target is None or facts.said(target) is None)
            and (link.identity.message_id is not None or None not in (link.identity.partition, link.identity.offset))
        }
        if names:
            edges.linked[n] = list(names)
    sought = {
        (n, name): names_of(named(facts.consumers[n], name)) for n, names in edges.linked.items() for name in names
    }
    offered = offered_by(edges.messages, {key for keys in sought.values() for key in keys}) if sought else {}
    for (n, name), keys in sought.items():
        message = next((last_before(same, n) for key in keys if (same := offered.get(key))), None)
        if message is None or edges.stale.get(n, (None,))[0] == message:
            continue
        own = edges.of.setdefault(n, [])
        known = next((place for place, edge in enumerate(own) if edge.message == message), None)
        if known is None:
            own.append(
                MessageEdge(message, IDENTITY, "identity", None, n, name.partition, name.offset, name.message_id)
            )
        elif own[known].evidence == IDENTITY:
            own[known] = replace(
                own[known],
                partition=_most(own[known].partition, name.partition),
                offset=_most(own[known].offset, name.offset),
                message_id=_most(own[known].message_id, name.message_id),
            )


def _inherit(edges: Edges) -> None:
    """A process span directly inside a consumer with messages handles one of them: the one it names, the only one, or
    all if it is the only such child."""
    facts = edges.facts
    heirs: dict[int, list[int]] = defaultdict(list)
    for n, said in facts.consumers.items():
        outer = facts.parent[n]
        if said.role != "process" or outer is None or outer not in edges.of or n in edges.of or n in edges.stale:
            continue
        here, around = said.destination, facts.consumers[outer].destination
        if here is None or around is None or here == around:
            heirs[outer].append(n)
            continue
        places = [place for edge in edges.of[outer] if (place := edges.messages[edge.message].destination) is not None]
        if places and here in (min(places), max(places)):
            heirs[outer].append(n)
    given: dict[int, list[MessageEdge]] = {}
    for outer, children in heirs.items():
        own = edges.of[outer]
        by_position: dict[tuple[str | None, int | None], int] = {}
        by_id: dict[str, int] = {}
        if len(own) > 1:
            for edge in own:
                if edge.offset is not None:
                    at = (edge.partition, edge.offset)
                    by_position[at] = min(edge.message, by_position.get(at, edge.message))
                if edge.message_id is not None:
                    by_id[edge.message_id] = min(edge.message, by_id.get(edge.message_id, edge.message))
        by_message = {edge.message: edge for edge in own}
        for n in children:
            said = facts.consumers[n]
            named = [
                message
                for message in (
                    None if said.offset is None else by_position.get((said.partition, said.offset)),
                    None if said.message_id is None else by_id.get(said.message_id),
                )
                if message is not None
            ]
            if named:
                given[n] = [by_message[min(named)]]
            elif len(own) == 1 or len(children) == 1:
                given[n] = own
            else:
                edges.unclear.add(n)
    edges.of.update(given)
    edges.unclear.difference_update(edges.of)


def _leftover(edges: Edges) -> list[Said]:
    """Consumers still without a message, a receive around others that have one left aside."""
    facts = edges.facts
    around = {facts.parent[n] for n in edges.of}
    return [
        said
        for n, said in facts.consumers.items()
        if n not in edges.of and not (said.role == "receive" and n in around)
    ]


def _by_identity(edges: Edges) -> None:
    sought = {said.n: keys for said in _leftover(edges) if (keys := names_of(said))}
    if not sought:
        return
    offered = offered_by(edges.messages, {key for keys in sought.values() for key in keys})
    for n, keys in sought.items():
        stale = edges.stale.get(n)
        for key in keys:
            if not (same := offered.get(key)):
                continue
            last = last_before(same, n)
            if stale is None or stale[0] != last:
                edges.of[n] = [MessageEdge(last, IDENTITY, "identity", None, n)]
                break


def _by_correlation(edges: Edges) -> None:
    left = [
        said
        for said in _leftover(edges)
        if said.n not in edges.unclear and said.correlation_id is not None and said.destination is not None
    ]
    if not left:
        return
    by_key: dict[tuple[str | None, str | None], list[int]] = defaultdict(list)
    for n, message in edges.messages.items():
        by_key[message.correlation_id, message.destination].append(n)
    served = {(edges.facts.consumers[n].service, edge.message) for n, own in edges.of.items() for edge in own}
    opened: dict[tuple[str, str | None, str | None], list[int]] = {}
    for said in left:
        key = (said.service, said.correlation_id, said.destination)
        if key not in opened:
            opened[key] = [n for n in by_key[said.correlation_id, said.destination] if (said.service, n) not in served]
        before = bisect_left(opened[key], said.n)
        if not before:
            continue
        last, stale = opened[key][before - 1], edges.stale.get(said.n)
        if stale is None or stale[0] != last:
            edge = MessageEdge(last, CORRELATION, "correlation", None, said.n, ambiguous=before > 1)
            edges.of[said.n] = [edge]
