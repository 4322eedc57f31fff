"""Stands for a service under `tracecheck run`: sends the spans of one order by OTLP/HTTP, with `charge` billing's too.

Takes everything from the environment, as services do; exits with `$STATUS`.
"""

import json
import os
import sys
import time
import urllib.request


def attribute(key: str, value: str) -> dict[str, object]:
    """One OTLP JSON attribute."""
    return {"key": key, "value": {"stringValue": value}}


def span(number: int, name: str, kind: int, **messaging: str) -> dict[str, object]:
    """One OTLP JSON span, child of the one before it."""
    start = time.time_ns()
    told = {"system": "kafka", "destination.name": "orders"} | {
        name.replace("_", "."): value for name, value in messaging.items()
    }
    return {
        "traceId": "ab" * 16,
        "spanId": f"{number:016x}",
        "parentSpanId": f"{number - 1:016x}" if number > 1 else "",
        "name": name,
        "kind": kind,
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + 1000),
        "attributes": [
            attribute("tracecheck.run.id", os.environ["TRACECHECK_RUN_ID"]),
            *(attribute(f"messaging.{name}", value) for name, value in told.items()),
        ],
    }


spans = [span(1, "send orders", 4, operation_type="send")]
if "charge" in sys.argv:
    spans.append(span(2, "process orders", 5, operation_type="process", consumer_group_name="billing"))
scope_spans = [{"spans": spans}]
body = {"resourceSpans": [{"resource": {"attributes": [attribute("service.name", "shop")]}, "scopeSpans": scope_spans}]}
request = urllib.request.Request(
    os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] + "/v1/traces",
    json.dumps(body).encode(),
    {"Content-Type": "application/json"},
)
urllib.request.urlopen(request, timeout=20).read()
sys.stdout.write("the command speaks\n")
sys.exit(int(os.environ.get("STATUS", "0")))
