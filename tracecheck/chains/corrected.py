"""A view of a chain with its clocks put straight, as trace viewers do: for the eye only, never for a verdict.

Where a call's callee, on another host, does not lie within its caller, it is moved to the middle of it. Where a
consumer begins before its message was being sent, it is moved to where the send began, the least that makes sense. What
runs on the same host below a moved span moves with it. A shift beyond the bound is no skew of clocks: it is left alone.
"""

from collections import defaultdict
from dataclasses import replace
from typing import TypeVar

from tracecheck.model import Chain, Span, SpanBrief

Key = tuple[str, str]
S = TypeVar("S", Span, SpanBrief)


def corrected(chain: Chain, at_most_ns: int) -> tuple[Chain, int]:
    """The chain with spans and hop briefs moved by at most `at_most_ns`, and how many spans were moved.

    Measured times such as transit stay as they were.
    """
    shifts = _shifts(chain, at_most_ns)
    moved = {key for key, shift in shifts.items() if shift}

    def brief(one: SpanBrief) -> SpanBrief:
        return _moved(one, shifts.get((one.trace_id, one.span_id), 0))

    hops = tuple(
        replace(
            hop,
            producer=brief(hop.producer) if hop.producer is not None else None,
            consumer=brief(hop.consumer) if hop.consumer is not None else None,
            attempt_spans=tuple(map(brief, hop.attempt_spans)),
        )
        for hop in chain.hops
    )
    spans = sorted(
        (_moved(span, shifts.get(span.key, 0)) for span in chain.spans),
        key=lambda span: (span.start_unix_nano, span.trace_id, span.span_id),
    )
    return replace(chain, spans=tuple(spans), hops=hops), len(moved)


def _shifts(chain: Chain, at_most_ns: int) -> dict[Key, int]:
    spans = {span.key: span for span in chain.spans}
    below: dict[Key, list[tuple[Key, bool]]] = defaultdict(list)
    caused: set[Key] = set()
    for edge in chain.edges:
        stored = edge.cause in spans and edge.effect in spans and edge.effect not in caused
        if stored and (edge.via == "parent" or edge.is_message):
            below[edge.cause].append((edge.effect, edge.is_message))
            caused.add(edge.effect)
    shifts: dict[Key, int] = {}
    # What stands in a circle of causes has no beginning, and stays where it is.
    waiting = [span.key for span in chain.spans if span.key not in caused]
    shifts |= dict.fromkeys(waiting, 0)
    while waiting:
        cause = waiting.pop()
        for effect, is_message in below[cause]:
            if effect not in shifts:
                shifts[effect] = _shift(spans[cause], spans[effect], shifts[cause], is_message, at_most_ns)
                waiting.append(effect)
    return shifts


def _shift(cause: Span, effect: Span, moved_ns: int, is_message: bool, at_most_ns: int) -> int:
    if (cause.host or cause.service) == (effect.host or effect.service):
        return moved_ns
    start, end = cause.start_unix_nano + moved_ns, cause.end_unix_nano + moved_ns
    if is_message:
        wanted = max(0, start - effect.start_unix_nano)
    elif start <= effect.start_unix_nano and effect.end_unix_nano <= end:
        wanted = 0
    else:
        took = effect.end_unix_nano - effect.start_unix_nano
        if took > end - start:
            return 0  # longer than its caller: an asynchronous child, of which the clocks say nothing
        wanted = start + (end - start - took) // 2 - effect.start_unix_nano
    return wanted if abs(wanted) <= at_most_ns else 0


def _moved(one: S, shift: int) -> S:
    return replace(one, start_unix_nano=one.start_unix_nano + shift, end_unix_nano=one.end_unix_nano + shift)
