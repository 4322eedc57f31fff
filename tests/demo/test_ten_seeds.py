"""Takes about fifteen minutes: `make soak`."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.demo.conftest import ran
from tracecheck.demo.driver import run_demo
from tracecheck.demo.faults import CASES, Case


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(1, 11))
def test_whatever_the_seed_the_findings_are_the_faults_and_nothing_else(seed: int, tmp_path: Path) -> None:
    outcome = ran(tmp_path / "out", seed=seed).outcome

    assert outcome.mismatch == ()
    assert (outcome.exit_code, outcome.check_exit_code) == (0, 1)


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_every_fault_in_every_service_leads_to_its_finding(tmp_path: Path) -> None:
    def all_cases(_: int, order_ids: Sequence[str]) -> dict[str, Case]:
        return dict(zip(order_ids[1::2], CASES, strict=True))

    outcome = run_demo(tmp_path / "out", orders=2 * len(CASES), drawn=all_cases)

    assert outcome.mismatch == ()
    assert len(outcome.injected) == len(CASES)
