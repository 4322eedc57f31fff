"""Commands that test: `check`, `wait`, `inject`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tracecheck.cli.options import DURATION, output_option, store_option, verdict_options
from tracecheck.cli.output import emit
from tracecheck.cli.reading import opened
from tracecheck.cli.receivers import inject_endpoint
from tracecheck.cli.run import SPECS, run
from tracecheck.cli.verdicts import exit_status, publish
from tracecheck.config import RUN_ID_VARIABLE, is_url
from tracecheck.errors import UsageError

if TYPE_CHECKING:
    from tracecheck.model import Span
    from tracecheck.probe.inject import Injected
    from tracecheck.store import Store

NS_PER_S = 1_000_000_000


@click.command()
@SPECS
@click.option("--run", "run_id", metavar="ID", help="Only chains of this run.")
@click.option("--chain", "needle", metavar="CHAIN", help="Only this chain: any id of it, or a prefix.")
@click.option("--settle", type=DURATION, help="Quiet time after which absence is a fact.  [default: as in SPEC, or 6s]")
@verdict_options
def check(
    specs: tuple[Path, ...],
    run_id: str | None,
    needle: str | None,
    store: str | None,
    settle: int | None,
    **shown: Any,
) -> int:
    """Hold expectations against what is stored."""
    from tracecheck.check import check_store
    from tracecheck.scenario.run import read_specs

    expectations = read_specs(specs)
    with opened(store) as held:
        report = check_store(held, expectations, run_id=run_id, needle=needle, settle_ns=settle)
        return publish(report, held, **shown)


@click.command()
@click.argument("chain", required=False)
@click.option("--run", "run_id", metavar="ID", help="Wait for the chains of this run instead of one CHAIN.")
@click.option(
    "--spec", "specs", metavar="SPEC", multiple=True, required=True, type=click.Path(path_type=Path), help="Repeatable."
)
@click.option("--for", "limit", type=DURATION, default="30s", show_default=True, help="Longest time to wait.")
@click.option("--settle", type=DURATION, help="Quiet time after which absence is a fact.  [default: as in SPEC, or 6s]")
@verdict_options
def wait(
    chain: str | None,
    run_id: str | None,
    specs: tuple[Path, ...],
    limit: int,
    store: str | None,
    settle: int | None,
    **shown: Any,
) -> int:
    """Wait until the verdict over a chain or run is certain."""
    if (chain is None) == (run_id is None):
        raise click.UsageError("give either CHAIN or --run ID")
    from tracecheck.scenario.run import read_specs
    from tracecheck.scenario.wait import wait_for

    expectations = read_specs(specs)
    with opened(store) as held:
        report = wait_for(held, expectations, needle=chain, run_id=run_id, settle_ns=settle, timeout_s=limit / NS_PER_S)
        return publish(report, held, **shown)


@click.command()
@click.argument("destination")
@click.option("--bootstrap-servers", metavar="HOST:PORT", envvar="KAFKA", required=True, help="The broker. [$KAFKA]")
@click.option("--broker", "system", default="kafka", show_default=True, help="Which messaging system it is.")
@click.option("--key", help="Message key.")
@click.option("--value", help="Message value; @FILE reads a file, - standard input.")
@click.option("--header", "headers", metavar="NAME=VALUE", multiple=True, help="Message header. Repeatable.")
@click.option("--content-type", help="Written as header content-type.")
@click.option("--correlation-id", help="[default: a new one]")
@click.option("--event-id", help="Idempotency key.  [default: a new one]")
@click.option("--run", "run_id", metavar="ID", envvar=RUN_ID_VARIABLE, help=f"[${RUN_ID_VARIABLE}]")
@click.option(
    "--endpoint",
    metavar="URL",
    help="OTLP/HTTP receiver of the injection's span.  [default: that of `run`, else OTEL_*, else local port 4318]",
)
@store_option
@output_option("text", "json")
def inject(
    destination: str,
    bootstrap_servers: str,
    system: str,
    endpoint: str | None,
    store: str | None,
    output: str,
    **given: Any,
) -> None:
    """Put a synthetic event onto the bus.

    It carries trace context, correlation id, run id and event id, so that its chain can be found and awaited. Its own
    span goes to a running receiver, or with --store FILE straight into that file.
    """
    from functools import partial

    from tracecheck.probe.brokers import connect
    from tracecheck.probe.inject import Injection
    from tracecheck.probe.inject import inject as put
    from tracecheck.probe.otlp_out import send_span

    injection = Injection(
        destination=destination,
        key=None if given["key"] is None else given["key"].encode(),
        value=_value(given["value"]),
        headers=tuple(_header(header) for header in given["headers"]),
        content_type=given["content_type"],
        correlation_id=given["correlation_id"],
        run_id=given["run_id"],
        event_id=given["event_id"],
    )
    broker = connect(system, bootstrap_servers)
    try:
        if store is not None and not is_url(store):
            with opened(store, create=True) as held:
                injected = put(injection, broker, partial(_store_span, held))
        else:
            injected = put(injection, broker, partial(send_span, endpoint=endpoint or inject_endpoint()))
    finally:
        broker.close()
    _show_injected(injected, output)


def _store_span(store: "Store", span: "Span") -> None:
    store.append([span])


def _show_injected(injected: "Injected", output: str) -> None:
    from tracecheck.report import documents
    from tracecheck.report.sanitise import terminal

    document = documents.injected(injected)
    if output == "json":
        emit(documents.dump(document))
        return
    place = f"{injected.destination}[{injected.partition}]@{injected.offset}"
    emit(f"injected {terminal(place)}  correlation {terminal(injected.correlation_id)}  chain {document['chain_id']}")


def _value(given: str | None) -> bytes | None:
    if given is None:
        return None
    if given == "-":
        return sys.stdin.buffer.read()
    if not given.startswith("@"):
        return given.encode()
    try:
        return Path(given[1:]).read_bytes()
    except OSError as error:
        raise UsageError(f"{given[1:]} cannot be read ({error.strerror}); --value @FILE expects a file") from error


def _header(given: str) -> tuple[str, bytes]:
    name, separator, value = given.partition("=")
    if not separator or not name:
        raise click.BadParameter(f"expected NAME=VALUE, got {given!r}", param_hint="--header")
    return name, value.encode()


COMMANDS: tuple[click.Command, ...] = (run, check, wait, inject)
__all__ = ["COMMANDS", "exit_status"]
