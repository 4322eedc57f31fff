"""`export`: spans out as files that other tools read."""

import sys

import click

from tracecheck.cli.options import SINCE, output_option, store_option
from tracecheck.cli.output import emit, progress, say
from tracecheck.cli.reading import current, the_chain
from tracecheck.errors import UsageError

FORMATS = ("otlp", "parquet")


@click.command()
@click.argument("file", metavar="FILE")
@click.option("--run", "run_id", metavar="ID", help="Only spans of this run.")
@click.option(
    "--chain", "needles", metavar="CHAIN", multiple=True, help="Only this chain: any id of it, or a prefix. Repeatable."
)
@click.option("--since", type=SINCE, help="Only spans that ended at this instant or later, or so long ago at most.")
@click.option("--until", type=SINCE, help="Only spans that started before this instant, or longer ago.")
@click.option("--format", "written_as", type=click.Choice(FORMATS), help="[default: by the name of FILE, else otlp]")
@store_option
@output_option("text", "json")
def export(
    file: str,
    run_id: str | None,
    needles: tuple[str, ...],
    since: int | None,
    until: int | None,
    written_as: str | None,
    store: str | None,
    output: str,
) -> None:
    """Write stored spans to FILE; - writes standard output.

    OTLP JSON lines (read by the Collector, by the Jaeger UI and by `tracecheck import`; packed if FILE ends in .gz or
    .zst), or Parquet with attributes as maps if FILE ends in .parquet. An existing FILE is replaced when all is
    written.
    """
    from tracecheck.exporters import Selection, export_spans
    from tracecheck.report import documents

    chosen = written_as or ("parquet" if file.endswith(".parquet") else "otlp")
    if file == "-" and chosen == "parquet" and sys.stdout.isatty():
        raise UsageError("Parquet is no text for a terminal; name a file, or send it on: ... export - | ...")
    with current(store) as held, progress("exporting") as update:
        chains = tuple(the_chain(held, needle) for needle in needles) or None
        selection = Selection(chain_ids=chains, run_id=run_id, since_unix_nano=since, until_unix_nano=until)
        done = export_spans(
            held,
            file,
            selection,
            written_as="parquet" if chosen == "parquet" else "otlp",
            progress=lambda spans: update(f"{spans} spans"),
        )
    if not done.spans:
        say("no stored span is of that choice: the file is empty")
    if file == "-":
        return
    if output == "json":
        emit(documents.dump(documents.exported(done.spans, file, done.format)))
    else:
        emit(f"{done.spans} spans written to {file}")


COMMANDS: tuple[click.Command, ...] = (export,)
