"""Every way a command can end has one exit status, one clear line, and no traceback."""

import socket
import sys
from pathlib import Path

import click
import pytest

from tests.cli.conftest import Run
from tracecheck.cli.entry import app
from tracecheck.errors import (
    BrokerUnavailable,
    DecodeError,
    InvalidFile,
    PortInUse,
    QueryRefused,
    StoreLocked,
    TracecheckError,
    UsageError,
)

ENDS = [
    (UsageError("wrong call"), 2, "wrong call"),
    (InvalidFile(["a.yaml:1:2: first", "a.yaml:3:4: second"]), 2, "a.yaml:3:4: second"),
    (QueryRefused("no SELECT"), 2, "no SELECT"),
    (DecodeError("no OTLP"), 2, "no OTLP"),
    (StoreLocked("held by 7"), 4, "held by 7"),
    (PortInUse("4317 is taken"), 4, "4317 is taken"),
    (BrokerUnavailable("nobody there"), 4, "nobody there"),
    (PermissionError(13, "Permission denied", "/x"), 4, "Permission denied"),
    (click.UsageError("no such thing"), 2, "no such thing"),
    (click.ClickException("said by click"), 2, "said by click"),
    (click.FileError("x.txt", "gone"), 2, "gone"),
    (click.Abort(), 130, "interrupted"),
    (KeyboardInterrupt(), 130, "interrupted"),
    (ValueError("boom"), 5, "please report it at https://"),
    (TracecheckError("internal"), 5, "please report it at https://"),
    (RecursionError("too deep"), 5, "please report it"),
    (MemoryError(), 5, "MemoryError"),
]


@pytest.mark.parametrize(("error", "status", "words"), ENDS, ids=lambda each: type(each).__name__)
def test_an_end_has_its_status_and_its_line(
    tracecheck: Run, monkeypatch: pytest.MonkeyPatch, error: BaseException, status: int, words: str
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setitem(app.commands, "chains", click.Command("chains", callback=fail))
    ended = tracecheck("chains")
    assert ended.status == status
    assert words in ended.err
    assert "Traceback" not in ended.err
    assert ended.out == ""


def test_a_traceback_is_shown_on_request_only(tracecheck: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ValueError("boom")

    monkeypatch.setitem(app.commands, "chains", click.Command("chains", callback=fail))
    monkeypatch.setenv("TRACECHECK_DEBUG", "1")
    assert "Traceback (most recent call last)" in tracecheck("chains").err


def test_S52_an_error_message_cannot_steer_the_terminal(tracecheck: Run) -> None:
    ended = tracecheck("show", "\x1b]52;c;aGk=\x07\u202e")
    assert ended.status == 2
    assert "\x1b" not in ended.err
    assert "\\x1b]52" in ended.err


BAD_INPUT = [
    ("a spec that is not there", ["check", "{tmp}/missing.yaml"], 2, ["missing.yaml", "no such file"]),
    (
        "a spec with several mistakes: all at once",
        ["check", "{orders}/broken.yaml"],
        2,
        ["broken.yaml:4", "widthin", "broken.yaml:5", "plced"],
    ),
    (
        "two bad specs: the problems of both",
        ["check", "{orders}/broken.yaml", "{tmp}/empty.yaml"],
        2,
        ["widthin", "empty.yaml:1:1"],
    ),
    ("no store there", ["check", "{orders}/order.yaml", "--store", "{tmp}/none.duckdb"], 4, ["none.duckdb", "--store"]),
    ("a foreign file as store", ["chains", "--store", "{tmp}/foreign.duckdb"], 4, ["foreign.duckdb"]),
    ("a folder as store", ["chains", "--store", "{tmp}"], 4, ["{tmp}"]),
    ("nobody at the store's address", ["chains", "--store", "http://127.0.0.1:1"], 4, ["127.0.0.1:1"]),
    ("a store's address without a host", ["chains", "--store", "http://"], 2, ["http://"]),
    ("a chain that nothing is named by", ["show", "o-99"], 2, ["o-99", "tracecheck chains"]),
    ("a query that is no SELECT", ["sql", "drop table spans"], 2, ["SELECT"]),
    ("a query that is no SQL", ["sql", "selekt 1"], 2, ["selekt"]),
    ("a query that reads a file", ["sql", "select * from read_text('/etc/passwd')"], 2, ["refused"]),
    ("a query of a table that is not there", ["sql", "select * from nothing"], 2, ["nothing"]),
    ("a file to import that is not there", ["import", "{tmp}/none.json", "--store", ":memory:"], 2, ["none.json"]),
    ("a folder without specs", ["check", "{tmp}"], 2, ["{tmp}", ".yaml"]),
    (
        "events that are no text",
        ["inject", "o", "--bootstrap-servers", "h:1", "--events", "{tmp}/bytes"],
        2,
        ["bytes", "JSON lines"],
    ),
    (
        "two claims over what is observed",
        ["observe", "o", "--bootstrap-servers", "h:1", "--exactly", "1", "--none"],
        2,
        ["--exactly", "--none"],
    ),
    ("a choice left out", ["completion"], 2, ["bash, zsh, fish"]),
    ("an unknown command", ["chaims"], 2, ["chaims", "--help"]),
    ("an unknown option", ["chains", "--nope"], 2, ["--nope"]),
    ("no spec", ["check"], 2, ["SPEC"]),
    ("a bad format", ["check", "{orders}/order.yaml", "--output", "xml"], 2, ["xml", "json"]),
    ("a bad report", ["check", "{orders}/order.yaml", "--report", "xml=f"], 2, ["'xml'", "junit"]),
    ("a report without a file", ["check", "{orders}/order.yaml", "--report", "junit"], 2, ["FORMAT=FILE"]),
    (
        "a report into no folder",
        ["check", "{orders}/order.yaml", "--report", "junit={tmp}/no/f"],
        2,
        ["does not exist"],
    ),
    (
        "a report onto a folder",
        ["check", "{orders}/placed.yaml", "--settle", "0", "--report", "junit={tmp}"],
        4,
        ["{tmp}"],
    ),
    ("a bad duration", ["check", "{orders}/order.yaml", "--settle", "soon"], 2, ["soon", "3s"]),
    ("a bad instant", ["chains", "--since", "tea time"], 2, ["tea time"]),
    ("wait for nothing", ["wait", "--spec", "{orders}/order.yaml"], 2, ["CHAIN", "--run"]),
    ("run without a command", ["run", "{orders}/order.yaml"], 2, ["after --"]),
    (
        "run into somebody's store",
        ["run", "{orders}/order.yaml", "--store", "http://h:1", "--", "true"],
        2,
        ["http://h:1"],
    ),
    (
        "run what is not there",
        ["run", "{orders}/order.yaml", "--store", ":memory:", "--", "no-such-cmd"],
        2,
        ["no-such-cmd"],
    ),
    ("serve somebody's store", ["serve", "--store", "http://h:1"], 2, ["http://h:1"]),
    ("a port that is none", ["serve", "--grpc-port", "70000"], 2, ["70000"]),
    ("inject without a broker there", ["inject", "orders", "--bootstrap-servers", "127.0.0.1:1"], 4, ["127.0.0.1:1"]),
    (
        "inject by an unknown broker",
        ["inject", "o", "--broker", "carrier-pigeon", "--bootstrap-servers", "h"],
        2,
        ["kafka"],
    ),
    ("a header without a value", ["inject", "o", "--bootstrap-servers", "h", "--header", "x"], 2, ["NAME=VALUE"]),
    (
        "a value file that is not there",
        ["inject", "o", "--bootstrap-servers", "h", "--value", "@{tmp}/v"],
        2,
        ["cannot be read"],
    ),
    ("a demo over somebody's database", ["demo", "--out", "{tmp}/mine"], 2, ["--out"]),
]


@pytest.mark.parametrize(
    ("arguments", "status", "words"), [row[1:] for row in BAD_INPUT], ids=[row[0] for row in BAD_INPUT]
)
def test_bad_input_ends_in_a_clear_line(
    tracecheck: Run, orders: Path, tmp_path: Path, arguments: list[str], status: int, words: list[str]
) -> None:
    (tmp_path / "foreign.duckdb").write_bytes(b"this is no database" * 500)
    (tmp_path / "bytes").write_bytes(b"\xa9\xff")
    (tmp_path / "empty.yaml").touch()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "tracecheck.duckdb").write_bytes(b"precious")
    ended = tracecheck(*arguments)
    assert ended.status == status, ended.err
    for word in words:
        assert word.replace("{tmp}", str(tmp_path)) in ended.err
    assert "Traceback" not in ended.err
    assert "bug in tracecheck" not in ended.err
    assert ended.out == "" or status == 4


def test_a_port_in_use_is_named(tracecheck: Run, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ended = tracecheck("serve", "--store", ":memory:", "--http-port", port, "--grpc-port", "0", "--api-port", "0")
    assert ended.status == 4
    assert port in ended.err
    assert ended.out == ""


@pytest.mark.skipif(sys.platform == "win32", reason="needs file modes")
def test_S43_a_report_that_cannot_be_written_does_not_hide_the_verdict(tracecheck: Run, tmp_path: Path) -> None:
    (tmp_path / "full").symlink_to("/dev/full")
    ended = tracecheck("check", "{orders}/order.yaml", "--settle", "0", "--report", "junit={tmp}/full")
    assert ended.status == 4
    assert "not_consumed" in ended.out
    assert "cannot be written" in ended.err
