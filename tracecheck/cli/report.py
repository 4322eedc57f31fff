"""`report`: pages for a browser, written to files: what broke and where messages pass, or one chain over time."""

import click

from tracecheck.cli.options import store_option
from tracecheck.cli.output import emit, say
from tracecheck.cli.reading import current
from tracecheck.cli.verdicts import write


@click.command()
@click.argument("chain", required=False)
@click.option("--run", "run_id", metavar="ID", help="Only chains of this run.")
@click.option("--spec", "specs", multiple=True, type=click.Path(), help="Tell what this expectation finds in CHAIN.")
@click.option("--out", type=click.Path(dir_okay=False), help="Write to this file; else to standard output.")
@store_option
def report(chain: str | None, run_id: str | None, specs: tuple[str, ...], out: str | None, store: str | None) -> None:
    """Write a page (HTML): one chain over time, or what broke and where messages pass.

    CHAIN is a chain, trace, correlation, run or message id, or a prefix of one. A page loads nothing and runs nothing.
    The report of a check is a page with `tracecheck check SPEC --report html=FILE`.
    """
    from pathlib import Path

    from tracecheck.api.pages import chain_html, overview_html
    from tracecheck.cli.reading import the_chain
    from tracecheck.errors import UsageError
    from tracecheck.scenario.run import read_specs

    if specs and chain is None:
        raise UsageError("--spec needs a CHAIN; for all chains use: tracecheck check SPEC --report html=FILE")
    expectations = read_specs([Path(spec) for spec in specs])
    with current(store) as held:
        if chain is not None:
            html = chain_html(held, the_chain(held, chain), expectations)
        else:
            html = overview_html(held, run_id=run_id, links=False)
    if out is None:
        emit(html)
        return
    write(Path(out), lambda: html)
    say(f"wrote {out}")


COMMANDS: tuple[click.Command, ...] = (report,)
