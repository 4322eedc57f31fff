"""The words and names of `semconv.names`, in the part of `work` that is never overwritten."""

from tracecheck.model import Operation
from tracecheck.receiver import _nocython as cython
from tracecheck.receiver.columns.lists import Longs
from tracecheck.receiver.columns.memory import Bytes
from tracecheck.receiver.columns.text import Text
from tracecheck.semconv import names
from tracecheck.store.attributes import ODD_KEYS

# Tables of semconv.names, in the order of `TABLES`.
T_SERVICE = cython.declare(cython.int, 0)
T_INSTANCE = cython.declare(cython.int, 1)
T_HOST = cython.declare(cython.int, 2)
T_RUN_ID = cython.declare(cython.int, 3)
T_CORRELATION_ID = cython.declare(cython.int, 4)
T_SYSTEM = cython.declare(cython.int, 5)
T_OPERATION = cython.declare(cython.int, 6)
T_DESTINATION = cython.declare(cython.int, 7)
T_ROUTING_KEY = cython.declare(cython.int, 8)
T_PARTITION = cython.declare(cython.int, 9)
T_OFFSET = cython.declare(cython.int, 10)
T_MESSAGE_ID = cython.declare(cython.int, 11)
T_EVENT_ID = cython.declare(cython.int, 12)
T_GROUP = cython.declare(cython.int, 13)
T_KEY = cython.declare(cython.int, 14)
T_TOMBSTONE = cython.declare(cython.int, 15)
T_BATCH_COUNT = cython.declare(cython.int, 16)
T_RECORD_TIME = cython.declare(cython.int, 17)
T_ATTEMPT = cython.declare(cython.int, 18)
T_RETRY_OF = cython.declare(cython.int, 19)
T_PEER = cython.declare(cython.int, 20)
T_QUEUE_ADDRESS = cython.declare(cython.int, 21)

TABLES = (
    names.SERVICE,
    names.INSTANCE,
    names.HOST,
    names.RUN_ID,
    names.CORRELATION_ID,
    names.SYSTEM,
    names.OPERATION,
    names.DESTINATION,
    names.ROUTING_KEY,
    names.PARTITION,
    names.OFFSET,
    names.MESSAGE_ID,
    names.EVENT_ID,
    names.CONSUMER_GROUP,
    names.KEY,
    names.TOMBSTONE,
    names.BATCH_COUNT,
    names.RECORD_TIME,
    names.ATTEMPT,
    names.RETRY_OF,
    names.PEER,
    names.QUEUE_ADDRESS,
)

# Words that `work` begins with.
W_KAFKA = cython.declare(cython.int, 0)
W_RABBITMQ = cython.declare(cython.int, 1)
W_UNKNOWN_SERVICE = cython.declare(cython.int, 2)
W_TRUE = cython.declare(cython.int, 3)
W_FALSE = cython.declare(cython.int, 4)
W_NULL = cython.declare(cython.int, 5)
W_BYTES = cython.declare(cython.int, 6)
W_DOUBLE = cython.declare(cython.int, 7)
W_MAP = cython.declare(cython.int, 8)
W_ATTRIBUTES = cython.declare(cython.int, 9)
W_DROPPED = cython.declare(cython.int, 10)
W_ENTITY_REFS = cython.declare(cython.int, 11)
W_SCHEMA_URL = cython.declare(cython.int, 12)
W_DESCRIPTION_KEYS = cython.declare(cython.int, 13)
W_ID_KEYS = cython.declare(cython.int, 14)
W_TYPE = cython.declare(cython.int, 15)
W_SCOPE = cython.declare(cython.int, 16)
W_NAME = cython.declare(cython.int, 17)
W_SCOPE_SCHEMA_URL = cython.declare(cython.int, 18)
W_VERSION = cython.declare(cython.int, 19)
W_ODD_KEYS = cython.declare(cython.int, 20)
W_SHA256 = cython.declare(cython.int, 21)
W_RUN = cython.declare(cython.int, 22)
W_APPLY_ASYNC = cython.declare(cython.int, 23)
W_NO_MAP = cython.declare(cython.int, 24)
W_SQS = cython.declare(cython.int, 25)

WORDS = (
    "kafka",
    "rabbitmq",
    names.UNKNOWN_SERVICE,
    "true",
    "false",
    "null",
    '{"$bytes":"',
    '{"$double":"',
    '{"$map":',
    '{"attributes":',
    ',"dropped_attributes_count":',
    ',"entity_refs":[',
    '],"schema_url":',
    '{"description_keys":[',
    '],"id_keys":[',
    ',"type":',
    ',"scope":{"attributes":',
    ',"name":',
    ',"schema_url":',
    ',"version":',
    ODD_KEYS,
    "sha256:",
    "run",
    "apply_async",
    "{}",
    "aws_sqs",
)

OPERATIONS = tuple(Operation)
CREATE = cython.declare(cython.int, 1)
SEND = cython.declare(cython.int, 2)
RECEIVE = cython.declare(cython.int, 3)
PROCESS = cython.declare(cython.int, 4)
OPERATION_NAMES = tuple(each.value for each in OPERATIONS)

HAS_SLOT = cython.declare(cython.int, 1 << 20)  # a key of a table
OF_MESSAGING = cython.declare(cython.int, 1)  # a key below one of names.MESSAGING_PREFIXES
IS_ODD = cython.declare(cython.int, 2)  # a key that cannot stand in a key list
FIRST_PREFIX = cython.declare(cython.int, 4)  # and its doubles: a key below one of names.SYSTEM_BY_PREFIX


@cython.final
@cython.cclass
class Words:
    """Words of `work` and what each means, which are words as well, or numbers."""

    words: Longs
    work: Bytes
    last: cython.Py_ssize_t

    def __init__(self, work: Bytes) -> None:
        self.words = Longs()
        self.work = work

    @cython.cfunc
    @cython.nogil
    def find(self, start: cython.Py_ssize_t, length: cython.Py_ssize_t) -> cython.Py_ssize_t:
        """Where in `words` it stands what the text means; 0 is nowhere."""
        at: cython.Py_ssize_t
        if self.words.view[self.last + 1] == length and self.work.equal(self.words.view[self.last], start, length):
            return self.last + 2
        for at in range(0, self.words.size, 4):
            if self.words.view[at + 1] == length and self.work.equal(self.words.view[at], start, length):
                self.last = at
                return at + 2
        return 0


@cython.final
@cython.cclass
class Vocabulary:
    """All words and names. `tables` says which names, by number, stand in which of `TABLES`; `names` is how many."""

    work: Bytes
    out: Bytes
    text: Text
    start: Longs
    length: Longs
    tables: Longs
    names: cython.Py_ssize_t
    systems: Words
    operations: Words
    no_destinations: Words
    own_id_missing: Words
    prefixes: Longs

    def __init__(self, work: Bytes, out: Bytes, text: Text) -> None:
        self.work, self.out, self.text = work, out, text
        self.start, self.length, self.tables = Longs(), Longs(), Longs()
        self.systems, self.operations = Words(work), Words(work)
        self.no_destinations, self.own_id_missing, self.prefixes = Words(work), Words(work), Longs()
        for word in WORDS:
            self.learn(word)
            self.start.put(self.text.start)
            self.length.put(self.text.length)
        for written, meant in names.SYSTEM_WORDS.items():
            self.learn_pair(self.systems.words, written, meant)
        for written, operation in names.OPERATION_WORDS.items():
            self.learn(written)
            self.note(self.operations.words)
            self.operations.words.put(OPERATIONS.index(operation) + 1)
            self.operations.words.put(0)
        for word in names.NO_DESTINATION:
            self.learn_pair(self.no_destinations.words, word, "")
        for word in names.WITHOUT_OWN_MESSAGE_ID:
            self.learn_pair(self.own_id_missing.words, word, "")
        for prefix, system in names.SYSTEM_BY_PREFIX.items():
            self.learn_pair(self.prefixes, prefix, system)
        for prefix in names.MESSAGING_PREFIXES:
            self.learn_pair(self.prefixes, prefix, "")
        for table in TABLES:
            self.tables.put(self.names)
            self.names += len(table)
        self.tables.put(self.names)

    def learn(self, word: str) -> None:
        """Puts a word where it stays (`text`)."""
        self.text.append(word.encode())

    def learn_pair(self, table: Longs, word: str, meant: str) -> None:
        """Puts a word and what it means into a table."""
        self.learn(word)
        self.note(table)
        self.learn(meant)
        self.note(table)

    def note(self, table: Longs) -> None:
        """Puts the text at hand into a table."""
        table.put(self.text.start)
        table.put(self.text.length)

    @cython.cfunc
    @cython.nogil
    def put(self, word: cython.int) -> cython.int:
        """A word to the end of `out`."""
        return self.out.copy(self.start.view[word], self.length.view[word])

    @cython.cfunc
    @cython.nogil
    def matches(self, word: cython.int, start: cython.Py_ssize_t, length: cython.Py_ssize_t) -> cython.int:
        return length == self.length.view[word] and self.work.equal(self.start.view[word], start, length)
