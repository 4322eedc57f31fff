"""Settings that more than one room needs, with their environment variables."""

from dataclasses import dataclass
from ipaddress import ip_address
from os import environ
from pathlib import Path

from tracecheck.errors import UsageError

DEFAULT_STORE = "./tracecheck.duckdb"
STORE_VARIABLE = "TRACECHECK_STORE"
RUN_ID_VARIABLE = "TRACECHECK_RUN_ID"
INJECT_VARIABLE = "TRACECHECK_INJECT_ENDPOINT"
"""Where `inject` sends its own span (OTLP/HTTP); `run` sets it for its command."""

SELFTEST_RUN = "tracecheck-selftest-"
"""How run ids of `tracecheck selftest` begin; such runs alone can be taken out of a running store."""

TOKEN_VARIABLE = "TRACECHECK_TOKEN"
TOKEN_FILE_VARIABLE = "TRACECHECK_TOKEN_FILE"
"""The bearer token, or a file that holds it: what a listener asks for, and what a client shows."""

CA_FILE_VARIABLE = "TRACECHECK_CA_FILE"
CLIENT_CERT_VARIABLE = "TRACECHECK_CLIENT_CERT"
CLIENT_KEY_VARIABLE = "TRACECHECK_CLIENT_KEY"
"""PEM files of a client: whom it trusts (else whom the system trusts), and the certificate it shows."""

KAFKA_CONFIG_VARIABLE = "TRACECHECK_KAFKA_CONFIG"
"""A file of client properties: how Kafka wants to be spoken to, where that is not plainly."""

SDK_BATCH_DELAY_NS = 5_000_000_000
"""The OpenTelemetry SDK's default `OTEL_BSP_SCHEDULE_DELAY`: how long a span may wait in its service."""

DEFAULT_SETTLE_NS = 6_000_000_000
"""Just over the SDK's batch delay: after this quiet time, by ingest, absence is `assumed`."""

RUN_BATCH_DELAY_MS = 200
"""The batch delay that `tracecheck run` sets for its child, so that verdicts need not wait five seconds."""

RUN_SETTLE_NS = 500_000_000
"""The settle time under `tracecheck run`: the child's batch delay and some."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Where a running tracecheck listens. Port 0 takes a free one. Loopback unless told otherwise."""

    host: str = "127.0.0.1"
    grpc_port: int = 4317
    http_port: int = 4318
    api_port: int = 4319


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Where a running tracecheck is reached, as URLs, with the ports it really got."""

    grpc: str
    http: str
    api: str


def store_location(given: str | None) -> str:
    """The store a command works on: the option, else `$TRACECHECK_STORE`, else `./tracecheck.duckdb`."""
    return given or environ.get(STORE_VARIABLE) or DEFAULT_STORE


def is_url(location: str) -> bool:
    """Whether a store's location is the address of a running `tracecheck serve`, and no file."""
    return location.startswith(("http://", "https://"))


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only mean this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def shown_location(location: str) -> str:
    """A location for messages: what stands before the `@` of an address may be a secret."""
    if not is_url(location) or "@" not in location:
        return location
    return f"{location.partition(':')[0]}://***@{location.rpartition('@')[2]}"


def bearer_token(file: str | Path | None = None) -> str | None:
    """The token of this file, else `$TRACECHECK_TOKEN`, else the one in the file `$TRACECHECK_TOKEN_FILE`, else None.

    Raises `UsageError` where one was meant and is empty, cannot be read, or cannot stand in a header: an unset variable
    of a deployment must not open the door.
    """
    source = f"the token file {file}" if file is not None else f"${TOKEN_VARIABLE}"
    if file is None and (text := environ.get(TOKEN_VARIABLE)) is None:
        file = environ.get(TOKEN_FILE_VARIABLE)
        if file is None:
            return None
        source = f"the token file {file} (${TOKEN_FILE_VARIABLE})"
    if file is not None:
        try:
            text = Path(file).read_text("ascii")
        except OSError as error:
            raise UsageError(f"{source} cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            text = "\0"
    token = (text or "").strip()
    if not token or not all("!" <= character <= "~" for character in token):
        raise UsageError(f"{source} holds no token; expected letters, digits and signs of ASCII without spaces")
    return token
