"""Which broker a command works on."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from tracecheck.cli.options import F
from tracecheck.config import KAFKA_CONFIG_VARIABLE

if TYPE_CHECKING:
    from tracecheck.probe.brokers import Broker

VARIABLES = {"kafka": "KAFKA", "rabbitmq": "RABBITMQ"}
"""Where the address of each system is looked for."""


def broker_options(function: F) -> F:
    """`--broker` and `--bootstrap-servers`, passed on as `broker` and `bootstrap_servers`; `connected` takes both."""
    function = click.option(
        "--broker",
        metavar="SYSTEM=ADDRESS",
        help="The broker: kafka=HOST:PORT or rabbitmq=amqp://...  [$KAFKA, $RABBITMQ] TLS and passwords of Kafka are "
        f"in a file of client properties. [${KAFKA_CONFIG_VARIABLE}]",
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
    """(system, address) of the one broker meant; of nothing at all, the first that the environment knows."""
    named = addresses(() if broker is None else (broker,), bootstrap_servers)
    for system in named or VARIABLES:
        if found := named.get(system) or os.environ.get(VARIABLES[system]):
            return system, found
    names = " or ".join(f"${variable}" for variable in VARIABLES.values())
    raise click.UsageError(f"which broker? Give --broker SYSTEM=ADDRESS, or set {names}")


def addresses(brokers: Sequence[str], bootstrap_servers: str | None) -> dict[str, str]:
    """Address by system, of what `--broker` (once or more) and `--bootstrap-servers` say.

    A system without an address (`--broker kafka`) has that of its variable.
    """
    found: dict[str, str] = {}
    given = (*brokers, *(() if bootstrap_servers is None else (f"kafka={bootstrap_servers}",)))
    for text in given:
        system, _, address = text.partition("=")
        if system not in VARIABLES:
            names = ", ".join(VARIABLES)
            got = "a URL alone" if "://" in system else repr(system)  # a URL may hold a password
            msg = f"expected SYSTEM=ADDRESS with a system of {names}, got {got}"
            raise click.BadParameter(msg, param_hint="--broker")
        address = address or os.environ.get(VARIABLES[system], "")
        if not address:
            raise click.UsageError(f"where is {system}? Give --broker {system}=ADDRESS, or set ${VARIABLES[system]}")
        if found.setdefault(system, address) != address:
            raise click.UsageError(f"{system} has two addresses; give either --broker or --bootstrap-servers, and once")
    return found
