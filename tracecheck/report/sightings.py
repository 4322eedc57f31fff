"""What was looked for on the bus and what was seen there, as a document and as text."""

from collections.abc import Sequence
from typing import Any

from tracecheck.model import Verdict
from tracecheck.probe.brokers.protocol import Seen
from tracecheck.probe.carried import carried, texts
from tracecheck.probe.claim import Claim, place_of
from tracecheck.report.sanitise import clip, terminal

MAX_VALUE = 10_000
LINE = 200


def document(
    claim: Claim, verdict: Verdict, found: Sequence[Seen], *, seen: int, within_ns: int, problem: str | None
) -> dict[str, Any]:
    """`observe`: `tracecheck/observe/v1`."""
    wanted = clip(claim.match.describe(), MAX_VALUE)
    return {
        "schema": "tracecheck/observe/v1",
        "verdict": verdict.value,
        "expected": {
            "message": wanted,
            "at_least": claim.least,
            "at_most": claim.most,
        },
        "within_ns": within_ns,
        "found": [record(one) for one in found],
        "seen": seen,
        "problem": None if problem is None else clip(problem, MAX_VALUE),
    }


def record(seen: Seen) -> dict[str, Any]:
    """One message: its place, its identities and what it holds. Texts are UTF-8, what is none is hex."""
    said = carried(seen)
    return {
        "system": seen.system,
        "destination": clip(seen.destination, MAX_VALUE),
        "partition": seen.partition,
        "offset": seen.offset,
        "key": _text(seen.key),
        "value": _text(seen.value),
        "headers": {clip(name, MAX_VALUE): clip(value, MAX_VALUE) for name, value in texts(seen.headers).items()},
        "message_id": seen.message_id,
        "event_id": said.event_id,
        "correlation_id": said.correlation_id,
        "run_id": said.run_id,
        "trace_id": said.trace_id,
        "span_id": said.span_id,
        "record_time_unix_nano": seen.record_time_unix_nano,
        "seen_unix_nano": seen.seen_unix_nano,
    }


def line(seen: Seen) -> str:
    """One message on one line, safe for a terminal."""
    said = carried(seen)
    identity = f"  correlation {said.correlation_id}" if said.correlation_id else ""
    return terminal(f"{place_of(seen)}{identity}  {_text(seen.value) or '(no value)'}", LINE)


def _text(value: bytes | None) -> str | None:
    if value is None:
        return None
    try:
        return clip(value.decode(), MAX_VALUE)
    except UnicodeDecodeError:
        return clip(value.hex(), MAX_VALUE)
