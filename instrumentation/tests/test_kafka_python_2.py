"""The last kafka-python 2.x keeps the contract too: its tests once more, with that release in the place of 3.x.

Two tests of it run always, for the start of a second pytest and a few messages are all they cost; `-m soak` runs all.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services.installed import cache

RELEASE = "2.3.3"
TESTS = Path(__file__).with_name("test_kafka_python.py")
HEART = "TestKafkaPython and (what_a_handler_sends or forwarded_message) and embedded_broker"


@pytest.fixture(scope="module")
def release() -> Path:
    """A folder that holds kafka-python 2.x and nothing else; kept for the next run."""
    folder = cache() / f"kafka-python-{RELEASE}"
    if not (folder / "kafka").is_dir():
        uv = Path(sys.executable).with_name("uv")
        subprocess.run(
            [uv, "pip", "install", "--quiet", "--no-deps", "--target", folder, f"kafka-python=={RELEASE}"],
            check=True,
            timeout=120,
        )
    return folder


@pytest.mark.parametrize("chosen", [HEART, pytest.param("", marks=pytest.mark.soak, id="all")])
def test_the_contract_holds_with_kafka_python_2(release: Path, chosen: str) -> None:
    which = "import kafka, sys; sys.exit(kafka.__version__ != '" + RELEASE + "')"
    environment = {**os.environ, "PYTHONPATH": str(release)}
    environment.pop("PYTEST_XDIST_WORKER", None)
    subprocess.run([sys.executable, "-c", which], env=environment, check=True, timeout=60)

    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", chosen, TESTS],
        env=environment,
        text=True,
        capture_output=True,
        timeout=900,
        check=False,
    )

    assert result.returncode == 0, result.stdout[-4000:]
