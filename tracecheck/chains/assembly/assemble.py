"""Spans to whole chains, in memory: the rules of `sql/` once more, for a handful of spans that somebody waits for.

A refresh in SQL costs a quarter of a second before the first row: nothing for a million spans, too much for a verdict.
So both exist, and tests hold them to each other; a third, independent oracle stands behind the SQL. The spans given are
closed: with a span come all that it may touch (its trace, those it links to, its keys and its correlation id).
"""

import json
from collections import Counter, defaultdict
from collections.abc import Container, Iterable
from dataclasses import dataclass

from tracecheck.chains.assembly.causes import Causes, causes_of
from tracecheck.chains.assembly.deliveries import Deliveries, deliveries_of
from tracecheck.chains.assembly.edges import CONTEXT, CORRELATION, IDENTITY, INFERRED, Edges, edges_of
from tracecheck.chains.assembly.facts import NEVER, Facts, facts_of
from tracecheck.chains.assembly.hops import hops_of
from tracecheck.chains.assembly.parts import Parts, parts_of
from tracecheck.chains.load import in_order
from tracecheck.model import Chain, ChainSummary, Edge, Evidence, Hop, Origin, Span
from tracecheck.semconv.names import EFFECT_EVENT

EFFECT_KEY = "tracecheck.effect.key"

_EVIDENCE = {
    CONTEXT: Evidence.CONTEXT,
    IDENTITY: Evidence.IDENTITY,
    CORRELATION: Evidence.CORRELATION,
    INFERRED: Evidence.INFERRED,
}


@dataclass(frozen=True, slots=True)
class Assembled:
    """What the spans come to, and all that was found on the way: `weak` are the edges that are no plain parent, `told`
    the consumers whose message edge stands for the edge to their parent."""

    chains: tuple[Chain, ...]
    weak: tuple[Edge, ...]
    told: frozenset[int]
    facts: Facts
    edges: Edges
    deliveries: Deliveries
    parts: Parts


def assemble(spans: Iterable[Span], constants: Container[str] = frozenset()) -> Assembled:
    """The chains of these spans by start, each as `load` gives it once the store is refreshed.

    `constants` are correlation ids that were seen on too many traces to be ids. One finding is left out, which other
    chains decide as well: the `context_lost` of half hops at one destination (`95_lost_context.sql`).
    """
    facts = facts_of(spans, constants)
    edges = edges_of(facts)
    deliveries = deliveries_of(facts, edges)
    causes = causes_of(facts, edges, deliveries)
    parts = parts_of(facts, causes)
    origins = sorted(set(parts.origin))
    chain_ids = {origin: ":".join(facts.spans[origin].key) for origin in origins}
    hops = hops_of(facts, edges, deliveries, parts, chain_ids)
    members: dict[int, list[int]] = defaultdict(list)
    for n, origin in enumerate(parts.origin):
        members[origin].append(n)
    weak = _edges(facts, edges, causes, parts)
    own_edges: dict[int, list[Edge]] = defaultdict(list)
    for edge in weak:
        own_edges[parts.origin[facts.at[edge.effect]]].append(edge)
    findings = _findings(facts, parts, hops)
    feeds: dict[int, list[str]] = defaultdict(list)
    for origin, feeding in parts.feeds:
        feeds[origin].append(chain_ids[feeding])
    told = _told_by_parent(facts, edges)
    chains = [
        _chain(
            facts,
            origin,
            members[origin],
            hops.get(origin, []),
            own_edges[origin],
            told,
            findings[origin],
            feeds[origin],
        )
        for origin in origins
    ]
    chains.sort(key=lambda chain: (chain.summary.start_unix_nano, chain.chain_id))
    return Assembled(tuple(chains), tuple(weak), told, facts, edges, deliveries, parts)


def _chain(
    facts: Facts,
    origin: int,
    members: list[int],
    hops: list[Hop],
    edges: list[Edge],
    told: frozenset[int],
    findings: set[str],
    feeds: list[str],
) -> Chain:
    spans = [facts.spans[n] for n in members]
    first = facts.spans[origin]
    start = min(spans[0].start_unix_nano, NEVER)
    names_cause = first.parent_span_id is not None or origin in facts.links
    correlation_ids = [span.correlation_id for span in spans if span.correlation_id is not None]
    run_ids = [span.run_id for span in spans if span.run_id is not None]
    under_parent = [
        Edge(
            trace_id=span.trace_id,
            span_id=span.span_id,
            cause_trace_id=span.trace_id,
            cause_span_id=str(span.parent_span_id),
            evidence=Evidence.CONTEXT,
            via="parent",
            is_message=False,
        )
        for n, span in zip(members, spans, strict=True)
        if facts.parent[n] is not None and n not in told
    ]
    return Chain(
        summary=ChainSummary(
            chain_id=":".join(first.key),
            trace_ids=tuple(sorted({span.trace_id for span in spans})),
            correlation_id=correlation_ids[0] if correlation_ids else None,
            run_id=run_ids[0] if run_ids else None,
            origin=Origin(
                trace_id=first.trace_id,
                span_id=first.span_id,
                service=first.service,
                name=first.name,
                cause_absent=facts.parent[origin] is None and origin not in facts.linked and names_cause,
            ),
            start_unix_nano=start,
            duration_ns=max(min(max(span.start_unix_nano, span.end_unix_nano), NEVER) for span in spans) - start,
            spans=len(spans),
            hops=len(hops),
            findings=tuple(sorted(findings)),
        ),
        spans=tuple(sorted(spans, key=lambda span: (span.start_unix_nano, span.trace_id, span.span_id))),
        edges=tuple(sorted(edges + under_parent, key=lambda edge: (*edge.effect, *edge.cause))),
        hops=tuple(sorted(hops, key=in_order)),
        feeds=tuple(sorted(feeds)),
        correlation_ids=tuple(sorted(set(correlation_ids))),
        run_ids=tuple(sorted(set(run_ids))),
    )


def _told_by_parent(facts: Facts, edges: Edges) -> frozenset[int]:
    """Consumers whose parent says their message: the message edge stands for the parent's."""
    found: set[int] = set()
    for n in facts.consumers:
        message = edges.message_of.get(facts.parent[n], -1)  # type: ignore[arg-type] # None is no producer
        stale = edges.stale.get(n)
        if any(edge.message == message for edge in edges.of.get(n, ())) or (stale is not None and stale[0] == message):
            found.add(n)
    return frozenset(found)


def _edges(facts: Facts, edges: Edges, causes: Causes, parts: Parts) -> list[Edge]:
    """Edges that are no plain parent, the strongest for each pair (`93_edges.sql`)."""
    found: dict[tuple[int, int], list[tuple[int, bool, str]]] = defaultdict(list)
    handled: set[tuple[int, int]] = set()
    said_by: dict[int, list[int]] = defaultdict(list)
    for n, message in edges.message_of.items():
        said_by[message].append(n)
    for n, own in edges.of.items():
        for edge in own:
            found[n, edge.message].append((edge.evidence, False, edge.via))
            if n in facts.linked:
                handled.update((n, producer) for producer in said_by[edge.message])
    for n, (message, via) in edges.stale.items():
        found[n, message].append((CONTEXT, True, via))
    for n in facts.linked:
        for target in facts.targets(n):
            if (n, target) not in handled:
                found[n, target].append((CONTEXT, True, "link"))
    for n, of in causes.items():
        for cause, whys in of.items():
            for why in whys:
                if why in ("identity", "correlation_of_batch") and _told_by_owner(n, edges, parts):
                    continue
                if why == "identity":
                    found[n, cause].append((IDENTITY, True, "identity"))
                elif why == "correlation_of_batch":
                    found[n, cause].append((CORRELATION, True, "correlation"))
                elif why in ("correlation", "missing"):
                    found[n, cause].append((INFERRED, True, "inferred"))
    for pair in _found_with(facts, parts):
        found[pair].append((INFERRED, True, "inferred"))
    return [
        Edge(
            trace_id=facts.spans[n].trace_id,
            span_id=facts.spans[n].span_id,
            cause_trace_id=facts.spans[cause].trace_id,
            cause_span_id=facts.spans[cause].span_id,
            evidence=_EVIDENCE[min(why)[0]],
            via=min(why)[2],
            is_message=any(not is_plain for _, is_plain, _ in why),
        )
        for (n, cause), why in found.items()
    ]


def _told_by_owner(n: int, edges: Edges, parts: Parts) -> bool:
    """Whether the consumer that sent it is in its chain, so that no cause of that consumer need be named."""
    owner = edges.owner(n)
    return owner is not None and parts.origin[owner] == parts.origin[n]


def _found_with(facts: Facts, parts: Parts) -> list[tuple[int, int]]:
    """Loose entries and the first entry of their trace that is in their chain."""
    if not parts.loose:
        return []
    traces = {facts.spans[n].trace_id for n in parts.known}
    first: dict[tuple[int, str], int] = {}
    for n in parts.entries:
        trace_id = facts.spans[n].trace_id
        if n in parts.known or trace_id not in traces:
            first.setdefault((parts.origin[n], trace_id), n)
    pairs = ((n, first.get((parts.origin[n], facts.spans[n].trace_id))) for n in parts.loose)
    return [(n, cause) for n, cause in pairs if cause is not None and cause != n]


def _findings(facts: Facts, parts: Parts, hops: dict[int, list[Hop]]) -> dict[int, set[str]]:
    found: dict[int, set[str]] = defaultdict(set)
    for origin, own in hops.items():
        found[origin].update(code for hop in own for code in hop.findings)
    for n in parts.entries:
        if facts.spans[n].parent_span_id is not None:
            found[parts.origin[n]].add("orphan")
    for origin in parts.circular:
        found[origin].add("cycle")
    for origin, _ in parts.feeds:
        found[origin].add("batch_fan_in")
    effects: Counter[tuple[int, str, str]] = Counter()
    for n, span in enumerate(facts.spans):
        if span.conflicting:
            found[parts.origin[n]].add("conflicting_span")
        for event in span.events:
            if event.name == EFFECT_EVENT and event.attributes.get(EFFECT_KEY) is not None:
                effects[parts.origin[n], span.service, _text(event.attributes[EFFECT_KEY])] += 1
    for (origin, _, _), count in effects.items():
        if count > 1:
            found[origin].add("duplicate_effect")
    return found


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)
