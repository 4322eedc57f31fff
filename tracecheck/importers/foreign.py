"""What a file without traces seems to be instead, so that whoever gave it learns what to do."""

from collections.abc import Callable
from typing import Any

_TAR_MAGIC_AT = 257

_BY_FIRST_BYTES: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "it is a ZIP archive; unpack it, and import the folder"),
    (b"\x1f\x8b", "it is packed twice; unpack it once"),
    (b"\x28\xb5\x2f\xfd", "it is packed twice; unpack it once"),
    (b"PAR1", "it is a Parquet file; only OTLP, Jaeger and Zipkin files can be imported"),
    (b"SQLite format 3\x00", "it is a SQLite database; only OTLP, Jaeger and Zipkin files can be imported"),
    (b"\xff\xfe", "it is UTF-16 text; save it as UTF-8"),
    (b"\xfe\xff", "it is UTF-16 text; save it as UTF-8"),
    (b"<", "it is HTML or XML; was an error page saved in place of traces?"),
)


def foreign_bytes(content: bytes) -> str | None:
    """A sentence on content that is no JSON, by how it begins; None when nothing is known of it."""
    if content[_TAR_MAGIC_AT : _TAR_MAGIC_AT + 5] == b"ustar":
        return "it is a tar archive; unpack it, and import the folder"
    if content[8:12] == b"DUCK":
        return "it is a DuckDB database; a store of tracecheck is named with --store"
    start = content[:64].lstrip()
    return next((sentence for magic, sentence in _BY_FIRST_BYTES if start.startswith(magic)), None)


def foreign_document(document: Any) -> str | None:
    """A sentence on a JSON document of another tool, by the keys only that tool writes; None for any other."""
    while isinstance(document, list) and document:
        document = document[0]
    if not isinstance(document, dict):
        return None
    return next((sentence for is_it, sentence in _BY_KEYS if is_it(document)), None)


def _has(*keys: str) -> Callable[[dict[str, Any]], bool]:
    return lambda document: all(key in document for key in keys)


def _is_console_span(document: dict[str, Any]) -> bool:
    context = document.get("context")
    return isinstance(context, dict) and "trace_id" in context


def _is_honeycomb(document: dict[str, Any]) -> bool:
    fields = document.get("data", document)
    return isinstance(fields, dict) and "trace.trace_id" in fields


def _is_search(document: dict[str, Any]) -> bool:
    traces = document.get("traces")
    return isinstance(traces, list) and any(isinstance(each, dict) and "rootTraceName" in each for each in traces)


_BY_KEYS: tuple[tuple[Callable[[dict[str, Any]], bool], str], ...] = (
    (_has("resource_spans"), "its names are in snake_case; OTLP JSON has lowerCamelCase ones such as resourceSpans"),
    (_is_console_span, "it is what an SDK's console exporter prints; let the service export by OTLP"),
    (_is_search, "it is the answer to a search, which holds no spans; fetch the traces it names"),
    (_has("errors"), "it is an answer that holds errors and no traces; fetch the trace again"),
    (_has("trace_id", "span_id", "resource", "start"), "it is in Datadog's own form; export it as OTLP"),
    (_has("Traces"), "it is in the form of AWS X-Ray; export it as OTLP"),
    (_is_honeycomb, "these are Honeycomb events; export them as OTLP"),
)
