"""Two sets of chains edge by edge: what appeared, vanished, slowed or fails more, where the samples carry it.

The rule is written down for users in docs/compare.md; the constants below are its numbers.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any

from tracecheck.chains import is_current, refresh
from tracecheck.check.chance import chance_of_exceeding, chance_of_failing, surviving, usual_rank
from tracecheck.errors import UsageError
from tracecheck.store import Store

LEVEL = 0.01
"""The chance that a comparison of two equal sets flags any edge as failing, appeared or vanished; and the same for
slower and faster, over those edges whose shift would matter: most never come so far."""

LEAST_SAMPLES = 8
"""Traces an edge needs on both sides before its times are compared."""

LEAST_SHARE = 0.25
"""The share of a side's traces that must be beyond the other side's usual time: less are outliers."""

LEAST_SHIFT_NS = 5_000_000
LEAST_SHIFT_SHARE = 0.25
"""How far beyond the usual time counts: 5 ms, or a quarter of the usual time where that is more."""

LEAST_MORE_FAILING = 0.01
"""By how much the share of failing traces must have grown, beside having at least doubled."""

MOST_VOTES = 2000
"""Traces per edge and side whose times are compared; of more, an arbitrary but repeatable choice is taken."""

ONE_CAUSE = 3
"""A service's outgoing edges are blamed on it up to this multiple of the shift at its incoming ones."""


class Reason(StrEnum):
    """What changed about an edge."""

    SLOWER = "slower"
    FASTER = "faster"
    FAILING = "failing"
    APPEARED = "appeared"
    VANISHED = "vanished"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which chains of a store are meant: of a run, those whose calls and sends began in [since, until), or all."""

    store: Store
    run_id: str | None = None
    since_unix_nano: int | None = None
    until_unix_nano: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeSide:
    """One edge on one side. Times are nanoseconds over all samples that did not fail; None where there is none."""

    count: int
    p50_ns: int | None
    p95_ns: int | None
    error_rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeChange:
    """One edge on both sides. `to_service` is None for messages that nobody consumed.

    `kind` is `call` (time: caller's duration minus callee's) or `message` (time: transit). `explained_by` names the
    service whose own slowness accounts for a change that is therefore not flagged here.
    """

    from_service: str
    to_service: str | None
    kind: str
    destination: str | None
    baseline: EdgeSide
    candidate: EdgeSide
    shift_p50_ns: int | None
    flagged: bool = False
    reason: Reason | None = None
    explained_by: str | None = None


_PRESENCE = (Reason.FAILING, Reason.APPEARED, Reason.VANISHED)
_TIMES = (Reason.SLOWER, Reason.FASTER)

Key = tuple[str, str | None, str, str | None]
NOTHING: Mapping[str, Any] = {"count": 0, "p50_ns": None, "p95_ns": None, "error_rate": 0.0, "traces": 0}


def compare(baseline: Scope, candidate: Scope) -> list[EdgeChange]:
    """Every edge seen on either side, flagged ones first. Raises `UsageError` where a side has no edge at all."""
    before, after = _measured(baseline, "baseline"), _measured(candidate, "candidate")
    keys = list(dict.fromkeys([*before.edges, *after.edges]))
    asked = [(key, *one) for key in keys for one in _suspicions(key, before, after)]
    reasons: dict[Key, Reason] = {}
    for family, about in ((len(keys), _PRESENCE), (None, _TIMES)):
        of_kind = [one for one in asked if one[1] in about]
        held = surviving([chance for _, _, chance in of_kind], LEVEL, family)
        for (key, reason, _), holds in zip(of_kind, held, strict=True):
            if holds:
                reasons.setdefault(key, reason)
    changes = _explained([_change(key, before, after, reasons.get(key)) for key in keys])
    return sorted(changes, key=lambda one: (not one.flagged, -abs(one.shift_p50_ns or 0), _key(one)[0]))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    edges: Mapping[Key, Mapping[str, Any]]
    traces: Mapping[str, int]


def _measured(scope: Scope, side: str) -> _Measured:
    if not is_current(scope.store):
        refresh(scope.store)
    parameters = {"run_id": scope.run_id, "since": scope.since_unix_nano, "until": scope.until_unix_nano}
    rows = scope.store.query(_sql("edge_samples"), parameters | {"most_votes": MOST_VOTES}).to_pylist()
    if not rows:
        raise UsageError(f"the {side} holds no call between services and no message; name one that does")
    for row in rows:
        row["votes"] = sorted(vote for vote in row["votes"] or () if vote is not None)
    services = scope.store.query(_sql("service_traces"), parameters).to_pylist()
    return _Measured(
        edges={(row["from_service"], row["to_service"], row["kind"], row["destination"]): row for row in rows},
        traces={row["service"]: row["traces"] for row in services},
    )


def _suspicions(key: Key, before: _Measured, after: _Measured) -> Iterable[tuple[Reason, float]]:
    """What may have changed about an edge, each with the chance that nothing did; gravest first."""
    old, new = before.edges.get(key), after.edges.get(key)
    if old is None or new is None:
        seen, there, elsewhere = (new, after, before) if old is None else (old, before, after)
        assert seen is not None
        reason = Reason.APPEARED if old is None else Reason.VANISHED
        trials = [_trials(key, side) for side in (there, elsewhere)]
        if not all(trials):  # the caller itself came or went: then every trace could have had it
            trials = [max(side.traces.values(), default=0) for side in (there, elsewhere)]
        yield reason, chance_of_failing(trials[0], seen["traces"], trials[1], 0)
        return
    share, base_share = new["traces_failed"] / new["traces"], old["traces_failed"] / old["traces"]
    if share >= base_share + LEAST_MORE_FAILING and share >= 2 * base_share:
        counts = (new["traces"], new["traces_failed"], old["traces"], old["traces_failed"])
        yield Reason.FAILING, chance_of_failing(*counts)
    if min(len(old["votes"]), len(new["votes"])) >= LEAST_SAMPLES:
        for reason, from_votes, to_votes in (
            (Reason.SLOWER, old["votes"], new["votes"]),
            (Reason.FASTER, new["votes"], old["votes"]),
        ):
            if _beyond(from_votes, to_votes, usual_rank(len(from_votes))) >= LEAST_SHARE * len(to_votes):
                yield reason, _chance_of_shift(from_votes, to_votes)


def _trials(key: Key, side: _Measured) -> int:
    """In how many traces an edge could have been seen: those with its caller."""
    return side.traces.get(key[0], 0)


def _chance_of_shift(usually: Sequence[int], others: Sequence[int]) -> float:
    """Looks twice, and pays for both: past the usual time, which outliers do not move, and past all there ever was."""
    size = len(usually)
    looks = [
        chance_of_exceeding(size, len(others), _beyond(usually, others, rank), rank)
        for rank in (usual_rank(size), size)
    ]
    return min(1.0, len(looks) * min(looks))


def _beyond(usually: Sequence[int], others: Sequence[int], rank: int) -> int:
    """How many of the others lie beyond the sample of a rank by more than counts."""
    limit = usually[rank - 1] + max(LEAST_SHIFT_NS, round(LEAST_SHIFT_SHARE * max(0, usually[len(usually) // 2])))
    return sum(other > limit for other in others)


def _change(key: Key, before: _Measured, after: _Measured, reason: Reason | None) -> EdgeChange:
    old, new = before.edges.get(key, NOTHING), after.edges.get(key, NOTHING)
    known = old["p50_ns"] is not None and new["p50_ns"] is not None
    return EdgeChange(
        from_service=key[0],
        to_service=key[1],
        kind=key[2],
        destination=key[3],
        baseline=_side(old),
        candidate=_side(new),
        shift_p50_ns=new["p50_ns"] - old["p50_ns"] if known else None,
        flagged=reason is not None,
        reason=reason,
    )


def _side(row: Mapping[str, Any]) -> EdgeSide:
    return EdgeSide(
        count=row["count"], p50_ns=row["p50_ns"], p95_ns=row["p95_ns"], error_rate=round(row["error_rate"], 6)
    )


def _explained(changes: Sequence[EdgeChange]) -> list[EdgeChange]:
    """Takes the flag from edges that leave a service which is itself the slow callee.

    A call's time leaves the callee's own span out, so a slow callee never slows the edge into its caller. But a service
    whose network or host is slow slows both what comes in and most of what goes out.
    """
    into: dict[str, list[EdgeChange]] = defaultdict(list)
    out: dict[str, list[EdgeChange]] = defaultdict(list)
    for change in changes:
        if change.to_service is not None and change.to_service != change.from_service:
            into[change.to_service].append(change)
            out[change.from_service].append(change)
    return [_without_flag(change, into, out) for change in changes]


def _without_flag(
    change: EdgeChange, into: Mapping[str, list[EdgeChange]], out: Mapping[str, list[EdgeChange]]
) -> EdgeChange:
    reason, service = change.reason, change.from_service
    if reason not in (Reason.SLOWER, Reason.FASTER) or change.to_service is None:
        return change
    at_caller = [_shift(one) for one in into.get(service, ()) if one.reason is reason]
    leaving = [one for one in out.get(service, ()) if one.baseline.count and one.candidate.count]
    common = 2 * sum(one.reason is reason for one in leaving) >= len(leaving)
    elsewhere = [
        one for one in into[change.to_service] if one.from_service not in (service, change.to_service) and one.reason
    ]
    if at_caller and common and _shift(change) <= ONE_CAUSE * max(at_caller) and not elsewhere:
        return replace(change, flagged=False, reason=None, explained_by=service)
    return change


def _shift(change: EdgeChange) -> int:
    """How far the edge moved: by its middle or its slow end, whichever more."""
    old, new = change.baseline, change.candidate
    return max(abs((new.p50_ns or 0) - (old.p50_ns or 0)), abs((new.p95_ns or 0) - (old.p95_ns or 0)))


def _key(change: EdgeChange) -> tuple[str, str, str]:
    return change.from_service, change.to_service or "", change.destination or ""


@cache
def _sql(name: str) -> str:
    return resources.files("tracecheck.check").joinpath("sql", f"{name}.sql").read_text("utf-8")
