"""`selftest`: does a running serve take, store and find what is sent to it?"""

import os
from typing import TYPE_CHECKING

import click

from tracecheck.cli.listening import local_endpoints
from tracecheck.cli.options import DURATION, output_option
from tracecheck.cli.output import emit, say
from tracecheck.config import STORE_VARIABLE, Listen, is_url
from tracecheck.errors import UsageError

if TYPE_CHECKING:
    from tracecheck.selftest import Step

LOCAL = Listen()
FAILED = 1
ENVIRONMENT = 4
NS_PER_S = 1_000_000_000


@click.command()
@click.option("--grpc-endpoint", metavar="URL", help=f"OTLP/gRPC.  [default: http://{LOCAL.host}:{LOCAL.grpc_port}]")
@click.option("--http-endpoint", metavar="URL", help=f"OTLP/HTTP.  [default: http://{LOCAL.host}:{LOCAL.http_port}]")
@click.option(
    "--store",
    metavar="URL",
    help=f"Read API.  [${STORE_VARIABLE} if it is a URL, else http://{LOCAL.host}:{LOCAL.api_port}]",
)
@click.option("--within", type=DURATION, default="0s", help="Wait so long for an answer first, such as 30s.")
@output_option("text", "json")
def selftest(grpc_endpoint: str | None, http_endpoint: str | None, store: str | None, within: int, output: str) -> int:
    """Send known chains to a running serve and read them back.

    By gRPC and by HTTP, in protobuf and JSON. Token and TLS files come from the environment, as for every command.
    What was sent is taken out again. Exits with 0 if all holds, 1 if something came back wrong, 4 if nothing answered.
    """
    from tracecheck.report import documents
    from tracecheck.selftest import await_answer
    from tracecheck.selftest import selftest as steps_of

    local = local_endpoints()
    named = store or os.environ.get(STORE_VARIABLE, "")
    if store is not None and not is_url(store):
        raise UsageError(
            f"selftest asks a running serve, so --store must be its address (http://HOST:PORT); got {store}"
        )
    api = named if is_url(named) else local.api
    await_answer(api, within / NS_PER_S)
    steps: list[Step] = []
    for step in steps_of(grpc_endpoint or local.grpc, http_endpoint or local.http, api):
        steps.append(step)
        if output == "text":
            emit(_line(step))
    failed = [step for step in steps if step.failure is not None]
    if output == "json":
        emit(documents.dump(documents.selftested([(step.name, step.failure, step.took_ns) for step in steps])))
    elif any(step.unreachable for step in failed):
        say("start one with: tracecheck serve; or name where it listens (see tracecheck selftest --help)")
    if not failed:
        return 0
    return ENVIRONMENT if any(step.unreachable for step in failed) else FAILED


def _line(step: "Step") -> str:
    from tracecheck.report.sanitise import terminal

    if step.failure is not None:
        return f"FAIL  {terminal(step.name)}: {terminal(step.failure, 400)}"
    return f"ok    {terminal(step.name)} ({step.took_ns / 1e6:.0f} ms)"


COMMANDS: tuple[click.Command, ...] = (selftest,)
