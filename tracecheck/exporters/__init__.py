"""Spans out as files: OTLP JSON lines, which every tool of OpenTelemetry reads, and Parquet for analysts."""

from tracecheck.exporters.exports import Exported, export_spans
from tracecheck.exporters.selection import Selection

__all__ = ["Exported", "Selection", "export_spans"]
