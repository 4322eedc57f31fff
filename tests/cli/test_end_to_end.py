"""The built command as a user runs it: processes, pipes, signals, terminals, real ports."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.cli.conftest import Run
from tests.support.polling import until

COMMAND = [sys.executable, "-m", "tracecheck"]
WAIT4 = {"61", "260"}
"""The number of the system call that waits for a child, on x86-64 and on arm64."""

HEAVY = {"duckdb", "pyarrow", "numpy", "grpc", "google.protobuf", "networkx", "pydantic", "rich", "starlette", "jinja2"}

EMITTER = str(Path(__file__).with_name("emit_order.py"))


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """An environment without anything that would change what is printed."""
    held = {
        name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "OTEL_", "TRACECHECK_"))
    }
    for name in ("NO_COLOR", "FORCE_COLOR"):
        held.pop(name, None)
    return held | {"TRACECHECK_STORE": str(tmp_path / "t.duckdb"), "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}


def ended(arguments: list[str], env: dict[str, str], **more: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*COMMAND, *arguments], env=env, capture_output=True, text=True, timeout=120, **more)  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize(
    ("charged", "status", "expected", "told"),
    [
        (["charge"], "0", 0, "1 passed of 1 chain"),
        ([], "0", 1, "FAIL order  charged: not_consumed; last good: orders sent by shop"),
        (["charge"], "7", 7, "1 passed of 1 chain"),
        ([], "7", 7, "FAIL order  charged: not_consumed"),
    ],
)
def test_run_receives_checks_and_returns_the_graver_status(
    orders: Path, env: dict[str, str], charged: list[str], status: str, expected: int, told: str
) -> None:
    done = ended(["run", str(orders / "order.yaml"), "--", sys.executable, EMITTER, *charged], env | {"STATUS": status})
    assert done.returncode == expected, done.stderr
    assert told in done.stdout
    assert "the command speaks" not in done.stdout
    assert "the command speaks" in done.stderr
    assert "Traceback" not in done.stderr
    assert (f"status {status}, which is also ours" in done.stderr) == (status != "0")


def test_what_a_run_stored_can_be_looked_at_afterwards(orders: Path, env: dict[str, str]) -> None:
    ended(["run", str(orders / "order.yaml"), "--", sys.executable, EMITTER, "charge"], env)
    chains = json.loads(ended(["chains", "--output", "json"], env).stdout)["chains"]
    assert [(chain["spans"], chain["hops"]) for chain in chains] == [(2, 1)]


@pytest.mark.parametrize(("sign", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_run_takes_its_command_along(
    orders: Path, env: dict[str, str], sign: signal.Signals, status: int
) -> None:
    arguments = ["run", str(orders / "order.yaml"), "--", "sh", "-c", "echo pid $$; exec sleep 600"]
    process = subprocess.Popen(
        [*COMMAND, *arguments], env=env, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    line = next(line for line in process.stderr if line.startswith("pid "))
    until(lambda: Path(f"/proc/{process.pid}/syscall").read_text().split()[0] in WAIT4)
    process.send_signal(sign)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (status, "")
    assert "Traceback" not in err
    assert not Path(f"/proc/{line.split()[1]}").exists()


@contextmanager
def served(env: dict[str, str]) -> Iterator[tuple["subprocess.Popen[str]", dict[str, str]]]:
    """A running `serve` on free ports, and its addresses."""
    ports = [part for name in ("grpc", "http", "api") for part in (f"--{name}-port", "0")]
    process = subprocess.Popen(
        [*COMMAND, "serve", *ports, "--output", "json"],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        lines = []
        while not (lines and lines[-1] == "}\n"):
            line = process.stdout.readline()
            assert line, process.stderr.read() if process.stderr else "serve ended"
            lines.append(line)
        yield process, json.loads("".join(lines))
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.mark.parametrize(("sign", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_serve_takes_spans_answers_others_and_stops_whole(
    orders: Path, env: dict[str, str], tracecheck: Run, sign: signal.Signals, status: int
) -> None:
    with served(env) as (process, addresses):
        child = env | {"OTEL_EXPORTER_OTLP_ENDPOINT": addresses["http"], "TRACECHECK_RUN_ID": "run-9"}
        subprocess.run([sys.executable, EMITTER, "charge"], env=child, check=True, timeout=60)
        spec = str(orders / "order.yaml")
        waited = tracecheck("wait", "--run", "run-9", "--spec", spec, "--store", addresses["api"], "--for", "60s")
        assert (waited.status, waited.err) == (0, "")
        assert "1 passed of 1 chain" in waited.out
        assert "shop: send orders" in tracecheck("show", "run-9", "--store", addresses["api"]).out
        locked = tracecheck("chains", "--store", env["TRACECHECK_STORE"])
        assert locked.status == 4
        assert str(process.pid) in locked.err
        assert "--store http://" in locked.err
        process.send_signal(sign)
        _, err = process.communicate(timeout=60)
    assert process.returncode == status
    assert "Traceback" not in err
    assert "run-9" in tracecheck("chains", "--store", env["TRACECHECK_STORE"]).out


def test_garbage_on_the_port_neither_stops_serve_nor_stores_anything(env: dict[str, str], tracecheck: Run) -> None:
    with served(env) as (process, addresses):
        for body in (b"\xff" * 100, b"{", b"[]"):
            request = Request(f"{addresses['http']}/v1/traces", body, {"Content-Type": "application/json"})
            with pytest.raises(HTTPError, match="400"):
                urlopen(request, timeout=20)
        counted = tracecheck("sql", "select count(*) as n from spans", "--store", addresses["api"], "--output", "json")
        assert json.loads(counted.out)["rows"] == [[0]]
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 0


def test_an_interrupted_wait_ends_with_130(orders: Path, env: dict[str, str]) -> None:
    with served(env) as (_, addresses):
        arguments = ["wait", "o-1", "--spec", str(orders / "order.yaml"), "--for", "10m", "--store", addresses["api"]]
        process = subprocess.Popen(
            [*COMMAND, *arguments], env=env | {"PYTHONUNBUFFERED": "1"}, stderr=subprocess.PIPE, text=True
        )
        _until_asking(process)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err


def test_a_reader_that_leaves_early_is_no_failure(env: dict[str, str], orders: Path) -> None:
    store = str(orders / "orders.duckdb")
    first, *rest = [*COMMAND, "sql", "select range from range(300000)", "--output", "csv", "--store", store]
    piped = subprocess.Popen([first, *rest], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert piped.stdout is not None
    assert piped.stderr is not None
    assert piped.stdout.readline() == b"range\n"
    piped.stdout.close()
    err = piped.stderr.read()
    assert (piped.wait(60), err) == (0, b"")


def test_a_terminal_gets_colour_and_a_pipe_none(env: dict[str, str], orders: Path) -> None:
    arguments = ["check", str(orders / "order.yaml"), "--settle", "0", "--store", str(orders / "orders.duckdb")]
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, *arguments], env=env | {"TERM": "xterm"}, stdout=slave, stderr=subprocess.PIPE
    )
    os.close(slave)
    seen = _read_all(master)
    process.communicate(timeout=60)
    assert b"\x1b[1;31mFAIL\x1b[0m order" in seen
    piped = ended(arguments, env)
    assert piped.returncode == process.returncode == 1
    assert piped.stdout.startswith("FAIL order")
    assert "\x1b" not in piped.stdout + piped.stderr


def test_help_starts_without_anything_heavy() -> None:
    script = f"import sys, tracecheck.cli; print(*sorted({HEAVY!r} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert loaded.stdout.split() == []


def test_output_survives_a_terminal_that_knows_ascii_only(env: dict[str, str], orders: Path) -> None:
    ascii_only = env | {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    arguments = ["check", str(orders / "order.yaml"), "--settle", "0", "--store", str(orders / "orders.duckdb")]
    assert "budget 3 s, took \\u2013" in ended(arguments, ascii_only).stdout


def _until_asking(process: "subprocess.Popen[str]") -> None:
    """Until the command holds a connection to its store: it then blocks in a request."""
    until(lambda: _sockets(process.pid))


def _sockets(pid: int) -> bool:
    return any(_is_socket(entry) for entry in Path(f"/proc/{pid}/fd").iterdir())


def _is_socket(entry: Path) -> bool:
    """Files are closed while they are looked at."""
    try:
        return str(entry.readlink()).startswith("socket:")
    except FileNotFoundError:
        return False


def _read_all(descriptor: int) -> bytes:
    seen = b""
    while True:
        try:
            part = os.read(descriptor, 65536)
        except OSError:  # how a terminal says that nobody writes any more
            break
        if not part:
            break
        seen += part
    os.close(descriptor)
    return seen
