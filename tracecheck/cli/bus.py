"""Which broker a command works on."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from tracecheck.cli.options import F

if TYPE_CHECKING:
    from tracecheck.probe.brokers import Broker

VARIABLES = {"kafka": "KAFKA", "rabbitmq": "RABBITMQ"}
"""Where the address of each system is looked for."""


def broker_options(function: F) -> F:
    """`--broker` and `--bootstrap-servers`, passed on as `broker` and `bootstrap_servers`; `connected` takes both."""
    function = click.option(
        "--broker",
        metavar="SYSTEM=ADDRESS",
        help="The broker: kafka=HOST:PORT or rabbitmq=amqp://...  [$KAFKA, $RABBITMQ]",
    )(function)
    return click.option("--bootstrap-servers", metavar="HOST:PORT", help="The same as --broker kafka=HOST:PORT.")(
        function
    )


@contextmanager
def connected(broker: str | None, bootstrap_servers: str | None) -> "Iterator[Broker]":
    """The broker of the options or of the environment, disconnected at the end."""
    from tracecheck.probe.brokers import connect

    connection = connect(*which(broker, bootstrap_servers))
    try:
        yield connection
    finally:
        connection.close()


def which(broker: str | None, bootstrap_servers: str | None) -> tuple[str, str]:
    """(system, address). A system without an address has that of its variable, nothing at all the first there is."""
    system, separator, address = (broker or "").partition("=")
    if system and system not in VARIABLES:
        raise click.BadParameter(
            f"expected SYSTEM=ADDRESS with a system of {', '.join(VARIABLES)}, got {broker!r}", param_hint="--broker"
        )
    if bootstrap_servers is not None:
        if separator or system not in ("", "kafka"):
            raise click.UsageError("give either --broker or --bootstrap-servers")
        return "kafka", bootstrap_servers
    if separator:
        return system, address
    for each, variable in VARIABLES.items():
        if system in ("", each) and (found := os.environ.get(variable)):
            return each, found
    names = " or ".join(f"${VARIABLES[each]}" for each in VARIABLES if system in ("", each))
    raise click.UsageError(f"which broker? Give --broker SYSTEM=ADDRESS, or set {names}")
