"""From bytes to rows in columns: what the Python way says, for any request, whether compiled or not."""

import random
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage

from tests.benchmarks.traffic import bodies
from tests.support import any_request, any_span
from tests.support.both_ways import (
    FORMS,
    Form,
    SourceBatch,
    assert_equal_tables,
    assert_same,
    by_python,
    plain,
)
from tests.support.otlp import a_message, a_request, text
from tracecheck.errors import DecodeError
from tracecheck.model import Link, Span, SpanKind
from tracecheck.receiver import decode_protobuf, decoder
from tracecheck.receiver.decode_columns import Batch
from tracecheck.receiver.encode_protobuf import encode_protobuf
from tracecheck.receiver.limits import SpanLimits
from tracecheck.store.spans import spans_of

SMALL = SpanLimits(attributes=3, value_bytes=5, name_bytes=3)


def request_of(spans: Iterable[Span]) -> bytes:
    return encode_protobuf(list(spans))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("limits", [SMALL, SpanLimits()], ids=["small limits", "usual limits"])
@given(request=any_request.requests)
@settings(max_examples=40, deadline=None)
def test_any_request_gives_the_rows_and_counts_of_the_python_way(form: Form, limits: SpanLimits, request) -> None:
    assert_same(request.SerializeToString(), limits, form)


@pytest.mark.parametrize("form", FORMS)
@given(raw=any_span.raw_spans)
@settings(max_examples=150, deadline=None)
def test_any_spelling_means_what_semconv_says(form: Form, raw: Span) -> None:
    """Names and words of every table, values of any type: the canonical columns are those of `semconv.canonical`."""
    with suppress(ValueError, UnicodeEncodeError):  # integers over 64 bits and lone surrogates cannot be sent
        body = request_of([raw])
        assert_same(body, SpanLimits(), form)


@pytest.mark.parametrize("form", FORMS)
def test_traffic_of_services_gives_equal_rows(form: Form) -> None:
    for body in bodies(1500):
        assert_same(body, SpanLimits(), form)


SPELLED = [
    {"messaging.system": "Kafka", "messaging.operation": "PUBLISH", "messaging.destination": '"orders"'},
    {"messaging.system": "kafka", "messaging.message.id": "orders.3.41", "messaging.destination.name": "orders"},
    {"messaging.system": "kafka", "messaging.message.id": "a.b.3.41"},
    {"messaging.system": "kafka", "messaging.message.id": "orders.٣.٤١", "messaging.destination.name": "orders"},
    {"messaging.system": "kafka", "messaging.message.id": "41-1700000000000"},
    {"messaging.system": "kafka", "messaging.message.id": "41-42-1700000000000"},
    {"messaging.system": "kafka", "messaging.message.id": "1700000000000"},
    {"messaging.system": "ＫＡＦＫＡ", "messaging.message.id": "ÄÖÜ"},
    {"messaging.system": "AmazonSQS", "messaging.message.id": "m", "messaging.destination": ("queue",)},
    {"messaging.system": "rabbitmq", "messaging.destination.name": "amq.default", "rabbit.routing_key": "r"},
    {"messaging.system": "rabbitmq", "messaging.operation": "publish", "messaging.destination.name": "x,key"},
    {"messaging.system": "rabbitmq", "messaging.operation": "publish", "messaging.destination.name": ",key"},
    {"messaging.system": "rabbitmq", "messaging.operation": "publish", "messaging.destination.name": ","},
    {"kafka.topic": b"orders", "messaging.kafka.partition": 3.0, "messaging.kafka.message.offset": "41"},
    {"kafka.topic": b"\xff", "messaging.kafka.offset": 9.3e18, "messaging.batch.message_count": 2**31},
    {"messaging.kafka.offset": "9223372036854775807", "messaging.kafka.message.offset": 1},
    {"messaging.kafka.offset": "9223372036854775808", "messaging.kafka.message.offset": -1},
    {"peer.service": "kafka", "messaging.kafka.tombstone": "TRUE"},
    {"peer.service": "other", "correlation.id": "é" * 600},
    {"correlation.id": "x" * 512, "tracecheck.retry_of": "y" * 513},
    {"celery.action": "apply_async", "messaging.message.id": True, "messaging.message_id": (b"id",)},
    {"jms.queue": 1.5, "messaging.destination.partition.id": -0.0, "tracecheck.attempt": float("nan")},
    {"messaging.system": "", "messaging.operation": "", "messaging.destination": '""'},
    {"tracecheck.odd_keys": 1, "a\x1eb": "x", "$": {"$int": 1}},
    {"$double": {"$map": {"$": (1, float("inf"), None, b"\xff", True, -(2**63))}}, "\x1f$": {"k": ()}},
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", [1, 3, 4, 5])
@pytest.mark.parametrize("name", ["orders send", "Process x", "run/task", "ac\u212a q", "(default) publish", "poll"])
def test_the_odd_spellings_of_libraries_mean_the_same(form: Form, kind: int, name: str) -> None:
    spans = [a_span(number, attributes, name, kind) for number, attributes in enumerate(SPELLED, 1)]
    assert_same(request_of(spans), SpanLimits(), form)


def a_span(number: int, attributes: dict, name: str, kind: int) -> Span:
    raw = Span(trace_id=f"{number:032x}", span_id=f"{number:016x}", name=name, attributes=attributes)
    (back,) = decode_protobuf(request_of([raw])).spans
    links = [Link(trace_id="1" * 32, span_id="2" * 16, attributes=attributes) for _ in range(number % 3)]
    if number % 2:
        links.append(Link(trace_id="1" * 32, span_id="2" * 16, attributes={"messaging.destination": "agreed"}))
    kept = {key: value for key, value in attributes.items() if number % 3 or "destination" not in key}
    return replace(back, kind=SpanKind(kind), links=tuple(links), attributes=kept)


@pytest.mark.parametrize("form", FORMS)
@given(request=any_request.requests, seed=st.integers(0, 2**32))
@settings(max_examples=150, deadline=None)
def test_S7_damaged_bytes_are_refused_or_read_as_the_runtime_reads_them(form: Form, request, seed: int) -> None:
    body = damaged(request.SerializeToString(), random.Random(seed))
    batch = form(SMALL)
    try:
        taken = batch.take(body)
    except DecodeError:
        assert len(batch) == batch.table().num_rows == 0
        return
    batch.table().validate(full=True)
    with suppress(DecodeError):  # what is never read may be broken
        expected, counted = by_python(body, SMALL)
        assert_equal_tables(plain(batch.table()), expected)
        assert taken.rejected == counted.rejected


@given(requests=st.lists(any_request.requests, max_size=4), seed=st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_both_forms_are_twins_over_good_and_broken_requests(requests, seed: int) -> None:
    """The same requests into one batch of each form: equal tables, counts and refusals, also across refusals."""
    chance = random.Random(seed)
    installed, as_source = Batch(SMALL), SourceBatch(SMALL)
    for request in requests:
        body = request.SerializeToString()
        body = damaged(body, chance) if chance.random() < 0.5 else body
        assert outcome(installed, body) == outcome(as_source, body)
        assert_equal_tables(plain(installed.table()), plain(as_source.table()))


def outcome(batch: Batch, body: bytes) -> object:
    try:
        return batch.take(body)
    except DecodeError as error:
        return str(error)


def damaged(body: bytes, chance: random.Random) -> bytes:
    broken = bytearray(body)
    for _ in range(chance.randint(1, 4)):
        if broken:
            broken[chance.randrange(len(broken))] = chance.randrange(256)
    return bytes(broken[: chance.randint(0, len(broken))] if chance.random() < 0.3 else broken)


@pytest.mark.parametrize("form", FORMS)
def test_what_protobuf_merges_is_merged(form: Form) -> None:
    """A part that may occur once occurs twice: two messages one behind the other are one merged message."""
    two = a_request(a_message(1)).SerializeToString(), a_request(a_message(2)).resource_spans[0].SerializeToString()
    inner = a_request(a_message(1)).resource_spans[0].SerializeToString() + two[1]
    body = b"\x0a" + _length(inner) + inner
    assert len(ExportTraceServiceRequest.FromString(body).resource_spans[0].resource.attributes) == 2
    assert_same(body, SpanLimits(), form)


@pytest.mark.parametrize("form", FORMS)
def test_a_refused_request_leaves_the_batch_as_it_was(form: Form) -> None:
    batch = form(None)
    batch.take(a_request(a_message(1)).SerializeToString())
    before = plain(batch.table())
    for _ in range(2):
        with pytest.raises(DecodeError):
            batch.take(a_request(a_message(2), a_message(3)).SerializeToString() + b"\x0a\x05")
        assert_equal_tables(plain(batch.table()), before)
    batch.take(a_request(a_message(4)).SerializeToString())
    assert [span.name for span in spans_of(plain(batch.table()))] == ["span 1", "span 4"]


@pytest.mark.parametrize("form", FORMS)
def test_a_batch_forgets_and_begins_again(form: Form) -> None:
    batch = form(None)
    batch.take(bodies(512)[0])
    batch.reset()
    assert batch.table().num_rows == 0
    batch.take(bodies(512, seed=2)[0])
    assert_equal_tables(plain(batch.table()), by_python(bodies(512, seed=2)[0], SpanLimits())[0])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "field", ["name", "key", "value", "nested", "event", "link", "status", "trace_state", "service"]
)
def test_S9_bad_utf8_costs_only_the_bad_bytes(form: Form, field: str) -> None:
    pair = text("MARKER" if field == "key" else "k", "MARKER" if field == "value" else "v")
    inner = KeyValueList(values=[text("MARKER", "MARKER"), text("z", "z")]) if field == "nested" else KeyValueList()
    message = a_message(
        1,
        attributes=[pair, KeyValue(key="m", value=AnyValue(kvlist_value=inner))],
        links=[SpanMessage.Link(trace_id=b"\1" * 16, span_id=b"\2" * 8, trace_state="x")],
    )
    match field:
        case "name" | "trace_state":
            setattr(message, field, "MARKER")
        case "event":
            message.events.add().name = "MARKER"
        case "link":
            message.links[0].attributes.append(text("MARKER", "v"))
        case "status":
            message.status.message = "MARKER"
    body = a_request(message, a_message(2), service="MARKER" if field == "service" else "checkout").SerializeToString()
    assert b"MARKER" in body
    assert_same(body.replace(b"MARKER", b"MA\xff\xc3ER"), SpanLimits(), form)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("depth", [30, 31, 32, 33, 2000])
def test_S8_values_nest_as_deep_as_the_python_way_lets_them(form: Form, depth: int) -> None:
    value = AnyValue(int_value=1).SerializeToString()
    for _ in range(depth):
        array = b"\x0a" + _length(value) + value
        value = b"\x2a" + _length(array) + array
    pair = b"\x0a\x01k\x12" + _length(value) + value
    span = a_message().SerializeToString() + b"\x4a" + _length(pair) + pair
    scope_spans = b"\x12" + _length(span) + span
    resource_spans = b"\x12" + _length(scope_spans) + scope_spans
    body = b"\x0a" + _length(resource_spans) + resource_spans
    if depth < 32:
        assert_same(body, SpanLimits(), form)
    else:
        with pytest.raises(DecodeError, match="nests"):
            form(None).take(body)


@pytest.mark.parametrize("form", FORMS)
@given(doubles=st.lists(st.floats(), min_size=1, max_size=5))
@settings(max_examples=100, deadline=None)
def test_doubles_are_written_as_python_writes_them(form: Form, doubles: list[float]) -> None:
    values = [AnyValue(double_value=each) for each in doubles]
    message = a_message(
        1,
        attributes=[
            KeyValue(key="one", value=values[0]),
            KeyValue(key="all", value=AnyValue(array_value=ArrayValue(values=values))),
        ],
    )
    assert_same(a_request(message).SerializeToString(), SpanLimits(), form)


@pytest.mark.parametrize("form", FORMS)
@given(value=st.text(max_size=20), raw=st.binary(max_size=20))
@settings(max_examples=150, deadline=None)
def test_json_is_escaped_as_python_escapes_it(form: Form, value: str, raw: bytes) -> None:
    inner = [AnyValue(string_value=value), AnyValue(bytes_value=raw)]
    message = a_message(1, attributes=[KeyValue(key="k", value=AnyValue(array_value=ArrayValue(values=inner)))])
    message.events.add().attributes.append(text(value, value))
    assert_same(a_request(message).SerializeToString(), SpanLimits(), form)


@pytest.mark.parametrize("form", FORMS)
def test_what_a_later_value_replaces_inside_a_map_is_not_cut(form: Form) -> None:
    """The one that is kept may be within the limits."""
    long = AnyValue(array_value=ArrayValue(values=[AnyValue(bytes_value=b"longer"), AnyValue(string_value="longer")]))
    pairs = [KeyValue(key="k", value=long), KeyValue(key="k", value=AnyValue(string_value="kept"))]
    nested = AnyValue(kvlist_value=KeyValueList(values=pairs))
    body = a_request(a_message(attributes=[KeyValue(key="a", value=nested)])).SerializeToString()
    assert_same(body, SMALL, form)


@pytest.mark.parametrize("form", FORMS)
def test_many_keys_are_kept_apart_and_forgotten_again(form: Form) -> None:
    """More keys than a decoder remembers from span to span, each found again within its span."""
    many = 70_000 if form is Batch else 2_000
    limits = SpanLimits(attributes=10**6)
    pairs = [text(f"key-{number}", str(number)) for number in range(many)]
    body = a_request(a_message(1, attributes=[*pairs, text("key-5", "again")]), a_message(2)).SerializeToString()
    batch = form(limits)
    for _ in range(2):
        assert batch.take(body).repaired == 1
    first, _, second, _ = spans_of(plain(batch.table()))
    assert first == second
    assert (len(first.attributes), first.attributes["key-5"]) == (many, "again")


def test_a_compiled_library_is_not_older_than_its_source() -> None:
    """`make set-up`, or `python setup.py build_ext --inplace`, compiles it anew."""
    assert not decoder.is_stale()


def _length(content: bytes) -> bytes:
    out, rest = b"", len(content)
    while rest > 0x7F:
        out, rest = out + bytes([rest & 0x7F | 0x80]), rest >> 7
    return out + bytes([rest])
