"""What is to be said of chains that hold no anchor of an expectation: `never`, and an anchor whose span was lost."""

from collections.abc import Iterable
from itertools import islice

from tracecheck.chains.surroundings import Surroundings
from tracecheck.check.causes import shape
from tracecheck.check.causes.span_missing import DID
from tracecheck.check.index import Index, Unit, ancestors, brief_of, key_of
from tracecheck.check.match import MOST_NEAR_MISSES, describe_pattern, matching, near_misses
from tracecheck.check.scene import looked_in
from tracecheck.check.verdict import verdict_of
from tracecheck.expect import Expectation, Step
from tracecheck.model import Cause, Chain, Completeness, Finding, Result, Span, Verdict


def forbidden_elsewhere(chain: Chain, expectation: Expectation, basis: Completeness) -> list[Result]:
    """What `never` names, in another chain of the same run: one result if there is any."""
    found = shape.forbidden(Index(chain), expectation)
    return [_result(chain, expectation, basis, found)] if found else []


def anchor_may_be_lost(surroundings: Surroundings, expectation: Expectation) -> bool:
    """True if a service that could have done the anchor lost spans, or sent no flush mark while others did."""
    service = expectation.anchor.pattern.service
    marks = any(one.flushed for one in surroundings.instances)
    suspects = (one for one in surroundings.instances if service in (None, one.service))
    return marks and any(not one.whole for one in suspects)


def anchor_lost(
    chain: Chain, expectation: Expectation, basis: Completeness, *, none_seen: bool = False
) -> list[Result]:
    """Later steps without an anchor, in a chain whose beginning names a lost cause. It might have begun elsewhere, so
    this is inconclusive.

    Where no chain has the anchor (`none_seen`), a later step after a message that nobody is seen to send says as much.
    """
    index = Index(chain)
    lost = next((span for span in chain.spans if index.dangles(span.key)), None)
    if (lost is None and not none_seen) or matching(index, expectation.anchor.pattern):
        return []
    for step in expectation.steps:
        units = matching(index, step.pattern) if step.after is not None else ()
        for unit in units if lost is None else units[:1]:
            if (beginning := lost or _of_unknown_origin(index, unit)) is not None:
                return [_result(chain, expectation, basis, [_lost(index, expectation, basis, beginning, (step, unit))])]
    return []


def nothing_opened(
    chains: Iterable[Chain], expectation: Expectation, around: Surroundings, basis: Completeness, unknown: str | None
) -> Result:
    """No chain has the anchor: what was looked for, and what came near it in these. `unknown` is a name nothing has."""
    anchor = expectation.anchor.pattern
    misses = (miss for chain in chains for miss in near_misses(Index(chain), anchor, ()))
    looked_for = f"{describe_pattern(anchor)}, in {f'run {around.run_id}' if around.run_id else 'all chains stored'}"
    return Result(
        expectation=expectation.name,
        chain_id=None,
        verdict=Verdict.INCONCLUSIVE,
        completeness=basis,
        run_id=around.run_id,
        evidence=(looked_for,) if unknown is None else (looked_for, f"nothing stored is named {unknown!r}"),
        near_misses=tuple(islice(misses, MOST_NEAR_MISSES)),
    )


def _of_unknown_origin(index: Index, unit: Unit) -> Span | None:
    """The first consumer, among the spans a unit follows from, of whose message no send is stored."""
    unsent = {key_of(hop.consumer) for hop in index.chain.hops if hop.producer is None and hop.consumer is not None}
    return min(
        (index.spans[key] for key in ancestors(index, unit.keys) & unsent if key in index.spans),
        key=lambda span: (span.start_unix_nano, span.key),
        default=None,
    )


def _lost(index: Index, expectation: Expectation, basis: Completeness, lost: Span, proof: tuple[Step, Unit]) -> Finding:
    anchor = expectation.anchor
    step, unit = proof
    done = unit.briefs[0]
    named = index.dangles(lost.key)
    return Finding(
        code=Cause.CONSUMER_SPAN_MISSING,
        verdict=Verdict.INCONCLUSIVE,
        chain_id=index.chain.chain_id,
        correlation_id=index.chain.summary.correlation_id,
        step=anchor.name,
        service=anchor.pattern.service,
        expected=describe_pattern(anchor.pattern),
        looked_in=looked_in(index),
        evidence=(
            f"{done.name} of {done.service} is there ({step.name}), and {anchor.name} is not",
            f"{lost.name} of {lost.service} names a cause that was never stored"
            if named
            else f"no span is stored of who sent what {lost.service} handled ({lost.name})",
        ),
        span=brief_of(lost),
        completeness=basis,
        detail={"proved_by": step.name, "did": DID[anchor.pattern.role]},
    )


def _result(chain: Chain, expectation: Expectation, basis: Completeness, found: list[Finding]) -> Result:
    return Result(
        expectation=expectation.name,
        chain_id=chain.chain_id,
        verdict=verdict_of(found),
        completeness=basis,
        correlation_id=chain.summary.correlation_id,
        run_id=chain.summary.run_id,
        findings=tuple(found),
    )
