"""Random spans full of what breaks analyzers: cycles, orphans, batches, poll loops, retries, stale headers, skew."""

from dataclasses import replace
from random import Random

from tests.support.spans import START, new_span_id, new_trace_id
from tracecheck.model import Event, Link, MessageIdentity, Messaging, Operation, Resource, Span, SpanKind, StatusCode

ROLES = (
    [("send", SpanKind.PRODUCER)] * 5
    + [("process", SpanKind.CONSUMER)] * 5
    + [("receive", SpanKind.CONSUMER)] * 2
    + [("receive", SpanKind.CLIENT), ("create", SpanKind.PRODUCER), ("send", SpanKind.CLIENT)]
    + [(None, SpanKind.PRODUCER), (None, SpanKind.CONSUMER), ("create", SpanKind.CONSUMER), ("settle", SpanKind.CLIENT)]
    + [(None, SpanKind.INTERNAL)] * 4
    + [(None, SpanKind.SERVER), (None, SpanKind.CLIENT), ("receive", SpanKind.SERVER)]
)


ANOTHER = "another"
"""The name of spans that came under the ids of others."""


def random_spans(random: Random, most: int = 14) -> list[Span]:
    """Up to `most` spans of a few traces; every id, group and key in them is this graph's own."""
    name = new_span_id()
    traces = [new_trace_id() for _ in range(random.randint(1, 4))]
    keys = [(random.choice(traces), new_span_id()) for _ in range(random.randint(1, most))]
    made: list[Span] = []
    for trace_id, span_id in keys:
        operation, kind = random.choice(ROLES)
        is_consumer = kind is SpanKind.CONSUMER or operation == "receive"
        start = START + random.randint(0, 40) * 1000
        pick = _aim(random, made, keys, is_consumer)
        parent = None
        if random.random() < 0.6:
            same = [key for key in (pick() for _ in range(4)) if key[0] == trace_id]
            parent = same[0][1] if same else random.choice([span_id, new_span_id(), random.choice(keys)[1]])
        identity = _identity(random, name)
        links = tuple(
            Link(
                trace_id=key[0],
                span_id=new_span_id() if random.random() < 0.15 else key[1],
                identity=_identity(random, name),
            )
            for key in (pick() for _ in range(random.choice([0, 0, 1, 1, 2, 3] if is_consumer else [0] * 8 + [1, 2])))
        )
        made.append(
            Span(
                trace_id=trace_id,
                span_id=span_id,
                parent_span_id=parent,
                name=_name(random, name, operation, kind),
                kind=kind,
                start_unix_nano=start,
                end_unix_nano=start + random.randint(-1, 9) * 1000,
                status=StatusCode.ERROR if random.random() < 0.15 else StatusCode.UNSET,
                flags=random.choice([0, 256, 768]),
                links=links,
                events=_effects(random, name),
                resource=Resource(attributes={}),
                service=random.choice(["a", "b", "c"]),
                correlation_id=random.choice([None, None, f"{name}-x", f"{name}-y"]),
                messaging=_messaging(random, name, operation, kind, identity),
            )
        )
    made += [below for span in made for below in _below(random, name, span)]
    made += [again for span in made for again in _put_back(random, made, span)]
    return made + [_another(random, span) for span in made if random.random() < 0.04]


def _another(random: Random, span: Span) -> Span:
    """A different span under the same ids, which began later."""
    start = span.start_unix_nano + random.randint(1, 9) * 1000
    return replace(span, name=ANOTHER, start_unix_nano=start, end_unix_nano=start + 1000, links=(), events=())


def _effects(random: Random, name: str) -> tuple[Event, ...]:
    keys = random.choice([[], [], [], [], [None], [f"{name}-e"], [f"{name}-e"], [f"{name}-e", f"{name}-f"]])
    at = {"time_unix_nano": START}
    return tuple(
        Event(name="tracecheck.effect", attributes={} if key is None else {"tracecheck.effect.key": key}, **at)
        for key in keys
    )


def _below(random: Random, name: str, span: Span) -> list[Span]:
    """Sometimes a handler below a receive span, and below a call that is named as a send a consumer of its message."""
    says = span.messaging.operation if span.messaging else None
    is_send = span.kind is SpanKind.CLIENT and span.messaging is None and span.name != "work"
    if random.random() < 0.6 or not (is_send or says is Operation.RECEIVE):
        return []
    start = span.end_unix_nano + random.choice([-1, 0, 0, 1]) * 1000
    handled = replace(
        span,
        span_id=new_span_id(),
        parent_span_id=span.span_id,
        name=random.choice(["handle", "archive"]),
        kind=random.choice([SpanKind.UNSPECIFIED, SpanKind.INTERNAL, SpanKind.SERVER]),
        start_unix_nano=start,
        end_unix_nano=start + random.randint(0, 9) * 1000,
        status=StatusCode.ERROR if random.random() < 0.3 else StatusCode.UNSET,
        links=(),
        events=(),
        messaging=None,
    )
    if not is_send:
        return [handled]
    took = Messaging(system="kafka", operation=Operation.RECEIVE, destination=f"{name}-T", identity=MessageIdentity())
    received = replace(handled, messaging=took, name="receive", service=random.choice(["a", "b", "c"]))
    return [received, *_below(random, name, received)]


def _put_back(random: Random, made: list[Span], span: Span) -> list[Span]:
    """Sometimes a process span sends again what it was handed, and another takes it."""
    handed = {other.key: other for other in made if other.kind is SpanKind.PRODUCER and other.messaging}
    causes = [(span.trace_id, span.parent_span_id), *((link.trace_id, link.span_id) for link in span.links)]
    sent = next((handed[key] for key in causes if key in handed), None)  # type: ignore[index]
    if span.messaging is None or span.kind is not SpanKind.CONSUMER or sent is None or random.random() < 0.5:
        return []
    start = span.start_unix_nano + random.randint(-1, 3) * 1000
    again = replace(
        sent,
        trace_id=span.trace_id,
        span_id=new_span_id(),
        parent_span_id=span.span_id,
        links=(),
        start_unix_nano=start,
        end_unix_nano=start + 1000,
    )
    taken = replace(
        span,
        trace_id=again.trace_id,
        span_id=new_span_id(),
        parent_span_id=again.span_id,
        links=(),
        start_unix_nano=start + random.randint(-1, 3) * 1000,
        end_unix_nano=start + 5000,
    )
    return [again, taken][: random.randint(1, 2)]


def _aim(random: Random, made: list[Span], keys: list[tuple[str, str]], is_consumer: bool):  # type: ignore[no-untyped-def]
    """Consumers mostly aim at producers that exist, others at anything."""
    sends = [span.key for span in made if span.kind is SpanKind.PRODUCER]
    consumers = [span.key for span in made if span.kind is SpanKind.CONSUMER]

    def pick() -> tuple[str, str]:
        if is_consumer and sends and random.random() < 0.7:
            return random.choice(sends)
        if not is_consumer and consumers and random.random() < 0.4:
            return random.choice(consumers)
        if random.random() < 0.08:
            return (random.choice(keys)[0], new_span_id())
        return random.choice(keys)

    return pick


def _name(random: Random, name: str, operation: str | None, kind: SpanKind) -> str:
    if kind is SpanKind.CLIENT:
        return operation or random.choice(["work", f"send {name}-T", f"{name}-t Publish"])
    return random.choice(["work", "q process", f"{name}-T receive"]) if kind is SpanKind.CONSUMER else "work"


def _identity(random: Random, name: str) -> MessageIdentity:
    sparse = random.random() < 0.6
    return MessageIdentity(
        partition=None if sparse else random.choice([None, "0", "1"]),
        offset=None if sparse else random.choice([None, 1, 2]),
        message_id=random.choice([None, None, None, f"{name}-1", f"{name}-2"]),
    )


def _messaging(
    random: Random, name: str, operation: str | None, kind: SpanKind, identity: MessageIdentity
) -> Messaging | None:
    if operation is None and kind not in (SpanKind.PRODUCER, SpanKind.CONSUMER):
        return None
    return Messaging(
        system=random.choice(["kafka", "kafka", "rabbitmq", None]),
        operation=Operation(operation) if operation else None,
        destination=random.choice([None, f"{name}-T", f"{name}-T", f"{name}-T", f"{name}-U"]),
        consumer_group=random.choice([None, "g", "h"]),
        identity=identity,
        event_id=random.choice([None, None, None, f"{name}-1", f"{name}-3"]),
        batch_count=random.choice([None, None, None, 1, 2]),
        retry_of=random.choice([None, None, None, "r"]),
    )
