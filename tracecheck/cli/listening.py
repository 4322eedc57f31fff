"""Options of every command that listens: where, and who may come in."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tracecheck.config import TOKEN_FILE_VARIABLE, TOKEN_VARIABLE, Endpoints, Listen, bearer_token

if TYPE_CHECKING:
    from tracecheck.receiver import Security

F = TypeVar("F", bound=Callable[..., Any])

HOST_VARIABLE = "TRACECHECK_HOST"
PORT = click.IntRange(0, 65535)
FILE = click.Path(dir_okay=False, path_type=Path)


def address_options(default: Listen) -> Callable[[F], F]:
    """`--host`, `--grpc-port`, `--http-port` and `--api-port`, with these defaults; `listen_of` takes them together.

    Each is also read from the environment: `TRACECHECK_HOST`, `TRACECHECK_GRPC_PORT` and so on.
    """
    fresh = "; 0 takes a free one" if default.grpc_port else ""
    options = (
        click.option(
            "--host", default=default.host, show_default=True, envvar=HOST_VARIABLE, help="Address to listen on."
        ),
        _port("--grpc-port", default.grpc_port, f"Port of OTLP/gRPC{fresh}."),
        _port("--http-port", default.http_port, "Port of OTLP/HTTP."),
        _port("--api-port", default.api_port, "Port of the read API, for --store URL."),
    )

    return _all_of(options)


def listen_of(*, host: str, grpc_port: int, http_port: int, api_port: int) -> Listen:
    """What `address_options` gave."""
    return Listen(host=host, grpc_port=grpc_port, http_port=http_port, api_port=api_port)


def security_options(function: F) -> F:
    """`--tls-cert`, `--tls-key`, `--tls-client-ca` and `--token-file`; `security_of` takes them together."""
    return _all_of(
        (
            _file("--tls-cert", "TRACECHECK_TLS_CERT", "Speak TLS on all ports, with this certificate (PEM)."),
            _file("--tls-key", "TRACECHECK_TLS_KEY", "Its key (PEM)."),
            _file("--tls-client-ca", "TRACECHECK_TLS_CLIENT_CA", "Ask clients for a certificate of this authority."),
            click.option(
                "--token-file",
                type=FILE,
                help=f"Ask clients for the bearer token in this file.  [${TOKEN_VARIABLE}, or ${TOKEN_FILE_VARIABLE}]",
            ),
        )
    )(function)


def security_of(
    *, tls_cert: Path | None, tls_key: Path | None, tls_client_ca: Path | None, token_file: Path | None
) -> "Security":
    """What `security_options` gave, the token from the environment where no file is named."""
    from tracecheck.receiver import Security

    return Security(certificate=tls_cert, key=tls_key, client_ca=tls_client_ca, token=bearer_token(token_file))


def local_endpoints() -> Endpoints:
    """Where a serve on this machine listens, as far as its variables or the defaults tell."""
    ports = {
        name: os.environ.get(_port_variable(f"--{name}-port")) or default
        for name, default in (("grpc", Listen().grpc_port), ("http", Listen().http_port), ("api", Listen().api_port))
    }
    return Endpoints(**{name: f"http://{Listen().host}:{port}" for name, port in ports.items()})


def _port_variable(option: str) -> str:
    return f"TRACECHECK_{option.removeprefix('--').replace('-', '_').upper()}"


def _all_of(options: tuple[Callable[[F], F], ...]) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def _file(name: str, variable: str, text: str) -> Callable[[F], F]:
    return click.option(name, type=FILE, envvar=variable, help=f"{text}  [${variable}]")


def _port(name: str, default: int, text: str) -> Callable[[F], F]:
    shown: bool | str = True if default else "a free one"
    return click.option(
        name, metavar="PORT", type=PORT, default=default, show_default=shown, envvar=_port_variable(name), help=text
    )
