"""A verdict from chains in memory, of which more may come at any moment: only what the spans themselves prove.

The same `evaluate` as everywhere, told that nothing is known of what else there may be. So an absence never fails, and
no pass rests on one; whatever depends on completeness comes out inconclusive, and is left to `check_store`. That a
message was received is no pass either as long as its handling may still be told of: it may end late, or in an error.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

from tracecheck.chains.surroundings import Surroundings
from tracecheck.check.across import following, together
from tracecheck.check.evaluate import evaluate
from tracecheck.check.no_anchor import forbidden_elsewhere
from tracecheck.check.store_check import basis_of, instances
from tracecheck.expect import Expectation
from tracecheck.model import Cause, Chain, CheckReport, Result, Verdict

PROCESS_START = "process_start"
"""Of a hop's consumer: a span that covers the handling says when (`Hop.consumer_instant`)."""

Passed = dict[tuple[str, str], tuple[Chain, tuple[Result, ...]]]
"""By chain id and expectation: the chain that passed, and its results."""


def check_chains(
    chains: Sequence[Chain],
    expectations: Sequence[Expectation],
    *,
    concerns: Callable[[Chain], bool],
    now_unix_nano: int,
    run_id: str | None = None,
    settle_ns: int | None = None,
    passed: Passed | None = None,
) -> CheckReport:
    """Checks the chains that `concerns` chooses, as `check_store` does those of a run or an id.

    `chains` come by start, and hold all that the chosen ones feed. `passed` remembers the passes of chains that stay
    the same from one call to the next: pass the same dictionary again.
    """
    passed = {} if passed is None else passed
    # The next span is as good as here: no quiet time is over, not even one of zero.
    around = Surroundings(last_ingest_unix_nano=now_unix_nano + 1, as_of_unix_nano=now_unix_nano, run_id=run_id)
    fed: dict[str, list[str]] = defaultdict(list)
    for chain in chains:
        for feeding in chain.feeds:
            fed[feeding].append(chain.chain_id)
    by_id = {chain.chain_id: chain for chain in chains}
    chosen = [chain for chain in chains if concerns(chain)]
    results: list[Result] = []
    for expectation in expectations:
        found: list[Result] = []
        elsewhere: list[Result] = []
        for chain in chosen:
            others = [by_id[other] for other in following(chain.chain_id, fed)]
            known = passed.get((chain.chain_id, expectation.name))
            if known is not None and known[0] is chain and not others:
                found += known[1]
                continue
            own = {span.key for span in chain.spans}
            wide = together(chain, others) if others else chain
            opened = _unless_handled_later(wide, evaluate(wide, expectation, around, settle_ns=settle_ns, among=own))
            found += opened
            if opened and all(result.verdict is Verdict.PASS for result in opened):
                passed[chain.chain_id, expectation.name] = (chain, opened)
            if not opened and run_id is not None:
                elsewhere += forbidden_elsewhere(chain, expectation, basis_of(expectation, around, settle_ns))
        found += elsewhere
        results += [*found, *instances(expectation, around, found, settle_ns)]
    return CheckReport(
        verdict=Verdict.merge([result.verdict for result in results]),
        results=tuple(results),
        as_of_unix_nano=now_unix_nano,
        matched=any(result.chain_id is not None or result.findings for result in results),
    )


def _unless_handled_later(chain: Chain, results: tuple[Result, ...]) -> tuple[Result, ...]:
    """The same results; in doubt where a step is met by spans that only received, which come before their handling's.

    None of those passes. What came too late after such a step may turn out to have been in time.
    """
    received = {
        (brief.trace_id, brief.span_id)
        for hop in chain.hops
        if hop.consumer_instant not in (None, PROCESS_START)
        for brief in hop.attempt_spans
    }
    return tuple(_in_doubt(result, received) for result in results) if received else results


def _in_doubt(result: Result, received: set[tuple[str, str]]) -> Result:
    open_steps = {
        step.name for step in result.steps if any((brief.trace_id, brief.span_id) in received for brief in step.matched)
    }
    if not open_steps:
        return result
    findings = tuple(
        replace(one, verdict=Verdict.INCONCLUSIVE) if one.code is Cause.LATE and open_steps - {one.step} else one
        for one in result.findings
    )
    verdict = Verdict.merge([Verdict.INCONCLUSIVE, *(one.verdict for one in findings)])
    return replace(result, verdict=verdict, findings=findings)
