"""`compare`: two stores, runs or windows, edge by edge."""

from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from tracecheck.cli.options import SINCE, output_option, store_option
from tracecheck.cli.output import emit, table
from tracecheck.cli.reading import current
from tracecheck.config import store_location
from tracecheck.errors import UsageError

if TYPE_CHECKING:
    from tracecheck.check.compare import EdgeChange, EdgeSide, Scope
    from tracecheck.store import Store

RUN = "run:"
WINDOW = ".."
WITHIN = "::"


@click.command()
@click.argument("baseline")
@click.argument("candidate")
@click.option("-v", "--verbose", is_flag=True, help="List every edge, also those that did not change.")
@store_option
@output_option("text", "json")
def compare(baseline: str, candidate: str, verbose: bool, store: str | None, output: str) -> None:
    """Say which edges between services appeared, vanished, slowed or fail more.

    BASELINE and CANDIDATE are each a store (a file or URL), run:ID, or a window FROM..TO (instants, or how long ago as
    10m; either may be left out) of --store. STORE::run:ID and STORE::FROM..TO name a part of another store.
    Only what the samples carry is flagged; docs/compare.md has the rule.
    """
    from tracecheck.check.compare import compare as compared
    from tracecheck.report import analysis_documents, documents

    with ExitStack() as stack:
        opened: dict[str, Store] = {}
        sides = [_scope(named, store, opened, stack) for named in (baseline, candidate)]
        changes = compared(*sides)
    if output == "json":
        emit(documents.dump(analysis_documents.compare(changes)))
    else:
        emit(_table(changes, verbose))


def _scope(named: str, store: str | None, opened: "dict[str, Store]", stack: ExitStack) -> "Scope":
    from tracecheck.check.compare import Scope

    location, separator, part = named.rpartition(WITHIN)
    if not separator:
        is_part = named.startswith(RUN) or (WINDOW in named and _is_window(named))
        location, part = (store_location(store), named) if is_part else (named, "")
    if location not in opened:
        opened[location] = stack.enter_context(current(location))
    if part.startswith(RUN):
        return Scope(store=opened[location], run_id=part.removeprefix(RUN))
    if not part:
        return Scope(store=opened[location])
    since, window, until = part.partition(WINDOW)
    if not window:
        raise UsageError(f"{part!r} is no part of a store; expected run:ID or FROM..TO, e.g. 20m..10m")
    return Scope(store=opened[location], since_unix_nano=_instant(since), until_unix_nano=_instant(until))


def _is_window(named: str) -> bool:
    """Whether it reads as FROM..TO and not as a path such as ../orders.duckdb."""
    try:
        return [_instant(side) for side in named.split(WINDOW)] != [None, None]
    except click.BadParameter:
        return False


def _instant(text: str) -> int | None:
    return SINCE.convert(text, None, None) if text else None


def _table(changes: "list[EdgeChange]", verbose: bool) -> str:
    from tracecheck.report.sanitise import terminal
    from tracecheck.report.units import duration

    flagged = sum(change.flagged for change in changes)
    told = f"{flagged} of {len(changes)} edges changed\n"
    shown = [change for change in changes if verbose or change.flagged or change.explained_by]
    if not shown:
        return told
    rows = [
        (
            change.reason.value if change.reason else "as " + change.explained_by if change.explained_by else "–",
            terminal(f"{change.from_service} > {change.to_service or 'nobody'}", 80),
            terminal(change.destination or change.kind, 60),
            duration(change.shift_p50_ns),
            _side(change.baseline),
            _side(change.candidate),
        )
        for change in shown
    ]
    return table(("change", "edge", "of", "shift p50", "baseline", "candidate"), rows, right=("shift p50",)) + told


def _side(side: "EdgeSide") -> str:
    from tracecheck.report.units import duration

    if not side.count:
        return "none"
    failed = f", {side.error_rate:.1%} failed" if side.error_rate else ""
    return f"{side.count} × p50 {duration(side.p50_ns)}, p95 {duration(side.p95_ns)}{failed}"


COMMANDS: tuple[click.Command, ...] = (compare,)
