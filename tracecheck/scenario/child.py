"""The command that a run starts: where its spans go, when it is ready, and how it ends."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO

from tracecheck.config import INJECT_VARIABLE, RUN_BATCH_DELAY_MS, RUN_ID_VARIABLE, STORE_VARIABLE, Endpoints
from tracecheck.errors import EnvironmentFault, UsageError

TERMINATED_WITHIN_S = 10.0
ENDING = (signal.SIGINT, signal.SIGTERM)


def child_environment(endpoints: Endpoints, run_id: str, base: Mapping[str, str]) -> dict[str, str]:
    """The variables by which services started under a run send their spans here, quickly, marked with the run.

    Keeps the protocol the services were set to (`OTEL_EXPORTER_OTLP_PROTOCOL`, gRPC where unset) and any batch delay
    somebody chose; replaces only where the spans go.
    """
    env = {key: value for key, value in base.items() if key != "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"}
    protocol = env.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or env.setdefault("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    env["OTEL_EXPORTER_OTLP_ENDPOINT"] = endpoints.grpc if protocol == "grpc" else endpoints.http
    env["OTEL_EXPORTER_OTLP_INSECURE"] = "true"
    env.setdefault("OTEL_BSP_SCHEDULE_DELAY", str(RUN_BATCH_DELAY_MS))
    env[RUN_ID_VARIABLE] = run_id
    env[STORE_VARIABLE] = endpoints.api
    env[INJECT_VARIABLE] = endpoints.http
    resource = env.get("OTEL_RESOURCE_ATTRIBUTES", "")
    mark = f"tracecheck.run.id={run_id}"
    env["OTEL_RESOURCE_ATTRIBUTES"] = f"{resource},{mark}" if resource else mark
    return env


@contextmanager
def running(command: Sequence[str], env: Mapping[str, str], *, ready: str | None = None) -> Iterator["Child"]:
    """Runs a command in a process group of its own for the length of a `with` block; leaves nothing of it behind.

    Its output goes to standard error, so that standard output holds our report alone. `ready` is the text that
    `await_ready` waits for. Raises `UsageError` when the command cannot be started. An interrupt is passed on to the
    command before it is raised here.
    """
    child: Child | None = None
    try:
        with _signals_held():
            child = Child(command, env, ready)
        yield child
    finally:
        if child is not None:
            child.end()


class Child:
    """A command that runs. Made by `running`."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], ready: str | None) -> None:
        self._ready_text = ready
        self._said_so = False
        self._settled = threading.Event()
        out: int = subprocess.PIPE if ready is not None else sys.stderr.fileno()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - running the user's own command is the purpose
                list(command), env=dict(env), stdout=out, start_new_session=True
            )
        except OSError as fault:
            msg = f"cannot start {command[0]!r}: {fault.strerror or fault}; is it installed and executable?"
            raise UsageError(msg) from fault
        if ready is not None:
            threading.Thread(target=self._read, name="tracecheck-child", daemon=True).start()

    def await_ready(self, timeout_s: float) -> None:
        """Returns once the command has said that it is ready; raises `EnvironmentFault` when it ended or kept silent.

        Without a text to wait for, returns at once.
        """
        if self._ready_text is None:
            return
        if not self._settled.wait(timeout_s) or not self._said_so:
            ended = self._process.poll()
            how = f"ended with status {ended}" if ended is not None else f"went on for {timeout_s:g} s"
            msg = f"the command {how} without a line that holds {self._ready_text!r}; look at its output above"
            raise EnvironmentFault(msg)

    def wait(self) -> int:
        """Blocks until the command ends by itself; its exit status, negative for a signal."""
        return self._process.wait()

    def stop(self) -> int | None:
        """Ends the command if it still runs: its own exit status if it had ended before, else None."""
        if (ended := self._process.poll()) is not None:
            return ended
        self._end((signal.SIGTERM, signal.SIGKILL))
        return None

    def end(self) -> None:
        """Ends the command, the way a terminal would first."""
        if self._process.poll() is None:
            self._end((signal.SIGINT, signal.SIGTERM, signal.SIGKILL))

    def _read(self) -> None:
        output: IO[bytes] | None = self._process.stdout
        assert output is not None
        assert self._ready_text is not None
        for line in output:
            os.write(sys.stderr.fileno(), line)
            if self._ready_text.encode() in line:
                self._said_so = True
                self._settled.set()
        self._settled.set()

    def _end(self, signs: Sequence[signal.Signals]) -> None:
        for sign in signs:
            try:
                os.killpg(self._process.pid, sign)
                self._process.wait(TERMINATED_WITHIN_S if sign is not signal.SIGKILL else None)
            except ProcessLookupError:
                return
            except subprocess.TimeoutExpired:
                continue
            else:
                return


@contextmanager
def _signals_held() -> Iterator[None]:
    """Delivers a signal only afterwards: one between the fork and its assignment would leave the command an orphan."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []
    before = {sign: signal.signal(sign, lambda number, _: held.append(number)) for sign in ENDING}
    try:
        yield
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)
    for number in held:
        signal.raise_signal(number)
