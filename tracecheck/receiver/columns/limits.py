"""`SpanLimits`, and names cut by them."""

from tracecheck.receiver import _nocython as cython
from tracecheck.receiver.columns.bits import UINT32_LIMIT, signed_32
from tracecheck.receiver.columns.faults import CUT_TEXT
from tracecheck.receiver.columns.ground import Ground
from tracecheck.receiver.columns.lists import Longs
from tracecheck.receiver.columns.memory import Bytes
from tracecheck.receiver.columns.text import Text


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def total_dropped(sent: cython.longlong, here: cython.longlong) -> cython.int:
    """A dropped count as sent, and what was dropped here: 32 bits without a sign."""
    here += sent & UINT32_LIMIT
    return signed_32(here if here < UINT32_LIMIT else UINT32_LIMIT)


@cython.final
@cython.cclass
class Limits:
    """`SpanLimits`, and names cut by them."""

    work: Bytes
    counts: Longs
    text: Text
    attributes: cython.longlong
    value_bytes: cython.longlong
    name_bytes: cython.longlong

    def __init__(self, ground: Ground, attributes: int, value_bytes: int, name_bytes: int) -> None:
        self.attributes, self.value_bytes, self.name_bytes = attributes, value_bytes, name_bytes
        self.work, self.counts, self.text = ground.work, ground.counts, ground.text

    @cython.cfunc
    @cython.nogil
    def read_name(self, start: cython.Py_ssize_t, stop: cython.Py_ssize_t) -> cython.int:
        """A name, cut to size."""
        self.text.mend(start, stop)
        if self.text.length > self.name_bytes:
            self.text.length = self.work.cut(self.text.start, self.name_bytes)
            self.counts.increase(CUT_TEXT)
        return 0
