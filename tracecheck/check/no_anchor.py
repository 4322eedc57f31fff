"""What is to be said of chains that hold no anchor of an expectation: `never`, and an anchor whose span was lost."""

from tracecheck.chains.surroundings import Surroundings
from tracecheck.check.causes import shape
from tracecheck.check.causes.span_missing import DID
from tracecheck.check.index import Index, Unit, brief_of
from tracecheck.check.match import describe_pattern, matching
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


def anchor_lost(chain: Chain, expectation: Expectation, basis: Completeness) -> list[Result]:
    """Later steps without an anchor, in a chain whose beginning names a lost cause. It might have begun elsewhere, so
    this is inconclusive."""
    index = Index(chain)
    lost = next((span for span in chain.spans if index.dangles(span.key)), None)
    if lost is None or matching(index, expectation.anchor.pattern):
        return []
    for step in expectation.steps:
        if step.after is not None and (units := matching(index, step.pattern)):
            return [_result(chain, expectation, basis, [_lost(index, expectation, basis, lost, (step, units[0]))])]
    return []


def _lost(index: Index, expectation: Expectation, basis: Completeness, lost: Span, proof: tuple[Step, Unit]) -> Finding:
    anchor = expectation.anchor
    step, unit = proof
    done = unit.briefs[0]
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
            f"{lost.name} of {lost.service} names a cause that was never stored",
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
