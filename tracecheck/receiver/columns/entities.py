"""The entities that a resource refers to."""

from tracecheck.receiver import _nocython as cython
from tracecheck.receiver.columns.ground import Ground
from tracecheck.receiver.columns.json_text import Json
from tracecheck.receiver.columns.lists import Longs
from tracecheck.receiver.columns.memory import Bytes
from tracecheck.receiver.columns.vocabulary import (
    W_DESCRIPTION_KEYS,
    W_ID_KEYS,
    W_SCHEMA_URL,
    W_TYPE,
    Vocabulary,
)
from tracecheck.receiver.columns.wire import Wire


@cython.final
@cython.cclass
class Entities:
    """Writes each EntityRef as JSON, as `store.rows` does; `at` says where they are."""

    out: Bytes
    wire: Wire
    words: Vocabulary
    json: Json
    at: Longs

    def __init__(self, ground: Ground, json: Json) -> None:
        self.out, self.wire, self.words = ground.out, ground.wire, ground.words
        self.json = json
        self.at = Longs()

    @cython.cfunc
    @cython.nogil
    def put_all(self) -> cython.int:
        place: cython.Py_ssize_t
        for place in range(0, self.at.size, 2):
            if place:
                self.out.put(0x2C)
            self.put(self.at.view[place], self.at.view[place + 1])
        return 0

    @cython.cfunc
    @cython.nogil
    def put(self, start: cython.Py_ssize_t, stop: cython.Py_ssize_t) -> cython.int:
        schema: cython.Py_ssize_t = start
        schema_stop: cython.Py_ssize_t = start
        kind: cython.Py_ssize_t = start
        kind_stop: cython.Py_ssize_t = start
        self.wire.at = start
        while self.wire.at < stop:
            self.wire.next(stop)
            if self.wire.tag == 0x0A:
                schema = self.wire.start
                schema_stop = self.wire.stop
            elif self.wire.tag == 0x12:
                kind = self.wire.start
                kind_stop = self.wire.stop
        self.words.put(W_DESCRIPTION_KEYS)
        self.put_keys(start, stop, 0x22)
        self.words.put(W_ID_KEYS)
        self.put_keys(start, stop, 0x1A)
        self.words.put(W_SCHEMA_URL)
        self.json.put_text(schema, schema_stop)
        self.words.put(W_TYPE)
        self.json.put_text(kind, kind_stop)
        return self.out.put(0x7D)

    @cython.cfunc
    @cython.nogil
    def put_keys(self, start: cython.Py_ssize_t, stop: cython.Py_ssize_t, tag: cython.uint) -> cython.int:
        written: cython.bint = False
        self.wire.at = start
        while self.wire.at < stop:
            self.wire.next(stop)
            if self.wire.tag == tag:
                if written:
                    self.out.put(0x2C)
                written = True
                self.json.put_text(self.wire.start, self.wire.stop)
        return 0
