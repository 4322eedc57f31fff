"""Settings that more than one room needs, with their environment variables."""

from dataclasses import dataclass
from os import environ

DEFAULT_STORE = "./tracecheck.duckdb"
STORE_VARIABLE = "TRACECHECK_STORE"
RUN_ID_VARIABLE = "TRACECHECK_RUN_ID"
INJECT_VARIABLE = "TRACECHECK_INJECT_ENDPOINT"
"""Where `inject` sends its own span (OTLP/HTTP); `run` sets it for its command."""

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
