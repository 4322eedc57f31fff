"""The other commands: `import`, `demo`, `schema`, `completion`."""

import sys
from pathlib import Path

import click

from tracecheck.cli.options import output_option, store_option
from tracecheck.cli.output import emit, progress, say, wants_colour
from tracecheck.cli.reading import asked

PROBLEMS_SHOWN = 20
NOTHING_READ = 2
PUBLIC_TABLES = (
    "spans",
    "span_links",
    "span_events",
    "messages",
    "hops",
    "chains",
    "chain_spans",
    "chain_feeds",
    "edges",
    "records",
    "state_samples",
    "runs",
)


@click.command("import")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--strict", is_flag=True, help="Store nothing unless everything is good.")
@store_option
@output_option("text", "json")
def import_(files: tuple[str, ...], strict: bool, store: str | None, output: str) -> int:
    """Read trace files into the store; - reads standard input.

    OTLP JSON, JSON lines and protobuf, Jaeger JSON, Zipkin v2 JSON, and segments of a receiver's journal; plain or
    packed (gzip, zstd, bzip2, xz); folders are searched. Good parts of a bad file are kept, the others counted. Exits
    with 2 if no file held a span and one was refused.
    """
    from tracecheck.chains import refresh
    from tracecheck.importers import import_files
    from tracecheck.report import documents

    with asked(store, create=True) as held, progress("importing") as update:
        done = import_files(
            held,
            files,
            strict=strict,
            progress=lambda so_far: update(f"{so_far.spans_stored} spans of {so_far.files} files"),
        )
        refresh(held)
    for problem in done.problems[:PROBLEMS_SHOWN]:
        say(problem)
    if len(done.problems) > PROBLEMS_SHOWN:
        say(f"and {len(done.problems) - PROBLEMS_SHOWN} more problems")
    document = documents.imported(done)
    if output == "json":
        emit(documents.dump(document))
    else:
        counts = {name.replace("_", " "): count for name, count in document.items() if name != "schema"}
        emit(", ".join(f"{count} {name}" for name, count in counts.items()))
    return NOTHING_READ if done.rejected and not done.spans_read else 0


@click.command()
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default="tracecheck-demo",
    show_default=True,
    help="Folder for the results.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Draws the faults.")
@click.option("--orders", type=click.IntRange(min=1), default=40, show_default=True, help="Orders to place.")
@click.option("--no-faults", is_flag=True, help="Break nothing.")
@click.option("--bootstrap-servers", metavar="HOST:PORT", help="A real Kafka broker instead of the embedded one.")
@click.option("-v", "--verbose", is_flag=True, help="Tell everything, also what passed.")
def demo(out: Path, seed: int, orders: int, no_faults: bool, bootstrap_servers: str | None, verbose: bool) -> int:
    """Run an order system, break some orders, and find every one of them.

    Exits 0 only if what was found is exactly what was injected.
    """
    from tracecheck.demo import run_demo
    from tracecheck.report import Look, render_text

    outcome = run_demo(out, seed, orders, not no_faults, bootstrap_servers, progress=say)
    emit(render_text(outcome.report, Look(colour=wants_colour(sys.stdout), verbose=verbose)))
    emit(
        "\n".join(_demo_lines(outcome.mismatch, len(outcome.injected), outcome.check_exit_code, outcome.exit_code, out))
    )
    return outcome.exit_code


@click.command()
@click.argument("what", type=click.Choice(["expectation", "tables"]), default="expectation")
@output_option("text", "json")
def schema(what: str, output: str) -> None:
    """Print the JSON Schema of an expectation, or the documented tables and their columns."""
    import json

    if what == "expectation":
        from tracecheck.expect import json_schema

        emit(json.dumps(json_schema(), indent=2))
        return
    from tracecheck.cli.tables import columns
    from tracecheck.report import documents

    found = columns(PUBLIC_TABLES)
    emit(documents.dump(documents.tables(found)) if output == "json" else _tables_text(found))


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a shell.

    For bash: eval "$(tracecheck completion bash)"
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    root = click.get_current_context().find_root().command
    emit(kind(root, {}, "tracecheck", "_TRACECHECK_COMPLETE").source())


def _demo_lines(mismatch: tuple[str, ...], injected: int, check_status: int, status: int, out: Path) -> list[str]:
    from tracecheck.report.sanitise import terminal

    lines = [terminal(line, 400) for line in mismatch]
    met = "the findings are exactly those" if not mismatch else f"{len(mismatch)} differences"
    lines.append(f"{injected} faults injected, {met}")
    lines.append(f"tracecheck check exits {check_status}, the demo exits {status}; everything is in {out}")
    return lines


def _tables_text(found: dict[str, list[tuple[str, str, str | None]]]) -> str:
    from tracecheck.cli.output import table

    parts = []
    for name, columns in found.items():
        rows = [(f"  {column}", kind.lower(), comment or "") for column, kind, comment in columns]
        parts.append(f"{name}\n" + table(("  column", "type", ""), rows))
    return "\n".join(parts)
