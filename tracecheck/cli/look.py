"""Commands that look at what is stored: `chains`, `show`, `hops`, `diagnose`, `sql`. They exit 0 whatever they find."""

import sys
from typing import TYPE_CHECKING

import click

from tracecheck.cli.options import DURATION, SINCE, output_option, redact_option, store_option, verbose_option
from tracecheck.cli.output import emit, say, table, wants_colour
from tracecheck.cli.reading import current, the_chain

if TYPE_CHECKING:
    import pyarrow as pa

    from tracecheck.chains import HopTiming
    from tracecheck.model import ChainSummary, Finding, Hop

CHAIN = click.argument("chain", required=False)


@click.command()
@click.option("--run", "run_id", metavar="ID", help="Only chains of this run.")
@click.option("--since", type=SINCE, help="Only chains with a span that ended then or later: an instant, or e.g. 10m.")
@click.option("--limit", type=click.IntRange(min=1), help="Only the latest so many.")
@click.option("--marks", is_flag=True, help="Also the start and flush marks of processes, each a chain of its own.")
@store_option
@output_option("text", "json")
def chains(
    run_id: str | None, since: int | None, limit: int | None, marks: bool, store: str | None, output: str
) -> None:
    """List the chains."""
    from tracecheck.chains import summaries
    from tracecheck.report import documents

    with current(store) as held:
        found = summaries(held, run_id=run_id, since_unix_nano=since, limit=limit, marks=marks)
    emit(documents.dump(documents.chains(found)) if output == "json" else _chains_table(found))


@click.command()
@click.argument("chain")
@verbose_option
@redact_option
@click.option(
    "--correct-clocks",
    "at_most_ns",
    type=DURATION,
    help="Move spans by at most so much to where skewed clocks would have had them; a view, nothing measured changes.",
)
@store_option
@output_option("text", "json", "mermaid")
def show(chain: str, verbose: bool, no_redact: bool, at_most_ns: int | None, store: str | None, output: str) -> None:
    """Draw one chain: a tree with times, the break marked.

    CHAIN is a chain, trace, correlation, run or message id, or a prefix of one.
    """
    from tracecheck.chains import corrected, load
    from tracecheck.check import diagnose as findings_of
    from tracecheck.report import Look, documents, redacted, render_mermaid, render_tree

    with current(store) as held:
        chain_id = the_chain(held, chain)
        loaded = load(held, chain_id)
        findings = tuple(findings_of(held, chain_id))
    if at_most_ns is not None:
        loaded, moved = corrected(loaded, at_most_ns)
        say(f"a view with corrected clocks: {moved} of {len(loaded.spans)} spans are moved")
    if not no_redact:
        loaded, findings = redacted(loaded), redacted(findings)
    if output == "json":
        emit(documents.dump(documents.show(loaded, findings)))
    elif output == "mermaid":
        emit(render_mermaid(loaded, findings))
    else:
        emit(render_tree(loaded, findings, Look(colour=wants_colour(sys.stdout), verbose=verbose)))


@click.command()
@CHAIN
@click.option("--times", is_flag=True, help="Also the time in the queue and until the handler sent something on.")
@store_option
@output_option("text", "json")
def hops(chain: str | None, times: bool, store: str | None, output: str) -> None:
    """List the hops of one chain, or of all: each message at each consumer group."""
    from tracecheck.chains import hops as hops_of
    from tracecheck.chains import load_many, timings
    from tracecheck.report import documents

    timed = None
    with current(store) as held:
        found = hops_of(held, None if chain is None else the_chain(held, chain))
        if times:
            whole = load_many(held, list(dict.fromkeys(hop.chain_id for hop in found)))
            timed = [timing for each in whole for timing in timings(each)]
            found = [timing.hop for timing in timed]
    if output == "json":
        document = documents.hops(found)
        for row, timing in zip(document["hops"], timed or (), strict=timed is not None):
            row |= {"queue_ns": timing.queue_ns, "forwarding_ns": timing.forwarding_ns}
        emit(documents.dump(document))
    else:
        emit(_hops_table(found, timed))


@click.command()
@CHAIN
@redact_option
@store_option
@output_option("text", "json")
def diagnose(chain: str | None, no_redact: bool, store: str | None, output: str) -> None:
    """Say what the spans themselves prove to be wrong, in one chain or in all.

    Without an expectation: what was never sent, or a group that never came, only `check` can know.
    """
    from tracecheck.check import diagnose as findings_of
    from tracecheck.report import documents, redacted

    with current(store) as held:
        found = tuple(findings_of(held, None if chain is None else the_chain(held, chain)))
    if not no_redact:
        found = redacted(found)
    emit(documents.dump(documents.diagnose(found)) if output == "json" else _diagnosis(found))


@click.command()
@click.argument("query")
@click.option(
    "--plain-csv", is_flag=True, help="CSV cells as they are, even those a spreadsheet would run as formulas."
)
@store_option
@output_option("text", "json", "csv")
def sql(query: str, plain_csv: bool, store: str | None, output: str) -> None:
    """Run one SELECT over the documented tables (`tracecheck schema tables`); - reads it from standard input."""
    from tracecheck.report import documents

    if query == "-":
        query = sys.stdin.read()
    with current(store) as held:
        found = held.query(query)
    columns, rows = found.column_names, list(zip(*map(_values, found.columns), strict=True))
    if output == "json":
        emit(documents.dump(documents.rows(columns, rows)))
    elif output == "csv":
        emit(_csv(columns, rows, guard=not plain_csv))
    else:
        emit(_rows_table(columns, rows))


def _chains_table(found: "list[ChainSummary]") -> str:
    from tracecheck.report.sanitise import terminal
    from tracecheck.report.units import duration, instant

    headers = ("chain", "start", "duration", "spans", "hops", "correlation", "run", "origin", "findings")
    rows = [
        (
            each.chain_id,
            instant(each.start_unix_nano),
            duration(each.duration_ns),
            str(each.spans),
            str(each.hops),
            terminal(each.correlation_id or "–", 40),
            terminal(each.run_id or "–", 40),
            terminal(f"{each.origin.service}: {each.origin.name}", 60),
            " ".join(terminal(code) for code in each.findings) or "–",
        )
        for each in found
    ]
    return table(headers, rows, right=("duration", "spans", "hops"))


def _hops_table(found: "list[Hop]", timed: "list[HopTiming] | None" = None) -> str:
    from tracecheck.report.sanitise import terminal
    from tracecheck.report.units import duration

    headers: tuple[str, ...] = (
        "message",
        "from",
        "group",
        "outcome",
        "transit",
        "processing",
        "attempts",
        "evidence",
        "findings",
        "chain",
    )
    rows: list[tuple[str, ...]] = [
        (
            _place(each),
            terminal(each.producer.service if each.producer else "–", 40),
            terminal(each.consumer_group or (each.consumer.service if each.consumer else "–"), 40),
            each.outcome.value,
            duration(each.transit_ns),
            duration(each.processing_ns),
            str(each.attempts),
            f"{each.evidence} ({each.context})" if each.evidence and each.context else str(each.evidence or "–"),
            " ".join(terminal(code) for code in each.findings) or "–",
            each.chain_id,
        )
        for each in found
    ]
    if timed is not None:
        headers = (*headers[:5], "queue", "processing", "forwarding", *headers[6:])
        rows = [
            (*row[:5], duration(timing.queue_ns), row[5], duration(timing.forwarding_ns), *row[6:])
            for row, timing in zip(rows, timed, strict=True)
        ]
    return table(headers, rows, right=("transit", "queue", "processing", "forwarding", "attempts"))


def _place(hop: "Hop") -> str:
    from tracecheck.report.sanitise import terminal

    partition = f"[{hop.partition}]" if hop.partition is not None else ""
    offset = f"@{hop.offset}" if hop.offset is not None else ""
    return terminal(f"{hop.destination or '–'}{partition}{offset}", 60)


def _diagnosis(found: "tuple[Finding, ...]") -> str:
    from tracecheck.model import Verdict
    from tracecheck.report.sentences import SIGNS, sentence
    from tracecheck.report.text import finding_lines

    signs = SIGNS | {Verdict.PASS: "NOTE"}  # nothing was expected here that could have passed
    if not found:
        return "nothing wrong is proven by the spans themselves\n"
    lines: list[str] = []
    for finding in found:
        lines.append(f"{signs[finding.verdict]} {sentence(finding)}")
        lines += finding_lines(finding, None)
    return "\n".join([*lines, f"{len(found)} {'finding' if len(found) == 1 else 'findings'}"]) + "\n"


def _rows_table(columns: list[str], rows: list[tuple[object, ...]]) -> str:
    from tracecheck.report.sanitise import terminal

    numeric = [
        name
        for number, name in enumerate(columns)
        if any(row[number] is not None for row in rows)
        and all(row[number] is None or isinstance(row[number], int | float) for row in rows)
    ]
    cells = [tuple("–" if value is None else terminal(_text(value), 200) for value in row) for row in rows]
    counted = f"{len(rows)} {'row' if len(rows) == 1 else 'rows'}\n"
    return table([terminal(name) for name in columns], cells, right=numeric) + counted


def _csv(columns: list[str], rows: list[tuple[object, ...]], *, guard: bool) -> str:
    import csv
    import io

    from tracecheck.report.sanitise import csv_cell

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(csv_cell(name, guard=guard) for name in columns)
    for row in rows:
        writer.writerow("" if value is None else csv_cell(_cell(value), guard=guard) for value in row)
    return out.getvalue()


def _cell(value: object) -> object:
    return value if isinstance(value, int | float | str) else _text(value)


def _text(value: object) -> str:
    """A value as JSON would write it, text without its quotes."""
    import json

    from tracecheck.report.documents import plain

    held = plain(value)
    return held if isinstance(held, str) else json.dumps(held, ensure_ascii=False)


def _values(column: "pa.ChunkedArray") -> list[object]:
    """A column's values; Arrow hands a MAP over as a list of pairs."""
    values: list[object] = column.to_pylist()
    return [dict(each) if isinstance(each, list) else each for each in values] if _holds_maps(column) else values


def _holds_maps(column: "pa.ChunkedArray") -> bool:
    return str(column.type).startswith("map<")


COMMANDS: tuple[click.Command, ...] = (chains, show, hops, diagnose, sql)
