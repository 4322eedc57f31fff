"""OTLP protobuf requests to rows of `span_rows`, through the compiled decoder where there is one.

The rows, and what is rejected and repaired on the way, are those of `decode_protobuf`, `limited`, `canonical` and
`span_table` one after the other; property tests hold the two ways to each other. Where they differ on purpose: what is
never read (the inside of a rejected span, say) is not looked at, so bad text in it is neither repaired nor counted.
"""

from dataclasses import dataclass

import pyarrow as pa
from google.protobuf.message import DecodeError as ProtobufDecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tracecheck.errors import DecodeError
from tracecheck.receiver import decoded as common
from tracecheck.receiver import limits as cutting
from tracecheck.receiver.arrow_rows import arrow_rows
from tracecheck.receiver.decoded import Notes
from tracecheck.receiver.decoder import OPERATION_NAMES, Decoder, Irregular
from tracecheck.receiver.limits import SpanLimits
from tracecheck.receiver.utf8_repair import repair_utf8


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of one request, as `Decoded` says it, with the number of rows in place of the spans."""

    rows: int
    rejected: int = 0
    repaired: int = 0
    reasons: tuple[str, ...] = ()


class Batch:
    """Rows of any number of requests, decoded one after the other. Not for several threads at once."""

    def __init__(self, limits: SpanLimits | None = None) -> None:
        limits = limits or SpanLimits()
        self._decoder = Decoder(limits.attributes, limits.value_bytes, limits.name_bytes)
        self._rejections = (common.BAD_TRACE_ID, common.BAD_SPAN_ID)
        self._repairs = (
            common.BAD_UTF8,
            common.BAD_PARENT,
            common.BAD_LINK,
            common.BAD_KIND,
            common.BAD_STATUS,
            common.KEY_BY_INDEX,
            common.VALUE_BY_INDEX,
            common.REPEATED_KEY,
            cutting.surplus(limits),
            cutting.CUT_TEXT,
            cutting.CUT_BYTES,
        )

    def __len__(self) -> int:
        return int(self._decoder.held())

    @property
    def nbytes(self) -> int:
        """Memory that the rows take."""
        columns = self._decoder.columns().values()
        return sum(buffer.nbytes for buffers in columns for buffer in buffers if buffer is not None)

    def take(self, body: bytes) -> Taken:
        """Decodes one `ExportTraceServiceRequest` into further rows.

        Raises `DecodeError` when the bytes are no such message, or a value nests over `MAX_VALUE_DEPTH`: then no row
        of it is there.
        """
        notes = Notes()
        before = len(self)
        try:
            self._decoder.add(body)
        except Irregular:
            self._decoder.add(_regular(body, notes))
        counts = self._decoder.counted()
        for reason, count in zip(self._rejections, counts, strict=False):
            notes.reject(reason, count)
        for reason, count in zip(self._repairs, counts[len(self._rejections) :], strict=True):
            notes.repair(reason, count)
        counted = notes.decoded([])
        return Taken(
            rows=len(self) - before, rejected=counted.rejected, repaired=counted.repaired, reasons=counted.reasons
        )

    def table(self) -> pa.Table:
        """All rows, as `store.rows.span_table` shapes them, over this batch's own memory: it is valid until the next
        `take` or `reset`."""
        return arrow_rows(self._decoder.columns(), len(self), OPERATION_NAMES)

    def reset(self) -> None:
        """Forgets the rows and keeps the memory for the next ones."""
        self._decoder.reset()


def _regular(body: bytes, notes: Notes) -> bytes:
    """The same request with what occurs twice and may not merged, by the protobuf runtime."""
    request = ExportTraceServiceRequest()
    try:
        request.ParseFromString(body)
    except ProtobufDecodeError:
        mended, repaired = repair_utf8(body, request.DESCRIPTOR)
        notes.repair(common.BAD_UTF8, repaired)
        try:
            request.ParseFromString(mended)
        except ProtobufDecodeError:
            raise DecodeError(common.NO_REQUEST) from None
    return request.SerializeToString()
