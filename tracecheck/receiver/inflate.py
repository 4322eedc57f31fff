"""Bounded gunzip: a body never grows past its limit, and never loses its tail."""

import zlib
from collections.abc import Callable

from tracecheck.errors import DecodeError

_GZIP = 16 + zlib.MAX_WBITS
_STEP_IN = 64 * 1024
_STEP_OUT = 1024 * 1024


class TooLarge(DecodeError):
    """A body is over the size limit, as sent or after decompression."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the body is over the limit of {limit} bytes; send smaller batches")


def gunzip(body: bytes, limit: int, grow: Callable[[int], None]) -> bytes:
    """The decompressed body. `grow` is told the size of each further piece before it is kept.

    Raises `TooLarge` past `limit` bytes, and `DecodeError` for bad or cut gzip and for anything after its one member
    (no exporter writes several, and a tail must not be lost in silence).
    """
    stream = zlib.decompressobj(_GZIP)
    pieces: list[bytes] = []
    size = 0
    for start in range(0, len(body), _STEP_IN):
        rest = body[start : start + _STEP_IN]
        while True:
            allowed = min(_STEP_OUT, limit - size + 1)
            try:
                piece = stream.decompress(rest, allowed)
            except zlib.error as error:
                raise DecodeError(f"the body is no valid gzip: {error}") from None
            size += len(piece)
            if size > limit:
                raise TooLarge(limit)
            grow(len(piece))
            pieces.append(piece)
            rest = stream.unconsumed_tail
            if stream.eof or (not rest and len(piece) < allowed):
                break
        if stream.eof and (stream.unused_data or start + _STEP_IN < len(body)):
            raise DecodeError("the body goes on after the end of its gzip stream")
    if not stream.eof:
        raise DecodeError("the gzip body ends too early")
    return b"".join(pieces)
