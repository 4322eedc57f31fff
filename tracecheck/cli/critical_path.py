"""`critical-path`: where the time of one chain went."""

from typing import TYPE_CHECKING

import click

from tracecheck.cli.options import output_option, store_option
from tracecheck.cli.output import emit, table
from tracecheck.cli.reading import current, the_chain

if TYPE_CHECKING:
    from tracecheck.chains import PathSegment
    from tracecheck.model import Chain


@click.command("critical-path")
@click.argument("chain")
@store_option
@output_option("text", "json")
def critical_path(chain: str, store: str | None, output: str) -> None:
    """Follow a chain from its end back: which spans its length is made of, and the waits between them.

    CHAIN is a chain, trace, correlation, run or message id, or a prefix of one.
    """
    from tracecheck.chains import critical_path as path_of
    from tracecheck.chains import load
    from tracecheck.report import analysis_documents, documents

    with current(store) as held:
        loaded = load(held, the_chain(held, chain))
    path = path_of(loaded)
    emit(documents.dump(analysis_documents.critical_path(path)) if output == "json" else _table(path, loaded))


def _table(path: "tuple[PathSegment, ...]", chain: "Chain") -> str:
    from tracecheck.report.sanitise import terminal
    from tracecheck.report.units import duration, instant

    sent = {(edge.effect, edge.cause) for edge in chain.edges if edge.is_message}
    whole = path[0].end_unix_nano - path[-1].start_unix_nano if path else 0
    rows = []
    later: PathSegment | None = None
    for each in path:
        if later is not None and (waited := later.start_unix_nano - each.end_unix_nano) > 0:
            step = ((later.trace_id, later.span_id), (each.trace_id, each.span_id))
            what = "in transit" if step in sent else "nothing observed"
            rows.append((instant(each.end_unix_nano), duration(waited), _share(waited, whole), what))
        took = each.end_unix_nano - each.start_unix_nano
        what = terminal(f"{each.service}: {each.name}", 80)
        rows.append((instant(each.start_unix_nano), duration(took), _share(took, whole), what))
        later = each
    return table(("from", "took", "share", "in"), rows, right=("took", "share"))


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole > 0 else "–"


COMMANDS: tuple[click.Command, ...] = (critical_path,)
