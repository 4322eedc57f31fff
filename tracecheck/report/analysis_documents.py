"""The JSON contracts of what is computed over chains: `compare`, `critical-path`, `doctor`. As in `documents`."""

from collections.abc import Iterable

from tracecheck.chains import PathSegment
from tracecheck.check.compare import EdgeChange, EdgeSide
from tracecheck.check.doctor import Checkup, Scope
from tracecheck.report.documents import MAX_TEXT, Document
from tracecheck.report.sanitise import clip


def compare(changes: Iterable[EdgeChange]) -> Document:
    """`compare`: `tracecheck/compare/v1`."""
    return {"schema": "tracecheck/compare/v1", "edges": [_edge_change(change) for change in changes]}


def critical_path(path: Iterable[PathSegment]) -> Document:
    """`critical-path`: `tracecheck/critical-path/v1`, from the end of the chain back."""
    return {
        "schema": "tracecheck/critical-path/v1",
        "path": [
            {
                "trace_id": segment.trace_id,
                "span_id": segment.span_id,
                "service": _text(segment.service),
                "name": _text(segment.name),
                "start_unix_nano": segment.start_unix_nano,
                "end_unix_nano": segment.end_unix_nano,
            }
            for segment in path
        ],
    }


def doctor(checkup: Checkup) -> Document:
    """`doctor`: `tracecheck/doctor/v1`."""
    return {
        "schema": "tracecheck/doctor/v1",
        "decoder": checkup.decoder,
        "services": [
            {
                "service": _text(service.service),
                "spans": service.spans,
                "instances": service.instances,
                "sdk": _text(service.sdk),
                "instrumentations": [_scope(scope) for scope in service.scopes],
                "advice": [
                    {
                        "code": advice.code,
                        "what": _text(advice.what),
                        "close": _text(advice.close),
                        "scope": _text(advice.scope),
                    }
                    for advice in service.advice
                ],
            }
            for service in checkup.services
        ],
    }


def _scope(scope: Scope) -> Document:
    return {
        "scope": _text(scope.name),
        "version": _text(scope.version),
        "library": scope.library,
        "vocabulary": scope.vocabulary,
        "spans": scope.spans,
        "sends": scope.sends,
        "receives": scope.receives,
        "processes": scope.processes,
    }


def _edge_change(change: EdgeChange) -> Document:
    return {
        "from_service": _text(change.from_service),
        "to_service": _text(change.to_service),
        "kind": change.kind,
        "destination": _text(change.destination),
        "baseline": _edge_side(change.baseline),
        "candidate": _edge_side(change.candidate),
        "shift_p50_ns": change.shift_p50_ns,
        "flagged": change.flagged,
        "reason": change.reason.value if change.reason is not None else None,
        "explained_by": _text(change.explained_by),
    }


def _edge_side(side: EdgeSide) -> Document:
    return {"count": side.count, "p50_ns": side.p50_ns, "p95_ns": side.p95_ns, "error_rate": side.error_rate}


def _text(text: str | None) -> str | None:
    return None if text is None else clip(text, MAX_TEXT)
