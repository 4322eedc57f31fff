"""The command that keeps running: `serve`."""

import signal
from ipaddress import ip_address
from types import FrameType

import click

from tracecheck.cli.listening import address_options, listen_of
from tracecheck.cli.options import output_option, store_option
from tracecheck.cli.output import emit, say
from tracecheck.config import Listen, store_location
from tracecheck.errors import UsageError

INTERRUPTED = 130


@click.command()
@address_options(Listen())
@store_option
@output_option("text", "json")
def serve(host: str, grpc_port: int, http_port: int, api_port: int, store: str | None, output: str) -> int:
    """Receive spans by OTLP and answer queries, until stopped.

    Prints its addresses as soon as it takes spans. Ends with 0 on SIGTERM and 130 on Ctrl-C; either way what was
    acknowledged is stored.
    """
    from tracecheck.report import documents
    from tracecheck.service import Service

    location = store_location(store)
    if location.startswith(("http://", "https://")):
        raise UsageError(f"serve owns its store, so --store must be a file; got {location}")
    if not _is_loopback(host):
        say(f"listening on {host} without encryption or authentication: whoever reaches it may write and read spans")
    received: list[int] = []
    listen = listen_of(host=host, grpc_port=grpc_port, http_port=http_port, api_port=api_port)
    with Service(location, listen) as service:

        def stop(signum: int, _frame: FrameType | None) -> None:
            received.append(signum)
            service.stop()

        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, stop)
        endpoints = service.endpoints
        if output == "json":
            emit(documents.dump(documents.serving(endpoints, location)))
        else:
            addresses = {"OTLP/gRPC": endpoints.grpc, "OTLP/HTTP": endpoints.http, "read API": endpoints.api}
            emit("\n".join(f"{name:<10} {place}" for name, place in (addresses | {"store": location}).items()))
        service.wait_until_stopped()
        say("stopping")
    return INTERRUPTED if signal.SIGINT in received else 0


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


COMMANDS: tuple[click.Command, ...] = (serve,)
