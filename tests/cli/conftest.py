"""A store with one chain that passed and one that broke, specifications for it, and the command line in process."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.spans import Traces
from tracecheck.cli import main
from tracecheck.store import open_store

SPECS = {
    "order.yaml": """
chain: order
steps:
  placed:  {send: orders}
  charged: {process: orders, group: billing, after: placed, within: 3s}
""",
    "placed.yaml": "chain: placed\nsteps:\n  placed: {send: orders}\n",
    "refund.yaml": "chain: refund\nsteps:\n  asked: {send: refunds}\n",
    "broken.yaml": """
chain: broken
steps:
  placed: {send: orders, widthin: 3s}
  charged: {process: orders, after: plced}
""",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What a command left: its exit status and what it wrote."""

    status: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture(scope="session")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `orders.duckdb` (o-1 was charged, o-2 was not) and the specifications above."""
    folder = tmp_path_factory.mktemp("orders")
    for name, text in SPECS.items():
        (folder / name).write_text(text)
    whole = Traces(correlation_id="o-1", run_id="run-1")
    sent = whole.send("checkout", "orders", partition="0", offset=41)
    whole.process("billing", "orders", of=sent, partition="0", offset=41)
    broken = Traces(correlation_id="o-2", run_id="run-2", start_unix_nano=whole.now_unix_nano + 10**9)
    broken.send("checkout", "orders", partition="0", offset=42)
    store = open_store(str(folder / "orders.duckdb"))
    store.append(whole.spans + broken.spans)
    store.close()
    return folder


@pytest.fixture
def tracecheck(orders: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """The command line in this process, working on the orders unless told otherwise. `{orders}` and `{tmp}` in an
    argument stand for the folders."""
    for name in ("GITHUB_ACTIONS", "NO_COLOR", "FORCE_COLOR", "TRACECHECK_DEBUG", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TRACECHECK_STORE", str(orders / "orders.duckdb"))

    def run(*arguments: str) -> Ended:
        given = [each.replace("{orders}", str(orders)).replace("{tmp}", str(tmp_path)) for each in arguments]
        capfd.readouterr()
        status = main(given)
        captured = capfd.readouterr()
        return Ended(status=status, out=captured.out, err=captured.err)

    return run
