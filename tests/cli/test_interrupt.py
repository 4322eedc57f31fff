"""Ctrl-C ends a command at once, with its own status and without a traceback."""

import signal
import subprocess
import sys
from pathlib import Path

from tests.support.spans import Traces
from tracecheck.store import open_store

ENDLESS = "select count(*) from range(100_000_000_000_000)"
HEARS = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
"""A test runner may ignore the signal, and what it starts would, too."""

RUN = f"""{HEARS}
import sys, threading
from tracecheck.store.duckdb_store import DuckDBStore
asked = DuckDBStore.query

def query(self, sql, *given, **more):
    if "range" in sql:
        print("asked", flush=True)
    return asked(self, sql, *given, **more)

DuckDBStore.query = query
from tracecheck.cli import main
sys.exit(main(["sql", "{ENDLESS}", "--store", sys.argv[1]]))
"""


def test_a_query_that_would_run_for_days_hears_an_interrupt(tmp_path: Path) -> None:
    file = tmp_path / "t.duckdb"
    story = Traces()
    story.send("checkout", "orders")
    with open_store(str(file), create=True) as store:
        store.append(story.spans)
    command = [sys.executable, "-c", RUN, str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "asked\n"
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=30)
        finally:
            process.kill()
    assert (process.returncode, out, err.strip()) == (130, "", "tracecheck: interrupted")


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
