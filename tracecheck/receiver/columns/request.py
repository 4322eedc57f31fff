"""A request, its resources and its scopes, down to each span."""

from tracecheck.receiver import _nocython as cython
from tracecheck.receiver.columns.faults import require_first
from tracecheck.receiver.columns.ground import Ground
from tracecheck.receiver.columns.memory import Bytes
from tracecheck.receiver.columns.resources import Resources
from tracecheck.receiver.columns.spans import Spans
from tracecheck.receiver.columns.wire import Wire


@cython.final
@cython.cclass
class Request:
    """A request, its resources and its scopes, down to each span."""

    ground: Ground
    work: Bytes
    wire: Wire
    resources: Resources
    spans: Spans

    def __init__(self, ground: Ground, resources: Resources, spans: Spans) -> None:
        self.ground = ground
        self.work, self.wire = ground.work, ground.wire
        self.resources, self.spans = resources, spans

    @cython.cfunc
    @cython.nogil
    def read(self, begin: cython.Py_ssize_t, end: cython.Py_ssize_t) -> cython.int:
        at: cython.Py_ssize_t = begin
        while at < end:
            self.wire.at = at
            self.wire.next(end)
            at = self.wire.at
            if self.wire.tag == 0x0A:
                self.resource_spans(self.wire.start, self.wire.stop)
        return 0

    @cython.cfunc
    @cython.nogil
    def resource_spans(self, begin: cython.Py_ssize_t, end: cython.Py_ssize_t) -> cython.int:
        resource: cython.Py_ssize_t = -1
        resource_stop: cython.Py_ssize_t = -1
        schema: cython.Py_ssize_t = begin
        schema_stop: cython.Py_ssize_t = begin
        floor: cython.Py_ssize_t = self.ground.floor
        at: cython.Py_ssize_t
        self.wire.at = begin
        while self.wire.at < end:
            self.wire.next(end)
            if self.wire.tag == 0x0A:
                require_first(resource)
                resource = self.wire.start
                resource_stop = self.wire.stop
            elif self.wire.tag == 0x1A:
                schema = self.wire.start
                schema_stop = self.wire.stop
        self.resources.read_resource(resource, resource_stop, schema, schema_stop)
        self.ground.floor = self.work.size
        at = begin
        while at < end:
            self.wire.at = at
            self.wire.next(end)
            at = self.wire.at
            if self.wire.tag == 0x12:
                self.scope_spans(self.wire.start, self.wire.stop)
        self.ground.floor = floor
        self.work.size = floor
        return 0

    @cython.cfunc
    @cython.nogil
    def scope_spans(self, begin: cython.Py_ssize_t, end: cython.Py_ssize_t) -> cython.int:
        scope: cython.Py_ssize_t = -1
        scope_stop: cython.Py_ssize_t = -1
        schema: cython.Py_ssize_t = begin
        schema_stop: cython.Py_ssize_t = begin
        floor: cython.Py_ssize_t = self.ground.floor
        at: cython.Py_ssize_t
        self.wire.at = begin
        while self.wire.at < end:
            self.wire.next(end)
            if self.wire.tag == 0x0A:
                require_first(scope)
                scope = self.wire.start
                scope_stop = self.wire.stop
            elif self.wire.tag == 0x1A:
                schema = self.wire.start
                schema_stop = self.wire.stop
        self.resources.read_scope(scope, scope_stop, schema, schema_stop)
        self.ground.floor = self.work.size
        at = begin
        while at < end:
            self.wire.at = at
            self.wire.next(end)
            at = self.wire.at
            if self.wire.tag == 0x12:
                self.spans.put(self.wire.start, self.wire.stop)
        self.ground.floor = floor
        self.work.size = floor
        return 0
