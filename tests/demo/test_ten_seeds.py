"""Takes about fifteen minutes: `make soak`."""

from pathlib import Path

import pytest

from tests.demo.conftest import ran


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(1, 11))
def test_whatever_the_seed_the_findings_are_the_faults_and_nothing_else(seed: int, tmp_path: Path) -> None:
    outcome = ran(tmp_path / "out", seed=seed).outcome

    assert outcome.mismatch == ()
    assert (outcome.exit_code, outcome.check_exit_code) == (0, 1)
