"""`observe`: watches the bus until what is expected has been seen."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from tracecheck.cli.bus import broker_options, connected
from tracecheck.cli.options import DURATION, output_option
from tracecheck.cli.output import emit, say
from tracecheck.cli.reading import opened
from tracecheck.cli.run import WithCommand
from tracecheck.config import is_url
from tracecheck.errors import UsageError
from tracecheck.model import Verdict

if TYPE_CHECKING:
    from tracecheck.probe.brokers import Seen
    from tracecheck.probe.claim import Claim
    from tracecheck.probe.match import Match
    from tracecheck.probe.observe import Observer
    from tracecheck.store import Store

NS_PER_S = 1_000_000_000
EXITS = {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.INCONCLUSIVE: 3}


@click.command(cls=WithCommand)
@click.argument("destinations", metavar="DESTINATION...", nargs=-1, required=True)
@broker_options
@click.option("--key", help="Only messages with this key.")
@click.option("--header", "headers", metavar="NAME=VALUE", multiple=True, help="Only with this header. Repeatable.")
@click.option(
    "--where",
    metavar="PATH=VALUE",
    multiple=True,
    help="Only where the JSON value has this at this JSON path, as order.id=o-1. Repeatable.",
)
@click.option("--run", "run_id", metavar="ID", help="Only messages of this run.")
@click.option("--correlation-id", help="Only messages with this correlation id.")
@click.option("--event-id", help="Only messages with this event id.")
@click.option("--within", type=DURATION, default="10s", show_default=True, help="Longest time to watch.")
@click.option("--exactly", type=click.IntRange(0), help="So many of them, and no more.")
@click.option("--at-least", type=click.IntRange(0), help="So many of them, or more.  [default: 1]")
@click.option("--none", "no_one", is_flag=True, help="None of them.")
@click.option("--settle", type=DURATION, help="For --exactly and --none: quiet time that is enough.")
@click.option("--store", metavar="FILE", help="Keep every message seen in the table records of this store.")
@output_option("text", "json")
@click.pass_context
def observe(
    ctx: click.Context,
    /,
    destinations: tuple[str, ...],
    broker: str | None,
    bootstrap_servers: str | None,
    within: int,
    settle: int | None,
    store: str | None,
    output: str,
    **given: Any,
) -> int:
    """Watch the bus, beside the system, until what is expected has been seen.

    DESTINATION is a topic, for RabbitMQ EXCHANGE:PATTERN. Watching begins at the present end, with a position of its
    own that disturbs nobody; once it is taken, COMMAND is run, or without one "observing" is said on standard error.
    COMMAND's output goes to standard error; if it fails, its own exit status is returned. With --store FILE every
    message seen is kept in the table records.
    """
    from tracecheck.probe.claim import Claim
    from tracecheck.probe.observe import observing

    if sum((given["exactly"] is not None, given["at_least"] is not None, given["no_one"])) > 1:
        raise click.UsageError("give one of --exactly, --at-least and --none")
    claim = Claim.of(_match(given), exactly=given["exactly"], at_least=given["at_least"], none=given["no_one"])
    command = ctx.meta.get("command", ())
    with _kept(store) as held, connected(broker, bootstrap_servers) as connection:
        with observing(connection, destinations, store=held, run_id=given["run_id"], name="observe") as observer:
            say(f"observing {', '.join(destinations)}")
            theirs = _run(command)
            outcome = _expect(observer, claim, within, settle)
        _show(claim, outcome, within, output)
    if theirs:
        say(f"the command ended with status {theirs}, which is also ours")
    return theirs or EXITS[outcome.verdict]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    verdict: Verdict
    found: "tuple[Seen, ...]"
    seen: int
    problem: str | None = None


def _expect(observer: "Observer", claim: "Claim", within: int, settle: int | None) -> _Outcome:
    from tracecheck.probe.claim import NotObserved, Unsure

    exact = claim.most
    try:
        found = observer.expect(
            claim.match,
            within / NS_PER_S,
            exactly=exact,
            at_least=None if exact is not None else claim.least,
            settle_s=None if settle is None else settle / NS_PER_S,
        )
    except NotObserved as unmet:
        return _Outcome(verdict=Verdict.FAIL, found=unmet.found, seen=len(observer.seen), problem=str(unmet))
    except Unsure as unsure:
        found = observer.matching(claim.match)
        return _Outcome(verdict=Verdict.INCONCLUSIVE, found=found, seen=len(observer.seen), problem=str(unsure))
    return _Outcome(verdict=Verdict.PASS, found=found, seen=len(observer.seen))


def _show(claim: "Claim", outcome: _Outcome, within: int, output: str) -> None:
    from tracecheck.report import sightings
    from tracecheck.report.documents import dump
    from tracecheck.report.sanitise import terminal

    if output == "json":
        emit(
            dump(
                sightings.document(
                    claim,
                    outcome.verdict,
                    outcome.found,
                    seen=outcome.seen,
                    within_ns=within,
                    problem=outcome.problem,
                )
            )
        )
        return
    for one in outcome.found:
        emit(sightings.line(one))
    if outcome.problem is None:
        emit(f"PASS {terminal(claim.match.describe())}: {len(outcome.found)} seen")
        return
    first, *others = outcome.problem.splitlines()
    word = "FAIL" if outcome.verdict is Verdict.FAIL else "INCONCLUSIVE"
    emit("\n".join([f"{word} {terminal(first, 1000)}", *(terminal(one, 1000) for one in others)]))


def _run(command: tuple[str, ...]) -> int:
    if not command:
        return 0
    from tracecheck.scenario.child import running

    with running(command, os.environ) as child:
        status = child.wait()
    return status if status >= 0 else 128 - status


@contextmanager
def _kept(store: str | None) -> "Iterator[Store | None]":
    if store is None:
        yield None
        return
    if is_url(store):
        raise UsageError(f"messages are kept in a file, so --store must be one; got {store}")
    with opened(store, create=True) as held:
        yield held


def _match(given: dict[str, Any]) -> "Match":
    from tracecheck.probe.json_path import path_of
    from tracecheck.probe.match import Match

    return Match(
        key=given["key"],
        headers=dict(_pair(each, "--header") for each in given["headers"]),
        where={path_of(path): _value(text) for path, text in (_pair(each, "--where") for each in given["where"])},
        run_id=given["run_id"],
        correlation_id=given["correlation_id"],
        event_id=given["event_id"],
    )


def _pair(given: str, option: str) -> tuple[str, str]:
    name, separator, value = given.partition("=")
    if not separator or not name:
        raise click.BadParameter(f"expected NAME=VALUE, got {given!r}", param_hint=option)
    return name, value


def _value(text: str) -> object:
    """A number, true, false, null or a quoted text as in JSON; any other text is itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text
