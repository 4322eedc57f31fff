"""`run`: receive, start the system or what drives it, sow what has a seed, and say what came of it all."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from tracecheck.cli.listening import address_options, listen_of
from tracecheck.cli.options import DURATION, verdict_options
from tracecheck.cli.output import say
from tracecheck.cli.places import place_options, places_of
from tracecheck.cli.reading import opened
from tracecheck.cli.receivers import inject_endpoint
from tracecheck.cli.verdicts import publish
from tracecheck.config import Endpoints, Listen, bearer_token, is_url, shown_location, store_location
from tracecheck.errors import UsageError

if TYPE_CHECKING:
    from tracecheck.scenario.ground import Ground, Places

SPECS = click.argument("specs", metavar="SPEC...", nargs=-1, required=True, type=click.Path(path_type=Path))
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
        return [*super().collect_usage_pieces(ctx), "[-- COMMAND...]"]


@click.command(cls=WithCommand)
@SPECS
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="Only scenarios with this tag. Repeatable.")
@click.option("--parallel", type=click.IntRange(1, 1000), default=1, show_default=True, help="Scenarios at a time.")
@click.option("--ready", metavar="TEXT", help="Sow seeds only once COMMAND has printed a line that holds TEXT.")
@click.option("--for", "limit", type=DURATION, default="30s", show_default=True, help="Longest wait for a verdict.")
@click.option("--settle", type=DURATION, help="Quiet time after which absence is a fact.  [default: 500ms]")
@place_options
@address_options(Listen(grpc_port=0, http_port=0, api_port=0))
@verdict_options
@click.pass_context
def run(
    ctx: click.Context,
    /,
    specs: tuple[Path, ...],
    tags: tuple[str, ...],
    parallel: int,
    ready: str | None,
    limit: int,
    store: str | None,
    settle: int | None,
    bootstrap_servers: str | None,
    brokers: tuple[str, ...],
    database: str | None,
    http: str | None,
    host: str,
    grpc_port: int,
    http_port: int,
    api_port: int,
    **shown: Any,
) -> int:
    """Perform scenarios, or check what COMMAND causes.

    SPEC is a file, or a directory of them. A SPEC with a seed is a scenario: its message is injected, and the chain
    that follows, the bus and the state it names are awaited. All others are checked over what COMMAND does by itself.

    COMMAND is the system under test, or what drives it. It gets the receiver's address in OTEL_EXPORTER_OTLP_ENDPOINT
    and a run id in TRACECHECK_RUN_ID. Its output goes to standard error. If it fails, its own exit status is returned;
    if every SPEC has a seed, it is ended after the last verdict. Services that COMMAND does not start reach the
    receiver at its address (--host, --grpc-port, --http-port; without COMMAND the usual ports 4317 and 4318), or send
    to a running serve, which --store URL then names.
    """
    from tracecheck.scenario.plan import read_scenarios
    from tracecheck.scenario.run import new_run_id, run_scenarios

    command = ctx.meta.get("command", ())
    scenarios = read_scenarios(specs, tags)
    places = places_of(bootstrap_servers=bootstrap_servers, brokers=brokers, database=database, http=http)
    seeded = any(scenario.expectation.seed for scenario in scenarios)
    if not command and not seeded:
        raise click.UsageError(
            "no command given and no SPEC has a seed; put what starts it after --, "
            "e.g. tracecheck run order.yaml -- pytest e2e"
        )
    if ready is not None and not command:
        raise click.UsageError("--ready is about the output of COMMAND, and there is none")
    listen = listen_of(host=host, grpc_port=grpc_port, http_port=http_port, api_port=api_port)
    signal.signal(signal.SIGTERM, _terminated)
    with grounded(store_location(store), listen, places, command=bool(command)) as (ground, endpoints):
        outcome = run_scenarios(
            ground,
            endpoints,
            scenarios,
            command,
            run_id=new_run_id(),
            settle_ns=settle,
            timeout_s=limit / NS_PER_S,
            parallel=parallel,
            ready_text=ready,
            on_event=say,
        )
        ours = publish(outcome.report, ground.store, **shown)
    for fault in dict.fromkeys(map(str, outcome.faults)):
        say(fault)
    if outcome.faults:
        ours = max(fault.exit_code for fault in outcome.faults)
    theirs = outcome.child_exit_code if outcome.child_exit_code >= 0 else 128 - outcome.child_exit_code
    if theirs:
        say(f"the command ended with status {theirs}, which is also ours; the check alone would have been {ours}")
    return theirs or ours


@contextmanager
def grounded(
    location: str, listen: Listen, places: "Places", *, command: bool = False
) -> "Iterator[tuple[Ground, Endpoints]]":
    """The ground to perform on: a receiver of our own over a file, or the running one at a URL.

    Without a command nobody is told a port, so the receiver takes the usual ones unless others were given.
    """
    from tracecheck.probe.otlp_out import send_span
    from tracecheck.receiver import ReceiverOptions, Security
    from tracecheck.scenario.ground import Ground
    from tracecheck.service import Service

    with ExitStack() as stack:
        if is_url(location):
            if command:
                shown_at = shown_location(location)
                raise UsageError(f"run receives into a store of its own, so --store must be a file; got {shown_at}")
            endpoint = inject_endpoint()
            store = stack.enter_context(opened(location))
            ground = Ground(store, places, sink=partial(send_span, endpoint=endpoint), keeps=False)
            endpoints = Endpoints(grpc="", http=endpoint, api=location)
        else:
            options = ReceiverOptions(security=Security(token=bearer_token()))
            service = stack.enter_context(Service(location, listen if command else _usual(listen), options))
            ground, endpoints = Ground(service.store, places), service.endpoints
            if not command:
                say(f"receiving OTLP at {endpoints.grpc} (gRPC) and {endpoints.http} (HTTP)")
        stack.enter_context(ground)
        yield ground, endpoints


def _usual(listen: Listen) -> Listen:
    usual = Listen()
    return Listen(
        host=listen.host,
        grpc_port=listen.grpc_port or usual.grpc_port,
        http_port=listen.http_port or usual.http_port,
        api_port=listen.api_port or usual.api_port,
    )


def _terminated(signum: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + signum)
