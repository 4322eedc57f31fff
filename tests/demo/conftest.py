"""One demo with faults and one without, run once and looked at by many tests."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tracecheck.demo import run_demo
from tracecheck.demo.outcome import DemoOutcome


@dataclass(frozen=True, kw_only=True)
class Ran:
    """A finished demo: its outcome, its directory, and what it said on the way."""

    outcome: DemoOutcome
    out: Path
    said: tuple[str, ...]


def ran(out: Path, **options: object) -> Ran:
    said: list[str] = []
    outcome = run_demo(out, progress=said.append, **options)  # type: ignore[arg-type]
    return Ran(outcome=outcome, out=out, said=tuple(said))


@pytest.fixture(scope="session")
def broken_demo(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The demo as it is by default."""
    return ran(tmp_path_factory.mktemp("demo") / "out", seed=1)


@pytest.fixture(scope="session")
def healthy_demo(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The demo with `--no-faults`."""
    return ran(tmp_path_factory.mktemp("demo") / "out", seed=2, orders=12, faults=False)
