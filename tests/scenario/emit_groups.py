"""Stands for a system under `tracecheck run`: sends an order's span, and spans of the groups that are told to it.

`emit_groups.py TOPIC OFFSET GROUP:OFFSET:WHEN...`: each group has handled the record at its offset, `before` the send
or `after` it.
"""

import json
import os
import sys
import time
import urllib.request

topic, offset, *groups = sys.argv[1:]
NOW = time.time_ns()
MS = 1_000_000


def span(number: int, kind: int, operation: str, offset: str, start: int, **more: str) -> dict[str, object]:
    """One OTLP JSON span, a trace of its own."""
    said = {"system": "kafka", "destination.name": topic, "operation.type": operation, "kafka.offset": offset} | more
    attributes = {"tracecheck.run.id": os.environ["TRACECHECK_RUN_ID"]} | {
        f"messaging.{name.replace('_', '.')}": value for name, value in said.items()
    }
    attributes["messaging.destination.partition.id"] = "0"
    return {
        "traceId": f"{number:032x}",
        "spanId": f"{number:016x}",
        "name": f"{operation} {topic}",
        "kind": kind,
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + MS),
        "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()],
    }


spans = [span(1, 4, "send", offset, NOW)]
for number, (name, handled, when) in enumerate((group.split(":") for group in groups), 2):
    start = NOW + (50 if when == "after" else -50) * MS
    spans.append(span(number, 5, "process", handled, start, consumer_group_name=name))
service = {"key": "service.name", "value": {"stringValue": "shop"}}
body = {"resourceSpans": [{"resource": {"attributes": [service]}, "scopeSpans": [{"spans": spans}]}]}
request = urllib.request.Request(
    os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] + "/v1/traces",
    json.dumps(body).encode(),
    {"Content-Type": "application/json"},
)
urllib.request.urlopen(request, timeout=20).read()
