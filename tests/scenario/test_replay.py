"""A lost message is published again with its identity, and the chain heals; without a yes nothing is."""

import sqlite3
from pathlib import Path

import pytest

from tests.scenario.conftest import ShopOpen, told
from tests.support.shops import ORDER
from tracecheck.chains import find, load, refresh
from tracecheck.errors import UsageError
from tracecheck.model import Basis, Cause, CheckReport, Completeness, Finding, Result, Verdict
from tracecheck.scenario.perform import Performed, perform, ready
from tracecheck.scenario.plan import read_scenarios
from tracecheck.scenario.replay import await_healed, healed, plan_replay, replay

SCENARIO = ORDER.replace("within: 5s", "within: 4s") + (
    'seed: {kafka: orders, key: "o-{run}", value: {id: "o-{run}", fault: "billing fails until mended"}}\n'
)


def broken(shop: ShopOpen, folder: Path, run_id: str) -> Performed:
    (folder / "order.yaml").write_text(SCENARIO)
    return perform(read_scenarios([folder])[0], shop.ground, run_id=run_id)


def the_chain_of(shop: ShopOpen, run_id: str) -> str:
    refresh(shop.service.store)
    (chain_id,) = find(shop.service.store, run_id)
    return chain_id


@pytest.mark.parametrize(
    ("code", "verdict", "is_well"),
    [
        (Cause.LATE, Verdict.FAIL, True),
        (Cause.CLOCK_SKEW, Verdict.PASS, True),
        (Cause.NOT_CONSUMED, Verdict.FAIL, False),
        (Cause.INCOMPLETE, Verdict.INCONCLUSIVE, False),
    ],
)
def test_a_chain_has_healed_when_nothing_is_left_but_lateness(code: Cause, verdict: Verdict, is_well: bool) -> None:
    found = Finding(code=code, verdict=verdict)
    unknown = Completeness(basis=Basis.UNKNOWN, reasons=())
    result = Result(expectation="order", chain_id="c", verdict=verdict, completeness=unknown, findings=(found,))
    assert healed(CheckReport(verdict=verdict, results=(result,), as_of_unix_nano=1)) is is_well


def test_a_message_that_failed_goes_where_it_was_lost_and_the_chain_heals(shop: ShopOpen, tmp_path: Path) -> None:
    done = broken(shop, tmp_path, "replay-1")
    assert told(done.result) == [("charged", "processing_failed")]
    spec = [ready(read_scenarios([tmp_path])[0], run_id="replay-1", number=0, settle_ns=None)]
    chain_id = the_chain_of(shop, "replay-1")
    (sent,) = done.injected

    planned = plan_replay(shop.ground, chain_id, spec)

    assert planned.broke is not None
    assert planned.broke.code is Cause.PROCESSING_FAILED
    assert (planned.destination, planned.key) == ("orders", b"o-replay-1")
    assert planned.event_id == sent.event_id
    assert planned.correlation_id == sent.correlation_id
    assert "read from the broker at" in planned.source

    (shop.folder / "mended").touch()
    again = replay(planned, shop.ground)
    report = await_healed(planned, again, shop.ground, spec, 20.0)

    assert healed(report)
    chain = load(shop.service.store, chain_id)
    (resent,) = (span for span in chain.spans if span.key == again.span.key)
    assert [(link.trace_id, link.span_id) for link in resent.links] == [sent.span.key]
    assert resent.messaging is not None
    assert resent.messaging.retry_of == sent.event_id
    with sqlite3.connect(shop.folder / "shop.db") as database:
        assert database.execute("select count(*) from ledger where id = 'o-replay-1'").fetchone() == (1,)


def test_a_chain_that_is_whole_has_nothing_to_replay(shop: ShopOpen, tmp_path: Path) -> None:
    (tmp_path / "order.yaml").write_text(SCENARIO.replace("billing fails until mended", "none"))
    scenario = read_scenarios([tmp_path])[0]
    assert told(perform(scenario, shop.ground, run_id="replay-2").result) == []
    chain_id = the_chain_of(shop, "replay-2")
    with pytest.raises(UsageError, match="has no message that was lost"):
        plan_replay(shop.ground, chain_id, [ready(scenario, run_id="replay-2", number=0, settle_ns=None)])
