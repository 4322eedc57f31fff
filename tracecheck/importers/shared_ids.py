"""Client and server spans that share one id: the server gets an id of its own, and the client becomes its parent.

Zipkin's B3 lets a server continue the client's span under the same id, and Jaeger took that over. OTLP knows one span
per id, so the server's side is given a new id, made from what it is: the same file always yields the same ids. Its
children move with it: a child belongs to the side that ran in its service, else to the server.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace
from hashlib import sha256

from tracecheck.model import Span, SpanKind
from tracecheck.semconv import canonical

_Key = tuple[str, str]


def separate_shared_ids(spans: Sequence[Span], said_shared: Collection[int] = ()) -> list[Span]:
    """The spans in their order, each shared id used once. `said_shared` holds the positions of spans that their source
    marked as the joining side; otherwise the kind tells."""
    groups: defaultdict[_Key, list[int]] = defaultdict(list)
    for position, span in enumerate(spans):
        groups[span.key].append(position)
    own_ids: dict[int, str] = {}
    for positions in groups.values():
        joining = [p for p in positions if p in said_shared or spans[p].kind in (SpanKind.SERVER, SpanKind.CONSUMER)]
        if joining and len(joining) < len(positions):
            own_ids.update({position: own_id(spans[position]) for position in joining})
    joined: defaultdict[_Key, list[int]] = defaultdict(list)
    for position in own_ids:
        joined[spans[position].key].append(position)
    return [_separated(spans, position, own_ids, joined, groups) for position in range(len(spans))]


def own_id(span: Span) -> str:
    """A new id, the same for the same span whenever it is read."""
    said = f"{span.trace_id}:{span.span_id}:{_service(span)}:{span.name}:{span.start_unix_nano}:{span.end_unix_nano}"
    return f"{int.from_bytes(sha256(said.encode()).digest()[:8], 'big') or 1:016x}"


def _separated(
    spans: Sequence[Span],
    position: int,
    own_ids: dict[int, str],
    joined: dict[_Key, list[int]],
    groups: dict[_Key, list[int]],
) -> Span:
    span = spans[position]
    if position in own_ids:
        return replace(span, span_id=own_ids[position], parent_span_id=span.span_id)
    parent = (span.trace_id, span.parent_span_id or "")
    if parent not in joined:
        return span
    servers = [p for p in joined[parent] if _service(spans[p]) == _service(span)]
    clients = [p for p in groups[parent] if p not in own_ids and _service(spans[p]) == _service(span)]
    if not servers and clients:
        return span
    return replace(span, parent_span_id=own_ids[_begun_before(spans, servers or joined[parent], span)])


def _begun_before(spans: Sequence[Span], positions: Sequence[int], child: Span) -> int:
    """Of several, the one that began last before the child did; else the one that began first."""
    ordered = sorted(positions, key=lambda position: spans[position].start_unix_nano)
    before = [position for position in ordered if spans[position].start_unix_nano <= child.start_unix_nano]
    return before[-1] if before else ordered[0]


def _service(span: Span) -> tuple[str, object]:
    return (canonical(span).service, span.attributes.get("network.local.address"))
