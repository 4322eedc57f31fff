"""The columns that are written: those of spans, of their links and events, and of the resources they point to."""

from tracecheck.receiver import _nocython as cython
from tracecheck.receiver.columns.cells import Lists, Numbers, Repeated, SmallNumbers, Texts
from tracecheck.receiver.columns.lists import Bits, Ints, Longs
from tracecheck.receiver.columns.memory import Bytes, Column


@cython.final
@cython.cclass
class Shelf:
    """Makes columns, knows them by name, and sets them all back to where they were."""

    work: Bytes
    columns: list
    parts: dict

    def __init__(self, work: Bytes) -> None:
        self.work, self.columns, self.parts = work, [], {}

    def keep(self, name: str, *parts: Column | None) -> None:
        """Knows the parts of one Arrow column: which cells are given (None: all), then the values, or ends and text."""
        self.parts[name] = parts
        self.columns += [part for part in parts if part is not None]

    def octets(self, name: str) -> Bytes:
        """Bytes of a fixed number per row."""
        column: Bytes = Bytes(self.work)
        self.keep(name, None, column)
        return column

    def ints(self, name: str, *first: int) -> Ints:
        """32-bit integers."""
        column: Ints = Ints(*first)
        self.keep(name, None, column)
        return column

    def longs(self, name: str) -> Longs:
        """64-bit integers."""
        column: Longs = Longs()
        self.keep(name, None, column)
        return column

    def booleans(self, name: str) -> Bits:
        """Booleans."""
        column: Bits = Bits()
        self.keep(name, None, column)
        return column

    def texts(self, name: str) -> Texts:
        """Texts, or NULL."""
        column: Texts = Texts(self.work)
        self.keep(name, column.given, column.ends, column.text)
        return column

    def repeated(self, name: str) -> Repeated:
        """Texts that occur again and again, or NULL: which ones, and by `<name>.kept` the texts."""
        column: Repeated = Repeated(self.work)
        self.keep(name, column.given, column.which)
        self.keep(f"{name}.kept", None, column.kept.ends, column.kept.text)
        self.columns += [column.numbers, column.ends]
        return column

    def numbers(self, name: str) -> Numbers:
        """64-bit integers, or NULL."""
        column: Numbers = Numbers()
        self.keep(name, column.given, column.numbers)
        return column

    def small_numbers(self, name: str) -> SmallNumbers:
        """32-bit integers, or NULL."""
        column: SmallNumbers = SmallNumbers()
        self.keep(name, column.given, column.numbers)
        return column

    def lists(self, name: str) -> Lists:
        """Where lists end, or NULL."""
        column: Lists = Lists()
        self.keep(name, column.given, column.ends)
        return column

    def sizes(self) -> list[int]:
        """How far every column reaches."""
        column: Column
        sizes = []
        for column in self.columns:
            sizes.append(column.size)
        return sizes

    def go_back(self, sizes: list[int]) -> None:
        """Forgets what was put since `sizes` were taken."""
        column: Column
        for column, size in zip(self.columns, sizes, strict=True):
            column.size = size

    def finished(self) -> dict[str, tuple[memoryview | None, ...]]:
        """The memory of every column's parts, by name. It changes with whatever is put next."""
        return {
            name: tuple([None if part is None else part.finished() for part in parts])
            for name, parts in self.parts.items()
        }


@cython.final
@cython.cclass
class SpanColumns:
    """One cell per span."""

    trace_id: Bytes
    span_id: Longs
    parent_span_id: Numbers
    trace_state: Texts
    flags: Ints
    name: Texts
    kind: Bytes
    start_unix_nano: Longs
    end_unix_nano: Longs
    time_overflow: Bits
    start_raw_unix_nano: Numbers
    end_raw_unix_nano: Numbers
    status_code: Bytes
    status_message: Texts
    resource_index: Ints
    instance_given: Bits
    host_given: Bits
    correlation_id: Texts
    run_id: Texts
    system: Texts
    operation: SmallNumbers
    destination: Texts
    consumer_group: Texts
    partition_id: Texts
    message_offset: Numbers
    message_id: Texts
    message_key: Texts
    event_id: Texts
    batch_count: SmallNumbers
    record_time_unix_nano: Numbers
    attempt: SmallNumbers
    retry_of: Texts
    tombstone: Bits
    attr_keys: Repeated
    attr_vals: Lists
    attr_texts: Texts
    attr_int_keys: Repeated
    attr_ints: Lists
    attr_numbers: Longs
    dropped_attributes_count: Ints
    links: Ints
    dropped_links_count: Ints
    events: Ints
    dropped_events_count: Ints

    def __init__(self, shelf: Shelf) -> None:
        self.trace_id = shelf.octets("trace_id")
        self.span_id = shelf.longs("span_id")
        self.parent_span_id = shelf.numbers("parent_span_id")
        self.trace_state = shelf.texts("trace_state")
        self.flags = shelf.ints("flags")
        self.name = shelf.texts("name")
        self.kind = shelf.octets("kind")
        self.start_unix_nano = shelf.longs("start_unix_nano")
        self.end_unix_nano = shelf.longs("end_unix_nano")
        self.time_overflow = shelf.booleans("time_overflow")
        self.start_raw_unix_nano = shelf.numbers("start_raw_unix_nano")
        self.end_raw_unix_nano = shelf.numbers("end_raw_unix_nano")
        self.status_code = shelf.octets("status_code")
        self.status_message = shelf.texts("status_message")
        self.resource_index = shelf.ints("resource_index")
        self.instance_given = shelf.booleans("instance_given")
        self.host_given = shelf.booleans("host_given")
        self.correlation_id = shelf.texts("correlation_id")
        self.run_id = shelf.texts("run_id")
        self.system = shelf.texts("system")
        self.operation = shelf.small_numbers("operation")
        self.destination = shelf.texts("destination")
        self.consumer_group = shelf.texts("consumer_group")
        self.partition_id = shelf.texts("partition_id")
        self.message_offset = shelf.numbers("message_offset")
        self.message_id = shelf.texts("message_id")
        self.message_key = shelf.texts("message_key")
        self.event_id = shelf.texts("event_id")
        self.batch_count = shelf.small_numbers("batch_count")
        self.record_time_unix_nano = shelf.numbers("record_time_unix_nano")
        self.attempt = shelf.small_numbers("attempt")
        self.retry_of = shelf.texts("retry_of")
        self.tombstone = shelf.booleans("tombstone")
        self.attr_keys = shelf.repeated("attr_keys")
        self.attr_vals = shelf.lists("attr_vals")
        self.attr_texts = shelf.texts("attr_vals.text")
        self.attr_int_keys = shelf.repeated("attr_int_keys")
        self.attr_ints = shelf.lists("attr_ints")
        self.attr_numbers = shelf.longs("attr_ints.number")
        self.dropped_attributes_count = shelf.ints("dropped_attributes_count")
        self.links = shelf.ints("links", 0)
        self.dropped_links_count = shelf.ints("dropped_links_count")
        self.events = shelf.ints("events", 0)
        self.dropped_events_count = shelf.ints("dropped_events_count")


@cython.final
@cython.cclass
class LinkColumns:
    """One cell per link."""

    trace_id: Bytes
    span_id: Longs
    trace_state: Texts
    flags: Ints
    partition_id: Texts
    message_offset: Numbers
    message_id: Texts
    attributes: Texts
    dropped_attributes_count: Ints

    def __init__(self, shelf: Shelf) -> None:
        self.trace_id = shelf.octets("links.trace_id")
        self.span_id = shelf.longs("links.span_id")
        self.trace_state = shelf.texts("links.trace_state")
        self.flags = shelf.ints("links.flags")
        self.partition_id = shelf.texts("links.partition_id")
        self.message_offset = shelf.numbers("links.message_offset")
        self.message_id = shelf.texts("links.message_id")
        self.attributes = shelf.texts("links.attributes")
        self.dropped_attributes_count = shelf.ints("links.dropped_attributes_count")


@cython.final
@cython.cclass
class EventColumns:
    """One cell per event."""

    time_unix_nano: Longs
    name: Texts
    attributes: Texts
    dropped_attributes_count: Ints

    def __init__(self, shelf: Shelf) -> None:
        self.time_unix_nano = shelf.longs("events.time_unix_nano")
        self.name = shelf.texts("events.name")
        self.attributes = shelf.texts("events.attributes")
        self.dropped_attributes_count = shelf.ints("events.dropped_attributes_count")


@cython.final
@cython.cclass
class ResourceColumns:
    """One cell per resource and scope: a dictionary that the rows point into (`resource_index`)."""

    resource: Texts
    service: Texts
    instance: Texts
    host: Texts

    def __init__(self, shelf: Shelf) -> None:
        self.resource = shelf.texts("resource")
        self.service = shelf.texts("service")
        self.instance = shelf.texts("instance")
        self.host = shelf.texts("host")
