"""What the rules of one step look at: the chain, the instance opened by one anchor match, and the steps before."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property

from tracecheck.chains.surroundings import GroupSeen, Surroundings
from tracecheck.check.index import RANKS, Index, Key, Unit, ancestors, reach
from tracecheck.check.match import describe_pattern, matching
from tracecheck.expect import Expectation, Pattern, Role, Step
from tracecheck.model import AttributeValue, Basis, Cause, Completeness, Evidence, Finding, SpanBrief, Verdict


class Status(StrEnum):
    """How a step came out.

    `missing`: it happened, as later steps prove, and its span is not there. `blocked`: a step before it is unmet or
    missing, and that is the cause. `skipped`: optional and absent, or after such a step.
    """

    MET = "met"
    MISSING = "missing"
    UNMET = "unmet"
    BLOCKED = "blocked"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepState:
    """How a step came out. `units` met it; `sources` are the spans from which its successors must follow."""

    step: Step
    status: Status
    units: tuple[Unit, ...] = ()
    sources: tuple[Key, ...] = ()
    deciding: Unit | None = None
    took_ns: int | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def instant_unix_nano(self) -> int | None:
        """When the step was done. An anchor that is a span or call counts from its start: the rest may be inside."""
        if self.deciding is None:
            return None
        opens = self.step.after is None and self.deciding.role in (Role.SPAN, Role.CALL)
        return self.deciding.start_unix_nano if opens else self.deciding.instant_unix_nano

    @property
    def passable(self) -> bool:
        """True if successors can be looked for."""
        return self.status in (Status.MET, Status.MISSING)


@dataclass(frozen=True)
class Anchors:
    """All matches of the anchor in one chain, and what their instances share."""

    index: Index
    units: tuple[Unit, ...]
    _untied: dict[Pattern, tuple[Unit, ...]] = field(default_factory=dict)
    _by_key: dict[Pattern, dict[Key, list[Unit]]] = field(default_factory=dict)

    @cached_property
    def tied(self) -> frozenset[Key]:
        """What follows from any of them by more than inference: nothing in it is loose."""
        reached = reach(self.index, tuple(key for unit in self.units for key in unit.keys))
        return frozenset(key for key, rank in reached.items() if rank < Evidence.INFERRED.rank)

    def untied(self, pattern: Pattern) -> tuple[Unit, ...]:
        """The units that meet a pattern and are tied to no anchor."""
        if pattern not in self._untied:
            matched = matching(self.index, pattern)
            self._untied[pattern] = tuple(unit for unit in matched if not self.tied.intersection(unit.keys))
        return self._untied[pattern]

    def by_key(self, pattern: Pattern) -> dict[Key, list[Unit]]:
        """The units that meet a pattern, by their spans and by their messages' sends."""
        if pattern not in self._by_key:
            found: dict[Key, list[Unit]] = {}
            for unit in matching(self.index, pattern):
                sent = () if unit.producer is None else ((unit.producer.trace_id, unit.producer.span_id),)
                for key in (*unit.keys, *sent):
                    found.setdefault(key, []).append(unit)
            self._by_key[pattern] = found
        return self._by_key[pattern]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One instance of an expectation in one chain."""

    index: Index
    expectation: Expectation
    surroundings: Surroundings
    completeness: Completeness
    anchor: Unit
    anchors: Anchors
    _reached: dict[tuple[Key, ...], dict[Key, int]] = field(default_factory=dict)

    def reached(self, sources: tuple[Key, ...]) -> dict[Key, int]:
        """`index.reach`, remembered: several rules ask for the same sources."""
        if sources not in self._reached:
            self._reached[sources] = reach(self.index, sources)
        return self._reached[sources]

    def rank(self, sources: tuple[Key, ...], unit: Unit) -> int | None:
        """Rank of the weakest evidence on the strongest path from the sources to a unit; None without a path.

        A delivery also follows from its message's send by the hop's own evidence: a batch consumer may stand in another
        chain, where no edge of this one leads.
        """
        if set(unit.keys) & set(sources):
            return None
        reached = self.reached(sources)
        ranks = [reached[key] for key in unit.keys if key in reached]
        if unit.producer is not None and unit.hop is not None and unit.hop.evidence is not None:
            produced = reached.get((unit.producer.trace_id, unit.producer.span_id))
            if produced is not None:
                ranks.append(max(produced, RANKS[unit.hop.evidence]))
        return min(ranks, default=None)

    @cached_property
    def before_anchor(self) -> frozenset[Key]:
        """The anchor and what it follows from."""
        return frozenset(ancestors(self.index, self.anchor.keys))

    def loose(self, unit: Unit) -> bool:
        """True if the unit is in the chain, follows from no anchor match but by inference, and is none of their causes.

        In a chain with several anchor matches it must share the anchor's correlation id to count for this one.
        """
        if any(key in self.anchors.tied or key in self.before_anchor for key in unit.keys):
            return False
        if len(self.anchors.units) == 1:
            return True
        mine = self.correlation_ids(self.anchor)
        return bool(mine & self.correlation_ids(unit))

    def correlation_ids(self, unit: Unit) -> set[str]:
        """The correlation ids its spans carry."""
        spans = (self.index.spans.get(key) for key in unit.keys)
        return {span.correlation_id for span in spans if span is not None and span.correlation_id}

    def matching(self, pattern: Pattern) -> tuple[Unit, ...]:
        """The chain's units that meet the pattern."""
        return matching(self.index, pattern)

    def candidates(self, pattern: Pattern, sources: Sequence[tuple[Key, ...]]) -> list[Unit]:
        """The units that meet the pattern and follow from any of the sources, or are tied to no anchor, by start.

        Looks only at what was reached: a chain of a thousand instances must not cost a thousand times the chain.
        """
        by_key = self.anchors.by_key(pattern)
        found = {id(unit): unit for keys in sources for key in self.reached(keys) for unit in by_key.get(key, ())}
        found |= {id(unit): unit for unit in self.anchors.untied(pattern)}
        return sorted(found.values(), key=lambda unit: (unit.start_unix_nano, unit.keys))

    def groups(self, pattern: Pattern) -> tuple[GroupSeen, ...]:
        """The consumer groups that a process pattern means, as far as the store has seen them."""
        if pattern.role is not Role.PROCESS:
            return ()
        return tuple(
            group
            for group in self.surroundings.groups
            if group.destination == pattern.target
            and pattern.group in (None, group.consumer_group)
            and (pattern.service is None or pattern.service in group.services)
        )


@dataclass(frozen=True, kw_only=True)
class Case:
    """One step of a scene, with the states of the steps it comes after (all of them passable)."""

    scene: Scene
    step: Step
    before: tuple[StepState, ...]

    @property
    def pattern(self) -> Pattern:
        """What the step looks for."""
        return self.step.pattern

    @cached_property
    def sources(self) -> tuple[Key, ...]:
        """The spans of all steps before."""
        return tuple(dict.fromkeys(key for state in self.before for key in state.sources))

    @cached_property
    def since_unix_nano(self) -> int | None:
        """The latest instant of the steps before; None if none of them has one."""
        instants = (state.instant_unix_nano for state in self.before)
        return max((instant for instant in instants if instant is not None), default=None)

    @cached_property
    def earliest_unix_nano(self) -> int:
        """When the earliest span of the steps before began: nothing that follows from them began earlier."""
        starts = [state.units[0].start_unix_nano for state in self.before if state.units]
        return min(starts, default=self.scene.anchor.start_unix_nano)

    @cached_property
    def messages(self) -> list[Unit]:
        """The messages a process step could have processed: those sent to its destination in the course of things."""
        if self.pattern.role is not Role.PROCESS:
            return []
        own = {key for state in self.before for key in state.sources}
        reached = self.scene.reached(self.sources)
        at_target = [unit for unit in self.scene.index.messages if unit.destination == self.pattern.target]
        return [unit for unit in at_target if any(key in own or key in reached for key in unit.keys)]

    @cached_property
    def services(self) -> tuple[str, ...]:
        """The services that could meet the step: the one named, else those seen in its consumer group."""
        if self.pattern.service is not None:
            return (self.pattern.service,)
        return tuple(sorted({service for group in self.scene.groups(self.pattern) for service in group.services}))

    @property
    def last_good(self) -> SpanBrief | None:
        """The last span of the steps before: of the one whose instant is latest."""
        units = [state.deciding for state in self.before if state.deciding is not None]
        latest = max(units, key=lambda unit: unit.instant_unix_nano, default=None)
        return None if latest is None else latest.succeeded or latest.briefs[-1]

    def finding(self, code: Cause, verdict: Verdict = Verdict.FAIL, **fields: object) -> Finding:
        """A finding at this step, with what is the same for all of them filled in."""
        given: dict[str, object] = {
            "step": self.step.name,
            "service": self.pattern.service or (self.services[0] if len(self.services) == 1 else None),
            "destination": self.pattern.target if self.pattern.role in (Role.SEND, Role.PROCESS) else None,
            "consumer_group": self.pattern.group,
            "last_good": self.last_good,
            "expected": expected(self.step),
            "limit_ns": self.step.within_ns,
        }
        return finding(self.scene, code, verdict, **(given | fields))

    def waited_ns(self) -> int | None:
        """From the latest step before to the instant of this check."""
        if self.since_unix_nano is None:
            return None
        return max(0, self.scene.surroundings.as_of_unix_nano - self.since_unix_nano)

    def over_budget(self, basis: Completeness) -> Completeness:
        """An assumed absence is no fact while the step's budget still runs; a proven one is."""
        waited, budget = self.waited_ns(), self.step.within_ns
        if basis.basis is not Basis.ASSUMED or waited is None or budget is None or waited >= budget:
            return basis
        return Completeness(basis=Basis.UNKNOWN, reasons=("the budget is not over yet", *basis.reasons))


def finding(scene: Scene, code: Cause, verdict: Verdict, **fields: object) -> Finding:
    """A finding of a scene's chain."""
    given: dict[str, object] = {
        "chain_id": scene.index.chain.chain_id,
        "correlation_id": correlation_of(scene),
        "looked_in": looked_in(scene.index),
    }
    return Finding(code=code, verdict=verdict, **(given | fields))  # type: ignore[arg-type]


def looked_in(index: Index) -> str:
    """Where was looked: `12 spans of the chain`."""
    spans = len(index.chain.spans)
    return f"{spans} span{'s' if spans != 1 else ''} of the chain"


def correlation_of(scene: Scene) -> str | None:
    """The anchor's correlation id, else the chain's."""
    return min(scene.correlation_ids(scene.anchor), default=scene.index.chain.summary.correlation_id)


def expected(step: Step) -> str:
    """What a step looks for, in words: `process orders by group billing, after placed, within 3 s`."""
    words = [describe_pattern(step.pattern)]
    if step.after is not None:
        joiner = " and " if step.after.join == "all" else " or "
        words.append(f"after {joiner.join(step.after.steps)}")
    if step.within_ns is not None:
        words.append(f"within {spoken(step.within_ns)}")
    return ", ".join(words)


def spoken(nanoseconds: int) -> str:
    """A duration as a person says it: `3 s`, `200 ms`, `1.5 s`."""
    for unit, size in (("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000)):
        if abs(nanoseconds) >= size:
            return f"{round(nanoseconds / size, 3):g} {unit}"
    return f"{nanoseconds} ns"


def at(unix_nano: int) -> str:
    """An instant as evidence shows it, to the second and in UTC; beyond year 9999 the number itself."""
    try:
        return datetime.fromtimestamp(unix_nano // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return str(unix_nano)


def message_name(brief: SpanBrief) -> str:
    """`orders[0]@41`, as far as it is known."""
    partition = f"[{brief.partition}]" if brief.partition is not None else ""
    offset = f"@{brief.offset}" if brief.offset is not None else ""
    return f"{brief.destination or 'a message'}{partition}{offset}"


def details(**facts: AttributeValue) -> dict[str, AttributeValue]:
    """Facts by name, without those that are not known."""
    return {name: value for name, value in facts.items() if value is not None}


def distinct(services: Iterable[str]) -> str:
    """Names in order, without repetition."""
    return ", ".join(dict.fromkeys(services))
