"""Options of every command that listens: where, and who may come in."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from tracecheck.config import Listen

F = TypeVar("F", bound=Callable[..., Any])

PORT = click.IntRange(0, 65535)


def address_options(default: Listen) -> Callable[[F], F]:
    """`--host`, `--grpc-port`, `--http-port` and `--api-port`, with these defaults; `listen_of` takes them together."""
    fresh = "; 0 takes a free one" if default.grpc_port else ""
    options = (
        click.option("--host", default=default.host, show_default=True, help="Address to listen on."),
        _port("--grpc-port", default.grpc_port, f"Port of OTLP/gRPC{fresh}."),
        _port("--http-port", default.http_port, "Port of OTLP/HTTP."),
        _port("--api-port", default.api_port, "Port of the read API, for --store URL."),
    )

    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def listen_of(*, host: str, grpc_port: int, http_port: int, api_port: int) -> Listen:
    """What `address_options` gave."""
    return Listen(host=host, grpc_port=grpc_port, http_port=http_port, api_port=api_port)


def _port(name: str, default: int, text: str) -> Callable[[F], F]:
    shown: bool | str = True if default else "a free one"
    return click.option(name, metavar="PORT", type=PORT, default=default, show_default=shown, help=text)
