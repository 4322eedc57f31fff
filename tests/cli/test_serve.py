"""`serve` as an operator meets it: its log, its secrets, its end."""

import json
import logging
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.cli.conftest import Run
from tests.cli.test_end_to_end import COMMAND, env  # noqa: F401 - a fixture
from tests.support.otlp import a_message, a_request
from tests.support.polling import until
from tracecheck.cli.logs import JsonLines, Sentences
from tracecheck.store import open_store

TOKEN = "correct-horse"
BODY = a_request(a_message(1), a_message(2)).SerializeToString()


@contextmanager
def serving(env: dict[str, str], *options: str) -> Iterator[tuple["subprocess.Popen[str]", dict[str, str]]]:  # noqa: F811
    ports = [part for name in ("grpc", "http", "api") for part in (f"--{name}-port", "0")]
    command = [*COMMAND, "serve", *ports, "--output", "json", *options]
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        text = ""
        while not text.endswith("}\n"):
            line = process.stdout.readline()
            assert line, process.stderr.read() if process.stderr else ""
            text += line
        yield process, json.loads(text)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def connected(url: str) -> socket.socket:
    address = urlsplit(url)
    return socket.create_connection((address.hostname or "", address.port or 0), timeout=20)


def refuses(url: str) -> bool:
    try:
        connected(url).close()
    except OSError:
        return True
    return False


def test_a_request_in_flight_when_it_is_told_to_stop_is_answered_and_stored(env: dict[str, str]) -> None:  # noqa: F811
    with serving(env) as (process, addresses), connected(addresses["http"]) as client:
        head = "POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
        client.sendall(f"{head}Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY[:10])
        client.sendall(BODY[10:20])
        process.send_signal(signal.SIGTERM)
        until(lambda: refuses(addresses["http"]))
        client.sendall(BODY[20:])
        assert client.recv(1000).startswith(b"HTTP/1.1 200")
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "stopped after 1 requests" in err
    store = open_store(env["TRACECHECK_STORE"])
    assert store.query("select count(*) as n from spans").to_pylist() == [{"n": 2}]
    store.close()


def test_every_port_asks_for_the_token_every_command_shows_it_and_the_log_is_json_on_request(
    env: dict[str, str],  # noqa: F811
    tracecheck: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "token").write_text(TOKEN)
    options = ("--token-file", str(tmp_path / "token"), "--host", "0.0.0.0", "--log-format", "json")
    with serving(env, *options) as (process, addresses):
        at = ("--grpc-endpoint", addresses["grpc"], "--http-endpoint", addresses["http"], "--store", addresses["api"])
        assert tracecheck("selftest", *at).status == 4
        assert "set TRACECHECK_TOKEN" in tracecheck("chains", "--store", addresses["api"]).err
        monkeypatch.setenv("TRACECHECK_TOKEN_FILE", str(tmp_path / "token"))
        assert tracecheck("selftest", *at).status == 0
        assert tracecheck("chains", "--store", addresses["api"]).status == 0
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    assert TOKEN not in out + err
    lines = [json.loads(line) for line in err.splitlines()]
    assert [line["level"] for line in lines] == ["warning", "info", "info"]
    assert "with a token, without TLS" in lines[0]["message"]
    assert all({"time", "time_unix_nano", "logger", "message"} <= set(line) for line in lines)
    assert urlsplit(addresses["http"]).hostname == "127.0.0.1"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--token-file", "{tmp}/absent"), "cannot be read"),
        (("--tls-cert", "{tmp}/absent.pem"), "give both"),
        (("--tls-cert", "{tmp}/absent.pem", "--tls-key", "{tmp}/absent.key"), "absent.pem cannot be used"),
        (("--store", "https://me:hunter2@example"), "must be a file"),
    ],
)
def test_what_cannot_be_served_is_said_before_anything_listens(
    tracecheck: Run, options: tuple[str, ...], told: str
) -> None:
    done = tracecheck("serve", "--store", "{tmp}/t.duckdb", *options)
    assert (done.status, done.out) == (2, "")
    assert told in done.err
    assert "hunter2" not in done.err


def test_no_option_shows_a_secret_of_the_environment_in_help(tracecheck: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACECHECK_TOKEN", TOKEN)
    for command in ("serve", "run", "selftest", "chains"):
        assert TOKEN not in tracecheck(command, "--help").out


@pytest.mark.parametrize("formatter", [JsonLines, Sentences])
def test_a_secret_is_masked_wherever_it_stands_in_a_record(formatter: type[logging.Formatter]) -> None:
    try:
        raise ValueError(f"bad header: Bearer {TOKEN}")
    except ValueError:
        fault = sys.exc_info()
    record = logging.LogRecord("x", logging.ERROR, "f", 1, "refused %s\nand \x1b[31m more", (TOKEN,), fault)
    said = formatter([TOKEN]).format(record)  # type: ignore[call-arg]
    assert TOKEN not in said
    assert "***" in said
    assert "\x1b" not in said
