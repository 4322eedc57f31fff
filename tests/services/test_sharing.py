"""A service ends with its last user, however that one ends, and a test without its service never passes in silence."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services.process import Launch, ServiceFailed, provided
from tests.support.polling import until

USE_UNTIL_KILLED = """
import sys, pathlib
from tests.services.test_sharing import sleeper
from tests.services.process import provided
with provided(sleeper, pathlib.Path(sys.argv[1])) as address:
    print(address, flush=True)
    sys.stdin.read()
"""


def sleeper(folder: Path) -> Launch:
    """A service that says its process id, which is as good as an address here."""
    script = "import os, time, pathlib; pathlib.Path('pid').write_text(str(os.getpid())); print('up', flush=True); "
    return Launch(
        name="sleeper",
        command=[sys.executable, "-c", script + "time.sleep(600)"],
        address=str(folder / "pid"),
        ready=lambda log: "up" in log.read_text(),
    )


def test_users_of_one_folder_share_a_service_that_ends_with_the_last_of_them(tmp_path: Path) -> None:
    with provided(sleeper, tmp_path) as first:
        with provided(sleeper, tmp_path) as second:
            assert second == first
        process = int(Path(first).read_text())
        assert runs(process)
    until(lambda: not runs(process), timeout_s=10)


def test_a_service_does_not_outlive_a_user_that_is_killed(tmp_path: Path) -> None:
    user = subprocess.Popen(
        [sys.executable, "-c", USE_UNTIL_KILLED, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert user.stdout is not None
    process = int(Path(user.stdout.readline().strip()).read_text())
    user.send_signal(signal.SIGKILL)
    user.communicate()
    until(lambda: not runs(process), timeout_s=10)


def test_whoever_comes_while_a_service_ends_finds_one_that_runs_on(tmp_path: Path) -> None:
    for _ in range(10):
        with provided(sleeper, tmp_path) as address:
            process = int(Path(address).read_text())
            assert runs(process)
    until(lambda: not runs(process), timeout_s=10)
    with provided(sleeper, tmp_path) as address:
        assert int(Path(address).read_text()) != process


def test_a_service_that_ends_at_once_fails_with_what_it_said() -> None:
    def broken(_: Path) -> Launch:
        command = [sys.executable, "-c", "raise SystemExit('no such disk')"]
        return Launch(name="broken", command=command, address="", ready=lambda _: False)

    with pytest.raises(ServiceFailed, match=r"broken ended with status 1.*\n.*no such disk"), provided(broken):
        pass


@pytest.mark.parametrize(("required", "outcome"), [("", {"skipped": 1}), ("1", {"errors": 1})])
def test_an_absent_service_is_a_skip_and_where_services_are_required_a_failure(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, required: str, outcome: dict[str, int]
) -> None:
    monkeypatch.setenv("TRACECHECK_REQUIRE_SERVICES", required)
    monkeypatch.setenv("XDG_CACHE_HOME", str(pytester.path / "empty"))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    pytester.makeini("[pytest]\nmarkers = service(name): needs a real service")
    pytester.makepyfile("import pytest\n@pytest.mark.service('collector')\ndef test_it(): pass")
    result = pytester.runpytest_subprocess("-p", "tests.services.fixtures", "-p", "no:cacheprovider")
    result.assert_outcomes(**outcome)
    result.stdout.fnmatch_lines(["*collector is not installed*make services*"] if required else [])


def runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
