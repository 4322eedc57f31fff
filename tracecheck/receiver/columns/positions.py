"""Message ids that are made of topic, partition and offset."""

from tracecheck.receiver import _nocython as cython
from tracecheck.receiver.columns.ground import Ground
from tracecheck.receiver.columns.memory import Bytes
from tracecheck.receiver.columns.text import Text
from tracecheck.semconv.spans import POSITION_ID, POSITION_LIKE


@cython.final
@cython.cclass
class Positions:
    """Message ids that are made of topic, partition and offset."""

    work: Bytes
    text: Text
    topic: cython.Py_ssize_t
    partition: cython.Py_ssize_t
    partition_length: cython.Py_ssize_t
    offset: cython.longlong

    def __init__(self, ground: Ground) -> None:
        self.work, self.text = ground.work, ground.text

    @cython.cfunc
    @cython.nogil
    def matches(self, start: cython.Py_ssize_t, length: cython.Py_ssize_t) -> cython.int:
        """Whether the text is `topic.partition.offset`: `POSITION_ID`, done here for plain digits."""
        at: cython.Py_ssize_t = start + length
        dot: cython.Py_ssize_t
        if not self.work.is_ascii(start, length):
            with cython.gil:
                return self.matches_widely(start, length)
        while at > start and 0x30 <= self.work.view[at - 1] <= 0x39:
            at -= 1
        dot = at - 1
        if start + length - at < 1 or start + length - at > 18 or dot < start or self.work.view[dot] != 0x2E:
            return 0
        at = dot
        while at > start and 0x30 <= self.work.view[at - 1] <= 0x39:
            at -= 1
        if dot - at < 1 or dot - at > 10 or at - 1 <= start or self.work.view[at - 1] != 0x2E:
            return 0
        self.topic = at - 1 - start
        self.partition = at
        self.partition_length = dot - at
        self.offset = 0
        for at in range(dot + 1, start + length):
            self.offset = 10 * self.offset + self.work.view[at] - 0x30
        return 1

    def matches_widely(self, start: int, length: int) -> int:
        """The same where there may be digits of other scripts."""
        found = POSITION_ID.fullmatch(self.text.read(start, length).decode())
        if found is None:
            return 0
        self.topic = len(found["topic"].encode())
        self.partition = start + self.topic + 1
        self.partition_length = len(found["partition"].encode())
        self.offset = int(found["offset"])
        return 1

    @cython.cfunc
    @cython.nogil
    def is_made_up(self, start: cython.Py_ssize_t, length: cython.Py_ssize_t) -> cython.int:
        """Whether the text is `POSITION_ID` or `POSITION_LIKE`."""
        at: cython.Py_ssize_t
        digits: cython.Py_ssize_t = 0
        dashes: cython.Py_ssize_t = 0
        if self.matches(start, length):
            return 1
        if not self.work.is_ascii(start, length):
            with cython.gil:
                return POSITION_LIKE.fullmatch(self.text.read(start, length).decode()) is not None
        for at in range(start, start + length):
            if self.work.view[at] == 0x2D:
                if digits == 0:
                    return 0
                dashes += 1
                digits = 0
            elif 0x30 <= self.work.view[at] <= 0x39:
                digits += 1
            else:
                return 0
        return 1 <= dashes <= 2 and digits >= 10
