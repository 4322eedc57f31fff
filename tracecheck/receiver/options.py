"""What can be set about a receiver."""

from dataclasses import dataclass, field

from tracecheck.receiver.connection_cap import MOST_CONNECTIONS
from tracecheck.receiver.limits import SpanLimits
from tracecheck.receiver.security import Security

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverOptions:
    """Limits and waits. The defaults suit a test run on one machine.

    `max_message_bytes` holds before and after decompression (OTLP recommends 64 MiB); `inflight_bytes` bounds all
    requests together; `most_connections` are open per listener (over HTTP the longest silent one makes room for a new
    one, over gRPC a new one waits until an idle one was closed); `retry_after_s` is the advice to clients that meet a
    full or failing store: long enough to recover, and well below the 10 s after which SDK exporters give up.
    """

    max_message_bytes: int = 64 * MIB
    inflight_bytes: int = 256 * MIB
    hot_bytes: int = 384 * MIB
    retry_after_s: int = 1
    body_timeout_s: float = 25.0
    idle_timeout_s: float = 20.0
    grace_s: float = 5.0
    most_connections: int = MOST_CONNECTIONS
    grpc_workers: int = 32
    traces_path: str = "/v1/traces"
    security: Security = field(default_factory=Security)
    span_limits: SpanLimits = field(default_factory=SpanLimits)
