"""`learn`: an expectation from chains that went well."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracecheck.cli.options import SINCE, store_option
from tracecheck.cli.output import emit, say
from tracecheck.cli.reading import current
from tracecheck.cli.verdicts import write

if TYPE_CHECKING:
    from tracecheck.check.learn import Learned, LearnedStep


@click.command()
@click.option("--run", "run_id", metavar="ID", help="Learn from the chains of this run.")
@click.option("--since", type=SINCE, help="Learn from chains that ended then or later: an instant, or e.g. 10m.")
@click.option("--anchor", metavar="DESTINATION", help="Begin with what is sent there.  [default: each chain's first]")
@click.option("--name", help="Name of the expectation.")
@click.option("--least", type=click.IntRange(min=2), default=20, show_default=True, help="Good chains needed.")
@click.option(
    "--margin",
    type=click.FloatRange(min=1),
    default=2.0,
    show_default=True,
    help="Budget of a step as a multiple of what 99 of 100 chains needed.",
)
@click.option(
    "--most",
    type=click.IntRange(min=2),
    default=2000,
    show_default=True,
    help="Good chains read of each kind of origin: of more, as many by chance.",
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write to a file, not to standard output.")
@store_option
def learn(
    run_id: str | None,
    since: int | None,
    anchor: str | None,
    name: str | None,
    least: int,
    margin: float,
    most: int,
    out: Path | None,
    store: str | None,
) -> None:
    """Write an expectation from chains that went well, for `check` and `run`.

    Chains in which the spans prove something wrong are left out. Steps that only some chains have become optional.
    """
    from tracecheck.check.learn import learn as learned_from

    with current(store) as held:
        found = learned_from(
            held, name=name, anchor=anchor, run_id=run_id, since_unix_nano=since, least=least, margin=margin, most=most
        )
    for each in found:
        left = f"; too rare to be written: {', '.join(each.left_out)}" if each.left_out else ""
        of = f", chosen by chance from {each.sampled_of} good ones" if each.sampled_of else ""
        say(f"{each.expectation.name}: learned from {each.instances} chains{of}, {each.passing} of them pass{left}")
    text = "---\n".join(_yaml(each) for each in found)
    if out is None:
        emit(text)
    else:
        write(out, lambda: text)


def _yaml(learned: "Learned") -> str:
    from tracecheck.expect.write_yaml import write_yaml

    header = [
        f"Learned from {learned.instances} chains, {learned.passing} of which pass it.",
        f"With 95 % confidence at least {learned.sure_share:.1%} of such chains have every step that is not optional.",
    ]
    if learned.sampled_of:
        header.append(f"They were chosen by chance from {learned.sampled_of} good chains (--most reads more).")
    if learned.skipped:
        skipped = ", ".join(f"{count} {code}" for code, count in learned.skipped)
        header.append(f"Left out as no good examples: {skipped}.")
    comments = {step.name: _comment(step, learned.instances) for step in learned.steps}
    return write_yaml(learned.expectation, header=header, comments=comments)


def _comment(step: "LearnedStep", instances: int) -> str:
    from tracecheck.report.units import duration

    words = [f"in {step.seen_in} of {instances}"]
    if step.times != (1, 1):
        words.append(f"{step.times[0]} to {step.times[1]} times")
    if step.p50_ns is not None:
        words.append(f"p50 {duration(step.p50_ns)}, p99 {duration(step.p99_ns)}, longest {duration(step.longest_ns)}")
    return "; ".join(words)


COMMANDS: tuple[click.Command, ...] = (learn,)
