"""Starts a service as a child process, waits until it answers, and ends it with its last user."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

GUARD = Path(__file__).with_name("guard.py")
PROBE_INTERVAL_S = 0.05


class ServiceFailed(Exception):
    """A service did not come up; says the end of its log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How to run a service and where it will be: `ready` tells, given its log, whether it can be used."""

    name: str
    command: Sequence[str]
    address: str
    ready: Callable[[Path], bool]
    environment: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = 90.0
    stop_signal: int = signal.SIGTERM
    grace_s: float = 5.0


Prepare = Callable[[Path], Launch]


@contextmanager
def provided(prepare: Prepare, shared_folder: Path | None = None) -> Iterator[str]:
    """Give the address of a running service for the length of a `with` block.

    `prepare` gets an empty folder for the service's files and says how to run it there. Processes that name the same
    `shared_folder` share one service: the first one starts it, and it ends with the last one, also if they are killed.
    Raises `ServiceFailed` if it does not come up.
    """
    if shared_folder is None:
        with tempfile.TemporaryDirectory(prefix="tracecheck-lock-") as folder:
            with _in_use(Path(folder)):
                guard, launch = _start(prepare, Path(folder))
                yield launch.address
            guard.wait()
        return
    shared_folder.mkdir(parents=True, exist_ok=True)
    address = shared_folder / "address"
    with _in_use(shared_folder):
        with _locked(shared_folder / "starting.lock", fcntl.LOCK_EX):
            if not address.exists():
                _, launch = _start(prepare, shared_folder)
                address.write_text(launch.address)
        yield address.read_text()


def run_once(command: Sequence[str], folder: Path) -> None:
    """Run a program that prepares a service's files. Raises `ServiceFailed` with what it said if it fails."""
    done = subprocess.run(command, env=clean_environment(), cwd=folder, capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        raise ServiceFailed(f"{command} ended with status {done.returncode}:\n{done.stdout}{done.stderr}"[-4000:])


def clean_environment(added: Mapping[str, str] = {}) -> dict[str, str]:
    """This process's environment without OpenTelemetry's settings, which are the tests', not the services'."""
    return {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")} | dict(added)


def log_has(text: str) -> Callable[[Path], bool]:
    """Ready once the log holds `text`."""
    return lambda log: text in log.read_text(errors="replace")


def _start(prepare: Prepare, folder: Path) -> tuple[subprocess.Popen[bytes], Launch]:
    own = Path(tempfile.mkdtemp(prefix="tracecheck-service-"))
    try:
        launch = prepare(own)
        log = own / "output.log"
        guard = [sys.executable, "-I", "-S", str(GUARD), str(folder / "users.lock")]
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*guard, str(int(launch.stop_signal)), str(launch.grace_s), *launch.command],
                env=clean_environment(launch.environment),
                cwd=own,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        _await_ready(launch, process, log)
    except BaseException:
        shutil.rmtree(own, ignore_errors=True)  # a guard that lives does so too, but one that ended did not
        raise
    return process, launch


def _await_ready(launch: Launch, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + launch.timeout_s
    while not launch.ready(log):
        ended = process.poll() is not None
        if ended or time.monotonic() > deadline:
            what = f"ended with status {process.returncode}" if ended else f"was not ready after {launch.timeout_s:g} s"
            raise ServiceFailed(f"{launch.name} {what}; its log ends:\n{log.read_text(errors='replace')[-4000:]}")
        time.sleep(PROBE_INTERVAL_S)


def _in_use(folder: Path) -> AbstractContextManager[None]:
    return _locked(folder / "users.lock", fcntl.LOCK_SH)


@contextmanager
def _locked(file: Path, kind: int) -> Iterator[None]:
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, kind)
        yield
    finally:
        os.close(descriptor)
