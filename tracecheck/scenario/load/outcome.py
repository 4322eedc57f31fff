"""From every event and its result to the figures of a load."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence

from tracecheck.model import Cause, CheckReport, Result, Verdict
from tracecheck.scenario.load.budgets import judged
from tracecheck.scenario.load.figures import quantiles
from tracecheck.scenario.load.model import Budget, Completeness, Event, LoadOutcome, Staleness
from tracecheck.scenario.load.schedule import Schedule

LOST = {
    Cause.NOT_SENT,
    Cause.UPSTREAM_FAILED,
    Cause.SEND_FAILED,
    Cause.NOT_CONSUMED,
    Cause.PROCESSING_FAILED,
    Cause.TOO_FEW,
}
DUPLICATED = {Cause.DUPLICATE_DELIVERY, Cause.DUPLICATE_SEND, Cause.DUPLICATE_EFFECT}
FAILURES_KEPT = 200


def counted(
    events: Sequence[Event], results: Mapping[int, Result], fell_due: int, *, interrupted: bool
) -> Completeness:
    """What became of the events that fell due. Of one without any chain nothing is known if the load was interrupted,
    else it is lost."""
    codes = {number: {finding.code for finding in result.findings} for number, result in results.items()}
    verdicts = Counter(result.verdict for result in results.values())
    without = fell_due - len(results)
    missing = 0 if interrupted else without
    failed = {number for number, result in results.items() if result.verdict is Verdict.FAIL}
    doubtful = failed if interrupted else results.keys() - _passed(results)
    return Completeness(
        due=fell_due,
        sent=sum(event.sent_unix_nano is not None for event in events),
        passed=verdicts[Verdict.PASS],
        failed=verdicts[Verdict.FAIL] + missing,
        undecided=verdicts[Verdict.INCONCLUSIVE] + without - missing,
        lost=missing + sum(bool(LOST & codes[number]) for number in doubtful),
        duplicated=sum(bool(DUPLICATED & each) for each in codes.values()),
        out_of_order=sum(Cause.OUT_OF_ORDER in each for each in codes.values()),
        late=sum(Cause.LATE in each for each in codes.values()),
    )


def _passed(results: Mapping[int, Result]) -> set[int]:
    return {number for number, result in results.items() if result.verdict is Verdict.PASS}


def outcome_of(
    events: Sequence[Event],
    results: Mapping[int, Result],
    completeness: Completeness,
    schedule: Schedule,
    *,
    run_id: str,
    limits: dict[str, int],
    staleness: Staleness | None,
    interrupted: bool,
) -> LoadOutcome:
    """Every figure of a load, its budgets judged."""
    whole: list[tuple[int, int]] = []
    steps: dict[str, list[int]] = {}
    hops: dict[str, list[int]] = {}
    for event in events:
        if (result := results.get(event.number)) is None:
            continue
        reached = [step for step in result.steps if step.instant_unix_nano is not None]
        for step in reached:
            steps.setdefault(step.name, []).append((step.instant_unix_nano or 0) - event.due_unix_nano)
            if step.took_ns is not None:
                hops.setdefault(step.name, []).append(step.took_ns)
        if result.verdict is Verdict.PASS:
            last = max(step.instant_unix_nano or 0 for step in reached)
            whole.append((event.due_unix_nano, last - event.due_unix_nano))
    whole_figures = quantiles(took for _, took in whole)
    delay = quantiles(each.sent_unix_nano - each.due_unix_nano for each in events if each.sent_unix_nano is not None)
    budgets = judged(limits, completeness, whole_figures, delay, staleness)
    return LoadOutcome(
        run_id=run_id,
        rate_per_s=schedule.rate_per_s,
        duration_ns=schedule.duration_ns,
        ramp_ns=schedule.ramp_ns,
        completeness=completeness,
        whole=whole_figures,
        send_delay=delay,
        steps={name: found for name, values in steps.items() if (found := quantiles(values)) is not None},
        hops={name: found for name, values in hops.items() if (found := quantiles(values)) is not None},
        staleness=staleness,
        budgets=budgets,
        timeline=tuple(whole),
        events=tuple(events),
        interrupted=interrupted,
        report=_report(results, completeness, budgets, limits, interrupted=interrupted),
    )


def _report(
    results: Mapping[int, Result],
    completeness: Completeness,
    budgets: Sequence[Budget],
    limits: Mapping[str, int],
    *,
    interrupted: bool,
) -> CheckReport:
    """Every chain that did not pass (as far as they are kept), those that passed in number, and the load's verdict."""
    grave = [result for result in results.values() if result.verdict is not Verdict.PASS]
    failed = completeness.failed > limits.get("failed", 0) or any(not budget.held for budget in budgets)
    doubtful = interrupted or completeness.undecided > 0 or completeness.passed + completeness.failed == 0
    return CheckReport(
        verdict=Verdict.FAIL if failed else Verdict.INCONCLUSIVE if doubtful else Verdict.PASS,
        results=tuple(grave[:FAILURES_KEPT]),
        as_of_unix_nano=time.time_ns(),
        matched=bool(results),
        passed_by_sift=completeness.passed,
    )
