"""Twice delivered, twice sent and twice done are told apart, on real processes and a real broker."""

import sqlite3
from pathlib import Path

import pytest

from tests.scenario.conftest import ShopOpen, by_case
from tests.support.polling import until
from tests.support.shops import ORDER
from tracecheck.check import check_store
from tracecheck.model import Cause, Verdict
from tracecheck.scenario.perform import ready
from tracecheck.scenario.plan import read_scenarios

SCENARIO = (
    ORDER.replace("within: 5s", "within: 8s")
    + """
cases: cases.csv
duplicates: {deliveries: report, sends: report, effects: report}
state: [{sql: "select count(*) from ledger where id = :id", params: {id: "o-{run}"}, matches: {at_least: 1}}]
seed: {kafka: orders, key: "o-{run}", value: {id: "o-{run}", fault: "{fault}", careless: "{careless}"}, twice: TWICE}
"""
)
DUPLICATES = {Cause.DUPLICATE_DELIVERY, Cause.DUPLICATE_SEND, Cause.DUPLICATE_EFFECT}


def charges(shop: ShopOpen, run_id: str | None) -> int:
    with sqlite3.connect(shop.folder / "shop.db") as database:
        count: int = database.execute("select count(*) from ledger where id = ?", (f"o-{run_id}",)).fetchone()[0]
    return count


def test_a_message_sent_twice_is_charged_twice_only_by_who_is_careless(shop: ShopOpen, tmp_path: Path) -> None:
    (tmp_path / "order.yaml").write_text(SCENARIO.replace("TWICE", "true"))
    (tmp_path / "cases.csv").write_text("case,fault,careless\ncareful,,\ncareless,,yes\n")

    results = by_case(shop.run(tmp_path, timeout_s=25.0).report)

    found = {case: {finding.code for finding in result.findings} for case, result in results.items()}
    assert found == {
        "careful": {Cause.DUPLICATE_SEND},
        "careless": {Cause.DUPLICATE_SEND, Cause.DUPLICATE_EFFECT},
    }
    assert {result.verdict for result in results.values()} == {Verdict.PASS}
    assert {case: charges(shop, result.run_id) for case, result in results.items()} == {"careful": 1, "careless": 2}


@pytest.mark.parametrize(
    ("careless", "expected", "charged"),
    [("", {Cause.DUPLICATE_DELIVERY}, 1), ("yes", {Cause.DUPLICATE_DELIVERY, Cause.DUPLICATE_EFFECT}, 2)],
)
def test_a_consumer_killed_between_effect_and_commit_is_given_its_message_again(
    shop: ShopOpen, tmp_path: Path, careless: str, expected: set[Cause], charged: int
) -> None:
    (tmp_path / "order.yaml").write_text(SCENARIO.replace("TWICE", "false"))
    (tmp_path / "cases.csv").write_text(f"case,fault,careless\nkilled,billing is killed,{careless}\n")
    before = shop.processes.restarts["shop"]

    (result,) = shop.run(tmp_path, timeout_s=25.0).report.results

    expectation = ready(read_scenarios([tmp_path])[0], run_id=result.run_id or "", number=0, settle_ns=0)

    def found() -> set[Cause]:
        """What there is to say once the next process has taken the message up again, and its spans have come."""
        report = check_store(shop.service.store, [expectation], run_id=result.run_id)
        return {finding.code for each in report.results for finding in each.findings} & DUPLICATES

    until(lambda: found() >= expected)
    assert found() == expected
    assert shop.processes.restarts["shop"] == before + 1
    assert charges(shop, result.run_id) == charged
