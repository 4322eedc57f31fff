"""Runs the services as processes of their own, and starts one again when it dies, as an orchestrator would."""

import subprocess
import sys
from collections.abc import Mapping
from os import environ
from pathlib import Path
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Self

from tracecheck.errors import EnvironmentFault

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 15.0


class Supervisor:
    """Some modules, each running as one process; a context manager that leaves none of them behind.

    `environments` says by module what is added to this process's own environment, of which the OpenTelemetry settings
    are left out: they are the caller's, not the services'. A service's stderr goes to `logs/<name>.log`.
    """

    def __init__(self, environments: Mapping[str, Mapping[str, str]], logs: Path) -> None:
        outside = {name: value for name, value in environ.items() if not name.startswith("OTEL_")}
        self._services = [_Service(module, {**outside, **added}, logs) for module, added in environments.items()]

    def __enter__(self) -> Self:
        for service in self._services:
            service.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def await_ready(self) -> dict[str, str]:
        """Wait until every service has said `ready`; return what each said after that word, by service.

        Raises `EnvironmentFault` if one cannot start.
        """
        return {service.name: service.await_ready() for service in self._services}

    def stop(self) -> None:
        """Ask all to stop (SIGTERM), which lets them export what they hold, and wait until they have. Idempotent."""
        for service in self._services:
            service.ask_to_stop()
        for service in self._services:
            service.await_end()

    @property
    def restarts(self) -> dict[str, int]:
        """How often each service was started again, by name."""
        return {service.name: service.starts - 1 for service in self._services}


class _Service:
    """One module: its process of the moment, and the thread that reads from it and replaces it when it ends."""

    def __init__(self, module: str, environment: Mapping[str, str], logs: Path) -> None:
        self.name = module.rpartition(".")[2]
        self.starts = 0
        self._command = [sys.executable, "-m", module]
        self._environment = environment
        self._log = logs / f"{self.name}.log"
        self._settled = Event()  # ready, or beyond hope
        self._ready: str | None = None
        self._stopping = False
        self._lock = Lock()
        self._process: subprocess.Popen[str] | None = None
        self._thread = Thread(target=self._keep_running, name=f"supervise {self.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def await_ready(self) -> str:
        self._settled.wait(START_TIMEOUT_S)
        if self._ready is None:
            lines = self._log.read_text(errors="replace").strip().splitlines() if self._log.exists() else []
            said = lines[-1] if lines else "nothing"
            raise EnvironmentFault(f"the demo's {self.name} service did not start; its last words: {said}")
        return self._ready

    def ask_to_stop(self) -> None:
        with self._lock:
            self._stopping = True
            if self._process and self._process.poll() is None:
                self._process.terminate()

    def await_end(self) -> None:
        self._thread.join(STOP_TIMEOUT_S)
        if self._thread.is_alive() and self._process:
            self._process.kill()
            self._thread.join()

    def _keep_running(self) -> None:
        while process := self._spawn():
            with process:
                for line in process.stdout or ():
                    if line.startswith("ready"):
                        self._ready = line.removeprefix("ready").strip()
                        self._settled.set()
            if self._ready is None:
                break
        self._settled.set()

    def _spawn(self) -> subprocess.Popen[str] | None:
        """Start the process, unless it is to stop. It reads stdin to learn that this process is gone."""
        with self._lock:
            if self._stopping:
                return None
            self.starts += 1
            with self._log.open("a") as log:
                self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and modules
                    self._command,
                    env=self._environment,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                )
            return self._process
