"""`tracecheck run SPEC -- CMD`: receive, run the command, and check what it caused, in one process."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

from tracecheck.config import (
    INJECT_VARIABLE,
    RUN_BATCH_DELAY_MS,
    RUN_ID_VARIABLE,
    RUN_SETTLE_NS,
    STORE_VARIABLE,
    Endpoints,
    bearer_token,
)
from tracecheck.errors import UsageError
from tracecheck.expect import Expectation
from tracecheck.model import CheckReport
from tracecheck.scenario.wait import wait_for
from tracecheck.store import Store

CERTAIN_WITHIN_S = 30.0
TERMINATED_WITHIN_S = 10.0
ENDING = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """What came of a run: the check's report, the command's own exit status, and the id its spans carry."""

    report: CheckReport
    child_exit_code: int
    run_id: str


def new_run_id() -> str:
    """An id for one test execution: `$TRACECHECK_RUN_ID` where a harness set one, else a new one."""
    return os.environ.get(RUN_ID_VARIABLE) or f"run-{uuid4().hex[:12]}"


def child_environment(endpoints: Endpoints, run_id: str, base: Mapping[str, str]) -> dict[str, str]:
    """The variables by which services started under a run send their spans here, quickly, marked with the run.

    Keeps the protocol the services were set to (`OTEL_EXPORTER_OTLP_PROTOCOL`, gRPC where unset) and any batch delay
    somebody chose; replaces only where the spans go. A token that the receiver asks for (`config.bearer_token`) is
    given to them.
    """
    env = {key: value for key, value in base.items() if key != "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"}
    protocol = env.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or env.setdefault("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    env["OTEL_EXPORTER_OTLP_ENDPOINT"] = endpoints.grpc if protocol == "grpc" else endpoints.http
    env["OTEL_EXPORTER_OTLP_INSECURE"] = "true"
    if token := bearer_token():
        given = env.get("OTEL_EXPORTER_OTLP_HEADERS", "")
        shown = f"authorization=Bearer%20{quote(token, safe='')}"
        env["OTEL_EXPORTER_OTLP_HEADERS"] = f"{given},{shown}" if given else shown
    env.setdefault("OTEL_BSP_SCHEDULE_DELAY", str(RUN_BATCH_DELAY_MS))
    env[RUN_ID_VARIABLE] = run_id
    env[STORE_VARIABLE] = endpoints.api
    env[INJECT_VARIABLE] = endpoints.http
    resource = env.get("OTEL_RESOURCE_ATTRIBUTES", "")
    mark = f"tracecheck.run.id={run_id}"
    env["OTEL_RESOURCE_ATTRIBUTES"] = f"{resource},{mark}" if resource else mark
    return env


def run_and_check(
    store: Store,
    endpoints: Endpoints,
    expectations: Sequence[Expectation],
    command: Sequence[str],
    *,
    run_id: str,
    settle_ns: int | None = None,
    on_event: Callable[[str], None] = lambda _: None,
) -> RunOutcome:
    """Runs `command` to its end, then waits until the verdict over its run is certain.

    The command's output goes to standard error, so that standard output holds our report alone. Raises `UsageError`
    when the command cannot be started; an interrupt is passed on to the command and raised again when it has ended.
    """
    on_event(f"run {run_id}: {' '.join(command)}")
    exit_code = _run_child(command, child_environment(endpoints, run_id, os.environ))
    on_event(f"command ended with status {exit_code}; waiting until the evidence is complete")
    settled, quiet_ns = with_settle(expectations, settle_ns)
    report = wait_for(
        store, settled, run_id=run_id, settle_ns=quiet_ns, timeout_s=CERTAIN_WITHIN_S, may_still_come=False
    )
    return RunOutcome(report=report, child_exit_code=exit_code, run_id=run_id)


def with_settle(expectations: Sequence[Expectation], settle_ns: int | None = None) -> tuple[list[Expectation], int]:
    """The same expectations with the short settle time of a run where they name none, and the longest of them."""
    quiet_ns = RUN_SETTLE_NS if settle_ns is None else settle_ns
    settled = [replace(e, settle_ns=quiet_ns) if e.settle_ns is None else e for e in expectations]
    return settled, max((e.settle_ns or 0 for e in settled), default=quiet_ns)


def read_specs(paths: Sequence[Path]) -> list[Expectation]:
    """All expectations of all files; every problem of every file is raised at once as `InvalidFile`."""
    from tracecheck.errors import InvalidFile
    from tracecheck.expect import load_expectations

    expectations: list[Expectation] = []
    problems: list[str] = []
    for path in paths:
        try:
            expectations += load_expectations(path)
        except InvalidFile as invalid:
            problems += invalid.problems
    if problems:
        raise InvalidFile(problems)
    return expectations


def _run_child(command: Sequence[str], env: Mapping[str, str]) -> int:
    child: subprocess.Popen[bytes] | None = None
    try:
        with _signals_held():
            child = _started(command, env)
        return child.wait()
    except BaseException:
        if child is not None:
            _stop(child)
        raise


def _started(command: Sequence[str], env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(  # noqa: S603 - running the user's own command is the purpose
            list(command), env=dict(env), stdout=sys.stderr.fileno(), start_new_session=True
        )
    except OSError as fault:
        msg = f"cannot start {command[0]!r}: {fault.strerror or fault}; is it installed and executable?"
        raise UsageError(msg) from fault


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


def _stop(child: subprocess.Popen[bytes]) -> None:
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, sign)
            child.wait(TERMINATED_WITHIN_S if sign is not signal.SIGKILL else None)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
        else:
            return
