"""The rules of edges and chains once more, another way: plain Python over dicts, span by span, as the words say them.

Slow and simple on purpose, and shares no code with `tracecheck.chains`. `Oracle(spans)` works everything out; a span is
named by its place in the total order (start, the longer first, ids).
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import cached_property

from tracecheck.model import MessageIdentity, Operation, Span, SpanKind

EXACT = ("kafka", "aws_sqs")
PRODUCER, CONSUMER = ("create", "send"), ("receive", "process")


class Evidence:
    """One message edge of a consumer."""

    def __init__(self, message: int, rank: int, via: str, basis: int, link: object = None, doubt: bool = False) -> None:
        self.message, self.rank, self.via, self.basis, self.doubt = message, rank, via, basis, doubt
        self.partition = getattr(link, "partition", None)
        self.offset = getattr(link, "offset", None)
        self.message_id = getattr(link, "message_id", None)


class Oracle:
    """Edges, causes and chains of a set of spans. Those under the same ids must differ, and begin at different times:
    the earliest stands for all."""

    def __init__(self, spans: Sequence[Span]) -> None:
        first: dict[tuple[str, str], Span] = {}
        for span in sorted(spans, key=lambda span: span.start_unix_nano):
            first.setdefault(span.key, span)
        self.spans = sorted(
            first.values(), key=lambda s: (s.start_unix_nano, -s.end_unix_nano, int(s.trace_id, 16), int(s.span_id, 16))
        )
        self.all = range(len(self.spans))
        several = Counter(span.key for span in spans)
        self.conflicting = {n for n, span in enumerate(self.spans) if several[span.key] > 1}
        self.place = {span.key: n for n, span in enumerate(self.spans)}
        self.parent = [
            self.place.get((span.trace_id, span.parent_span_id)) if span.parent_span_id else None for span in self.spans
        ]
        self.targets = [
            [(link, self.place.get((link.trace_id, link.span_id))) for link in span.links] for span in self.spans
        ]
        self.role = [_role(span) for span in self.spans]
        self.promoted = self._promoted()
        for n in self.promoted:
            self.role[n] = "send"
        self.handlers = {n: found for n in self.all if (found := self._handlers(n))}
        self.stale: dict[int, tuple[int, str]] = {}
        self.unclear: set[int] = set()
        self.joined: set[tuple[int, int]] = set()
        self.edges: dict[int, list[Evidence]] = {}
        self._context()
        self._linked()
        self._inherit()
        self._identity()
        self._inherit()
        self._correlation()
        self._inherit()

    # --- producers ----------------------------------------------------------------------------------------------------

    def _promoted(self) -> dict[int, dict[str, object]]:
        """Calls that are named as the send of what a consumer directly below them consumed."""
        found: dict[int, dict[str, object]] = {}
        for n in self.all:
            messaging, outer = self.spans[n].messaging, self.parent[n]
            if self.role[n] not in CONSUMER or messaging is None or messaging.destination is None or outer is None:
                continue
            span, where = self.spans[outer], messaging.destination.lower()
            words = span.name.lower().replace(where, "*", 1)
            named = words in {"send *", "* send", "publish *", "* publish", "produce *", "* produce"}
            if named and span.kind == 3 and self.role[outer] is None and span.messaging is None:
                found.setdefault(outer, {"system": messaging.system, "destination": messaging.destination})
        return found

    def _handlers(self, n: int) -> list[Span]:
        """What runs below a receive span in its service after it has ended, calls and messages aside."""
        here = self.spans[n]
        return [
            span
            for m, span in enumerate(self.spans)
            if self.role[n] == "receive" and self.parent[m] == n and self.role[m] is None and span.kind in (0, 1, 2)
            and span.service == here.service and span.start_unix_nano >= here.end_unix_nano
        ]  # fmt: skip

    def went_wrong(self, n: int) -> bool:
        """Whether a span, or what came of a receive span, ended in error."""
        return (
            self.spans[n].status == 2
            or n in self.puts_back.values()
            or (n in self.handlers and self.handlers[n][-1].status == 2)
        )

    def said(self, n: int, name: str) -> object:
        """A canonical messaging value of a span."""
        if n in self.promoted:
            return self.promoted[n].get(name)
        messaging = self.spans[n].messaging
        if messaging is None:
            return None
        if name in ("partition", "offset", "message_id"):
            return getattr(messaging.identity, name)
        if name == "consumer_group" and messaging.consumer_group is None:
            return self._queue(n)
        return getattr(messaging, name)

    def _queue(self, n: int) -> str | None:
        """What a consumer of RabbitMQ is named by, unless that is a part of its destination."""
        span = self.spans[n]
        at = span.messaging.destination if span.messaging else None
        queue, _, verb = span.name.rpartition(" ")
        if span.kind is not SpanKind.CONSUMER or at is None or span.messaging.system != "rabbitmq":  # type: ignore[union-attr]
            return None
        is_told = verb in ("process", "receive") and len(queue) > 0 and queue[0] not in "<("
        return queue if is_told and queue not in at.split(":") else None

    def folded(self, n: int) -> int:
        """The outermost producer span that says the same message."""
        outer = self.parent[n]
        if self.role[n] == "send" and outer is not None and self.role[outer] in PRODUCER and outer < n:
            here = self.said(n, "destination")
            if self.role[outer] == "create" or here is None or here == self.said(outer, "destination"):
                return self.folded(outer)
        return self.folded(self.taken_from(self.puts_back[n])) if n in self.puts_back else n

    @cached_property
    def puts_back(self) -> dict[int, int]:
        """Sends by which a process span sends the very message again that it was handed, and that span."""
        found: dict[int, int] = {}
        for n in self.all:
            outer = self.parent[n]
            if self.role[n] != "send" or outer is None or outer >= n or self.role[outer] != "process":
                continue
            has_place = self.said(n, "offset") is not None or self.said(outer, "offset") is not None
            if self._same_message(n, outer) and not has_place and self.taken_from(outer) < outer:
                found[n] = outer
        return found

    def taken_from(self, n: int) -> int:
        """The first send of just this message that a span names as parent or link; the span itself if there is none."""
        named = [self.parent[n], *(target for _, target in self.targets[n])]
        sends = [m for m in named if m is not None and self.role[m] in PRODUCER and m < n and self._same_message(m, n)]
        return min(sends, default=n)

    def _same_message(self, one: int, other: int) -> bool:
        names = ("system", "destination", "message_id")
        return all(self.said(one, name) == self.said(other, name) is not None for name in names)

    @cached_property
    def pointed_at(self) -> set[int]:
        """Spans that a consumer names as parent or link."""
        consumers = [n for n in self.all if self.role[n] in CONSUMER]
        parents = {self.parent[n] for n in consumers}
        return {n for n in parents if n is not None} | {
            target for n in consumers for _, target in self.targets[n] if target is not None
        }

    def carried(self, n: int) -> set[int]:
        """The creates that a send span only transports; empty for a message of its own."""
        if self.role[n] != "send" or self.folded(n) != n or n in self.pointed_at:
            return set()
        return {target for _, target in self.targets[n] if target is not None and self.role[target] == "create"}

    @cached_property
    def message_of(self) -> dict[int, int]:
        """Producer span -> its message (the outermost span of it)."""
        return {n: self.folded(n) for n in self.all if self.role[n] in PRODUCER and not self.carried(n)}

    @cached_property
    def inner(self) -> dict[int, list[tuple[int, bool]]]:
        """Message -> spans folded into it or carrying it, and whether they carry nothing else."""
        found: dict[int, list[tuple[int, bool]]] = defaultdict(list)
        for n, message in self.message_of.items():
            if n != message:
                found[message].append((n, True))
        for n in self.all:
            creates = self.carried(n)
            for create in creates:
                found[create].append((n, len(creates) == 1))
        return found

    def of_message(self, message: int, name: str) -> object:
        """A value of a message: its own span's, else the greatest its inner spans know."""
        own = self.said(message, name)
        if own is not None or name not in ("destination", "partition", "offset", "message_id", "event_id"):
            return own
        known = [self.said(n, name) for n, alone in self.inner[message] if alone or name == "destination"]
        return max((value for value in known if value is not None), default=None)  # type: ignore[type-var]

    def failed(self, message: int) -> bool:
        """Whether the send or anything inside it ended in error."""
        return any(self.spans[n].status == 2 for n in (message, *(n for n, _ in self.inner[message])))

    @cached_property
    def messages(self) -> list[int]:
        """All messages, by their outermost span."""
        return sorted(set(self.message_of.values()))

    # --- edges --------------------------------------------------------------------------------------------------------

    def _context(self) -> None:
        for n in (n for n in self.all if self.role[n] in CONSUMER):
            found: dict[int, Evidence] = {}
            parent = self.parent[n]
            if parent in self.message_of:
                found[self.message_of[parent]] = Evidence(self.message_of[parent], 0, "parent", n)
            for link, target in self.targets[n]:
                if target in self.message_of:
                    message = self.message_of[target]
                    known = found.setdefault(message, Evidence(message, 0, "link", n))
                    for name in ("partition", "offset", "message_id"):
                        values = [getattr(known, name), getattr(link.identity, name)]
                        setattr(known, name, max((v for v in values if v is not None), default=None))
            own = self._own(n, list(found.values()))
            self.joined |= {(n, edge.message) for edge in found.values() if edge not in own}
            if len(own) == 1 and self._is_stale(n, own[0]):
                self.stale[n] = (own[0].message, own[0].via)
            elif own:
                self.edges[n] = own

    def _own(self, n: int, found: list[Evidence]) -> list[Evidence]:
        span = self.spans[n]
        if self.parent[n] is None and any(
            target is None and (link.trace_id, link.span_id) == (span.trace_id, span.parent_span_id)
            for link, target in self.targets[n]
        ):
            return []
        offset, message_id = self.said(n, "offset"), self.said(n, "message_id")
        names_one = (self.said(n, "batch_count") or 1) <= 1 and (offset is not None or message_id is not None)
        if not names_one and all(edge.via != "parent" for edge in found):
            return found

        def fit(edge: Evidence) -> int:
            if edge.via == "parent":
                return 4
            if edge.offset is not None and (edge.offset, edge.partition) == (offset, self.said(n, "partition")):
                return 3
            if edge.message_id is not None and edge.message_id == message_id:
                return 3
            here = self.said(n, "destination")
            return 2 if here is not None and here == self.of_message(edge.message, "destination") else 1

        best = max((fit(edge) for edge in found), default=0)
        return [edge for edge in found if fit(edge) == best]

    def _is_stale(self, n: int, edge: Evidence) -> bool:
        if (self.said(n, "batch_count") or 1) > 1 or (self.of_message(edge.message, "batch_count") or 1) > 1:  # type: ignore[operator]
            return False
        mine = {name: self.said(n, name) for name in _NAMES}
        its = {name: self.of_message(edge.message, name) for name in _NAMES}
        both = all(mine[name] is not None and its[name] is not None for name in ("partition", "destination"))
        if mine["system"] in EXACT and mine["system"] == its["system"] and mine["destination"] and its["destination"]:
            direct = self.role[n] == "process" or edge.via == "parent"
            if mine["destination"] != its["destination"] and direct:
                return True
        named = {its["message_id"], its["event_id"]} - {None}
        same_id = mine["message_id"] in named or mine["event_id"] in named
        if both and mine["destination"] == its["destination"] and not same_id:
            if mine["partition"] != its["partition"]:
                return True
            if None not in (mine["offset"], its["offset"]) and mine["offset"] != its["offset"]:
                return True
        at = mine["offset"] is not None and mine["partition"] is not None
        same_position = at and (mine["offset"], mine["partition"]) == (its["offset"], its["partition"])
        for other in self.messages:
            theirs = {name: self.of_message(other, name) for name in _NAMES}
            if None in (mine["system"], mine["destination"]):
                break
            if (theirs["system"], theirs["destination"]) != (mine["system"], mine["destination"]):
                continue
            same_place = (theirs["partition"], theirs["offset"]) == (mine["partition"], mine["offset"])
            if at and not same_position and same_place:
                return True
            is_named = mine["message_id"] is not None and theirs["message_id"] == mine["message_id"]
            if is_named and not same_position and not same_id:
                return True
        return False

    @cached_property
    def named_by_links(self) -> dict[int, list[MessageIdentity]]:
        """Consumer that does not say which one message it handled -> what its links to no message say of theirs."""
        found: dict[int, list[MessageIdentity]] = defaultdict(list)
        for n in (n for n in self.all if self.role[n] in CONSUMER):
            says_one = self.said(n, "offset") is not None or self.said(n, "message_id") is not None
            if says_one and (self.said(n, "batch_count") or 1) <= 1:  # type: ignore[operator]
                continue
            if any(edge.rank == 0 and edge.via == "parent" for edge in self.edges.get(n, [])):
                continue
            for link, target in self.targets[n]:
                known = link.identity
                tells = known.message_id is not None or (known.partition is not None and known.offset is not None)
                if tells and (target is None or self.role[target] is None) and known not in found[n]:
                    found[n].append(known)
        return {n: names for n, names in found.items() if names}

    def _linked(self) -> None:
        for n, names in self.named_by_links.items():
            for name in names:
                own = {"partition": name.partition, "offset": name.offset, "message_id": name.message_id}
                own |= {"system": self.said(n, "system"), "destination": self.said(n, "destination")}
                message = self._known_as(n, own.get)
                if message is None or any(edge.message == message and edge.rank == 0 for edge in self.edges.get(n, [])):
                    continue
                edges = self.edges.setdefault(n, [])
                same = next((edge for edge in edges if edge.message == message), None)
                if same is None:
                    edges.append(Evidence(message, 1, "identity", n, name))
                    continue
                for key in ("partition", "offset", "message_id"):
                    values = [value for value in (getattr(same, key), getattr(name, key)) if value is not None]
                    setattr(same, key, max(values, default=None))

    def _known_as(self, n: int, say: object) -> int | None:
        """The message with the best of these names: the last before the consumer, else the first."""
        for key in self._keys(say):
            same = [m for m in self.messages if key in self._keys(lambda name, m=m: self.of_message(m, name))]
            before = [m for m in same if m < n]
            message = before[-1] if before else same[0] if same else None
            if message is not None:
                return None if message == self.stale.get(n, (None,))[0] else message
        return None

    def _inherit(self) -> None:
        heirs: dict[int, list[int]] = defaultdict(list)
        for n in self.all:
            outer = self.parent[n]
            if self.role[n] != "process" or n in self.edges or n in self.stale or outer not in self.edges:
                continue
            here, around = self.said(n, "destination"), self.said(outer, "destination")
            sent_to = [
                str(d) for e in self.edges[outer] if (d := self.of_message(e.message, "destination")) is not None
            ]
            if (
                None in (here, around)
                or here == around
                or here in {min(sent_to, default=None), max(sent_to, default=None)}
            ):
                heirs[outer].append(n)
        given: dict[int, list[Evidence]] = {}
        for outer, children in heirs.items():
            edges = self.edges[outer]
            for n in children:
                named = [edge for edge in edges if self._names(n, edge)] if len(edges) > 1 else []
                if named:
                    message = min(edge.message for edge in named)
                    given[n] = [edge for edge in edges if edge.message == message]
                elif len(edges) == 1 or len(children) == 1:
                    given[n] = edges
                else:
                    self.unclear.add(n)
        self.edges |= given
        self.unclear -= set(self.edges)

    def _names(self, n: int, edge: Evidence) -> bool:
        offset = self.said(n, "offset")
        if offset is not None and (edge.offset, edge.partition) == (offset, self.said(n, "partition")):
            return True
        return edge.message_id is not None and edge.message_id == self.said(n, "message_id")

    def _leftover(self) -> list[int]:
        around = {self.parent[n] for n in self.edges}
        return [
            n
            for n in self.all
            if self.role[n] in CONSUMER and n not in self.edges and not (self.role[n] == "receive" and n in around)
        ]

    def _identity(self) -> None:
        found: dict[int, list[Evidence]] = {}
        for n in self._leftover():
            for key in self._keys(lambda name, n=n: self.said(n, name)):
                same = [m for m in self.messages if key in self._keys(lambda name, m=m: self.of_message(m, name))]
                before = [m for m in same if m < n]
                message = before[-1] if before else same[0] if same else None
                if message is not None and message != self.stale.get(n, (None,))[0]:
                    found[n] = [Evidence(message, 1, "identity", n)]
                    break
        self.edges |= found

    @staticmethod
    def _keys(value: object) -> list[tuple[object, ...]]:
        say = value  # a function from name to value
        system, destination = say("system"), say("destination")  # type: ignore[operator]
        keys: list[tuple[object, ...]] = []
        if None not in (say("offset"), say("partition"), destination):  # type: ignore[operator]
            keys.append(("position", system, destination, say("partition"), say("offset")))  # type: ignore[operator]
        named = [say(name) for name in ("message_id", "event_id")]  # type: ignore[operator]
        where = destination if system in EXACT else None
        return keys + [("id", system, where, name) for name in named if name is not None]

    def _correlation(self) -> None:
        found: dict[int, list[Evidence]] = {}
        for n in self._leftover():
            span, destination = self.spans[n], self.said(n, "destination")
            if n in self.unclear or span.correlation_id is None or destination is None:
                continue
            served = {
                edge.message
                for c, edges in self.edges.items()
                if self.spans[c].service == span.service
                for edge in edges
            }
            open_sends = [
                m
                for m in self.messages
                if m < n
                and m not in served
                and self.spans[m].correlation_id == span.correlation_id
                and self.of_message(m, "destination") == destination
            ]
            if open_sends and open_sends[-1] != self.stale.get(n, (None,))[0]:
                found[n] = [Evidence(open_sends[-1], 2, "correlation", n, doubt=len(open_sends) > 1)]
        self.edges |= found

    def owner(self, n: int) -> int | None:
        """The nearest consumer span among the ancestors."""
        seen: set[int] = set()
        at = self.parent[n]
        while at is not None and at not in seen:
            if self.role[at] in CONSUMER:
                return at
            seen.add(at)
            at = self.parent[at]
        return None


_NAMES = ("system", "destination", "partition", "offset", "message_id", "event_id")


def _role(span: Span) -> str | None:
    said = span.messaging.operation if span.messaging else None
    match said, span.kind:
        case ((Operation.CREATE | Operation.SEND), SpanKind.CONSUMER):
            return "receive"
        case None, SpanKind.PRODUCER:
            return "send"
        case None, SpanKind.CONSUMER:
            return "process" if span.messaging and span.messaging.destination is not None else "receive"
        case ((None | Operation.SETTLE), _):
            return None
        case operation, _:
            return operation.value
    return None
