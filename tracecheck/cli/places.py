"""Options that say where the system under test is: its brokers, its databases, its read models."""

import os
from typing import TYPE_CHECKING

import click

from tracecheck.cli.bus import VARIABLES, addresses
from tracecheck.cli.options import F
from tracecheck.config import KAFKA_CONFIG_VARIABLE

if TYPE_CHECKING:
    from tracecheck.scenario.ground import Places

DATABASE_VARIABLE = "TRACECHECK_DATABASE"
HTTP_VARIABLE = "TRACECHECK_HTTP"


def place_options(function: F) -> F:
    """`--bootstrap-servers`, `--broker`, `--database` and `--http`; `places_of` takes them together."""
    for option in (
        click.option("--http", metavar="URL", help=f"Read models, for `http: /path`. [${HTTP_VARIABLE}]"),
        click.option("--database", metavar="URL", help=f"Database of `state` and `clean_up`. [${DATABASE_VARIABLE}]"),
        click.option(
            "--broker",
            "brokers",
            metavar="SYSTEM=ADDRESS",
            multiple=True,
            help="A broker: kafka=HOST:PORT, rabbitmq=amqp://... Repeatable. [$KAFKA, $RABBITMQ] TLS and passwords of "
            f"Kafka are in a file of client properties. [${KAFKA_CONFIG_VARIABLE}]",
        ),
        click.option("--bootstrap-servers", metavar="HOST:PORT", help="The same as --broker kafka=HOST:PORT."),
    ):
        function = option(function)
    return function


def places_of(
    *, bootstrap_servers: str | None, brokers: tuple[str, ...], database: str | None, http: str | None
) -> "Places":
    """What `place_options` gave; for what was not given, the environment. Raises `click.UsageError`."""
    from tracecheck.scenario.ground import Places

    known = {system: os.environ[name] for system, name in VARIABLES.items() if os.environ.get(name)}
    known |= addresses(brokers, bootstrap_servers)
    return Places(
        brokers=known,
        database=database or os.environ.get(DATABASE_VARIABLE),
        http=http or os.environ.get(HTTP_VARIABLE),
    )
