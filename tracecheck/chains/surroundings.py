"""What the store knows outside one chain: who exports, who flushed, and how far each consumer group came."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceSeen:
    """One process instance that exported spans.

    `flushed`: it sent a flush mark. `spans_marked` is the span count its latest mark states (None without a mark);
    `spans_stored` is how many of its spans are stored, flush marks left out on both sides.
    """

    service: str
    instance: str | None
    flushed: bool
    spans_marked: int | None
    spans_stored: int
    last_seen_unix_nano: int

    @property
    def whole(self) -> bool:
        """True if its latest flush mark proves that every span of this instance is stored (more would mean: not its last)."""
        return self.flushed and self.spans_marked is not None and self.spans_stored == self.spans_marked


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSeen:
    """One consumer group at one destination. `max_offsets` is the highest handled offset by partition."""

    system: str | None
    destination: str
    consumer_group: str | None
    services: tuple[str, ...]
    last_seen_unix_nano: int
    max_offsets: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The facts around a chain on which completeness and the state of a silent group are judged.

    `last_ingest_unix_nano` is the receiver's clock at the last append (None: nothing stored); `as_of_unix_nano` is the
    instant for which all this holds. With `run_id`, only what that run's spans say.
    """

    last_ingest_unix_nano: int | None
    as_of_unix_nano: int
    instances: tuple[InstanceSeen, ...] = ()
    groups: tuple[GroupSeen, ...] = ()
    run_id: str | None = None
