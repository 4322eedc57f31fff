"""Files in: OTLP JSON, JSON lines and protobuf, Jaeger JSON, Zipkin v2 JSON, all through one function."""

from tracecheck.importers.imports import ImportSummary, import_files

__all__ = ["ImportSummary", "import_files"]
