"""What should have happened, as values: one model behind YAML and Python (see `expect.yaml_file`, `expect.python`).

An expectation names *steps* by role and destination, not by span name, so that an upgrade of an instrumentation breaks
no test. `check.evaluate` says what each part means; this file says what there is. Durations are integer nanoseconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from tracecheck.model import Basis, Evidence

PlainValue = None | bool | int | float | str


class Role(StrEnum):
    """What a step looks for: a send, a delivery to a consumer group, any span, or a call to another service."""

    SEND = "send"
    PROCESS = "process"
    SPAN = "span"
    CALL = "call"


class Comparison(StrEnum):
    """How a predicate compares. There is no regular expression: a pattern from a file could stall a check."""

    EQUALS = "equals"
    ONE_OF = "one_of"
    CONTAINS = "contains"
    STARTS_WITH = "starts_with"
    ENDS_WITH = "ends_with"
    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    EXISTS = "exists"


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicate:
    """A claim about one span attribute, or one field of a message's JSON value. See `expect.predicates.holds`."""

    attribute: str
    comparison: Comparison = Comparison.EQUALS
    value: PlainValue | tuple[PlainValue, ...] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """What to look for. `target` is the destination of a send or process, a span's name, or the called service."""

    role: Role
    target: str
    service: str | None = None
    group: str | None = None
    where: tuple[Predicate, ...] = ()


class Join(StrEnum):
    """Whether a step follows all of its predecessors or any one of them."""

    ALL = "all"
    ANY = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class After:
    """The steps that must have caused this one (a causal path, not mere time)."""

    steps: tuple[str, ...]
    join: Join = Join.ALL


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """How often a step must be met per instance; `at_most` None is unbounded."""

    at_least: int = 1
    at_most: int | None = None


class Segment(StrEnum):
    """A part of a delivery's time that can have a budget of its own (see `chains.HopTiming`)."""

    TRANSIT = "transit"
    QUEUE = "queue"
    PROCESSING = "processing"
    FORWARDING = "forwarding"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step. Without `after` it is the anchor. `within_ns` runs from its latest predecessor's instant to its own.

    An `optional` step may be absent; if it is there, it must hold. `budgets` bound parts of each delivery's time, in
    nanoseconds (process steps only).
    """

    name: str
    pattern: Pattern
    after: After | None = None
    within_ns: int | None = None
    times: Times = Times()
    optional: bool = False
    budgets: tuple[tuple[Segment, int], ...] = ()


class Policy(StrEnum):
    """What to do about a duplicate: say nothing, say it and pass, or fail."""

    ALLOW = "allow"
    REPORT = "report"
    FORBID = "forbid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicates:
    """How duplicates are judged. A stated `forbid` is a negative claim: a pass waits until no more spans can come."""

    deliveries: Policy = Policy.REPORT
    sends: Policy = Policy.REPORT
    effects: Policy = Policy.FORBID


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """The message that starts a scenario. `system` is the broker's kind (`kafka`, `rabbitmq`). `value` is JSON-like.

    `twice` sends it again under the same event id: what must happen once must then still happen once.
    """

    system: str
    destination: str
    value: object = None
    key: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str | None = None
    twice: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Observe:
    """A message that must be seen on the bus. Predicates name fields of the JSON value by dotted path.

    `times` may be exactly 0: then none may come, within `within_ns` or while the rest of the scenario takes.
    """

    system: str
    destination: str
    where: tuple[Predicate, ...] = ()
    key: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    within_ns: int | None = None
    times: Times = Times()


@dataclass(frozen=True, slots=True, kw_only=True)
class StateProbe:
    """A state that must be reached outside the spans: the one value of an SQL query, or a field of an HTTP answer.

    `database` is its URL (None: the scenario's own); `path` is the dotted path into a JSON answer. The state must equal
    `equals`, or meet the predicate `matches` where that is given, at the latest `within_ns` after the seed and then
    hold for `hold_ns`.
    """

    equals: PlainValue = None
    matches: Predicate | None = None
    sql: str | None = None
    http: str | None = None
    database: str | None = None
    path: str | None = None
    params: Mapping[str, PlainValue] = field(default_factory=dict)
    within_ns: int | None = None
    hold_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanUp:
    """A statement that removes what a scenario left in a database. It must be idempotent: it is run again to see."""

    sql: str
    database: str | None = None
    params: Mapping[str, PlainValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """One chain as it should be. `steps` keep the order they were written in; exactly one is the anchor.

    `at_least` instances must exist. `within_ns` runs from the anchor's instant to the last required step's. `evidence`
    is the weakest edge accepted, `completeness` the weakest basis on which absence counts. `duplicates` None means the
    default policy, of which a pass does not wait to be sure. `settle_ns` None leaves it to the caller. `cases` is the
    path of a CSV file, as written. `tags` are what `run --tag` chooses by.
    """

    name: str
    steps: tuple[Step, ...]
    at_least: int = 1
    within_ns: int | None = None
    evidence: Evidence = Evidence.CORRELATION
    completeness: Basis = Basis.ASSUMED
    never: tuple[Pattern, ...] = ()
    closed: bool = False
    duplicates: Duplicates | None = None
    settle_ns: int | None = None
    cases: str | None = None
    seed: Seed | None = None
    observe: tuple[Observe, ...] = ()
    state: tuple[StateProbe, ...] = ()
    clean_up: tuple[CleanUp, ...] = ()
    tags: tuple[str, ...] = ()

    @property
    def anchor(self) -> Step:
        """The one step without `after`."""
        return next(step for step in self.steps if step.after is None)

    @property
    def negative(self) -> bool:
        """True if it claims that something did not happen, so that a pass has to wait for completeness."""
        forbids = self.duplicates is not None and Policy.FORBID in (
            self.duplicates.deliveries,
            self.duplicates.sends,
            self.duplicates.effects,
        )
        bounded = any(step.times.at_most is not None for step in self.steps)
        return bool(self.never) or self.closed or forbids or bounded


def in_causal_order(expectation: Expectation) -> tuple[Step, ...]:
    """The steps with every predecessor before its successors, else as written. A valid expectation has no cycle."""
    done: dict[str, Step] = {}
    waiting = list(expectation.steps)
    while waiting:
        ready = [step for step in waiting if step.after is None or all(name in done for name in step.after.steps)]
        if not ready:
            raise ValueError(f"expectation {expectation.name!r} has a cycle or an unknown step in its `after`")
        done[ready[0].name] = ready[0]
        waiting.remove(ready[0])
    return tuple(done.values())
