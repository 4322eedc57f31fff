"""What a load run found, as values. Durations are nanoseconds; every latency counts from when an event was due."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tracecheck.model import CheckReport
from tracecheck.scenario.load.figures import Quantiles


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One injected event: when it was due, when its send began (None: it could not be sent, see `error`)."""

    number: int
    due_unix_nano: int
    sent_unix_nano: int | None = None
    chain_id: str | None = None
    correlation_id: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Completeness:
    """Of the events that were due, how many did what. One event may count in several of the last four."""

    due: int
    sent: int
    passed: int
    failed: int
    undecided: int
    lost: int
    duplicated: int
    out_of_order: int
    late: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Staleness:
    """How far the read model was behind. Of the entities looked at (`sampled` of all events), `seen` showed up.

    `each_ns` is, for each seen, its due instant to the look that first found it there, ascending, and `behind` their
    quantiles; `series` is (instant, nanoseconds that the oldest entity still missing had been due). `catch_up_ns` is
    how long after the last event was due the last one showed up, None if not all did. `resolution_ns` is the longest
    time from a look that found an entity back to the look before it.
    """

    sampled: int
    seen: int
    behind: Quantiles | None
    each_ns: tuple[int, ...] = ()
    series: tuple[tuple[int, int], ...] = ()
    catch_up_ns: int | None = None
    resolution_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A limit on one figure, what it was (None: it could not be measured, which breaks the budget), and if it held."""

    name: str
    limit: int
    measured: int | None

    @property
    def held(self) -> bool:
        """True if the figure was measured and is within its limit."""
        return self.measured is not None and self.measured <= self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOutcome:
    """Everything about one load. `steps` are by name: due instant to the step's own; `hops`: the step before to it.

    `whole` is from the due instant to the last required step. `send_delay` is due instant to the begin of the send: how
    far our own side was behind. `timeline` is (due instant, whole) of each chain that passed.
    `events` are those that fell due; `interrupted`: before the schedule was over, or all was certain.
    """

    run_id: str
    rate_per_s: float
    duration_ns: int
    ramp_ns: int
    completeness: Completeness
    whole: Quantiles | None
    send_delay: Quantiles | None
    steps: Mapping[str, Quantiles] = field(default_factory=dict)
    hops: Mapping[str, Quantiles] = field(default_factory=dict)
    staleness: Staleness | None = None
    budgets: tuple[Budget, ...] = ()
    timeline: tuple[tuple[int, int], ...] = ()
    events: tuple[Event, ...] = ()
    interrupted: bool = False
    report: CheckReport

    @property
    def unsent(self) -> tuple[Event, ...]:
        """Events that fell due and could not be sent."""
        return tuple(event for event in self.events if event.error is not None)
