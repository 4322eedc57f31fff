"""OTLP in: take requests over gRPC and HTTP, decode them, store them, and only then acknowledge."""

from tracecheck.receiver.decode_json import decode_json
from tracecheck.receiver.decode_protobuf import decode_protobuf
from tracecheck.receiver.decoded import Decoded
from tracecheck.receiver.decoder import decoder_form
from tracecheck.receiver.limits import SpanLimits
from tracecheck.receiver.metrics import COUNTERS, PRESENT, Counters
from tracecheck.receiver.options import ReceiverOptions
from tracecheck.receiver.replay import Replayed, replay
from tracecheck.receiver.running import RunningReceiver, start_receiver
from tracecheck.receiver.security import Security

__all__ = [
    "COUNTERS",
    "PRESENT",
    "Counters",
    "Decoded",
    "ReceiverOptions",
    "Replayed",
    "RunningReceiver",
    "Security",
    "SpanLimits",
    "decode_json",
    "decode_protobuf",
    "decoder_form",
    "replay",
    "start_receiver",
]
