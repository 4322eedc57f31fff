"""Mends protobuf bytes whose text fields hold bytes that are no UTF-8.

The protobuf runtime refuses a whole message for one bad string. This walk follows the message's own descriptor, puts
U+FFFD where bytes are bad, and leaves everything else byte for byte as it came.
"""

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from tracecheck.errors import DecodeError

MAX_MESSAGE_DEPTH = 100
"""The protobuf runtime's own limit; deeper messages are refused there in any case."""

_VARINT, _FIXED64, _LENGTH_DELIMITED, _FIXED32 = 0, 1, 2, 5


def repair_utf8(body: bytes, descriptor: Descriptor) -> tuple[bytes, int]:
    """The body with every text field valid UTF-8, and how many fields were mended.

    Raises `DecodeError` when the bytes are damaged beyond text: a cut varint, a length past the end, a group.
    """
    return _message(memoryview(body), descriptor, 1)


def _message(body: memoryview, descriptor: Descriptor, depth: int) -> tuple[bytes, int]:
    if depth > MAX_MESSAGE_DEPTH:
        raise DecodeError(f"the body nests deeper than {MAX_MESSAGE_DEPTH} messages")
    out = bytearray()
    repaired = position = copied = 0
    while position < len(body):
        tag, position = _varint(body, position)
        wire_type, number = tag & 7, tag >> 3
        if number == 0 or tag >= 1 << 32:
            raise DecodeError("the body holds an impossible field number")
        if wire_type == _LENGTH_DELIMITED:
            head = position
            length, position = _varint(body, position)
            end = position + length
            if end > len(body):
                raise DecodeError("the body ends inside a field")
            mended, count = _field(body[position:end], descriptor.fields_by_number.get(number), depth)
            if count:
                out += body[copied:head]
                out += _varint_bytes(len(mended))
                out += mended
                copied = end
                repaired += count
            position = end
        elif wire_type == _VARINT:
            _, position = _varint(body, position)
        elif wire_type in (_FIXED64, _FIXED32):
            position += 8 if wire_type == _FIXED64 else 4
            if position > len(body):
                raise DecodeError("the body ends inside a field")
        else:
            raise DecodeError("the body holds a group, which OTLP does not use")
    out += body[copied:]
    return bytes(out), repaired


def _field(content: memoryview, field: FieldDescriptor | None, depth: int) -> tuple[bytes, int]:
    """The mended content and how often it was mended; unknown and non-text fields pass as they are."""
    if field is None:
        return b"", 0
    if field.message_type is not None:
        return _message(content, field.message_type, depth + 1)
    if field.type == FieldDescriptor.TYPE_STRING:
        raw = bytes(content)
        try:
            raw.decode()
        except UnicodeDecodeError:
            return raw.decode(errors="replace").encode(), 1
    return b"", 0


def _varint(body: memoryview, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(body):
            raise DecodeError("the body ends inside a number")
        byte = body[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, position
    raise DecodeError("the body holds a number longer than 64 bits")


def _varint_bytes(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
