"""Minutes of the Online Boutique recordings in the shared data as spans, and spans of the same shape made up."""

import csv
import gzip

from tests.support.shared_data import shared_data
from tracecheck.model import Resource, Span
from tracecheck.semconv import canonical


def minute(name: str) -> list[Span]:
    """The spans of one recorded minute, e.g. `2022-08-22_04_28`. A service is its pod without the replica's part."""
    with gzip.open(shared_data(f"nezha/{name}.csv.gz"), "rt") as file:
        return [_span(row) for row in csv.DictReader(file)]


def _span(row: dict[str, str]) -> Span:
    return canonical(
        Span(
            trace_id=row["TraceID"],
            span_id=row["SpanID"],
            parent_span_id=None if row["ParentID"] == "root" else row["ParentID"],
            name=row["OperationName"],
            start_unix_nano=int(row["StartTimeUnixNano"]),
            end_unix_nano=int(row["EndTimeUnixNano"]),
            resource=Resource(attributes={"service.name": row["PodName"].rsplit("-", 2)[0]}),
        )
    )
