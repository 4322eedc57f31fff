"""The oracle's hops and findings, as plain tuples to compare with the stored rows."""

from collections import Counter
from functools import cached_property
from typing import NamedTuple

from tests.support.oracle import CONSUMER, Evidence
from tests.support.oracle_chains import ChainOracle

Key = tuple[str, str]


class OracleHop(NamedTuple):
    """What is compared of a hop."""

    chain_id: str
    producer: Key | None
    consumer: Key | None
    group: object
    place: tuple[object, ...]
    evidence: tuple[str | None, str | None]
    times: tuple[object, ...]
    attempts: tuple[int, tuple[Key, ...]]
    outcome: str
    findings: tuple[str, ...]


class HopOracle(ChainOracle):
    """Hops and findings of a set of spans."""

    @cached_property
    def hops(self) -> list[OracleHop]:
        """All hops, sorted."""
        hops = [self._delivered(*key, attempts) for key, attempts in self.deliveries.items()]
        handled = {message for message, _, _ in self.deliveries}
        for message in (m for m in self.messages if m not in handled):
            services = {
                self.missing[key][1] for key, (m, _, group) in self.ghosts.items() if m == message and group is None
            }
            hops += [self._unhandled(message, service) for service in (services - {None}) or services or {""}]
        hops += [self._unknown(key[3], attempts) for key, attempts in self.unknown.items()]
        return sorted(self._with_lost_context(hops), key=repr)

    def _with_lost_context(self, hops: list[OracleHop]) -> list[OracleHop]:
        """Half hops of one destination, close in time, say that the context was lost."""

        def where(hop: OracleHop) -> tuple[object, ...]:
            n = self.place[hop.producer or hop.consumer]  # type: ignore[index]
            if hop.producer:
                return (self.said(n, "system"), self.of_message(n, "destination"))
            return (self.said(n, "system"), self.said(n, "destination"))

        def at(hop: OracleHop) -> tuple[int, int, int]:
            span = self.spans[self.place[hop.consumer or hop.producer]]  # type: ignore[index]
            return (span.start_unix_nano, int(span.trace_id, 16), int(span.span_id, 16))

        lost: set[OracleHop] = set()
        for hop in hops:
            is_blind = hop.outcome == "origin_unknown" and hop.evidence[1] is None
            if is_blind and "stale_context" not in hop.findings and where(hop)[1] is not None:
                before = [
                    other
                    for other in hops
                    if other.outcome == "undelivered" and where(other) == where(hop) and at(other)[0] <= at(hop)[0]
                ]
                if before and at(hop)[0] - at(max(before, key=at))[0] <= 60_000_000_000:
                    lost |= {hop, max(before, key=at)}
        return [
            hop._replace(findings=tuple(sorted({*hop.findings, "context_lost"}))) if hop in lost else hop
            for hop in hops
        ]

    def _delivered(self, message: int, part: str, group: str, attempts: list[int]) -> OracleHop:
        edges = {n: next(e for e in self._matching(n, message, part)) for n in attempts}
        best = min(edges.values(), key=lambda edge: edge.rank)
        context = next((edges[n].via for n in attempts if edges[n].rank == best.rank and best.rank == 0), None)
        ghosts = [key for key, at in self.ghosts.items() if at == (message, part, group)]
        ghosts = [key for key in ghosts if self.missing[key][1]]
        ok = [n for n in attempts if not self.went_wrong(n)]
        findings = self._doubts(message, attempts)
        names = {self.handlers[n][-1].name for n in attempts if n in self.handlers}
        is_split = len(names) > 1 and all(self.said(n, "consumer_group") is None for n in attempts)
        findings += ["duplicate_delivery"] if ok and attempts[-1] > ok[0] and not is_split else []
        findings += ["processing_failed"] if not ok else []
        is_stale = any(n in self.stale for n in attempts)
        findings += ["stale_context"] if is_stale else ["context_lost"] if best.rank else []
        unclear_inside = any(self.parent[u] in attempts for u in self.unclear)
        findings += ["ambiguous"] if unclear_inside or is_split or any(edge.doubt for edge in edges.values()) else []
        place = [
            self.of_message(message, name)
            if self.of_message(message, name) is not None
            else max((v for n in attempts if (v := self._seen(n, edges[n], name)) is not None), default=None)
            for name in ("partition", "offset", "message_id")
        ]
        groups = [str(g) for n in attempts if (g := self.said(n, "consumer_group")) is not None]
        return OracleHop(
            self.chain_id(self.chains[message]),
            self.spans[message].key,
            self.spans[ok[0] if ok else attempts[-1]].key,
            max(groups, default=None),
            tuple(place),
            (("context", "identity", "correlation")[best.rank], context),
            self._times(message, attempts, ok),
            (len(attempts) + len(ghosts), tuple(sorted([*(self.spans[n].key for n in attempts), *ghosts]))),
            "delivered" if ok else "failed",
            tuple(sorted(findings)),
        )

    def _matching(self, n: int, message: int, part: str) -> list[Evidence]:
        return [edge for edge in self.edges[n] if edge.message == message and self._part(n, edge) == part]

    def _seen(self, n: int, edge: Evidence, name: str) -> object:
        said = getattr(edge, name)
        return said if said is not None else self.said(n, name)

    def _unhandled(self, message: int, service: str | None) -> OracleHop:
        ghosts = sorted(
            key
            for key, (m, _, group) in self.ghosts.items()
            if service and m == message and group is None and self.missing[key][1] == service
        )
        place = tuple(self.of_message(message, name) for name in ("partition", "offset", "message_id"))
        outcome = "undelivered" if service == "" else "unobserved"
        return OracleHop(
            self.chain_id(self.chains[message]), self.spans[message].key, None, None, place, (None, None),
            (None, None, None, None), (len(ghosts), tuple(ghosts)), outcome,
            tuple(sorted(self._doubts(message, []))),
        )  # fmt: skip

    def _times(self, message: int | None, attempts: list[int], ok: list[int]) -> tuple[object, ...]:
        first, decided = self.spans[attempts[0]], self.spans[ok[0] if ok else attempts[-1]]
        is_process, is_consumer = self.role[attempts[0]] == "process", first.kind in (2, 5)
        place = self.place[decided.key]
        starts = [self.spans[n].start_unix_nano for n in self.all if self.parent[n] == place]
        took: tuple[int, int] | None = None
        if place in self.handlers:
            handlers = self.handlers[place]
            took = (min(h.start_unix_nano for h in handlers), max(h.end_unix_nano for h in handlers))
        elif is_process or (decided.kind in (2, 5) and any(start < decided.end_unix_nano for start in starts)):
            took = (decided.start_unix_nano, decided.end_unix_nano)
        ended = self.spans[message].end_unix_nano if message is not None else None
        instant = first.start_unix_nano if is_process or is_consumer else first.end_unix_nano
        return (
            instant - ended if ended is not None else None,
            "process_start" if is_process else "receive_start" if is_consumer else "poll_end",
            took[1] - took[0] if took else None,
            took[1] - ended if took and ok and ended is not None else None,
        )

    def _doubts(self, message: int | None, attempts: list[int]) -> list[str]:
        found = []
        chain = self.chains[message if message is not None else attempts[0]]
        if message is not None:
            if attempts and self.spans[attempts[0]].kind in (2, 5):
                is_early = self.spans[attempts[0]].start_unix_nano < self.spans[message].start_unix_nano
                found += ["clock_skew"] if is_early else []
            found += ["send_failed"] if self.failed(message) else []
            found += ["duplicate_send"] if self._is_sent_again(message) else []
        found += ["batch_fan_in"] if any(self.chains[n] != chain for n in attempts) else []
        found += ["conflicting_span"] if self.conflicting & {message, *attempts} else []
        found += ["orphan"] if any(n in self.orphans for n in attempts) else []
        return found

    def _is_sent_again(self, message: int) -> bool:
        name = self._event(message)
        if name is None or self.said(message, "retry_of") is not None:
            return False
        owner = self.owner(message)
        if owner is not None and any(self._event(edge.message) == name for edge in self.edges.get(owner, [])):
            return False
        return any(
            self._event(m) == name and not self.failed(m)
            and self.of_message(m, "destination") == self.of_message(message, "destination")
            and self.said(m, "system") == self.said(message, "system")
            and self.spans[m].run_id == self.spans[message].run_id
            for m in self.messages if m < message
        )  # fmt: skip

    def _event(self, message: int) -> object:
        return self.of_message(message, "event_id") or self.of_message(message, "message_id")

    @cached_property
    def unknown(self) -> dict[tuple[object, ...], list[int]]:
        """Consumers whose message nobody is seen to send, those of one message together."""
        around = {self.parent[n] for n in self.all if self.role[n] in CONSUMER}
        seen: dict[tuple[int, object], tuple[object, ...]] = {}
        for n in (n for n in self.all if self.role[n] in CONSUMER and n not in self.edges and n not in self.unclear):
            is_receive = self.role[n] == "receive"
            names = [self.said(n, name) for name in ("offset", "message_id", "partition")]
            is_empty = (
                all(name is None for name in names) and not self.said(n, "batch_count") and not self.targets[n]
                and (self.spans[n].parent_span_id is None or self.parent[n] is not None)
            )  # fmt: skip
            if self.said(n, "destination") is None or (is_receive and (n in around or is_empty)):
                continue
            if any(target is not None and self.role[target] in CONSUMER for _, target in self.targets[n]):
                continue
            for own, said in self._told_apart(n).items():
                seen[n, own] = (
                    self.chains[n], self.said(n, "system"), self.said(n, "destination"), own,
                    self.said(n, "consumer_group") or self.spans[n].service,
                )  # fmt: skip
                self._said_of[n, own] = said
        found: dict[tuple[object, ...], list[int]] = {}
        for (n, own), key in seen.items():
            outer = self.parent[n]
            if outer is not None and outer < n:
                inside = [other for (o, _), other in seen.items() if o == outer]
                if any((other[2], other[4]) == (key[2], key[4]) and (own == n or other[3] == own) for other in inside):
                    continue
            found.setdefault(key, []).append(n)
        handled = {key[1:] for key, attempts in found.items() if any(self.role[n] == "process" for n in attempts)}
        return {
            key: kept
            for key, attempts in found.items()
            if (kept := [n for n in attempts if key[1:] not in handled or self.role[n] == "process"])
        }

    @cached_property
    def _said_of(self) -> dict[tuple[int, object], dict[str, object]]:
        return {}

    def _told_apart(self, n: int) -> dict[object, dict[str, object]]:
        """What each message of a consumer is told by -> its position and id."""
        names = ("partition", "offset", "message_id")
        told = [{name: getattr(one, name) for name in names} for one in self.named_by_links.get(n, [])]
        found: dict[object, dict[str, object]] = {}
        for one in told or [{name: self.said(n, name) for name in names}]:
            own: object = n
            if one["offset"] is not None:
                own = ("position", one["partition"], one["offset"])
            elif one["message_id"] is not None:
                own = ("id", one["message_id"])
            said = [one, found.get(own, one)]
            found[own] = one | {
                name: max((each[name] for each in said if each[name] is not None), default=None)  # type: ignore[type-var]
                for name in ("partition", "message_id")
            }
        return found

    def _unknown(self, own: object, attempts: list[int]) -> OracleHop:
        ok = [n for n in attempts if not self.went_wrong(n)]
        findings = self._doubts(None, attempts)
        findings += [] if ok else ["processing_failed"]
        findings += ["stale_context"] if any(n in self.stale for n in attempts) else []
        findings += ["ambiguous"] if any(self.parent[u] in attempts for u in self.unclear) else []
        place = tuple(
            max((v for n in attempts if (v := self._said_of[n, own][name]) is not None), default=None)  # type: ignore[type-var]
            for name in ("partition", "offset", "message_id")
        )
        groups = [str(g) for n in attempts if (g := self.said(n, "consumer_group")) is not None]
        context = min((arrived for n in attempts if (arrived := self._context_of(n))), default=None)
        return OracleHop(
            self.chain_id(self.chains[attempts[0]]), None, self.spans[ok[0] if ok else attempts[-1]].key,
            max(groups, default=None), place, (None, context), self._times(None, attempts, ok),
            (len(attempts), tuple(sorted(self.spans[n].key for n in attempts))), "origin_unknown",
            tuple(sorted(findings)),
        )  # fmt: skip

    def _context_of(self, n: int) -> str | None:
        if self.spans[n].parent_span_id is not None and self.parent[n] is None:
            return "parent"
        return "link" if any(target is None for _, target in self.targets[n]) else None

    @cached_property
    def findings(self) -> dict[str, set[str]]:
        """Chain id -> its findings."""
        found: dict[str, set[str]] = {self.chain_id(origin): set() for origin in self.chains.values()}
        for hop in self.hops:
            found[hop.chain_id] |= set(hop.findings)
        for n in self.all:
            if self.spans[n].parent_span_id is not None and self.parent[n] is None:
                found[self.chain_id(self.chains[n])].add("orphan")
        for n in self.conflicting:
            found[self.chain_id(self.chains[n])].add("conflicting_span")
        applied = Counter(
            (self.chain_id(self.chains[n]), self.spans[n].service, event.attributes["tracecheck.effect.key"])
            for n in self.all
            for event in self.spans[n].events
            if "tracecheck.effect.key" in event.attributes
        )
        for (chain, _, _), times in applied.items():
            found[chain] |= {"duplicate_effect"} if times > 1 else set()
        for origin in self.circular:
            found[self.chain_id(origin)].add("cycle")
        for origin, _ in self.feeds:
            found[self.chain_id(origin)].add("batch_fan_in")
        return found

    @cached_property
    def sent(self) -> list[tuple[object, ...]]:
        """Every message, as the table `messages` holds it; one row for each part of a batch."""
        rows = []
        for m in self.messages:
            span, owner = self.spans[m], self.owner(m)
            upstream = (None,) * 4
            if owner is not None:
                upstream = (*self.spans[owner].key, self.said(owner, "destination"), self.said(owner, "consumer_group"))
            for part in sorted({part for message, part, _ in self.deliveries if message == m}) or [""]:
                groups = [ns for (message, p, _), ns in self.deliveries.items() if (message, p) == (m, part)]
                seen = [(n, edge) for ns in groups for n in ns for edge in self._matching(n, m, part)]
                known = [
                    self.of_message(m, name)
                    if self.of_message(m, name) is not None
                    else max((v for n, edge in seen if (v := self._seen(n, edge, name)) is not None), default=None)
                    for name in ("partition", "offset", "message_id")
                ]
                rows.append(
                    (
                        *span.key, self.chain_id(self.chains[m]), span.service, self.said(m, "system"),
                        self.of_message(m, "destination"), *known, self.of_message(m, "event_id"),
                        self.said(m, "retry_of"), span.correlation_id, span.run_id,
                        span.start_unix_nano, span.end_unix_nano, self.failed(m), len(groups), *upstream,
                    )
                )  # fmt: skip
        return sorted(rows, key=repr)

    @cached_property
    def message_edges(self) -> Counter[tuple[Key, Key, str]]:
        """(consumer, producer, evidence)."""
        names = ("context", "identity", "correlation")
        return Counter(
            (self.spans[n].key, self.spans[edge.message].key, names[edge.rank])
            for n, edges in self.edges.items()
            for edge in edges
        )
