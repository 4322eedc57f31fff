"""The command that keeps running: `serve`."""

import logging
import signal
from pathlib import Path
from types import FrameType

import click

from tracecheck.cli.listening import address_options, listen_of, security_of, security_options
from tracecheck.cli.logs import log_format_option, log_to_stderr
from tracecheck.cli.options import output_option, store_option
from tracecheck.cli.output import emit
from tracecheck.cli.vacuum import retention_of, retention_options
from tracecheck.config import Listen, is_url, shown_location, store_location
from tracecheck.errors import UsageError

INTERRUPTED = 130

log = logging.getLogger("tracecheck.serve")


@click.command()
@address_options(Listen())
@store_option
@retention_options
@security_options
@log_format_option
@output_option("text", "json")
def serve(
    host: str,
    grpc_port: int,
    http_port: int,
    api_port: int,
    store: str | None,
    keep: int | None,
    keep_at_most: int | None,
    log_format: str,
    output: str,
    **security: Path | None,
) -> int:
    """Receive spans by OTLP and answer queries, until stopped.

    Prints its addresses as soon as it takes spans. Ends with 0 on SIGTERM and 130 on Ctrl-C; either way requests in
    flight are answered and what was acknowledged is stored. A second signal ends it at once.

    The read API's port also answers /healthz, /readyz and /metrics (Prometheus).
    """
    from tracecheck.receiver import ReceiverOptions
    from tracecheck.report import documents
    from tracecheck.service import Service

    location = store_location(store)
    if is_url(location):
        raise UsageError(f"serve owns its store, so --store must be a file; got {shown_location(location)}")
    options = ReceiverOptions(security=security_of(**security))
    log_to_stderr(log_format, [options.security.token])
    received: list[int] = []
    listen = listen_of(host=host, grpc_port=grpc_port, http_port=http_port, api_port=api_port)
    with Service(location, listen, options, retention_of(keep, keep_at_most)) as service:

        def stop(signum: int, _frame: FrameType | None) -> None:
            received.append(signum)
            service.stop()
            signal.signal(signum, signal.SIG_DFL)

        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, stop)
        endpoints = service.endpoints
        if output == "json":
            emit(documents.dump(documents.serving(endpoints, location)))
        else:
            addresses = {"OTLP/gRPC": endpoints.grpc, "OTLP/HTTP": endpoints.http, "read API": endpoints.api}
            emit("\n".join(f"{name:<10} {place}" for name, place in (addresses | {"store": location}).items()))
        service.wait_until_stopped()
        log.info("stopping: what is in flight is answered and stored")
    taken = service.counters
    log.info("stopped after %d requests and %d spans stored", taken.requests, taken.stored)
    return INTERRUPTED if signal.SIGINT in received else 0


COMMANDS: tuple[click.Command, ...] = (serve,)
