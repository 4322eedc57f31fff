"""One scenario from its seed to its verdict: watch, inject, and let spans, bus and state be awaited side by side."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from tracecheck.config import RUN_SETTLE_NS
from tracecheck.errors import TracecheckError, UsageError
from tracecheck.expect import Expectation
from tracecheck.model import Basis, Cause, Completeness, Finding, Result, Verdict
from tracecheck.probe.inject import Injected
from tracecheck.probe.observe import Observer, observing
from tracecheck.probe.templates import variables
from tracecheck.scenario.awaited import Witnessed, await_all
from tracecheck.scenario.clean_up import clean_up
from tracecheck.scenario.contradictions import contradictions
from tracecheck.scenario.ground import Ground
from tracecheck.scenario.plan import Scenario
from tracecheck.scenario.seeded import anchored, filled
from tracecheck.scenario.sow import sow

CERTAIN_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Performed:
    """What came of one scenario. `faults` are errors around it (a broker, a database), which no verdict covers."""

    result: Result
    matched: bool
    injected: tuple[Injected, ...] = ()
    witnessed: Witnessed | None = None
    faults: tuple[TracecheckError, ...] = ()


def perform(
    scenario: Scenario,
    ground: Ground,
    *,
    run_id: str,
    number: int = 0,
    settle_ns: int | None = None,
    timeout_s: float = CERTAIN_WITHIN_S,
    observers: Mapping[str, Observer] | None = None,
) -> Performed:
    """Performs one scenario as a run of its own. It must have a seed.

    Positions on the bus are taken first (unless `observers` by system watch already), then the seed is injected, then
    everything is awaited together, each for its `within`, else for `timeout_s`; at last what it left is cleaned up.
    What goes wrong around it is in `faults` and leaves the result inconclusive at best; only bugs and interrupts are
    raised.
    """
    injected: tuple[Injected, ...] = ()
    witnessed: Witnessed | None = None
    denied: tuple[Finding, ...] = ()
    faults: list[TracecheckError] = []
    expectation = scenario.expectation
    try:
        expectation = ready(scenario, run_id=run_id, number=number, settle_ns=settle_ns)
        assert expectation.seed is not None
        with ExitStack() as undo:
            undo.enter_context(_cleaned_up_after(expectation, ground, faults))
            if observers is None:
                observers = undo.enter_context(watching([expectation], ground, run_id))
            injected = sow(expectation.seed, ground, run_id)
            witnessed = await_all(
                expectation,
                ground,
                observers,
                run_id=run_id,
                settle_ns=expectation.settle_ns or RUN_SETTLE_NS,
                timeout_s=timeout_s,
                case=scenario.case,
            )
            so_far = _result(expectation, witnessed, faults, run_id)
            denied = contradictions(expectation, so_far, witnessed, ground, observers, injected)
    except TracecheckError as fault:
        faults.append(fault)
    faults += witnessed.faults if witnessed else ()
    result = _result(expectation, witnessed, faults, run_id, denied)
    return Performed(
        result=replace(result, case=scenario.case),
        matched=result.chain_id is not None or bool(result.findings),
        injected=injected,
        witnessed=witnessed,
        faults=tuple(faults),
    )


def ready(scenario: Scenario, *, run_id: str, number: int, settle_ns: int | None) -> Expectation:
    """The scenario's expectation for one run: filled in, anchored in its seed, with its settle time.

    Raises `UsageError` for a template that names what there is not.
    """
    try:
        expectation = filled(scenario.expectation, variables(run_id=run_id, n=number, case=scenario.columns))
    except UsageError as fault:
        raise UsageError(f"{scenario.source}: {scenario.name}: {fault}") from fault
    settle = settle_ns if settle_ns is not None else expectation.settle_ns
    return anchored(replace(expectation, settle_ns=RUN_SETTLE_NS if settle is None else settle))


@contextmanager
def watching(expectations: Sequence[Expectation], ground: Ground, run_id: str) -> Iterator[Mapping[str, Observer]]:
    """One observer for each system that something is to be observed on; its position is taken before the block begins.

    Messages are stored under the run that they carry, else under `run_id`. Raises what the broker raises.
    """
    wanted: dict[str, set[str]] = {}
    for asked in (asked for expectation in expectations for asked in expectation.observe):
        wanted.setdefault(asked.system, set()).add(asked.destination)
    with ExitStack() as open_ones:
        yield {
            system: open_ones.enter_context(
                observing(ground.broker(system), sorted(destinations), store=ground.records, run_id=run_id)
            )
            for system, destinations in wanted.items()
        }


@contextmanager
def _cleaned_up_after(expectation: Expectation, ground: Ground, faults: list[TracecheckError]) -> Iterator[None]:
    try:
        yield
    finally:
        faults += [
            UsageError(f"{expectation.name}: {problem}") for problem in clean_up(expectation.clean_up, ground.places)
        ]


def _result(
    expectation: Expectation,
    witnessed: Witnessed | None,
    faults: Sequence[TracecheckError],
    run_id: str,
    denied: Sequence[Finding] = (),
) -> Result:
    """One result for the scenario, however many instances it had: the gravest chain, and every finding."""
    report = witnessed.report if witnessed else None
    of_chains = report.results if report else ()
    found: list[Finding] = []
    for finding in (each for result in of_chains for each in result.findings):
        if finding not in found:
            found.append(finding)
    if witnessed is not None:
        outside = [one.finding for one in witnessed.observed if one.finding is not None]
        outside += [one.finding for one in witnessed.sampled if one.finding is not None]
        found = _told_once(found, outside)
    found += [*denied, *(_doubt(fault) for fault in faults)]
    base = max(
        of_chains,
        key=lambda result: list(Verdict).index(result.verdict),
        default=Result(
            expectation=expectation.name,
            chain_id=None,
            verdict=Verdict.INCONCLUSIVE,
            completeness=Completeness(basis=Basis.UNKNOWN, reasons=("the spans could not be asked",)),
            run_id=run_id,
        ),
    )
    verdict = Verdict.merge([base.verdict, *(finding.verdict for finding in found)])
    return replace(base, verdict=verdict, findings=tuple(found), run_id=run_id)


def _told_once(of_chain: list[Finding], outside: list[Finding]) -> list[Finding]:
    """Where the chain broke, what is absent from bus and state follows from that, and only bears it out."""
    broken = next((number for number, one in enumerate(of_chain) if one.verdict is Verdict.FAIL), None)
    if broken is None:
        return of_chain + outside
    follows = [one for one in outside if one.code in (Cause.TOO_FEW, Cause.STATE_NOT_REACHED)]
    said = tuple(f"{one.step} bears it out: {one.evidence[0] if one.evidence else 'not there'}" for one in follows)
    bearing = replace(of_chain[broken], evidence=(*of_chain[broken].evidence, *said))
    rest = [one for one in outside if one not in follows]
    return [*of_chain[:broken], bearing, *of_chain[broken + 1 :], *rest]


def _doubt(fault: TracecheckError) -> Finding:
    lines = str(fault).splitlines() or [type(fault).__name__]
    return Finding(
        code=Cause.INCOMPLETE,
        verdict=Verdict.INCONCLUSIVE,
        expected="a broker, a store and databases that answer",
        evidence=tuple(line.strip() for line in lines[:4]),
        detail={"fault": type(fault).__name__},
    )
