"""The events of the span at hand."""

from tracecheck.receiver import _nocython as cython
from tracecheck.receiver.columns.attributes import Attributes
from tracecheck.receiver.columns.ground import Ground
from tracecheck.receiver.columns.items import Items
from tracecheck.receiver.columns.json_text import Json
from tracecheck.receiver.columns.limits import Limits, total_dropped
from tracecheck.receiver.columns.memory import Bytes
from tracecheck.receiver.columns.rows import EventColumns
from tracecheck.receiver.columns.text import Text
from tracecheck.receiver.columns.wire import Wire


@cython.final
@cython.cclass
class Events:
    """The events of the span at hand."""

    items: Items
    out: Bytes
    wire: Wire
    text: Text
    json: Json
    attributes: Attributes
    limits: Limits
    columns: EventColumns

    def __init__(
        self, ground: Ground, json: Json, attributes: Attributes, limits: Limits, columns: EventColumns
    ) -> None:
        self.items, self.out, self.wire, self.text = ground.items, ground.out, ground.wire, ground.text
        self.json, self.attributes, self.limits = json, attributes, limits
        self.columns = columns

    @cython.cfunc
    @cython.nogil
    def put(self, start: cython.Py_ssize_t, stop: cython.Py_ssize_t) -> cython.int:
        name: cython.Py_ssize_t = start
        name_stop: cython.Py_ssize_t = start
        time: cython.longlong = 0
        dropped: cython.longlong = 0
        base: cython.Py_ssize_t = self.items.size
        self.attributes.pairs.size = 0
        self.wire.at = start
        while self.wire.at < stop:
            self.wire.next(stop)
            if self.wire.tag == 0x09:
                time = self.wire.number
            elif self.wire.tag == 0x12:
                name = self.wire.start
                name_stop = self.wire.stop
            elif self.wire.tag == 0x1A:
                self.attributes.pairs.put_range(self.wire.start, self.wire.stop)
            elif self.wire.tag == 0x20:
                dropped = self.wire.number
        self.attributes.dropped = 0
        if self.attributes.pairs.size:
            self.attributes.read(0, False, True)
        self.columns.time_unix_nano.put(time)
        self.limits.read_name(name, name_stop)
        self.columns.name.put(self.text.start, self.text.length)
        if self.items.size > base:
            self.json.put_items(base)
            self.columns.attributes.move(self.out)
        else:
            self.columns.attributes.close(False)
        self.columns.dropped_attributes_count.put(total_dropped(dropped, self.attributes.dropped))
        return self.items.shrink(base)
