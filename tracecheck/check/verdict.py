"""From findings to a verdict."""

from collections.abc import Sequence
from dataclasses import replace

from tracecheck.model import Basis, Cause, Completeness, Finding, Verdict


def verdict_of(findings: Sequence[Finding]) -> Verdict:
    """The gravest of the findings' verdicts; a pass if there are none (the caller has seen the evidence)."""
    return Verdict.merge([finding.verdict for finding in findings]) if findings else Verdict.PASS


def if_absent(finding: Finding, completeness: Completeness, accepted: Basis) -> Finding:
    """A finding that rests on something not being there: a fail only on a basis as strong as the one accepted.

    On a weaker basis it becomes inconclusive and `incomplete`, and `detail.would_be` keeps the cause. A missing span
    keeps its name, as later steps prove it.
    """
    if completeness.basis.rank <= accepted.rank:
        return replace(finding, completeness=completeness)
    kept = finding.code is Cause.CONSUMER_SPAN_MISSING
    return replace(
        finding,
        code=finding.code if kept else Cause.INCOMPLETE,
        verdict=Verdict.INCONCLUSIVE,
        completeness=completeness,
        detail={**finding.detail, "would_be": finding.code.value},
    )
