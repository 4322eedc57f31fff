"""The JSON contracts: one function per document, each giving plain values ready for `dump`.

Every document carries `"schema": "tracecheck/<name>/v1"`. Ids are lower-case hex, instants `*_unix_nano`, durations
`*_ns`, all integers. Field names and their order are the contract; adding one needs a new version only if a reader may
stumble over it.
"""

import base64
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tracecheck.model import Chain, ChainSummary, CheckReport, Finding, Hop, Result, Span, SpanBrief
from tracecheck.report.reporter import Look
from tracecheck.report.sanitise import clip
from tracecheck.report.sentences import sentence

if TYPE_CHECKING:
    from tracecheck.config import Endpoints
    from tracecheck.importers import ImportSummary
    from tracecheck.probe.inject import Injected
    from tracecheck.store import Vacuumed

MAX_TEXT = 1024
"""Characters kept of one text from outside; the rest is counted in its place."""

Document = dict[str, Any]


def render(report: CheckReport, _look: Look) -> str:
    """The reporter `json`: the document of `check`."""
    return dump(check(report))


def dump(document: Document) -> str:
    """JSON in ASCII with a final newline: no character of it can steer a terminal, and lone surrogates survive."""
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def check(report: CheckReport) -> Document:
    """`check`, `run` and `wait`: `tracecheck/check/v1`."""
    return {
        "schema": "tracecheck/check/v1",
        "verdict": report.verdict.value,
        "results": [_result(result) for result in report.results],
        "matched": report.matched,
        "passed_by_sift": report.passed_by_sift,
        "as_of_unix_nano": report.as_of_unix_nano,
    }


def diagnose(findings: Iterable[Finding]) -> Document:
    """`diagnose`: `tracecheck/diagnose/v1`."""
    return {"schema": "tracecheck/diagnose/v1", "findings": [_finding(finding) for finding in findings]}


def chains(summaries: Iterable[ChainSummary]) -> Document:
    """`chains`: `tracecheck/chains/v1`."""
    return {"schema": "tracecheck/chains/v1", "chains": [_chain(summary) for summary in summaries]}


def hops(rows: Iterable[Hop]) -> Document:
    """`hops`: `tracecheck/hops/v1`."""
    return {"schema": "tracecheck/hops/v1", "hops": [_hop(hop) for hop in rows]}


def show(chain: Chain, findings: Iterable[Finding]) -> Document:
    """`show`: `tracecheck/show/v1`, one chain with its spans, edges, hops and findings."""
    return {
        "schema": "tracecheck/show/v1",
        "chain": _chain(chain.summary),
        "spans": [_whole_span(span) for span in chain.spans],
        "edges": [
            {
                "trace_id": edge.trace_id,
                "span_id": edge.span_id,
                "cause_trace_id": edge.cause_trace_id,
                "cause_span_id": edge.cause_span_id,
                "evidence": edge.evidence.value,
                "via": edge.via,
                "is_message": edge.is_message,
            }
            for edge in chain.edges
        ],
        "hops": [_hop(hop) for hop in chain.hops],
        "feeds": list(chain.feeds),
        "findings": [_finding(finding) for finding in findings],
    }


def imported(summary: "ImportSummary") -> Document:
    """`import`: `tracecheck/import/v1`."""
    return {
        "schema": "tracecheck/import/v1",
        "files": summary.files,
        "spans_read": summary.spans_read,
        "spans_stored": summary.spans_stored,
        "duplicates": summary.duplicates,
        "rejected": summary.rejected,
        "repaired": summary.repaired,
        "skipped": summary.skipped,
    }


def exported(spans: int, file: str, written_as: str) -> Document:
    """`export`: `tracecheck/export/v1`."""
    return {"schema": "tracecheck/export/v1", "spans": spans, "file": file, "format": written_as}


def injected(done: "Injected") -> Document:
    """`inject`: `tracecheck/inject/v1`."""
    return {
        "schema": "tracecheck/inject/v1",
        "chain_id": f"{done.span.trace_id}:{done.span.span_id}",
        "trace_id": done.span.trace_id,
        "system": done.system,
        "destination": _text(done.destination),
        "partition": _text(done.partition),
        "offset": done.offset,
        "correlation_id": _text(done.correlation_id),
        "run_id": _text(done.run_id),
        "event_id": _text(done.event_id),
    }


def vacuumed(done: "Vacuumed") -> Document:
    """`vacuum`: `tracecheck/vacuum/v1`."""
    return {
        "schema": "tracecheck/vacuum/v1",
        "spans_removed": done.spans_removed,
        "bytes_before": done.bytes_before,
        "bytes_after": done.bytes_after,
    }


def selftested(steps: Sequence[tuple[str, str | None, int]]) -> Document:
    """`selftest`: `tracecheck/selftest/v1`, of what was tried, why it failed (None: it holds), and how long it took."""
    return {
        "schema": "tracecheck/selftest/v1",
        "passed": all(failure is None for _, failure, _ in steps),
        "steps": [{"name": name, "failure": _text(failure), "took_ns": took_ns} for name, failure, took_ns in steps],
    }


def serving(endpoints: "Endpoints", store: str) -> Document:
    """`serve`: `tracecheck/serve/v1`, printed once it takes spans."""
    return {
        "schema": "tracecheck/serve/v1",
        "grpc": endpoints.grpc,
        "http": endpoints.http,
        "api": endpoints.api,
        "store": store,
    }


def tables(found: Mapping[str, Sequence[tuple[str, str, str | None]]]) -> Document:
    """`schema tables`: `tracecheck/tables/v1`."""
    return {
        "schema": "tracecheck/tables/v1",
        "tables": [
            {
                "name": name,
                "columns": [{"name": column, "type": kind, "comment": comment} for column, kind, comment in columns],
            }
            for name, columns in found.items()
        ],
    }


def rows(columns: Sequence[str], values: Iterable[Sequence[object]]) -> Document:
    """`sql`: `tracecheck/sql/v1`, a list per row in column order."""
    return {
        "schema": "tracecheck/sql/v1",
        "columns": list(columns),
        "rows": [[plain(value) for value in row] for row in values],
    }


def plain(value: object) -> Any:
    """A query's value as JSON knows it: bytes in base64, instants and intervals in ISO 8601, NaN and infinities as OTLP
    spells."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, tuple) and hasattr(value, "nanoseconds"):  # Arrow's interval
        return _interval(*value)
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    return str(value)


def _interval(months: int, days: int, nanoseconds: int) -> str:
    parts = [f"{months}M" if months else "", f"{days}D" if days else ""]
    seconds = f"{Decimal(nanoseconds).scaleb(-9):f}"
    if "." in seconds:
        seconds = seconds.rstrip("0").rstrip(".")
    return f"P{''.join(parts)}" + (f"T{seconds}S" if nanoseconds or not any(parts) else "")


def _result(result: Result) -> Document:
    return {
        "chain_id": result.chain_id,
        "expectation": _text(result.expectation),
        "case": _text(result.case),
        "verdict": result.verdict.value,
        "completeness": {
            "basis": result.completeness.basis.value,
            "reasons": [_text(reason) for reason in result.completeness.reasons],
        },
        "findings": [_finding(finding) | {"step": _text(finding.step)} for finding in result.findings],
    }


def _finding(finding: Finding) -> Document:
    return {
        "code": finding.code.value,
        "chain_id": finding.chain_id,
        "service": _text(finding.service),
        "destination": _text(finding.destination),
        "consumer_group": _text(finding.consumer_group),
        "span": _span(finding.span),
        "last_good": _span(finding.last_good),
        "expected": _text(finding.expected),
        "measured_ns": finding.measured_ns,
        "limit_ns": finding.limit_ns,
        "evidence": [_text(fact) for fact in finding.evidence],
        "count": finding.count,
        "text": sentence(finding),
    }


def _span(span: SpanBrief | None) -> Document | None:
    if span is None:
        return None
    return {
        "trace_id": span.trace_id,
        "span_id": span.span_id,
        "service": _text(span.service),
        "name": _text(span.name),
        "start_unix_nano": span.start_unix_nano,
        "end_unix_nano": span.end_unix_nano,
    }


def _whole_span(span: Span) -> Document:
    return {
        "trace_id": span.trace_id,
        "span_id": span.span_id,
        "parent_span_id": span.parent_span_id,
        "service": _text(span.service),
        "name": _text(span.name),
        "kind": span.kind.name.lower(),
        "start_unix_nano": span.start_unix_nano,
        "end_unix_nano": span.end_unix_nano,
        "status": span.status.name.lower(),
        "status_message": _text(span.status_message),
        "conflicting": span.conflicting,
    }


def _chain(summary: ChainSummary) -> Document:
    return {
        "chain_id": summary.chain_id,
        "trace_ids": list(summary.trace_ids),
        "correlation_id": _text(summary.correlation_id),
        "run_id": _text(summary.run_id),
        "origin": {
            "service": _text(summary.origin.service),
            "name": _text(summary.origin.name),
            "cause_absent": summary.origin.cause_absent,
        },
        "start_unix_nano": summary.start_unix_nano,
        "duration_ns": summary.duration_ns,
        "spans": summary.spans,
        "hops": summary.hops,
        "findings": list(summary.findings),
    }


def _hop(hop: Hop) -> Document:
    return {
        "chain_id": hop.chain_id,
        "system": _text(hop.system),
        "destination": _text(hop.destination),
        "consumer_group": _text(hop.consumer_group),
        "partition": _text(hop.partition),
        "offset": hop.offset,
        "message_id": _text(hop.message_id),
        "producer": _span(hop.producer),
        "consumer": _span(hop.consumer),
        "evidence": hop.evidence.value if hop.evidence is not None else None,
        "context": hop.context,
        "transit_ns": hop.transit_ns,
        "consumer_instant": hop.consumer_instant,
        "processing_ns": hop.processing_ns,
        "succeeded_after_ns": hop.succeeded_after_ns,
        "attempts": hop.attempts,
        "outcome": hop.outcome.value,
        "findings": list(hop.findings),
    }


def _text(text: str | None) -> str | None:
    return None if text is None else clip(text, MAX_TEXT)
