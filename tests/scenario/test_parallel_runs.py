"""Many runs on one broker and the same topics: those that were broken fail, and no other."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.scenario.conftest import ShopOpen, by_case, told
from tests.support.shops import ORDER
from tracecheck.chains import load, refresh
from tracecheck.config import INJECT_VARIABLE, RUN_ID_VARIABLE, STORE_VARIABLE
from tracecheck.model import Verdict
from tracecheck.scenario.leaks import find_leaks

SEED = 'cases: cases.csv\nseed: {kafka: orders, key: "o-{run}", value: {id: "o-{run}", fault: "{fault}"}}\n'
ONE_SEED = 'seed: {kafka: orders, key: "o-{run}", value: {id: "o-{run}", fault: "%s"}}\n'
OBSERVED = "observe: [{kafka: orders}]\n"
FAULTS = {
    "inventory fails": ("reserved", "processing_failed"),
    "billing sends nothing": ("shipped", "not_sent"),
    "mailer fails": ("mailed", "processing_failed"),
    "shipping sends nothing": ("shipped", "not_sent"),
    "projector takes twice": ("projected", "duplicate_delivery"),
}


def write(folder: Path, runs: int, faults: int, within_s: int) -> dict[str, list[tuple[str, str]]]:
    """The scenario and its cases, faults evenly among them; by case, what must be found."""
    kinds = list(FAULTS)
    broken = {number * (runs // faults): kinds[number % len(kinds)] for number in range(faults)}
    rows = [f"run {number},{broken.get(number, 'none')}" for number in range(runs)]
    steps = ORDER.replace("within: 5s", f"within: {within_s}s")
    (folder / "order.yaml").write_text(steps + "duplicates: {deliveries: forbid}\n" + SEED)
    (folder / "cases.csv").write_text("case,fault\n" + "\n".join(rows) + "\n")
    return {f"run {number}": [FAULTS[broken[number]]] if number in broken else [] for number in range(runs)}


def test_twenty_runs_at_once_with_two_faults(shop: ShopOpen, tmp_path: Path) -> None:
    expected = write(tmp_path, runs=20, faults=2, within_s=8)
    outcome = shop.run(tmp_path, parallel=20)
    assert {case: told(result) for case, result in by_case(outcome.report).items()} == expected


def test_two_machines_at_once_on_one_bus_and_one_store_know_their_own_runs_only(shop: ShopOpen, tmp_path: Path) -> None:
    faults = {"well": "none", "broken": "inventory fails"}
    endpoints = {INJECT_VARIABLE: shop.endpoints.http, STORE_VARIABLE: shop.endpoints.api, "KAFKA": shop.kafka}
    outside = {name: value for name, value in os.environ.items() if name not in (RUN_ID_VARIABLE, "GITHUB_ACTIONS")}
    machines = {}
    for name, fault in faults.items():
        (tmp_path / f"{name}.yaml").write_text(
            ORDER.replace("within: 5s", "within: 30s" if name == "well" else "within: 8s")
            + "duplicates: {deliveries: forbid}\n"
            + OBSERVED
            + ONE_SEED % fault
        )
        command = [sys.executable, "-m", "tracecheck", "run", f"{name}.yaml", "--output", "json"]
        machines[name] = subprocess.Popen(command, cwd=tmp_path, env=outside | endpoints, stdout=subprocess.PIPE)
    ended = {name: (machine.communicate(timeout=120)[0], machine.returncode) for name, machine in machines.items()}
    assert {name: status for name, (_, status) in ended.items()} == {"well": 0, "broken": 1}, ended["well"][0]
    (well,), (broken,) = (json.loads(ended[name][0])["results"] for name in faults)
    assert [(one["step"], one["code"]) for one in broken["findings"]] == [("reserved", "processing_failed")]
    chains = {name: one["chain_id"] for name, one in (("well", well), ("broken", broken))}
    assert len(set(chains.values())) == 2
    of = {name: run_of(shop, chain_id) for name, chain_id in chains.items()}
    assert of["well"] != of["broken"]
    assert [find_leaks(shop.service.store, run_id) for run_id in of.values()] == [(), ()]


def run_of(shop: ShopOpen, chain_id: str) -> str:
    """The one run that a chain is of."""
    refresh(shop.service.store)
    (run_id,) = load(shop.service.store, chain_id).run_ids
    return run_id


@pytest.mark.soak
def test_two_hundred_runs_at_once_with_twenty_faults_ten_times_in_a_row(
    shop: ShopOpen, tmp_path: Path, record_property
) -> None:
    counts = []
    for attempt in range(10):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        expected = write(folder, runs=200, faults=20, within_s=30)
        began = time.monotonic()
        outcome = shop.run(folder, parallel=200, timeout_s=120.0)
        found = {case: told(result) for case, result in by_case(outcome.report).items()}
        failed = sum(result.verdict is Verdict.FAIL for result in outcome.report.results)
        wrong = {case: codes for case, codes in found.items() if codes != expected[str(case)]}
        counts.append(
            {"failed": failed, "of": len(found), "wrong": len(wrong), "took_s": round(time.monotonic() - began, 1)}
        )
        print(json.dumps(counts[-1]), flush=True)  # noqa: T201 - `make soak` shows what it counts
        assert wrong == {}
        assert failed == 20
    record_property("parallel_runs", json.dumps(counts))
