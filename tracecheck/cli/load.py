"""`load`: one scenario at a rate, what the system did with it, and whether that is within budgets."""

from pathlib import Path
from typing import Any

import click

from tracecheck.cli.listening import address_options, listen_of
from tracecheck.cli.options import DURATION, redact_option, store_option, verbose_option
from tracecheck.cli.output import emit, progress, say
from tracecheck.cli.places import place_options, places_of
from tracecheck.cli.run import grounded
from tracecheck.cli.verdicts import exit_status, write
from tracecheck.config import Listen, store_location

NS_PER_S = 1_000_000_000
INTERRUPTED = 130


@click.command()
@click.argument("spec", metavar="SPEC", type=click.Path(path_type=Path))
@click.option("--rate", type=float, required=True, help="Events a second.")
@click.option("--duration", type=DURATION, required=True, help="How long events fall due, e.g. 30s.")
@click.option(
    "--ramp", type=DURATION, default="0", help="Time at the beginning in which the rate rises evenly to that."
)
@click.option(
    "--drain", type=DURATION, default="30s", show_default=True, help="How long all may still come in afterwards."
)
@click.option(
    "--budget",
    "budgets",
    metavar="NAME=LIMIT",
    multiple=True,
    help="Fails the run when broken: p50 p90 p95 p99 max (whole chain), staleness_p50 ... staleness_max, catch_up, "
    "send_delay, or a number of failed lost duplicated out_of_order late. Repeatable.",
)
@click.option(
    "--plot", type=click.Path(path_type=Path, dir_okay=False), help="Also draw the run as SVG into this file."
)
@click.option("--settle", type=DURATION, help="Quiet time after which absence is a fact.  [default: 500ms]")
@click.option(
    "-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Format on stdout."
)
@place_options
@address_options(Listen())
@store_option
@verbose_option
@redact_option
def load(
    spec: Path,
    rate: float,
    duration: int,
    ramp: int,
    drain: int,
    budgets: tuple[str, ...],
    plot: Path | None,
    settle: int | None,
    output: str,
    store: str | None,
    verbose: bool,
    no_redact: bool,
    **given: Any,
) -> int:
    """Inject a scenario at a rate, and say what became of it.

    Events fall due by the clock, whatever the system does; every latency counts from then. Told are: what was lost,
    duplicated, out of order or late; quantiles of latency for each step and the whole; how far the read model (the
    first entry of `state`) was behind, and how long it took to catch up. Templates in SPEC name each event by {n}.

    A chain that fails fails the run, unless --budget failed=N allows for some. An interrupt (Ctrl-C) ends the
    load with exit status 130, and what is known by then is reported.
    """
    from tracecheck.report import Look, redacted, render
    from tracecheck.report.documents import dump
    from tracecheck.report.load import document, render_load, render_plot
    from tracecheck.scenario.load.budgets import written_budgets
    from tracecheck.scenario.load.drive import drive
    from tracecheck.scenario.load.schedule import Schedule
    from tracecheck.scenario.plan import read_scenarios
    from tracecheck.scenario.run import new_run_id

    schedule = Schedule(rate_per_s=rate, duration_ns=duration, ramp_ns=ramp)
    limits = written_budgets(budgets)
    scenarios = read_scenarios([spec])
    places = places_of(**{name: given.pop(name) for name in ("bootstrap_servers", "brokers", "database", "http")})
    with grounded(store_location(store), listen_of(**given), places) as (ground, _), progress("load") as show:
        outcome = drive(
            scenarios,
            ground,
            schedule,
            run_id=new_run_id(),
            limits=limits,
            settle_ns=settle,
            drain_s=drain / NS_PER_S,
            progress=show,
        )
    if output == "json":
        emit(dump(document(outcome)))
    else:
        shown = outcome.report if no_redact else redacted(outcome.report)
        emit(render("text", shown, Look(verbose=verbose)) + render_load(outcome))
    if plot is not None:
        write(plot, lambda: render_plot(outcome))
        say(f"drawn into {plot}")
    if outcome.interrupted:
        say("interrupted")
        return INTERRUPTED
    return exit_status(outcome.report)
