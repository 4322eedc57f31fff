"""Sizes of numbers, and their bits read another way."""

import struct
import sys

from tracecheck.receiver import _nocython as cython

if cython.compiled:
    from cython.cimports.libc.string import memcpy

INT32_LIMIT = cython.declare(cython.longlong, 2**31 - 1)
UINT32_LIMIT = cython.declare(cython.longlong, 2**32 - 1)
INT64_LIMIT = cython.declare(cython.longlong, 2**63 - 1)
LITTLE_ENDIAN = cython.declare(cython.bint, sys.byteorder == "little")


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def signed(value: cython.ulonglong) -> cython.longlong:
    """The same 64 bits as a signed number."""
    if cython.compiled:
        return value
    else:
        value &= (1 << 64) - 1
        return value - (1 << 64) if value >> 63 else value


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def signed_32(value: cython.longlong) -> cython.int:
    """The lowest 32 bits as a signed number."""
    if cython.compiled:
        return value
    else:
        value &= 0xFFFF_FFFF
        return value - (1 << 32) if value >> 31 else value


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def double(bits: cython.longlong) -> cython.double:
    """The same 64 bits as a floating-point number."""
    value: cython.double = 0.0
    if cython.compiled:
        memcpy(cython.address(value), cython.address(bits), 8)
    else:
        value = struct.unpack("d", struct.pack("q", bits))[0]
    return value
