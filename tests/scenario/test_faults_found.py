"""Every way in which the shop can fail an order is found by a scenario, each under its own name and no other."""

import pytest

from tests.scenario.conftest import ShopOpen, by_case, told
from tests.support.shops import ORDER
from tracecheck.model import CheckReport, Verdict
from tracecheck.report import render

SCENARIO = (
    ORDER
    + """
cases: cases.csv
seed: {kafka: orders, key: "o-{run}", value: {id: "o-{run}", total: 42, fault: "{fault}", careless: "{careless}"}}
observe:
  - {kafka: shipments, where: {id: "o-{run}"}, within: 12s}
  - {kafka: orders.dlq, where: {id: "o-{run}"}, times: 0}
state:
  - sql: "select status from orders_view where id = :id"
    params: {id: "o-{run}"}
    equals: SHIPPED
    within: 12s
    hold: 50ms
  - {sql: "select count(*) from ledger where id = :id", params: {id: "o-{run}"}, matches: {at_least: 1}, within: 12s}
clean_up:
  - {sql: "delete from orders_view where id = :id", params: {id: "o-{run}"}}
duplicates: {deliveries: forbid, effects: forbid}
"""
).replace("within: 5s", "within: 8s")

CASES = """\
case,fault,careless
well,none,
try again,inventory fails once,
swallowed,billing sends nothing,
fails,inventory fails,
dead letter,mailer fails into dlq,
taken twice,inventory takes twice,
charged twice,billing takes twice,yes
read model is blind,projector sends nothing,
"""

FOUND = {
    "well": [],
    "try again": [],
    "swallowed": [("shipped", "not_sent")],
    "fails": [("reserved", "processing_failed")],
    "dead letter": [("mailed", "processing_failed"), ("observe[1]", "forbidden")],
    "taken twice": [("reserved", "duplicate_delivery")],
    "charged twice": [("charged", "duplicate_delivery"), ("charged", "duplicate_effect")],
    "read model is blind": [("state[0]", "state_not_reached")],
}


@pytest.fixture(scope="module")
def report(shop: ShopOpen, tmp_path_factory: pytest.TempPathFactory) -> CheckReport:
    folder = tmp_path_factory.mktemp("scenarios")
    (folder / "order.yaml").write_text(SCENARIO)
    (folder / "cases.csv").write_text(CASES)
    outcome = shop.run(folder, timeout_s=45.0)
    assert outcome.faults == ()
    return outcome.report


@pytest.mark.parametrize("case", FOUND)
def test_each_case_has_its_finding(report: CheckReport, case: str) -> None:
    result = by_case(report)[case]
    assert told(result) == FOUND[case]
    assert result.verdict is (Verdict.FAIL if FOUND[case] else Verdict.PASS), result.findings


def test_junit_has_a_case_per_row_and_text_names_it(report: CheckReport) -> None:
    junit, text = render("junit", report), render("text", report)
    assert junit.count("<testcase ") == len(FOUND)
    assert "FAIL order [swallowed]  shipped: not_sent" in text


def test_what_follows_from_a_broken_chain_only_bears_it_out(report: CheckReport) -> None:
    (finding,) = by_case(report)["swallowed"].findings
    assert any(fact.startswith("observe[0] bears it out: ") for fact in finding.evidence)
    assert any(fact.startswith("state[0] bears it out: ") for fact in finding.evidence)


def test_records_and_samples_are_kept_under_the_run_they_belong_to(shop: ShopOpen, report: CheckReport) -> None:
    well = by_case(report)["well"].run_id
    rows = shop.service.store.query("select value_text, observer from records where run_id = $run", {"run": well})
    samples = shop.service.store.query(
        "select distinct case_id, met from state_samples where run_id = $run and met", {"run": well}
    )
    assert [f'"id": "o-{well}"' in row["value_text"] for row in rows.to_pylist()] == [True]
    assert samples.to_pylist() == [{"case_id": "well", "met": True}]


def test_what_a_scenario_left_is_cleaned_up(shop: ShopOpen, report: CheckReport) -> None:
    import sqlite3

    with sqlite3.connect(shop.folder / "shop.db") as database:
        assert database.execute("select count(*) from orders_view").fetchone() == (0,)
