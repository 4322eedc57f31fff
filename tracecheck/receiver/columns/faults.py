"""What can be wrong: inside a span it is counted, with the request it is raised."""

from tracecheck.errors import DecodeError
from tracecheck.receiver import _nocython as cython
from tracecheck.receiver.decoded import MAX_VALUE_DEPTH, NO_REQUEST
from tracecheck.receiver.decoded import TOO_DEEP as NESTS_TOO_DEEP

# What is counted, by place in `counts`.
BAD_TRACE_ID = cython.declare(cython.int, 0)
BAD_SPAN_ID = cython.declare(cython.int, 1)
BAD_UTF8 = cython.declare(cython.int, 2)
BAD_PARENT = cython.declare(cython.int, 3)
BAD_LINK = cython.declare(cython.int, 4)
BAD_KIND = cython.declare(cython.int, 5)
BAD_STATUS = cython.declare(cython.int, 6)
KEY_INDEX = cython.declare(cython.int, 7)
VALUE_INDEX = cython.declare(cython.int, 8)
REPEATED_KEY = cython.declare(cython.int, 9)
SURPLUS = cython.declare(cython.int, 10)
CUT_TEXT = cython.declare(cython.int, 11)
CUT_BYTES = cython.declare(cython.int, 12)
KINDS_OF_COUNTS = 13

MAX_DEPTH = cython.declare(cython.int, MAX_VALUE_DEPTH)

# Why a request is refused.
DAMAGED = cython.declare(cython.int, 0)
TOO_DEEP = cython.declare(cython.int, 1)
TOO_MUCH = cython.declare(cython.int, 2)
REFUSALS = (
    NO_REQUEST,
    NESTS_TOO_DEEP,
    "the request unfolds into more than 2 GiB of one column; send fewer spans in one request",
)


class Irregular(Exception):
    """A part that may occur once occurs twice, which protobuf merges. The runtime's own encoding is regular."""


@cython.cfunc
@cython.nogil
def refuse(why: cython.int) -> cython.int:
    """Gives the whole request up."""
    with cython.gil:
        raise DecodeError(REFUSALS[why])


@cython.cfunc
@cython.nogil
def require_first(seen: cython.Py_ssize_t) -> cython.int:
    """A message that protobuf would merge with an earlier one is left to the runtime."""
    if seen >= 0:
        with cython.gil:
            raise Irregular
    return 0
