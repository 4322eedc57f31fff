"""What all parts of the decoder stand on."""

from tracecheck.receiver import _nocython as cython
from tracecheck.receiver.columns.faults import KINDS_OF_COUNTS
from tracecheck.receiver.columns.items import Items
from tracecheck.receiver.columns.lists import Longs
from tracecheck.receiver.columns.memory import Bytes
from tracecheck.receiver.columns.text import Text
from tracecheck.receiver.columns.values import Pair, Value
from tracecheck.receiver.columns.vocabulary import Vocabulary
from tracecheck.receiver.columns.wire import Wire
from tracecheck.receiver.columns.writer import Writer


@cython.final
@cython.cclass
class Ground:
    """The bytes being read (`work`) and written (`out`), what was wrong (`counts`), and who reads and writes them.

    `floor` is the end of that part of `work` that outlives the span at hand.
    """

    work: Bytes
    out: Bytes
    counts: Longs
    text: Text
    wire: Wire
    words: Vocabulary
    writer: Writer
    pair: Pair
    value: Value
    items: Items
    floor: cython.Py_ssize_t

    def __init__(self) -> None:
        self.work = Bytes()
        self.out = Bytes(self.work)
        self.counts = Longs()
        for _ in range(KINDS_OF_COUNTS):
            self.counts.put(0)
        self.text = Text(self.work, self.counts, self.out)
        self.wire = Wire(self.work)
        self.words = Vocabulary(self.work, self.out, self.text)
        self.writer = Writer(self.out, self.work)
        self.pair = Pair(self.work, self.wire)
        self.value = Value(self.work, self.counts, self.wire, self.text)
        self.items = Items()
        self.floor = self.work.size
