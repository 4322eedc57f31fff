"""Commands that test: `check` and `wait`, and with them `run`, `inject` and `observe`."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tracecheck.cli.inject import inject
from tracecheck.cli.load import load
from tracecheck.cli.observe import observe
from tracecheck.cli.options import DURATION, verdict_options
from tracecheck.cli.reading import asked
from tracecheck.cli.replay import replay
from tracecheck.cli.run import SPECS, run
from tracecheck.cli.verdicts import exit_status, publish

if TYPE_CHECKING:
    from tracecheck.chains import GroupPosition
    from tracecheck.expect import Expectation

NS_PER_S = 1_000_000_000


bootstrap_servers_option = click.option(
    "--bootstrap-servers",
    metavar="HOST:PORT",
    help="Kafka brokers to ask how far each group has come: tells a silent group from a dead exporter.",
)


@click.command()
@SPECS
@click.option("--run", "run_id", metavar="ID", help="Only chains of this run.")
@click.option("--chain", "needle", metavar="CHAIN", help="Only this chain: any id of it, or a prefix.")
@click.option("--settle", type=DURATION, help="Quiet time after which absence is a fact.  [default: as in SPEC, or 6s]")
@bootstrap_servers_option
@verdict_options
def check(
    specs: tuple[Path, ...],
    run_id: str | None,
    needle: str | None,
    store: str | None,
    settle: int | None,
    bootstrap_servers: str | None,
    **shown: Any,
) -> int:
    """Hold expectations against what is stored.

    SPEC is a file, or a directory of them.
    """
    from tracecheck.check import check_store
    from tracecheck.scenario.run import read_specs

    expectations = read_specs(specs)
    positions = _positions(bootstrap_servers, expectations)() if bootstrap_servers else ()
    with asked(store) as held:
        report = check_store(held, expectations, run_id=run_id, needle=needle, settle_ns=settle, positions=positions)
        return publish(report, held, **shown)


def _positions(bootstrap_servers: str, expectations: "list[Expectation]") -> "Callable[[], tuple[GroupPosition, ...]]":
    """Asks the brokers where the groups are."""
    from tracecheck.check.positions import read_positions
    from tracecheck.probe.brokers import connect

    def ask() -> "tuple[GroupPosition, ...]":
        broker = connect("kafka", bootstrap_servers)
        try:
            return read_positions(broker, expectations)
        finally:
            broker.close()

    return ask


@click.command()
@click.argument("chain", required=False)
@click.option("--run", "run_id", metavar="ID", help="Wait for the chains of this run instead of one CHAIN.")
@click.option(
    "--spec", "specs", metavar="SPEC", multiple=True, required=True, type=click.Path(path_type=Path), help="Repeatable."
)
@click.option("--for", "limit", type=DURATION, default="30s", show_default=True, help="Longest time to wait.")
@click.option("--settle", type=DURATION, help="Quiet time after which absence is a fact.  [default: as in SPEC, or 6s]")
@bootstrap_servers_option
@verdict_options
def wait(
    chain: str | None,
    run_id: str | None,
    specs: tuple[Path, ...],
    limit: int,
    store: str | None,
    settle: int | None,
    bootstrap_servers: str | None,
    **shown: Any,
) -> int:
    """Wait until the verdict over a chain or run is certain.

    CHAIN is a chain, trace, correlation, run or message id, or a prefix of one.
    """
    if (chain is None) == (run_id is None):
        raise click.UsageError("give either CHAIN or --run ID")
    from tracecheck.scenario.run import read_specs
    from tracecheck.scenario.wait import wait_for

    expectations = read_specs(specs)
    with asked(store) as held:
        report = wait_for(
            held,
            expectations,
            needle=chain,
            run_id=run_id,
            settle_ns=settle,
            timeout_s=limit / NS_PER_S,
            positions=_positions(bootstrap_servers, expectations) if bootstrap_servers else None,
        )
        return publish(report, held, **shown)


COMMANDS: tuple[click.Command, ...] = (run, check, wait, inject, observe, load, replay)
__all__ = ["COMMANDS", "exit_status"]
