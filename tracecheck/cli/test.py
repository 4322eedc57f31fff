"""Commands that test: `run`, `check`, `wait`, `inject`."""

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from tracecheck.cli.listening import address_options, listen_of
from tracecheck.cli.options import DURATION, output_option, store_option, verdict_options
from tracecheck.cli.output import emit, say
from tracecheck.cli.reading import opened
from tracecheck.cli.verdicts import exit_status, publish
from tracecheck.config import (
    INJECT_VARIABLE,
    RUN_ID_VARIABLE,
    Listen,
    bearer_token,
    is_url,
    shown_location,
    store_location,
)
from tracecheck.errors import UsageError

if TYPE_CHECKING:
    from tracecheck.model import Span
    from tracecheck.probe.inject import Injected
    from tracecheck.store import Store

SPECS = click.argument("specs", metavar="SPEC...", nargs=-1, required=True, type=click.Path(path_type=Path))
LOCAL_RECEIVER = f"http://127.0.0.1:{Listen().http_port}"
NS_PER_S = 1_000_000_000


class WithCommand(click.Command):
    """A command whose last part, after `--`, is somebody else's command line."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Cuts the arguments at the first `--`, which click would drop."""
        if "--" in args:
            cut = args.index("--")
            ctx.meta["command"], args = tuple(args[cut + 1 :]), args[:cut]
        return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """The usage line, with the command."""
        return [*super().collect_usage_pieces(ctx), "--", "COMMAND..."]


@click.command(cls=WithCommand)
@SPECS
@click.option("--settle", type=DURATION, help="Quiet time after which absence is a fact.  [default: 500ms]")
@address_options(Listen(grpc_port=0, http_port=0, api_port=0))
@verdict_options
@click.pass_context
def run(
    ctx: click.Context,
    /,
    specs: tuple[Path, ...],
    store: str | None,
    settle: int | None,
    host: str,
    grpc_port: int,
    http_port: int,
    api_port: int,
    **shown: Any,
) -> int:
    """Receive, run COMMAND, and check what it caused.

    COMMAND gets the receiver's address in OTEL_EXPORTER_OTLP_ENDPOINT and a run id in TRACECHECK_RUN_ID. Its output
    goes to standard error. If it fails, its own exit status is returned. Services that COMMAND does not start reach
    the receiver at a fixed address (--host, --grpc-port, --http-port) and take the run id from the environment.
    """
    command = ctx.meta.get("command", ())
    if not command:
        raise click.UsageError("no command given; put it after --, e.g. tracecheck run order.yaml -- pytest e2e")
    from tracecheck.receiver import ReceiverOptions, Security
    from tracecheck.scenario.run import new_run_id, read_specs, run_and_check
    from tracecheck.service import Service

    location = store_location(store)
    if is_url(location):
        shown_at = shown_location(location)
        raise UsageError(f"run receives into a store of its own, so --store must be a file; got {shown_at}")
    expectations = read_specs(specs)
    signal.signal(signal.SIGTERM, _terminated)
    listen = listen_of(host=host, grpc_port=grpc_port, http_port=http_port, api_port=api_port)
    options = ReceiverOptions(security=Security(token=bearer_token()))
    with Service(location, listen, options) as service:
        outcome = run_and_check(
            service.store,
            service.endpoints,
            expectations,
            command,
            run_id=new_run_id(),
            settle_ns=settle,
            on_event=say,
        )
        ours = publish(outcome.report, service.store, **shown)
    theirs = outcome.child_exit_code if outcome.child_exit_code >= 0 else 128 - outcome.child_exit_code
    if theirs:
        say(f"the command ended with status {theirs}, which is also ours; the check alone would have been {ours}")
    return theirs or ours


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
            injected = put(injection, broker, partial(send_span, endpoint=endpoint or _endpoint()))
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


def _endpoint() -> str:
    """Where `tracecheck run` takes spans, else where the standard variables say, if that is OTLP/HTTP; else here."""
    if given := os.environ.get(INJECT_VARIABLE):
        return given
    protocol = os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "")
    named = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    return named if named and protocol.startswith("http") else LOCAL_RECEIVER


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


def _terminated(signum: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + signum)


COMMANDS: tuple[click.Command, ...] = (run, check, wait, inject)
__all__ = ["COMMANDS", "exit_status"]
