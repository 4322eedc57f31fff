"""Keeps a message chain one chain: trace context and correlation ids through events, and a span around each handler.

    configure("billing")
    for record in instrumented(consumer):
        handle(record)

Needs the OpenTelemetry API; `configure` also sets up its SDK. Nothing here raises into a service (see `health`).
"""

from tracecheck_instrumentation.configuration import configure, flush, instrument
from tracecheck_instrumentation.consuming import instrumented, process, retry_headers
from tracecheck_instrumentation.correlation import correlation, correlation_id, run_id, set_correlation_id
from tracecheck_instrumentation.fanin import effect, join
from tracecheck_instrumentation.health import health
from tracecheck_instrumentation.idempotency import MemorySeen, SeenStore, SqlSeen, already_seen, once
from tracecheck_instrumentation.ingress import asgi, correlation_from, wsgi
from tracecheck_instrumentation.logs import LogIds
from tracecheck_instrumentation.scope import capture, restore, with_context

__all__ = [
    "LogIds",
    "MemorySeen",
    "SeenStore",
    "SqlSeen",
    "already_seen",
    "asgi",
    "capture",
    "configure",
    "correlation",
    "correlation_from",
    "correlation_id",
    "effect",
    "flush",
    "health",
    "instrument",
    "instrumented",
    "join",
    "once",
    "process",
    "restore",
    "retry_headers",
    "run_id",
    "set_correlation_id",
    "with_context",
    "wsgi",
]
