"""The written form of an expectation: pydantic models at the edge, and the way into the model."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, InstanceOf, JsonValue, model_validator

from tracecheck.expect.durations import DURATION_PATTERN, duration_ns
from tracecheck.expect.model import (
    After,
    CleanUp,
    Comparison,
    Duplicates,
    Expectation,
    Observe,
    Pattern,
    PlainValue,
    Policy,
    Predicate,
    Role,
    Seed,
    Segment,
    StateProbe,
    Step,
    Times,
)
from tracecheck.expect.written import written_after, written_comparison, written_count, written_times
from tracecheck.model import Basis, Evidence

SCHEMA_ID = "tracecheck/expectation/v1"

Text = Annotated[str, Field(min_length=1, max_length=1000)]
StepName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,199}$")]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
Duration = Annotated[
    int, BeforeValidator(duration_ns, json_schema_input_type=Annotated[str, Field(pattern=DURATION_PATTERN)])
]


class Strict(BaseModel):
    """Base of the edge models: unknown keys are refused, and no type is bent into another."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class AllOf(Strict):
    """`after: {all: [...]}`."""

    all: Annotated[list[StepName], Field(min_length=1, json_schema_extra={"uniqueItems": True})]


class AnyOf(Strict):
    """`after: {any: [...]}`."""

    any: Annotated[list[StepName], Field(min_length=1, json_schema_extra={"uniqueItems": True})]


class TimesRange(Strict):
    """`times: {at_least: 1, at_most: 3}`."""

    at_least: Count = 1
    at_most: Count | None = None


class Comparisons(Strict):
    """One comparison of a `where` entry that is not plain equality."""

    equals: PlainValue = None
    one_of: Annotated[list[PlainValue], Field(min_length=1)] | None = None
    contains: PlainValue = None
    starts_with: str | None = None
    ends_with: str | None = None
    at_least: int | float | None = None
    at_most: int | float | None = None
    exists: bool | None = None


AfterField = Annotated[
    InstanceOf[After], BeforeValidator(written_after, json_schema_input_type=StepName | AllOf | AnyOf)
]
TimesField = Annotated[InstanceOf[Times], BeforeValidator(written_times, json_schema_input_type=Count | TimesRange)]
CountField = Annotated[InstanceOf[Times], BeforeValidator(written_count, json_schema_input_type=Count | TimesRange)]
Compared = Annotated[Any, BeforeValidator(written_comparison, json_schema_input_type=PlainValue | Comparisons)]
Where = dict[Text, Compared]


def _predicates(where: Mapping[str, tuple[Comparison, PlainValue | tuple[PlainValue, ...]]]) -> tuple[Predicate, ...]:
    return tuple(Predicate(attribute=name, comparison=how, value=value) for name, (how, value) in where.items())


class PatternSpec(Strict):
    """What to look for: exactly one of `send`, `process`, `span`, `call`, and what narrows it."""

    send: Text | None = Field(None, description="destination the message is sent to")
    process: Text | None = Field(None, description="destination the message is processed from")
    span: Text | None = Field(None, description="name of any span")
    call: Text | None = Field(None, description="service or server that is called")
    service: Text | None = Field(None, description="service.name of the service that does it")
    group: Text | None = Field(None, description="consumer group (process only)")
    where: Where = Field(default_factory=dict, description="span attributes that must hold")

    @model_validator(mode="after")
    def _one_role(self) -> "PatternSpec":
        given = [role.value for role in Role if getattr(self, role.value) is not None]
        if len(given) != 1:
            raise ValueError(f"expected exactly one of send, process, span, call; got {' and '.join(given) or 'none'}")
        if self.group is not None and self.process is None:
            raise ValueError(f"group belongs to a process step; this one is a {given[0]}")
        return self

    def pattern(self) -> Pattern:
        """The model's value."""
        role = next(role for role in Role if getattr(self, role.value) is not None)
        return Pattern(
            role=role,
            target=getattr(self, role.value),
            service=self.service,
            group=self.group,
            where=_predicates(self.where),
        )


class BudgetsSpec(Strict):
    """How long each part of a delivery's time may take."""

    transit: Duration | None = Field(None, description="end of the send to the start of the first attempt")
    queue: Duration | None = Field(None, description="the record's own time to the start of the first attempt")
    processing: Duration | None = Field(None, description="the attempt that decided")
    forwarding: Duration | None = Field(None, description="start of that attempt to the first message it sent")


class StepSpec(PatternSpec):
    """One step."""

    after: AfterField | None = Field(None, description="the step or steps that must have caused this one")
    within: Duration | None = Field(None, description="from the latest predecessor's instant to this one's")
    times: TimesField = Field(default=Times(), description="how often per instance (default: at least once)")
    optional: bool = Field(False, description="may be absent; if it is there, it must hold")
    budgets: BudgetsSpec | None = Field(None, description="budgets of parts of its time (process only)")

    @model_validator(mode="after")
    def _budgets_of_deliveries(self) -> "StepSpec":
        if self.budgets is not None and self.process is None:
            raise ValueError("budgets belong to a process step; use `within` for others")
        return self

    def step(self, name: str) -> Step:
        """The model's value."""
        return Step(
            name=name,
            pattern=self.pattern(),
            after=self.after,
            within_ns=self.within,
            times=self.times,
            optional=self.optional,
            budgets=_budgets(self.budgets),
        )


class ChainsSpec(Strict):
    """How many instances must exist."""

    at_least: Annotated[int, Field(ge=1, le=1_000_000)] = 1


class DuplicatesSpec(Strict):
    """What to do about duplicates."""

    deliveries: Literal["allow", "report", "forbid"] = "report"
    sends: Literal["allow", "report", "forbid"] = "report"
    effects: Literal["allow", "report", "forbid"] = "forbid"


class _OnBroker(Strict):
    BROKERS: ClassVar[tuple[str, ...]] = ("kafka", "rabbitmq")
    kafka: Text | None = None
    rabbitmq: Text | None = None

    @model_validator(mode="after")
    def _one_broker(self) -> "_OnBroker":
        given = [name for name in self.BROKERS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"expected exactly one of {', '.join(self.BROKERS)} with its destination")
        return self

    def broker(self) -> tuple[str, str]:
        """(system, destination)."""
        return next((name, value) for name in self.BROKERS if (value := getattr(self, name)) is not None)


class SeedSpec(_OnBroker):
    """The message that starts a scenario."""

    key: str | None = None
    value: JsonValue = None
    headers: dict[Text, str] = Field(default_factory=dict)
    content_type: Text | None = Field(None, description="how the value is written (default: JSON, or text as it is)")
    twice: bool = Field(False, description="send it again under the same event id")


class ObserveSpec(_OnBroker):
    """A message that must be seen on the bus."""

    where: Where = Field(default_factory=dict, description="fields of the JSON value, by dotted path")
    key: str | None = None
    headers: dict[Text, str] = Field(default_factory=dict)
    within: Duration | None = None
    times: CountField = Field(default=Times(), description="how often (default: at least once; 0: never)")


class StateSpec(Strict):
    """A state that must be reached outside the spans."""

    sql: Text | None = None
    http: Text | None = None
    database: Text | None = None
    path: Text | None = None
    params: dict[Text, PlainValue] = Field(default_factory=dict)
    equals: PlainValue = None
    matches: Compared | None = Field(None, description="a comparison such as {at_least: 3}, in place of `equals`")
    within: Duration | None = None
    hold: Duration = 0

    @model_validator(mode="after")
    def _one_source(self) -> "StateSpec":
        if (self.sql is None) == (self.http is None):
            raise ValueError("expected exactly one of sql, http")
        if self.matches is None and "equals" not in self.model_fields_set:
            raise ValueError("equals is missing; expected it, or a comparison under matches")
        if self.matches is not None and "equals" in self.model_fields_set:
            raise ValueError("expected either equals or matches, not both")
        return self


class CleanUpSpec(Strict):
    """A statement that removes what the scenario left behind."""

    sql: Text
    database: Text | None = None
    params: dict[Text, PlainValue] = Field(default_factory=dict)


class ExpectationSpec(Strict):
    """One document of a specification file."""

    chain: Text = Field(description="name of the expectation")
    chains: ChainsSpec = ChainsSpec()
    within: Duration | None = Field(None, description="from the anchor's instant to the last required step's")
    evidence: Literal["context", "identity", "correlation", "inferred"] = "correlation"
    completeness: Literal["proven", "assumed", "unknown"] = "assumed"
    steps: Annotated[dict[StepName, StepSpec], Field(min_length=1, max_length=1000)]
    never: list[PatternSpec] = Field(default_factory=list)
    closed: bool = False
    duplicates: DuplicatesSpec | None = None
    settle: Duration | None = None
    cases: Text | None = None
    seed: SeedSpec | None = None
    observe: list[ObserveSpec] = Field(default_factory=list)
    state: list[StateSpec] = Field(default_factory=list)
    clean_up: list[CleanUpSpec] = Field(default_factory=list, description="run after the scenario, whatever came of it")
    tags: list[Text] = Field(default_factory=list, description="chosen by `tracecheck run --tag`")

    def expectation(self) -> Expectation:
        """The model's value."""
        return Expectation(
            name=self.chain,
            steps=tuple(step.step(name) for name, step in self.steps.items()),
            at_least=self.chains.at_least,
            within_ns=self.within,
            evidence=Evidence(self.evidence),
            completeness=Basis(self.completeness),
            never=tuple(one.pattern() for one in self.never),
            closed=self.closed,
            duplicates=_duplicates(self.duplicates),
            settle_ns=self.settle,
            cases=self.cases,
            seed=_seed(self.seed),
            observe=tuple(_observe(one) for one in self.observe),
            state=tuple(_state(one) for one in self.state),
            clean_up=tuple(
                CleanUp(sql=one.sql, database=one.database, params=dict(one.params)) for one in self.clean_up
            ),
            tags=tuple(self.tags),
        )


def _budgets(spec: BudgetsSpec | None) -> tuple[tuple[Segment, int], ...]:
    if spec is None:
        return ()
    given = ((segment, getattr(spec, segment.value)) for segment in Segment)
    return tuple((segment, limit) for segment, limit in given if limit is not None)


def _duplicates(spec: DuplicatesSpec | None) -> Duplicates | None:
    if spec is None:
        return None
    return Duplicates(deliveries=Policy(spec.deliveries), sends=Policy(spec.sends), effects=Policy(spec.effects))


def _seed(spec: SeedSpec | None) -> Seed | None:
    if spec is None:
        return None
    system, destination = spec.broker()
    return Seed(
        system=system,
        destination=destination,
        value=spec.value,
        key=spec.key,
        headers=dict(spec.headers),
        content_type=spec.content_type,
        twice=spec.twice,
    )


def _observe(spec: ObserveSpec) -> Observe:
    system, destination = spec.broker()
    return Observe(
        system=system,
        destination=destination,
        where=_predicates(spec.where),
        key=spec.key,
        headers=dict(spec.headers),
        within_ns=spec.within,
        times=spec.times,
    )


def _state(spec: StateSpec) -> StateProbe:
    matches = _predicates({spec.path or "value": spec.matches}) if spec.matches is not None else (None,)
    return StateProbe(
        equals=spec.equals,
        matches=matches[0],
        sql=spec.sql,
        http=spec.http,
        database=spec.database,
        path=spec.path,
        params=dict(spec.params),
        within_ns=spec.within,
        hold_ns=spec.hold,
    )
