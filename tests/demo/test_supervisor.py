import os
import signal
import sys
from pathlib import Path

import pytest

from tests.support.polling import until
from tracecheck.demo.supervisor import Supervisor
from tracecheck.errors import EnvironmentFault

OBEDIENT = """
import os, signal, sys, threading
stopping = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stopping.set())
with open(os.environ["STARTS"], "a") as starts:
    starts.write(f"{os.getpid()}\\n")
print("ready", os.environ.get("WHERE", ""), flush=True)
stopping.wait()
with open(os.environ["STARTS"], "a") as starts:
    starts.write("stopped\\n")
"""


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Makes a module out of a script that supervised processes can run."""

    def module(script: str) -> str:
        (tmp_path / "some_service.py").write_text(script)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        return "some_service"

    return module


def lines(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


def test_a_service_says_where_it_listens_when_it_is_ready(service, tmp_path: Path) -> None:
    environment = {"STARTS": str(tmp_path / "starts"), "WHERE": "8080"}

    with Supervisor({service(OBEDIENT): environment}, tmp_path) as supervisor:
        assert supervisor.await_ready() == {"some_service": "8080"}


def test_a_killed_service_is_started_again(service, tmp_path: Path) -> None:
    starts = tmp_path / "starts"

    with Supervisor({service(OBEDIENT): {"STARTS": str(starts)}}, tmp_path) as supervisor:
        supervisor.await_ready()
        os.kill(int(lines(starts)[0]), signal.SIGKILL)
        until(lambda: len(lines(starts)) == 2)

        assert supervisor.restarts == {"some_service": 1}


def test_services_are_asked_to_stop_and_given_time_to_do_so(service, tmp_path: Path) -> None:
    starts = tmp_path / "starts"

    with Supervisor({service(OBEDIENT): {"STARTS": str(starts)}}, tmp_path) as supervisor:
        supervisor.await_ready()

    assert lines(starts)[-1] == "stopped"
    assert supervisor.restarts == {"some_service": 0}


def test_a_service_that_cannot_start_is_reported_with_its_last_words(service, tmp_path: Path) -> None:
    module = service("raise SystemExit('no such topic')")

    with (
        Supervisor({module: {}}, tmp_path) as supervisor,
        pytest.raises(EnvironmentFault, match="some_service service did not start; its last words: no such topic"),
    ):
        supervisor.await_ready()


def test_exporter_settings_of_the_caller_do_not_reach_the_services(
    service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    module = service("import os; print('ready', os.environ.get('OTEL_SDK_DISABLED'), flush=True); input()")

    with Supervisor({module: {}}, tmp_path) as supervisor:
        assert supervisor.await_ready() == {"some_service": "None"}


def test_a_service_learns_that_its_supervisor_is_gone(tmp_path: Path) -> None:
    import subprocess

    script = (
        "from tracecheck.demo.services.worker import stop_signal, announce_ready\n"
        "stopping = stop_signal(); announce_ready(); stopping.wait(); print('stopped', flush=True)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdin
    try:
        assert process.stdout.readline().startswith("ready")
        process.stdin.close()
        assert process.stdout.readline() == "stopped\n"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
