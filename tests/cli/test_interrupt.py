"""Ctrl-C ends a command at once, with its own status and without a traceback."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.spans import Traces
from tracecheck.chains import refresh
from tracecheck.store import open_store

ENDLESS = "select count(*) from range(100_000_000_000_000)"
HEARS = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
"""A test runner may ignore the signal, and what it starts would, too."""

BEGUN = f"""{HEARS}
import sys, threading
from tracecheck.store import duckdb_store
read, execute = duckdb_store.read_within, duckdb_store.TransactionWriter.execute

def reading(relation, limits):
    print("asked", flush=True)
    return read(relation, limits)

def writing(self, *given):
    print("asked", flush=True)
    return execute(self, *given)

duckdb_store.read_within, duckdb_store.TransactionWriter.execute = reading, writing
"""

ASKS = "from tracecheck.cli import main; sys.exit(main(['sql', query, '--store', sys.argv[1]]))"

WRITES = """
from tracecheck.cli import entry, reading

@entry.app.command()
def endless():
    with reading.current(sys.argv[1]) as held:
        held.write(lambda writer: writer.execute("create table made as " + query))

sys.exit(entry.main(["endless"]))
"""

ASKS_ELSEWHERE = """
from concurrent.futures import ThreadPoolExecutor
from tracecheck.cli import entry, reading

@entry.app.command()
def endless():
    with reading.current(sys.argv[1]) as held, ThreadPoolExecutor() as pool:
        pool.submit(held.query, query).result()

sys.exit(entry.main(["endless"]))
"""

CARRIES_ON = """
from contextlib import suppress
from tracecheck.cli import entry, reading

@entry.app.command()
def endless():
    with reading.current(sys.argv[1]) as held, suppress(Exception):
        held.query(query)

sys.exit(entry.main(["endless"]))
"""


@pytest.mark.parametrize("does", [ASKS, WRITES, ASKS_ELSEWHERE, CARRIES_ON])
def test_what_a_store_would_be_at_for_days_hears_an_interrupt(tmp_path: Path, does: str) -> None:
    file = tmp_path / "t.duckdb"
    story = Traces()
    story.send("checkout", "orders")
    with open_store(str(file), create=True) as store:
        store.append(story.spans)
        refresh(store)
    command = [sys.executable, "-c", f"{BEGUN}\nquery = {ENDLESS!r}\n{does}", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "asked\n"
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, err.strip()) == (130, "tracecheck: interrupted")
    with open_store(str(file), read_only=True) as store:
        assert store.query("select count(*) as n from spans")["n"].to_pylist() == [1]


LOADS = f"""{HEARS}
import sys

class Stop:
    def find_spec(self, name, path=None, target=None):
        if name == "tracecheck.cli.entry":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Stop())
from tracecheck.cli import main
sys.exit(main(["chains"]))
"""


def test_an_interrupt_while_commands_are_loaded_is_no_traceback() -> None:
    done = subprocess.run([sys.executable, "-c", LOADS], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (130, "tracecheck: interrupted\n")
