"""OTLP request bodies as real services make them: varied, and the same for the same seed.

Ten spans per order across four services: an HTTP request, a database call, a send, and three times receive, process or
send over Kafka. Ids, offsets, threads, amounts and times differ from span to span; half of the process spans carry a
link, a third of the sends an event, some fail. Requests hold 512 spans of several services, about 480 bytes each, as
batching exporters send them.
"""

import random
from collections.abc import Iterator

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.support.otlp import START

SPANS_PER_REQUEST = 512
_SERVICES = ("storefront", "checkout", "billing", "shipping")
_LIBRARIES = ("opentelemetry.instrumentation.fastapi", "tracecheck.instrumentation.kafka", "app.orders")


def bodies(spans: int, seed: int = 1) -> list[bytes]:
    """So many spans as request bodies, in the order in which they would be exported."""
    chance = random.Random(seed)
    made = list(_orders(chance, spans))
    return [
        _request(made[first : first + SPANS_PER_REQUEST], chance) for first in range(0, len(made), SPANS_PER_REQUEST)
    ]


def _orders(chance: random.Random, spans: int) -> Iterator[tuple[str, Span]]:
    made = 0
    while made < spans:
        for service_and_span in _order(chance, START + made * 40_000)[: spans - made]:
            made += 1
            yield service_and_span


def _order(chance: random.Random, now: int) -> list[tuple[str, Span]]:
    trace_id = chance.randbytes(16)
    order = f"order-{chance.randrange(10**9):09d}"
    spans: list[tuple[str, Span]] = []

    def add(service: str, name: str, kind: int, parent: bytes, attributes: dict[str, object]) -> Span:
        nonlocal now
        now += chance.randrange(50_000, 3_000_000)
        span = Span(
            trace_id=trace_id,
            span_id=chance.randbytes(8),
            parent_span_id=parent,
            name=name,
            kind=kind,
            start_time_unix_nano=now,
            end_time_unix_nano=now + chance.randrange(10_000, 80_000_000),
            flags=0x101,
            attributes=_pairs({**attributes, "thread.id": chance.randrange(140_000_000_000_000)}),
            status=Status(code=2, message="timed out waiting for the broker") if chance.random() < 0.05 else None,
        )
        spans.append((service, span))
        return span

    root = add(
        "storefront",
        "POST /orders",
        2,
        b"",
        {
            "http.request.method": "POST",
            "http.route": "/orders",
            "http.response.status_code": chance.choice((200, 201, 409)),
            "url.scheme": "https",
            "server.address": "shop.example",
            "server.port": 443,
            "user_agent.original": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "network.protocol.version": "1.1",
            "client.address": f"10.{chance.randrange(256)}.{chance.randrange(256)}.{chance.randrange(256)}",
        },
    )
    parent = add(
        "storefront",
        "INSERT shop.orders",
        3,
        root.span_id,
        {
            "db.system.name": "postgresql",
            "db.namespace": "shop",
            "db.collection.name": "orders",
            "db.operation.name": "INSERT",
            "db.query.text": "INSERT INTO orders (id, customer, total) VALUES ($1, $2, $3)",
            "server.address": "postgres-0.postgres",
            "server.port": 5432,
        },
    )
    parent = root
    for service, topic in zip(_SERVICES, ("orders", "charges", "shipments", "notifications"), strict=True):
        position = {
            "messaging.system": "kafka",
            "messaging.destination.name": topic,
            "messaging.destination.partition.id": str(chance.randrange(12)),
            "messaging.kafka.offset": chance.randrange(10**7),
            "messaging.kafka.message.key": order,
            "messaging.message.id": f"{chance.getrandbits(64):016x}",
            "messaging.message.conversation_id": order,
        }
        sent = add(
            service,
            f"send {topic}",
            4,
            parent.span_id,
            {
                **position,
                "messaging.operation.type": "send",
                "messaging.operation.name": "send",
                "messaging.client.id": f"{service}-producer-1",
                "messaging.message.body.size": chance.randrange(80, 4000),
            },
        )
        if chance.random() < 1 / 3:
            sent.events.add(
                time_unix_nano=now + 10_000, name="retry", attributes=_pairs({"reason": "not leader", "attempt": 2})
            )
        if len(spans) == 10:
            break
        consumer = _SERVICES[(_SERVICES.index(service) + 1) % 4]
        parent = add(
            consumer,
            f"process {topic}",
            5,
            sent.span_id,
            {
                **position,
                "messaging.operation.type": "process",
                "messaging.operation.name": "process",
                "messaging.consumer.group.name": consumer,
                "messaging.client.id": f"{consumer}-consumer-{chance.randrange(4)}",
            },
        )
        if chance.random() < 0.5:
            parent.links.add(trace_id=trace_id, span_id=sent.span_id, attributes=_pairs({"messaging.kafka.offset": 41}))
    return spans


def _request(spans: list[tuple[str, Span]], chance: random.Random) -> bytes:
    request = ExportTraceServiceRequest()
    for service in _SERVICES:
        mine = [span for owner, span in spans if owner == service]
        if not mine:
            continue
        resource_spans = request.resource_spans.add()
        resource_spans.resource.attributes.extend(
            _pairs(
                {
                    "service.name": service,
                    "service.version": "2.4.1",
                    "service.instance.id": f"{service}-{chance.randrange(4)}",
                    "host.name": f"node-{chance.randrange(8)}",
                    "telemetry.sdk.language": "python",
                    "telemetry.sdk.name": "opentelemetry",
                    "telemetry.sdk.version": "1.45.2",
                    "deployment.environment.name": "staging",
                }
            )
        )
        for library in _LIBRARIES:
            scope_spans = resource_spans.scope_spans.add()
            scope_spans.scope.name = library
            scope_spans.scope.version = "0.66b2"
            scope_spans.spans.extend(span for span in mine if _library(span) == library)
    return request.SerializeToString()


def _library(span: Span) -> str:
    if span.kind in (4, 5):
        return _LIBRARIES[1]
    return _LIBRARIES[0] if span.kind == 2 else _LIBRARIES[2]


def _pairs(attributes: dict[str, object]) -> list[KeyValue]:
    return [
        KeyValue(key=key, value=AnyValue(int_value=value) if isinstance(value, int) else AnyValue(string_value=value))
        for key, value in attributes.items()
    ]
