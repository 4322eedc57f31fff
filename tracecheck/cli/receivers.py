"""Where our own spans go when the store is not ours to write."""

import os

from tracecheck.config import INJECT_VARIABLE, Listen

LOCAL_RECEIVER = f"http://127.0.0.1:{Listen().http_port}"


def inject_endpoint() -> str:
    """Where `tracecheck run` takes spans, else where the standard variables say, if that is OTLP/HTTP; else here."""
    if given := os.environ.get(INJECT_VARIABLE):
        return given
    protocol = os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "")
    named = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    return named if named and protocol.startswith("http") else LOCAL_RECEIVER
