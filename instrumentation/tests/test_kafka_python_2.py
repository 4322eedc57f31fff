"""kafka-python 2.x keeps the contract too: its tests once more, with the oldest and the last release in 3.x's place.

Two tests of the last run always, for the start of a second pytest and a few messages are all they cost; `-m soak` runs
all tests of both.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services.installed import cache

OLDEST, LAST = "2.2.0", "2.3.3"
TESTS = Path(__file__).with_name("test_kafka_python.py")
HEART = "TestKafkaPython and (what_a_handler_sends or forwarded_message) and embedded_broker"


def installed(release: str) -> Path:
    """A folder that holds this kafka-python and nothing else; kept for the next run."""
    folder = cache() / f"kafka-python-{release}"
    if not (folder / "kafka").is_dir():
        uv = Path(sys.executable).with_name("uv")
        subprocess.run(
            [uv, "pip", "install", "--quiet", "--no-deps", "--target", folder, f"kafka-python=={release}"],
            check=True,
            timeout=120,
        )
    return folder


@pytest.mark.parametrize(
    ("release", "chosen"),
    [
        pytest.param(LAST, HEART, id="last"),
        pytest.param(LAST, "", marks=pytest.mark.soak, id="last, all tests"),
        pytest.param(OLDEST, "", marks=pytest.mark.soak, id="oldest, all tests"),
    ],
)
def test_the_contract_holds_with_kafka_python_2(release: str, chosen: str) -> None:
    which = f"import kafka, sys; sys.exit(kafka.__version__ != {release!r})"
    environment = {**os.environ, "PYTHONPATH": str(installed(release))}
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
