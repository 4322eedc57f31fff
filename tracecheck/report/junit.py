"""The JUnit report: a suite per expectation, a case per chain it was held against, trace and chain ids as properties.

An inconclusive case is an *error*, not a skip: CI systems paint a skip green. What was passed in bulk has no case
of its own: an empty suite names how many, so that no total is silently short.
"""

from itertools import groupby

from junitparser import Error, Failure, JUnitXml, TestSuite
from junitparser.xunit2 import TestCase

from tracecheck.model import CheckReport, Finding, Result, Verdict
from tracecheck.report import sentences
from tracecheck.report.grave import grave_of
from tracecheck.report.reporter import Look
from tracecheck.report.sanitise import terminal, xml
from tracecheck.report.text import block, totals

MAX_CASES = 5_000
"""Passing cases written per expectation; failing ones are always written, up to as many again."""


def render(report: CheckReport, _look: Look) -> str:
    """JUnit XML as text. CI systems take it in this form; nothing in it depends on the machine it was made on."""
    root = JUnitXml("tracecheck")
    ordered = sorted(report.results, key=lambda result: result.expectation)
    for expectation, results in groupby(ordered, key=lambda result: result.expectation):
        root.add_testsuite(_suite(expectation, list(results)))
    if not report.results and not report.passed_by_sift:
        root.add_testsuite(_nothing_matched(report))
    if report.passed_by_sift:
        sifted = TestSuite(f"{report.passed_by_sift} more chains passed in bulk")
        sifted.add_property("passed_by_sift", str(report.passed_by_sift))
        root.add_testsuite(sifted)
    root.update_statistics()  # type: ignore[no-untyped-call]
    written: bytes = root.tostring()  # type: ignore[no-untyped-call]
    return f'<?xml version="1.0" encoding="utf-8"?>\n{written.decode("utf-8")}\n'


def _suite(expectation: str, results: list[Result]) -> TestSuite:
    suite = TestSuite(xml(terminal(expectation)))
    failing = [result for result in results if result.verdict is not Verdict.PASS]
    passing = [result for result in results if result.verdict is Verdict.PASS]
    for result in failing[:MAX_CASES] + passing[:MAX_CASES]:
        suite.add_testcase(_case(result))
    if left_out := len(results) - len(suite):
        suite.add_property("cases_left_out", str(left_out))
    return suite


def _case(result: Result) -> TestCase:
    case = TestCase(xml(_name(result)), classname=xml(terminal(result.expectation)))
    properties = {
        "chain_id": result.chain_id,
        "trace_id": result.chain_id.partition(":")[0] if result.chain_id else None,
        "correlation_id": result.correlation_id,
        "run_id": result.run_id,
        "completeness": result.completeness.basis.value,
    }
    for name, value in properties.items():
        if value is not None:
            case.add_property(name, xml(terminal(value)))
    if result.verdict is not Verdict.PASS:
        case.result = [_problem(result)]
    return case


def _name(result: Result) -> str:
    case = f"[{terminal(result.case)}]" if result.case else ""
    return f"{sentences.chain_name(result)}{case}"


def _problem(result: Result) -> Failure | Error:
    grave = grave_of(result)
    told: list[Finding | None] = list(grave[:10]) or [None]
    message = sentences.sentence(grave[0]) if grave else sentences.without_finding(result)
    kind = grave[0].code.value if grave else result.verdict.value
    problem = (Failure if result.verdict is Verdict.FAIL else Error)(xml(message), kind)
    lines = [line for finding in told for line in block(result, finding, Look())]
    if len(grave) > len(told):
        lines.append(f"and {len(grave) - len(told)} more findings")
    problem.text = xml("\n".join(lines))
    return problem


def _nothing_matched(report: CheckReport) -> TestSuite:
    suite = TestSuite("tracecheck")
    case = TestCase("nothing matched", classname="tracecheck")
    case.result = [Error(totals(report), "nothing_matched")]
    suite.add_testcase(case)
    return suite
