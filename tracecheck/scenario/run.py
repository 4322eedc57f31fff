"""`tracecheck run SPEC... [-- CMD]`: receive, start the command, perform what has a seed, check what CMD caused."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

from tracecheck.config import RUN_ID_VARIABLE, RUN_SETTLE_NS, Endpoints
from tracecheck.errors import InvalidFile, TracecheckError, UsageError
from tracecheck.expect import Expectation, load_expectations
from tracecheck.model import CheckReport, Result, Verdict
from tracecheck.probe.observe import Observer
from tracecheck.scenario.child import child_environment, running
from tracecheck.scenario.ground import Ground, group_positions
from tracecheck.scenario.perform import CERTAIN_WITHIN_S, Performed, perform, ready, watching
from tracecheck.scenario.plan import Scenario, spec_files
from tracecheck.scenario.wait import wait_for
from tracecheck.store import Store

__all__ = ["RunOutcome", "child_environment", "new_run_id", "read_specs", "run_scenarios", "with_settle"]

READY_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """What came of a run: the report, the command's own exit status, and the id its spans carry.

    `child_exit_code` is 0 without a command, and where we ended it because all was certain. `faults` are errors around
    scenarios: what they touched is inconclusive in the report.
    """

    report: CheckReport
    child_exit_code: int
    run_id: str
    faults: tuple[TracecheckError, ...] = ()


def new_run_id() -> str:
    """An id for one test execution: `$TRACECHECK_RUN_ID` where a harness set one, else a new one."""
    return os.environ.get(RUN_ID_VARIABLE) or f"run-{uuid4().hex[:12]}"


def run_scenarios(
    ground: Ground,
    endpoints: Endpoints,
    scenarios: Sequence[Scenario],
    command: Sequence[str] = (),
    *,
    run_id: str,
    settle_ns: int | None = None,
    timeout_s: float = CERTAIN_WITHIN_S,
    parallel: int = 1,
    ready_text: str | None = None,
    on_event: Callable[[str], None] = lambda _: None,
) -> RunOutcome:
    """Performs every scenario that has a seed, and checks the others against what `command` caused by itself.

    The command is the system under test, or what drives it. It is started first; seeds are sown once it has printed a
    line that holds `ready_text`, `parallel` scenarios at a time, each as a run of its own. Where every scenario has a
    seed the command is ended after the last verdict, else it is waited for and the rest is checked over its run.
    Raises `UsageError` when it cannot be started, or when there is nothing that would start a chain.
    """
    sown = [scenario for scenario in scenarios if scenario.expectation.seed is not None]
    driven = [scenario for scenario in scenarios if scenario.expectation.seed is None]
    if driven and not command:
        names = ", ".join(scenario.name for scenario in driven[:5])
        raise UsageError(
            f"nothing would start {names}: write a seed, or put a command that does after --, "
            "e.g. tracecheck run order.yaml -- pytest e2e"
        )
    exit_code = 0
    performed: list[Performed] = []
    with ExitStack() as ending:
        if command:
            on_event(f"run {run_id}: {' '.join(command)}")
            env = child_environment(endpoints, run_id, os.environ)
            child = ending.enter_context(running(command, env, ready=ready_text))
            child.await_ready(READY_WITHIN_S)
        if sown:
            performed = _perform_all(ground, sown, run_id, settle_ns, timeout_s, parallel, on_event)
        if command:
            exit_code = child.wait() if driven else child.stop() or 0
    results = [each.result for each in performed]
    matched = any(each.matched for each in performed)
    if driven:
        on_event(f"command ended with status {exit_code}; waiting until the evidence is complete")
        for report in _check_driven(ground, driven, run_id, settle_ns, timeout_s):
            results += report.results
            matched = matched or report.matched
    return RunOutcome(
        report=_report(ground.store, results, matched),
        child_exit_code=exit_code,
        run_id=run_id,
        faults=tuple(fault for each in performed for fault in each.faults),
    )


def with_settle(expectations: Sequence[Expectation], settle_ns: int | None = None) -> tuple[list[Expectation], int]:
    """The same expectations with the short settle time of a run where they name none, and the longest of them."""
    quiet_ns = RUN_SETTLE_NS if settle_ns is None else settle_ns
    settled = [replace(e, settle_ns=quiet_ns) if e.settle_ns is None else e for e in expectations]
    return settled, max((e.settle_ns or 0 for e in settled), default=quiet_ns)


def read_specs(paths: Sequence[Path]) -> list[Expectation]:
    """All expectations of the files and of the directories' files, as `read_scenarios` finds them.

    Every problem of every file is raised at once as `InvalidFile`.
    """
    expectations: list[Expectation] = []
    problems: list[str] = []
    for path in spec_files(paths):
        try:
            expectations += load_expectations(path)
        except InvalidFile as invalid:
            problems += invalid.problems
    if problems:
        raise InvalidFile(problems)
    return expectations


def _perform_all(
    ground: Ground,
    scenarios: Sequence[Scenario],
    run_id: str,
    settle_ns: int | None,
    timeout_s: float,
    parallel: int,
    on_event: Callable[[str], None],
) -> list[Performed]:
    """All of them in order; `parallel` at a time. One scenario alone has the run's own id, else each has its number."""

    def one(number: int, observers: Mapping[str, Observer]) -> Performed:
        own_id = run_id if len(scenarios) == 1 else f"{run_id}-{number + 1}"
        done = perform(
            scenarios[number],
            ground,
            run_id=own_id,
            number=number,
            settle_ns=settle_ns,
            timeout_s=timeout_s,
            observers=observers,
        )
        said = f"{scenarios[number].name} ({number + 1} of {len(scenarios)}, run {own_id})"
        on_event(f"{done.result.verdict.value}: {said}")
        return done

    performed: list[Performed] = []
    try:
        with watching([scenario.expectation for scenario in scenarios], ground, run_id) as observers:
            pool = ThreadPoolExecutor(parallel, "tracecheck-run")
            try:
                futures = [pool.submit(one, number, observers) for number in range(len(scenarios))]
                performed += [future.result() for future in futures]
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
    except TracecheckError as fault:
        if not performed:
            raise
        # A broker that went away takes the watching along, not what was found.
        performed[-1] = replace(performed[-1], faults=(*performed[-1].faults, fault))
    return performed


def _check_driven(
    ground: Ground, driven: Sequence[Scenario], run_id: str, settle_ns: int | None, timeout_s: float
) -> Iterator[CheckReport]:
    """The command has ended, so that silence is a verdict. Those without cases are looked at together."""
    together = [scenario.expectation for scenario in driven if scenario.case is None]
    cases = [ready(each, run_id=run_id, number=0, settle_ns=settle_ns) for each in driven if each.case is not None]
    names = [each.case for each in driven if each.case is not None]
    groups = [(None, together)] if together else []
    for case, expectations in [*groups, *((name, [each]) for name, each in zip(names, cases, strict=True))]:
        settled, quiet_ns = with_settle(expectations, settle_ns)
        report = wait_for(
            ground.store,
            settled,
            run_id=run_id,
            settle_ns=quiet_ns,
            timeout_s=timeout_s,
            may_still_come=False,
            positions=group_positions(ground, settled),
        )
        yield replace(report, results=tuple(replace(result, case=case) for result in report.results))


def _report(store: Store, results: Sequence[Result], matched: bool) -> CheckReport:
    now = store.query("select epoch_ns(current_timestamp) as now").to_pylist()[0]["now"]
    return CheckReport(
        verdict=Verdict.merge([result.verdict for result in results]),
        results=tuple(results),
        as_of_unix_nano=now,
        matched=matched,
    )
