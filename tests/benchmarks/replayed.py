"""The same traffic again and again under new ids and later instants, made at the speed of memory.

A body is walked once for where its ids and instants are. Each repeat has the ids of one mask over the first ones, so
that traces, parents and links still fit together, and all instants later. Texts and numbers stay: within the row group
of `bodies(122_880)` they vary as much as real ones.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

IDS = {"trace_id": 16, "span_id": 8, "parent_span_id": 8}
LATER_NS = 3_600_000_000_000
"""How much later each repeat is: more than all spans of one last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One body, and the places of the ids and instants in it."""

    body: np.ndarray
    trace_ids: np.ndarray
    span_ids: np.ndarray
    instants: np.ndarray
    spans: int


def record(bodies: list[bytes]) -> list[Recorded]:
    """Finds what changes from repeat to repeat."""
    return [_recorded(body) for body in bodies]


def repeat(recorded: list[Recorded], number: int) -> Iterator[bytes]:
    """All bodies once more; every number gives others."""
    chance = np.random.default_rng(number)
    trace_mask, span_mask = chance.integers(1, 256, 16, np.uint8), chance.integers(1, 256, 8, np.uint8)
    for each in recorded:
        body = each.body.copy()
        body[each.trace_ids] ^= trace_mask
        body[each.span_ids] ^= span_mask
        instants = np.ascontiguousarray(body[each.instants]).view("<u8") + np.uint64(number * LATER_NS)
        body[each.instants] = instants.view(np.uint8).reshape(-1, 8)
        yield body.tobytes()


def trace_id_of(recorded: list[Recorded], number: int, place: int) -> str:
    """The trace id at one place of one repeat, as hex."""
    mask = np.random.default_rng(number).integers(1, 256, 16, np.uint8)
    each = recorded[place % len(recorded)]
    return (each.body[each.trace_ids[0]] ^ mask).tobytes().hex()


def _recorded(body: bytes) -> Recorded:
    request = ExportTraceServiceRequest.FromString(body)
    trace_ids: list[int] = []
    span_ids: list[int] = []
    instants: list[int] = []
    spans = [span for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans]
    at = 0
    for span in spans:
        at = body.index(span.trace_id, at)  # the field that a span begins with
        end = at - 2 + span.ByteSize()
        _note(body, span, at - 2, end, trace_ids, span_ids, instants)
        at = end
    return Recorded(
        body=np.frombuffer(body, np.uint8),
        trace_ids=_ranges(trace_ids, 16),
        span_ids=_ranges(span_ids, 8),
        instants=_ranges(instants, 8),
        spans=len(spans),
    )


def _note(
    body: bytes, span: Span, at: int, end: int, trace_ids: list[int], span_ids: list[int], instants: list[int]
) -> None:
    """Fields come in the order of their numbers, as the runtime writes them; ids are random enough to be found."""
    trace_ids.append(body.index(span.trace_id, at, end))
    span_ids.append(body.index(b"\x12\x08" + span.span_id, at, end) + 2)
    if span.parent_span_id:
        span_ids.append(body.index(b"\x22\x08" + span.parent_span_id, at, end) + 2)
    instants.append(body.index(b"\x39" + span.start_time_unix_nano.to_bytes(8, "little"), at, end) + 1)
    instants.append(body.index(b"\x41" + span.end_time_unix_nano.to_bytes(8, "little"), at, end) + 1)
    instants += [body.index(b"\x09" + event.time_unix_nano.to_bytes(8, "little"), at, end) + 1 for event in span.events]
    for link in span.links:
        trace_ids.append(body.index(b"\x0a\x10" + link.trace_id + b"\x12\x08" + link.span_id, instants[-1], end) + 2)
        span_ids.append(trace_ids[-1] + 18)


def _ranges(starts: list[int], length: int) -> np.ndarray:
    return np.array(starts, np.int64)[:, None] + np.arange(length)
