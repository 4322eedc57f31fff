"""The oracle's second half: which chain each span belongs to, by merging sets until nothing changes."""

from collections import defaultdict
from functools import cached_property

from tests.support.oracle import CONSUMER, PRODUCER, Oracle


class ChainOracle(Oracle):
    """Missing spans, deciding causes and the partition into chains."""

    # --- deliveries, as far as chains need them -----------------------------------------------------------------------

    @cached_property
    def deliveries(self) -> dict[tuple[int, str, str], list[int]]:
        """(message, part, group) -> the consumer spans that are its attempts, in order."""
        handled: dict[tuple[int, str, str], list[int]] = defaultdict(list)
        for n, edges in self.edges.items():
            for edge in edges:
                handled[edge.message, self._part(n, edge), self._group(n, edge.message)].append(n)
        found = {}
        for key, consumers in handled.items():
            processes = [n for n in consumers if self.role[n] == "process"]
            kept = set(processes or consumers)
            found[key] = sorted(n for n in kept if not self._is_part_of(n, self.owner(n), kept))
        return found

    def _is_part_of(self, n: int, owner: int | None, attempts: set[int]) -> bool:
        """Whether it is the same attempt as the one around it; what was sent to it directly is not."""
        above = self.parent[n]
        return owner in attempts and owner < n and (above is None or self.role[above] not in ("create", "send"))

    def _group(self, n: int, message: int) -> str:
        service = self.spans[n].service
        named = [
            str(group)
            for c, edges in self.edges.items()
            if self.spans[c].service == service and any(edge.message == message for edge in edges)
            if (group := self.said(c, "consumer_group")) is not None
        ]
        own = self.said(n, "consumer_group")
        here, sent_to = self.said(n, "destination"), self.said(message, "destination")
        if own is None and self.said(n, "system") == "rabbitmq" and here and sent_to and here != sent_to:
            return f"{service} at {here}"
        return str(own) if own is not None else max(named, default=service)

    def _part(self, n: int, edge: object) -> str:
        if (self.said(edge.message, "batch_count") or 0) <= 1:  # type: ignore[attr-defined, operator]
            return ""
        if edge.offset is not None:  # type: ignore[attr-defined]
            return f"{edge.partition or ''}:{edge.offset}"  # type: ignore[attr-defined]
        if self.said(n, "offset") is not None:
            return f"{self.said(n, 'partition') or ''}:{self.said(n, 'offset')}"
        return str(edge.message_id or self.said(n, "message_id") or f"#{self.spans[edge.basis].key}")  # type: ignore[attr-defined]

    # --- spans that never arrived -------------------------------------------------------------------------------------

    @cached_property
    def orphans(self) -> set[int]:
        """Spans whose parent was never stored and of whose cause nothing else is known."""
        return {
            n
            for n in self.all
            if self.spans[n].parent_span_id is not None
            and self.parent[n] is None
            and n not in self.edges
            and n not in self.stale
            and all(target is None for _, target in self.targets[n])
        }

    @cached_property
    def missing(self) -> dict[tuple[str, str], tuple[int, str | None]]:
        """(trace, absent span) -> its first child, and its service where a local child tells it."""
        children: dict[tuple[str, str], list[int]] = defaultdict(list)
        for n in sorted(self.orphans):
            children[self.spans[n].trace_id, str(self.spans[n].parent_span_id)].append(n)
        return {
            key: (
                ns[0],
                min(
                    (
                        s.service
                        for s in map(self.spans.__getitem__, ns)
                        if s.kind not in (2, 5) and s.flags & 768 != 768
                    ),
                    default=None,
                ),
            )
            for key, ns in children.items()
        }

    @cached_property
    def ghosts(self) -> dict[tuple[str, str], tuple[int, str, str | None]]:
        """Absent span -> the delivery it must have been: (message, part, group); no group if nobody else handled it."""
        found: dict[tuple[str, str], tuple[int, str, str | None]] = {}
        for key, (first, service) in self.missing.items():
            again = [
                delivery
                for delivery, attempts in self.deliveries.items()
                if delivery[0] < first and self.spans[delivery[0]].trace_id == key[0]
                if service is not None and any(self.spans[n].service == service for n in attempts)
            ]
            handled = {message for message, _, _ in self.deliveries}
            unhandled = [
                m for m in self.messages if m < first and self.spans[m].trace_id == key[0] and m not in handled
            ]
            if again:
                found[key] = max(again)
            elif len(unhandled) == 1:
                found[key] = (unhandled[0], "", None)
        return found

    # --- causes -------------------------------------------------------------------------------------------------------

    @cached_property
    def causes(self) -> dict[int, set[int]]:
        """The spans that decide to which chain a span belongs, where that is not simply its parent."""
        found: dict[int, set[int]] = defaultdict(set)
        for n in self.all:
            linked = {target for _, target in self.targets[n] if target is not None and target != n}
            if n in self.edges:
                found[n] |= {edge.message for edge in self.edges[n]}
            elif n in self.stale:
                found[n].add(self.stale[n][0])
            elif self.parent[n] is None:
                found[n] |= linked
                if self.role[n] == "receive" and not any(t is not None for _, t in self.targets[n]):
                    found[n] |= self._handled_inside(n)
                if n in self.orphans:
                    ghost = self.ghosts.get((self.spans[n].trace_id, str(self.spans[n].parent_span_id)))
                    found[n] |= {ghost[0]} if ghost else set()
            elif self.role[n] in CONSUMER:
                found[n] |= {target for target in linked if self.role[target] in CONSUMER}
            found[n] |= self._before_root(n)
            if joins := self._joins(n):
                if found[n]:
                    found[n] |= joins
                elif (parent := self.parent[n]) is not None:
                    found[n] |= joins | {parent}
        found = defaultdict(set, {n: causes for n, causes in found.items() if causes})
        for n, cause in self._rejoins(found).items():
            found[n] = {cause}
        return dict(found)

    def _handled_inside(self, n: int) -> set[int]:
        inside: set[int] = set()
        for child in (c for c in self.all if self.parent[c] == n and self.role[c] in CONSUMER):
            if child in self.edges:
                inside |= {edge.message for edge in self.edges[child]}
            else:
                inside |= {target for _, target in self.targets[child] if target is not None}
        return inside

    def _before_root(self, n: int) -> set[int]:
        span = self.spans[n]
        if span.parent_span_id is not None or span.links or span.correlation_id is None or self.role[n] in CONSUMER:
            return set()
        if span.kind not in (0, 1, 3, 4):
            return set()
        before = [
            c
            for c in range(n)
            if self.role[c] in CONSUMER
            and self.spans[c].correlation_id == span.correlation_id
            and self.spans[c].service == span.service
        ]
        return set(before[-1:])

    def _joins(self, n: int) -> set[int]:
        if self.role[n] in PRODUCER:
            return set()
        own = {self.message_of.get(self.parent[n])} | {edge.message for edge in self.edges.get(n, [])}  # type: ignore[arg-type]
        own |= {self.stale[n][0]} if n in self.stale else set()
        waited = {m for c, m in self.joined if c == n}
        for _, target in self.targets[n]:
            if target is None or target == n or self.role[target] in (None, "receive"):
                continue
            message = self.message_of.get(target)
            is_consumer = self.role[n] in CONSUMER
            if message is None or not is_consumer:
                waited.add(target)
            elif message not in own and (n, message) not in self.joined:
                raise AssertionError("a linked message is the consumer's own or joined")
        return waited

    def _rejoins(self, causes: dict[int, set[int]]) -> dict[int, int]:
        found: dict[int, int] = {}
        for n in self.messages:
            owner = self.owner(n)
            if owner is None or len(causes.get(owner, ())) < 2:
                continue
            for names, value in (
                (("message_id", "event_id"), self.of_message(n, "message_id")),
                (("message_id", "event_id"), self.of_message(n, "event_id")),
                (("correlation_id",), self.spans[n].correlation_id),
            ):
                same = [c for c in causes[owner] if self.role[c] and value in {self._named(c, name) for name in names}]
                if value is not None and same:
                    found[n] = min(same)
                    break
        return found

    def _named(self, n: int, name: str) -> object:
        return self.spans[n].correlation_id if name == "correlation_id" else self.said(n, name)

    # --- chains -------------------------------------------------------------------------------------------------------

    @cached_property
    def heads(self) -> dict[int, int]:
        """Span -> the span above it that has deciding causes or no stored parent; a parent cycle's earliest span."""
        found: dict[int, int] = {}
        circling: dict[str, list[int]] = defaultdict(list)
        for n in self.all:
            at, seen = n, set()
            while at not in self.causes and self.parent[at] is not None and at not in seen:
                seen.add(at)
                at = self.parent[at]  # type: ignore[assignment]
            if at in seen:
                circling[self.spans[n].trace_id].append(n)
            else:
                found[n] = at
        self.in_cycle = {n for ns in circling.values() for n in ns}
        return found | {n: min(ns) for ns in circling.values() for n in ns}

    @cached_property
    def chains(self) -> dict[int, int]:
        """Span -> origin of its chain."""
        head = self.heads
        label = {n: n for n in set(head.values())}
        settled: set[int] = set()
        placed: set[int] = set()

        def unite(a: int, b: int) -> None:
            old, new = max(label[a], label[b]), min(label[a], label[b])
            for n, at in label.items():
                if at == old:
                    label[n] = new

        before = {n: {head[c] for c in causes} for n, causes in self.causes.items()}
        for n, causes in before.items():
            if len(causes) == 1 and causes != {n}:
                settled.add(n)
                unite(n, *causes)
        entries = [n for n in self.all if self.parent[n] is None]
        trace = {n: self.spans[n].trace_id for n in self.all}
        known = [n for n in entries if self._is_known(n)]
        loose = [n for n in entries if n not in self.causes and self.spans[n].parent_span_id is not None]
        loose += sorted({head[n] for n in self.in_cycle})
        for n in loose:
            has_known = any(trace[k] == trace[n] for k in known)
            same = [o for o in loose if trace[o] == trace[n] and (not has_known or self._absent(o) == self._absent(n))]
            if min(same) != n:
                placed.add(n)
                unite(n, min(same))
        while True:
            while joins := {
                n: outside.pop()
                for n, causes in before.items()
                if n not in settled and len(outside := {label[c] for c in causes} - {label[n]}) == 1
            }:
                settled |= set(joins)
                for n, at in joins.items():
                    unite(n, at)
            anchors = {n: {label[k] for k in known if trace[k] == trace[n]} for n in loose}
            found = {n for n in loose if n not in placed and len(anchors[n]) == 1 and anchors[n] != {label[n]}}
            if not found:
                break
            for n in found:
                placed.add(n)
                unite(n, *anchors[n])
        origin, self.circular = {}, set()
        for part in set(label.values()):
            members = {n for n, at in label.items() if at == part}
            inward = {n for n in members if before.get(n) and all(label[c] == part for c in before[n])}
            clean = members - settled - placed - inward
            origin[part] = min(clean or (n for n in self.all if label[head[n]] == part))
            self.circular |= set() if clean else {origin[part]}
        for n, causes in before.items():
            if n not in settled and label[n] in {label[c] for c in causes}:
                self.circular.add(origin[label[n]])
        self.circular |= {origin[label[head[n]]] for n in self.in_cycle}
        return {n: origin[label[head[n]]] for n in self.all}

    def _is_known(self, n: int) -> bool:
        if n not in self.causes:
            return self.spans[n].parent_span_id is None
        return any(self.spans[c].trace_id != self.spans[n].trace_id for c in self.causes[n])

    def _absent(self, n: int) -> str | None:
        return None if n in self.in_cycle else self.spans[n].parent_span_id

    @cached_property
    def feeds(self) -> set[tuple[int, int]]:
        """(origin, origin of a chain that feeds it)."""
        chain, head = self.chains, self.heads
        return {
            (chain[n], chain[c])
            for n, causes in self.causes.items()
            for c in causes
            if head[n] == n and chain[n] != chain[c]
        }

    def chain_id(self, origin: int) -> str:
        """`trace_id:span_id`."""
        return ":".join(self.spans[origin].key)
