"""Which units follow from the steps before: by a causal path, by a weaker tie, or not at all."""

from dataclasses import dataclass, field

from tracecheck.check.index import Unit
from tracecheck.check.scene import Case, Status
from tracecheck.expect.model import Join
from tracecheck.model import Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """The matching units of one step. `ranks` is the weakest evidence by the position of a unit in `accepted`.

    `accepted` follow by evidence that the expectation accepts, and succeeded. `failed` follow, and never succeeded.
    `weak` follow by weaker evidence only, `partial` from some steps of a join and not from the others. `loose` are in
    the chain, but follow from nothing in it. `tied` are steps of a join that are met by correlation and time alone.
    """

    accepted: list[Unit] = field(default_factory=list)
    ranks: list[int] = field(default_factory=list)
    failed: list[Unit] = field(default_factory=list)
    weak: list[Unit] = field(default_factory=list)
    partial: list[Unit] = field(default_factory=list)
    loose: list[Unit] = field(default_factory=list)
    tied: list[str] = field(default_factory=list)


def follow(case: Case) -> Followed:
    """Sorts the matching units by how they follow from the steps before (all of them, or any, as the step says)."""
    result = Followed()
    limit = case.scene.expectation.evidence.rank
    tied_by_unit: list[list[str]] = []
    for unit in case.scene.candidates(case.pattern, [state.sources for state in case.before]):
        rank, tied = _rank(case, unit)
        if rank is None or rank > max(limit, Evidence.CORRELATION.rank):
            after_start = unit.start_unix_nano >= case.earliest_unix_nano
            if after_start and case.scene.loose(unit) and unit.succeeded is not None:
                if _after_lost_span(case):
                    result.accepted.append(unit)
                    result.ranks.append(0)
                    tied_by_unit.append([])
                else:
                    result.loose.append(unit)
        elif unit.succeeded is None:
            result.failed.append(unit)
        elif _unmet_branches(case, unit, tied):
            result.partial.append(unit)
        elif rank > limit:
            result.weak.append(unit)
        else:
            result.accepted.append(unit)
            result.ranks.append(rank)
            tied_by_unit.append(tied)
    if tied_by_unit:
        fewest = min(len(tied) for tied in tied_by_unit)
        result.tied.extend(next(tied for tied in tied_by_unit if len(tied) == fewest))
    return result


def _rank(case: Case, unit: Unit) -> tuple[int | None, list[str]]:
    """Rank of the evidence by which a unit follows, and the predecessors it is only tied to by correlation and time.

    A join needs a causal path from one predecessor; the others may be met by a link (a path as well), else by the same
    correlation id and an earlier beginning.
    """
    assert case.step.after is not None
    ranks: list[int] = []
    without: list[str] = []
    for state in case.before:
        if (rank := case.scene.rank(state.sources, unit)) is not None:
            ranks.append(rank)
        elif state.status is Status.MET:
            without.append(state.step.name)
    if not ranks:
        return None, []
    if case.step.after.join is Join.ANY:
        return min(ranks), []
    return max(ranks), without


def _unmet_branches(case: Case, unit: Unit, without: list[str]) -> bool:
    """True if a step of the join, from which no path leads, is not even tied to the unit."""
    states = (state for state in case.before if state.step.name in without)
    return any(not _tied(case, state.units, unit) for state in states)


def _tied(case: Case, earlier: tuple[Unit, ...], unit: Unit) -> bool:
    mine = case.scene.correlation_ids(unit)
    return any(
        one.start_unix_nano <= unit.instant_unix_nano and mine & case.scene.correlation_ids(one) for one in earlier
    )


def _after_lost_span(case: Case) -> bool:
    """After a step whose span is missing, a unit without a path is no second finding."""
    return any(state.status is Status.MISSING for state in case.before)
