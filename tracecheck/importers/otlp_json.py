"""OTLP/JSON in files: whole requests, request lines as the Collector's file exporter writes them, backends' answers.

Backends wrap the same data: Tempo says `batches`, or puts a request under `trace`; Jaeger's third API under `result`.
Recordings older than OTLP 0.19 have the scopes' spans under the scope's former name, the instrumentation library.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from tracecheck.importers.piece import JsonFormat
from tracecheck.model import Span
from tracecheck.receiver.decode_json import decode_document
from tracecheck.receiver.decoded import Notes

OTHER_SIGNALS = ("resourceLogs", "resourceMetrics", "resourceProfiles")
_WRAPPERS = ("trace", "result")
_FORMER_SCOPE_SPANS, _FORMER_SCOPE = "instrumentationLibrarySpans", "instrumentationLibrary"


def is_other_signal(document: Any) -> bool:
    """Whether the document is an OTLP request of logs, metrics or profiles, without spans."""
    return isinstance(document, dict) and _unwrapped(document) is None and any(key in document for key in OTHER_SIGNALS)


def _recognises(document: Any) -> bool:
    if isinstance(document, list):
        return bool(document) and all(_unwrapped(item) is not None for item in document)
    return _unwrapped(document) is not None


def _read(documents: Sequence[Any], notes: Notes) -> list[Span]:
    spans: list[Span] = []
    for document in documents:
        for request in document if isinstance(document, list) else [document]:
            spans.extend(decode_document(_renamed(_unwrapped(request) or {}), notes, in_file=True).spans)
    return spans


def _unwrapped(document: Any) -> Mapping[str, Any] | None:
    """The request inside the document, or None when it holds no spans' envelope."""
    if not isinstance(document, dict):
        return None
    if "resourceSpans" in document:
        return document
    if isinstance(document.get("batches"), list):
        return {"resourceSpans": document["batches"]}
    inner = next((document[key] for key in _WRAPPERS if isinstance(document.get(key), dict)), None)
    return _unwrapped(inner) if inner is not None else None


def _renamed(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """The request with today's names for scopes."""
    resources = request.get("resourceSpans")
    if not isinstance(resources, list):
        return request
    return {**request, "resourceSpans": [_with_scopes(each) for each in resources]}


def _with_scopes(resource: Any) -> Any:
    former = resource.get(_FORMER_SCOPE_SPANS) if isinstance(resource, dict) else None
    if not isinstance(former, list) or "scopeSpans" in resource:
        return resource
    scopes = [{"scope": each.get(_FORMER_SCOPE), **each} if isinstance(each, dict) else each for each in former]
    return {**resource, "scopeSpans": scopes}


OTLP_JSON = JsonFormat(name="OTLP JSON", recognises=_recognises, read=_read, whole_file=False)
