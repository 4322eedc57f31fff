"""OTLP in: take requests over gRPC and HTTP, decode them, store them, and only then acknowledge."""

from tracecheck.receiver.decode_json import decode_json
from tracecheck.receiver.decode_protobuf import decode_protobuf
from tracecheck.receiver.decoded import Decoded

__all__ = ["Decoded", "decode_json", "decode_protobuf"]
