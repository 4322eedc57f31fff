"""The decoder as Python sees it."""

from tracecheck.receiver import _nocython as cython
from tracecheck.receiver.columns.attributes import Attributes
from tracecheck.receiver.columns.canonical import Canonical
from tracecheck.receiver.columns.events import Events
from tracecheck.receiver.columns.faults import KINDS_OF_COUNTS
from tracecheck.receiver.columns.ground import Ground
from tracecheck.receiver.columns.identity import Identity
from tracecheck.receiver.columns.items import Sorted
from tracecheck.receiver.columns.json_text import Json
from tracecheck.receiver.columns.keys import Keys
from tracecheck.receiver.columns.limits import Limits
from tracecheck.receiver.columns.links import Links
from tracecheck.receiver.columns.meaning import Meaning
from tracecheck.receiver.columns.memory import Bytes
from tracecheck.receiver.columns.named import Named
from tracecheck.receiver.columns.operations import Operations
from tracecheck.receiver.columns.packed import Packed
from tracecheck.receiver.columns.positions import Positions
from tracecheck.receiver.columns.request import Request
from tracecheck.receiver.columns.resources import Resources
from tracecheck.receiver.columns.rows import EventColumns, LinkColumns, ResourceColumns, Shelf, SpanColumns
from tracecheck.receiver.columns.spans import Spans

FORM = "compiled" if cython.compiled else "python"
SOURCE_HASH = "@source-hash@"

MOST_KEPT_BYTES = cython.declare(cython.longlong, 8 << 20)


@cython.final
@cython.cclass
class Decoder:
    """Takes requests with `add` and holds their spans as columns, until `reset`. One thread at a time."""

    ground: Ground
    shelf: Shelf
    spans: Spans
    request: Request
    empty: list

    def __init__(self, attributes: int, value_bytes: int, name_bytes: int) -> None:
        """The limits are those of `SpanLimits`."""
        ground: Ground = Ground()
        shelf: Shelf = Shelf(ground.work)
        columns: SpanColumns = SpanColumns(shelf)
        limits: Limits = Limits(ground, attributes, value_bytes, name_bytes)
        keys: Keys = Keys(ground)
        json: Json = Json(ground, Sorted(ground.work, ground.items))
        read: Attributes = Attributes(ground, keys, json, limits)
        named: Named = Named(ground, keys, json, read)
        meaning: Meaning = Meaning(ground, read, named, Operations(ground, named))
        identity: Identity = Identity(ground, named, Positions(ground), meaning)
        resources: Resources = Resources(ground, json, read, named, ResourceColumns(shelf))
        self.spans = Spans(
            ground,
            keys,
            read,
            limits,
            named,
            meaning,
            resources,
            Links(ground, json, read, named, identity, meaning, LinkColumns(shelf)),
            Events(ground, json, read, limits, EventColumns(shelf)),
            Packed(ground, keys, json, columns),
            Canonical(ground, named, identity, meaning, resources, columns),
            columns,
        )
        self.request = Request(ground, resources, self.spans)
        self.ground, self.shelf, self.empty = ground, shelf, shelf.sizes()

    def add(self, body: bytes) -> None:
        """Takes in the spans of one request; `counted` says what was wrong inside it.

        Raises `DecodeError` where it is no request, `Irregular` where the runtime must encode it anew first. Nothing
        of it stays then.
        """
        work: Bytes = self.ground.work
        begin: cython.Py_ssize_t = self.ground.floor
        end: cython.Py_ssize_t = begin + len(body)
        marks = self.shelf.sizes()
        rows = self.spans.rows
        for place in range(KINDS_OF_COUNTS):
            self.ground.counts.view[place] = 0
        self.ground.items.shrink(0)
        self.ground.out.size = 0
        work.room(len(body))
        work.data[begin:end] = body
        work.size = self.ground.floor = end
        try:
            with cython.nogil:
                self.request.read(begin, end)
        except BaseException:
            self.shelf.go_back(marks)
            self.spans.rows = rows
            raise
        finally:
            self.ground.floor = work.size = begin
            if len(work.data) > MOST_KEPT_BYTES:
                self.shrink()

    def counted(self) -> list[int]:
        """How often each thing was wrong in the last request, in the order of `faults`."""
        return [self.ground.counts.view[place] for place in range(KINDS_OF_COUNTS)]

    def held(self) -> int:
        """Rows held."""
        return self.spans.rows

    def reset(self) -> None:
        """Forgets all rows and keeps the memory. Only once nobody looks at the columns any more."""
        self.shelf.go_back(self.empty)
        self.spans.rows = 0

    def shrink(self) -> None:
        """Gives back what a large request took, and keeps the words."""
        known = self.ground.text.read(0, self.ground.floor)
        self.ground.work.renew(1 << 20)
        self.ground.out.renew(4096)
        self.ground.text.append(known)

    def columns(self) -> dict[str, tuple[memoryview | None, ...]]:
        """Every column's buffers by name: (validity, values), or (validity, ends, text). They are the decoder's own
        memory and change with the next `add`."""
        return self.shelf.finished()
