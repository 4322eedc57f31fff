"""The values that flow through tracecheck, from a stored span to a verdict.

Read this first: every room takes these values and returns these values. Instants are `*_unix_nano`, durations `*_ns`,
both integers. Ids are lower-case hex text (32 digits for a trace, 16 for a span). The words are those of OpenTelemetry
and its messaging conventions; *chain*, *hop*, *delivery*, *edge* and *evidence* are ours and defined below.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

Scalar = str | bool | int | float | bytes
AttributeValue = Scalar | None | Sequence["AttributeValue"] | Mapping[str, "AttributeValue"]
Attributes = Mapping[str, AttributeValue]


class SpanKind(IntEnum):
    """OTLP `Span.SpanKind`, by its number on the wire."""

    UNSPECIFIED = 0
    INTERNAL = 1
    SERVER = 2
    CLIENT = 3
    PRODUCER = 4
    CONSUMER = 5


class StatusCode(IntEnum):
    """OTLP `Status.StatusCode`, by its number on the wire."""

    UNSET = 0
    OK = 1
    ERROR = 2


class Operation(StrEnum):
    """What a messaging span does (messaging conventions, `messaging.operation.type`)."""

    CREATE = "create"
    SEND = "send"
    RECEIVE = "receive"
    PROCESS = "process"
    SETTLE = "settle"


# --- spans, as stored -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageIdentity:
    """What tells one message from another, as far as one span or link says it.

    `partition` is text (the conventions' type), `offset` is the broker's number. `message_id` is the system's own id,
    or the event id where the system has none.
    """

    partition: str | None = None
    offset: int | None = None
    message_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Messaging:
    """The canonical messaging attributes of a span, whatever spelling they arrived in (`semconv.messaging_of`)."""

    system: str | None = None
    operation: Operation | None = None
    destination: str | None = None
    consumer_group: str | None = None
    identity: MessageIdentity = MessageIdentity()
    key: str | None = None
    event_id: str | None = None
    batch_count: int | None = None
    record_time_unix_nano: int | None = None
    attempt: int | None = None
    retry_of: str | None = None
    tombstone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One OTLP span link. `identity` holds what the link's attributes say about its message (batches put it there)."""

    trace_id: str
    span_id: str
    trace_state: str = ""
    flags: int = 0
    attributes: Attributes = field(default_factory=dict)
    dropped_attributes_count: int = 0
    identity: MessageIdentity = MessageIdentity()


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One OTLP span event."""

    time_unix_nano: int
    name: str
    attributes: Attributes = field(default_factory=dict)
    dropped_attributes_count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityRef:
    """One OTLP entity reference: which of the resource's attributes name an entity, and which describe it."""

    type: str
    id_keys: tuple[str, ...] = ()
    description_keys: tuple[str, ...] = ()
    schema_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """Who emitted the span: OTLP resource and instrumentation scope, both verbatim."""

    attributes: Attributes = field(default_factory=dict)
    dropped_attributes_count: int = 0
    entity_refs: tuple[EntityRef, ...] = ()
    schema_url: str = ""
    scope_name: str = ""
    scope_version: str = ""
    scope_attributes: Attributes = field(default_factory=dict)
    scope_dropped_attributes_count: int = 0
    scope_schema_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One span as stored: the OTLP fields verbatim, and the canonical columns filled from them at write time.

    `service` is `service.name` (or `unknown_service`); `instance` is `service.instance.id`; `host` is `host.name`.
    `messaging` is None for a span that has nothing to do with messages.
    """

    trace_id: str
    span_id: str
    parent_span_id: str | None = None
    name: str = ""
    kind: SpanKind = SpanKind.UNSPECIFIED
    start_unix_nano: int = 0
    end_unix_nano: int = 0
    status: StatusCode = StatusCode.UNSET
    status_message: str = ""
    trace_state: str = ""
    flags: int = 0
    attributes: Attributes = field(default_factory=dict)
    dropped_attributes_count: int = 0
    links: tuple[Link, ...] = ()
    dropped_links_count: int = 0
    events: tuple[Event, ...] = ()
    dropped_events_count: int = 0
    resource: Resource = Resource()
    service: str = "unknown_service"
    instance: str | None = None
    host: str | None = None
    correlation_id: str | None = None
    run_id: str | None = None
    messaging: Messaging | None = None
    conflicting: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """Row identity: (trace id, span id)."""
        return (self.trace_id, self.span_id)


# --- chains -----------------------------------------------------------------------------------------------------------


class Evidence(StrEnum):
    """Why an edge is believed, strongest first (DESIGN 2)."""

    CONTEXT = "context"
    IDENTITY = "identity"
    CORRELATION = "correlation"
    INFERRED = "inferred"

    @property
    def rank(self) -> int:
        """0 for the strongest, growing with weakness."""
        return _EVIDENCE_RANKS[self]


_EVIDENCE_RANKS = {evidence: rank for rank, evidence in enumerate(Evidence)}


class Outcome(StrEnum):
    """What became of a message at one consumer group."""

    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    ORIGIN_UNKNOWN = "origin_unknown"
    UNOBSERVED = "unobserved"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanBrief:
    """A span as a reader needs to see it in a hop or a finding."""

    trace_id: str
    span_id: str
    service: str
    name: str
    start_unix_nano: int
    end_unix_nano: int
    destination: str | None = None
    consumer_group: str | None = None
    partition: str | None = None
    offset: int | None = None
    error: str | None = None
    consumes: bool = field(default=False, compare=False)
    """True for a span that received or handled the message, whether or not it names a consumer group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """From a span (the effect) to its cause. `via` is `parent`, `link`, `identity`, `correlation` or `inferred`."""

    trace_id: str
    span_id: str
    cause_trace_id: str
    cause_span_id: str
    evidence: Evidence
    via: str
    is_message: bool
    """True from a consumer span to the producer span of its message, across the broker."""

    @property
    def effect(self) -> tuple[str, str]:
        """Key of the span that was caused."""
        return (self.trace_id, self.span_id)

    @property
    def cause(self) -> tuple[str, str]:
        """Key of the causing span."""
        return (self.cause_trace_id, self.cause_span_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One message at one consumer group; either side may be missing.

    `transit_ns` = `consumer_instant_unix_nano` of the first attempt - end of the producer span (may be negative).
    `consumer_instant` says which instant stands for the consumer: `process_start`, `receive_start` or `poll_end`.
    `consumer` is the attempt that decided: the first successful, else the last. `attempt_spans` are all, by start.
    """

    chain_id: str
    system: str | None
    destination: str | None
    consumer_group: str | None
    partition: str | None
    offset: int | None
    message_id: str | None
    producer: SpanBrief | None
    consumer: SpanBrief | None
    evidence: Evidence | None
    context: str | None
    transit_ns: int | None
    consumer_instant: str | None
    processing_ns: int | None
    succeeded_after_ns: int | None
    attempts: int
    outcome: Outcome
    findings: tuple[str, ...] = ()
    attempt_spans: tuple[SpanBrief, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The first span of a chain. `cause_absent`: it names a cause (a parent or link) that was never stored."""

    trace_id: str
    span_id: str
    service: str
    name: str
    cause_absent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainSummary:
    """One row of `chains`. `findings` are codes. Times span all its spans."""

    chain_id: str
    trace_ids: tuple[str, ...]
    correlation_id: str | None
    run_id: str | None
    origin: Origin
    start_unix_nano: int
    duration_ns: int
    spans: int
    hops: int
    findings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """One chain, loaded whole: an origin and everything that follows from it, across traces.

    `spans` are ordered by (start, trace id, span id); `edges` run from effect to cause and cover parents, links and the
    weaker evidence; `feeds` are chain ids whose messages were consumed in a batch that began this chain
    (`batch_fan_in`); `correlation_ids` are all seen on its spans.
    """

    summary: ChainSummary
    spans: tuple[Span, ...]
    edges: tuple[Edge, ...]
    hops: tuple[Hop, ...]
    feeds: tuple[str, ...] = ()
    correlation_ids: tuple[str, ...] = ()
    run_ids: tuple[str, ...] = ()

    @property
    def chain_id(self) -> str:
        """`trace_id:span_id` of the origin."""
        return self.summary.chain_id


# --- findings and verdicts --------------------------------------------------------------------------------------------


class Verdict(StrEnum):
    """`fail` > `inconclusive` > `pass` when merged (DESIGN 2)."""

    PASS = "pass"
    INCONCLUSIVE = "inconclusive"
    FAIL = "fail"

    @staticmethod
    def merge(verdicts: "Sequence[Verdict]") -> "Verdict":
        """The gravest of them; no evidence is never a pass, so an empty sequence is inconclusive."""
        order = list(Verdict)
        return max(verdicts, key=order.index, default=Verdict.INCONCLUSIVE)


class Cause(StrEnum):
    """Every code a finding can carry (DESIGN 5)."""

    NOT_SENT = "not_sent"
    UPSTREAM_FAILED = "upstream_failed"
    SEND_FAILED = "send_failed"
    NOT_CONSUMED = "not_consumed"
    PROCESSING_FAILED = "processing_failed"
    CONTEXT_LOST = "context_lost"
    CONSUMER_SPAN_MISSING = "consumer_span_missing"
    LATE = "late"
    DUPLICATE_DELIVERY = "duplicate_delivery"
    DUPLICATE_SEND = "duplicate_send"
    DUPLICATE_EFFECT = "duplicate_effect"
    OUT_OF_ORDER = "out_of_order"
    UNEXPECTED = "unexpected"
    FORBIDDEN = "forbidden"
    TOO_FEW = "too_few"
    TOO_MANY = "too_many"
    STATE_NOT_REACHED = "state_not_reached"
    CONTRADICTED = "contradicted"
    CLOCK_SKEW = "clock_skew"
    INCOMPLETE = "incomplete"
    ORPHAN = "orphan"
    CONFLICTING_SPAN = "conflicting_span"
    CYCLE = "cycle"
    STALE_CONTEXT = "stale_context"
    BATCH_FAN_IN = "batch_fan_in"
    AMBIGUOUS = "ambiguous"


class Basis(StrEnum):
    """Why absence may be taken as a fact (DESIGN 5), strongest first."""

    PROVEN = "proven"
    ASSUMED = "assumed"
    UNKNOWN = "unknown"

    @property
    def rank(self) -> int:
        """0 for the strongest, growing with weakness."""
        return _BASIS_RANKS[self]


_BASIS_RANKS = {basis: rank for rank, basis in enumerate(Basis)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Completeness:
    """How sure it is that no more spans will come.

    `reasons` are short facts, e.g. ("2 of 6 instances sent no flush mark",).
    """

    basis: Basis
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NearMiss:
    """A span that almost met the expectation, and in what it differs (short, e.g. "group is audit, not billing")."""

    span: SpanBrief
    difference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One reason, as data. Sentences are made of it in `report` only.

    `verdict` is what it contributes: FAIL, INCONCLUSIVE (a doubt), or PASS (worth saying, harmless).
    `expected` is what was looked for ("process orders by group billing, after placed"), `looked_in` where ("chain ...",
    "run ..."). `evidence` holds short facts in reading order ("group billing silent since 2026-01-01T12:00:03Z").
    `detail` holds machine-readable facts by snake_case name (attempts, dead_letter, group_state, ...).
    """

    code: Cause
    verdict: Verdict
    chain_id: str | None = None
    correlation_id: str | None = None
    step: str | None = None
    service: str | None = None
    destination: str | None = None
    consumer_group: str | None = None
    span: SpanBrief | None = None
    last_good: SpanBrief | None = None
    expected: str | None = None
    looked_in: str | None = None
    waited_ns: int | None = None
    measured_ns: int | None = None
    limit_ns: int | None = None
    evidence: tuple[str, ...] = ()
    near_misses: tuple[NearMiss, ...] = ()
    completeness: Completeness | None = None
    detail: Mapping[str, AttributeValue] = field(default_factory=dict)
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """How one step of an expectation was met: `matched` are the spans that met it, earliest first."""

    name: str
    verdict: Verdict
    matched: tuple[SpanBrief, ...] = ()
    instant_unix_nano: int | None = None
    took_ns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One expectation held against one chain instance (`chain_id` None: no chain had the anchor).

    `evidence` and `near_misses` say of a result without any finding what was looked for, and what came near it.
    """

    expectation: str
    chain_id: str | None
    verdict: Verdict
    completeness: Completeness
    correlation_id: str | None = None
    run_id: str | None = None
    case: str | None = None
    findings: tuple[Finding, ...] = ()
    steps: tuple[StepResult, ...] = ()
    evidence: tuple[str, ...] = ()
    near_misses: tuple[NearMiss, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """All results of one check. `matched` is False when nothing at all matched: exit 3, never green on zero chains."""

    verdict: Verdict
    results: tuple[Result, ...]
    as_of_unix_nano: int
    matched: bool = True
    passed_by_sift: int = 0
