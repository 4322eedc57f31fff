"""The resource and scope at hand: their JSON text, and the columns that follow from them."""

from tracecheck.receiver import _nocython as cython
from tracecheck.receiver.columns.attributes import Attributes
from tracecheck.receiver.columns.bits import UINT32_LIMIT
from tracecheck.receiver.columns.entities import Entities
from tracecheck.receiver.columns.ground import Ground
from tracecheck.receiver.columns.items import Items
from tracecheck.receiver.columns.json_text import Json
from tracecheck.receiver.columns.memory import Bytes
from tracecheck.receiver.columns.named import Named
from tracecheck.receiver.columns.rows import ResourceColumns
from tracecheck.receiver.columns.text import Text
from tracecheck.receiver.columns.values import STRING
from tracecheck.receiver.columns.vocabulary import (
    T_HOST,
    T_INSTANCE,
    T_RUN_ID,
    T_SERVICE,
    W_ATTRIBUTES,
    W_DROPPED,
    W_ENTITY_REFS,
    W_NAME,
    W_SCHEMA_URL,
    W_SCOPE,
    W_SCOPE_SCHEMA_URL,
    W_UNKNOWN_SERVICE,
    W_VERSION,
    Vocabulary,
)
from tracecheck.receiver.columns.wire import Wire
from tracecheck.receiver.columns.writer import Writer


@cython.final
@cython.cclass
class Resources:
    """The resource and scope at hand: their JSON text, and the columns that follow from them."""

    items: Items
    out: Bytes
    wire: Wire
    text: Text
    words: Vocabulary
    writer: Writer
    json: Json
    entities: Entities
    attributes: Attributes
    named: Named
    columns: ResourceColumns
    json_start: cython.Py_ssize_t
    json_length: cython.Py_ssize_t
    entities_start: cython.Py_ssize_t
    entities_length: cython.Py_ssize_t
    dropped: cython.longlong
    schema: cython.Py_ssize_t
    schema_length: cython.Py_ssize_t
    service: cython.Py_ssize_t
    service_length: cython.Py_ssize_t
    instance: cython.Py_ssize_t
    instance_length: cython.Py_ssize_t
    host: cython.Py_ssize_t
    host_length: cython.Py_ssize_t
    run: cython.Py_ssize_t
    run_length: cython.Py_ssize_t
    index: cython.longlong

    def __init__(
        self, ground: Ground, json: Json, attributes: Attributes, named: Named, columns: ResourceColumns
    ) -> None:
        self.items, self.out, self.wire, self.text = ground.items, ground.out, ground.wire, ground.text
        self.words, self.writer = ground.words, ground.writer
        self.json, self.attributes, self.named, self.columns = json, attributes, named, columns
        self.entities = Entities(ground, json)

    @cython.cfunc
    @cython.nogil
    def read_resource(
        self,
        begin: cython.Py_ssize_t,
        end: cython.Py_ssize_t,
        schema: cython.Py_ssize_t,
        schema_stop: cython.Py_ssize_t,
    ) -> cython.int:
        """The resource's attributes as JSON, and the columns that follow from it."""
        slots: cython.Py_ssize_t = 2 * self.words.names
        service: cython.longlong
        self.attributes.pairs.size = self.entities.at.size = 0
        self.dropped = 0
        self.wire.at = begin
        while self.wire.at < end:
            self.wire.next(end)
            if self.wire.tag == 0x0A:
                self.attributes.pairs.put_range(self.wire.start, self.wire.stop)
            elif self.wire.tag == 0x10:
                self.dropped = self.wire.number & UINT32_LIMIT
            elif self.wire.tag == 0x1A:
                self.entities.at.put_range(self.wire.start, self.wire.stop)
        self.attributes.read(0, False, False)
        self.named.note(slots, 0, self.items.size)
        self.json.put_items(0)
        self.text.take()
        self.json_start = self.text.start
        self.json_length = self.text.length
        self.entities.put_all()
        self.text.take()
        self.entities_start = self.text.start
        self.entities_length = self.text.length
        service = self.named.places.view[slots + self.words.tables.view[T_SERVICE]]
        self.service = self.words.start.view[W_UNKNOWN_SERVICE]
        self.service_length = self.words.length.view[W_UNKNOWN_SERVICE]
        if service >= 0 and self.items.kind.view[service] == STRING and self.items.b.view[service]:
            self.service = self.items.a.view[service]
            self.service_length = self.items.b.view[service]
        self.named.first_id(slots, T_INSTANCE)
        self.instance = self.text.start
        self.instance_length = self.text.length
        self.named.first_id(slots, T_HOST)
        self.host = self.text.start
        self.host_length = self.text.length
        self.named.first_id(slots, T_RUN_ID)
        self.run = self.text.start
        self.run_length = self.text.length
        self.text.mend(schema, schema_stop)
        self.schema = self.text.start
        self.schema_length = self.text.length
        return self.items.shrink(0)

    @cython.cfunc
    @cython.nogil
    def read_scope(
        self,
        begin: cython.Py_ssize_t,
        end: cython.Py_ssize_t,
        schema: cython.Py_ssize_t,
        schema_stop: cython.Py_ssize_t,
    ) -> cython.int:
        """Writes the text of the resource column, and one more entry of its dictionary unless the last one is equal."""
        name: cython.Py_ssize_t = 0
        name_stop: cython.Py_ssize_t = 0
        version: cython.Py_ssize_t = 0
        version_stop: cython.Py_ssize_t = 0
        dropped: cython.longlong = 0
        last: cython.Py_ssize_t
        self.attributes.pairs.size = 0
        self.wire.at = begin
        while self.wire.at < end:
            self.wire.next(end)
            if self.wire.tag == 0x0A:
                name = self.wire.start
                name_stop = self.wire.stop
            elif self.wire.tag == 0x12:
                version = self.wire.start
                version_stop = self.wire.stop
            elif self.wire.tag == 0x1A:
                self.attributes.pairs.put_range(self.wire.start, self.wire.stop)
            elif self.wire.tag == 0x20:
                dropped = self.wire.number & UINT32_LIMIT
        self.attributes.read(0, False, False)
        self.words.put(W_ATTRIBUTES)
        self.out.copy(self.json_start, self.json_length)
        self.words.put(W_DROPPED)
        self.writer.put_int(self.dropped)
        self.words.put(W_ENTITY_REFS)
        self.out.copy(self.entities_start, self.entities_length)
        self.words.put(W_SCHEMA_URL)
        self.writer.put_string(self.schema, self.schema_length)
        self.words.put(W_SCOPE)
        self.json.put_items(0)
        self.items.shrink(0)
        self.words.put(W_DROPPED)
        self.writer.put_int(dropped)
        self.words.put(W_NAME)
        self.json.put_text(name, name_stop)
        self.words.put(W_SCOPE_SCHEMA_URL)
        self.json.put_text(schema, schema_stop)
        self.words.put(W_VERSION)
        self.json.put_text(version, version_stop)
        self.out.put(0x7D)
        self.out.put(0x7D)
        self.text.take()
        last = self.columns.resource.given.size
        if last:
            at: cython.Py_ssize_t = self.columns.resource.ends.view[last - 1]
            if self.columns.resource.ends.view[last] - at == self.text.length and self.columns.resource.text.equal(
                at, self.text.start, self.text.length
            ):
                self.index = last - 1
                return 0
        self.index = last
        self.columns.resource.put(self.text.start, self.text.length)
        self.columns.service.put(self.service, self.service_length)
        self.columns.instance.put(self.instance, self.instance_length)
        return self.columns.host.put(self.host, self.host_length)
