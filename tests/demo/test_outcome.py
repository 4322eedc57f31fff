from pathlib import Path

import pytest

from tracecheck.demo.faults import CASES
from tracecheck.demo.outcome import RESULTS, Injected, check_exit_code, compare, injected_by, prepare
from tracecheck.errors import UsageError
from tracecheck.model import Basis, Cause, CheckReport, Completeness, Finding, Result, Verdict

LATE = Injected(correlation_id="o-1", step="charged", cause=Cause.LATE)


def result(order: str, *findings: Finding) -> Result:
    return Result(
        expectation="order",
        chain_id=f"chain of {order}",
        verdict=Verdict.merge([finding.verdict for finding in findings] or [Verdict.PASS]),
        completeness=Completeness(basis=Basis.PROVEN),
        correlation_id=order,
        findings=findings,
    )


def report(*results: Result, matched: bool = True) -> CheckReport:
    verdict = Verdict.merge([one.verdict for one in results])
    return CheckReport(verdict=verdict, results=results, as_of_unix_nano=0, matched=matched)


def finding(cause: Cause, step: str = "charged", verdict: Verdict = Verdict.FAIL) -> Finding:
    return Finding(code=cause, verdict=verdict, step=step)


def test_findings_that_are_those_injected_are_no_mismatch() -> None:
    assert compare(report(result("o-1", finding(Cause.LATE)), result("o-2")), [LATE], ["o-1", "o-2"]) == ()


def test_a_fault_that_was_not_found_is_a_mismatch() -> None:
    assert compare(report(result("o-1")), [LATE], ["o-1"]) == ("injected but not found: order o-1, step charged: late",)


def test_a_finding_that_nobody_injected_is_a_mismatch_even_if_it_fails_nothing() -> None:
    harmless = finding(Cause.DUPLICATE_SEND, verdict=Verdict.PASS)

    assert compare(report(result("o-2", harmless)), [], ["o-2"]) == (
        "found but not injected: order o-2, step charged: duplicate_send",
    )


def test_the_right_cause_at_the_wrong_step_is_two_mismatches() -> None:
    assert len(compare(report(result("o-1", finding(Cause.LATE, step="reserved"))), [LATE], ["o-1"])) == 2


def test_an_order_without_a_result_is_a_mismatch() -> None:
    assert compare(report(result("o-1")), [], ["o-1", "o-2"]) == ("no result for order o-2",)


@pytest.mark.parametrize(
    ("checked", "code"),
    [
        (report(result("o-1")), 0),
        (report(result("o-1"), result("o-2", finding(Cause.LATE))), 1),
        (report(result("o-1", finding(Cause.INCOMPLETE, verdict=Verdict.INCONCLUSIVE))), 3),
        (report(matched=False), 3),
    ],
)
def test_the_check_has_the_exit_code_of_the_command_line(checked: CheckReport, code: int) -> None:
    assert check_exit_code(checked) == code


def test_what_is_injected_is_what_the_plan_must_lead_to() -> None:
    (one,) = injected_by({"o-1": CASES[0]})

    assert (one.correlation_id, one.step, one.cause) == ("o-1", CASES[0].step, CASES[0].cause)


def test_results_of_an_earlier_demo_make_room(tmp_path: Path) -> None:
    prepare(tmp_path)
    for name in RESULTS:
        (tmp_path / name).write_text("old")
    (tmp_path / "notes.txt").write_text("mine")

    prepare(tmp_path)

    assert not (tmp_path / "tracecheck.duckdb").exists()
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_database_that_no_demo_made_stays(tmp_path: Path) -> None:
    (tmp_path / "tracecheck.duckdb").write_bytes(b"precious")

    with pytest.raises(UsageError, match="is not a demo's"):
        prepare(tmp_path)

    assert (tmp_path / "tracecheck.duckdb").read_bytes() == b"precious"
