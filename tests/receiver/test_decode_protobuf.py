"""Rows C1 to C11 of the data model, on both encodings where JSON can say it, and hostile protobuf."""

import json
import random
from collections.abc import Callable
from contextlib import suppress

import pytest
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage

from tests.support.any_request import requests
from tests.support.otlp import START, a_message, a_request, json_of, text
from tracecheck.errors import DecodeError
from tracecheck.model import Span
from tracecheck.receiver import Decoded, decode_json, decode_protobuf
from tracecheck.receiver.encode_protobuf import encode_protobuf

Decode = Callable[[Message], Decoded]


@pytest.fixture(params=["protobuf", "json"])
def decode(request: pytest.FixtureRequest) -> Decode:
    if request.param == "protobuf":
        return lambda message: decode_protobuf(message.SerializeToString())
    return lambda message: decode_json(json.dumps(json_of(message)))


def only(result: Decoded) -> Span:
    (span,) = result.spans
    return span


@pytest.mark.parametrize("length", [0, 7, 8, 15, 17, 24])
def test_C1_S17_a_trace_id_of_another_length_rejects_that_span_alone(decode: Decode, length: int) -> None:
    result = decode(a_request(a_message(1, trace_id=b"\1" * length), a_message(2)))
    assert ([span.name for span in result.spans], result.rejected) == (["span 2"], 1)


@pytest.mark.parametrize("length", [0, 7, 15, 16, 17, 24])
def test_C1_S17_a_span_id_of_another_length_rejects_that_span_alone(decode: Decode, length: int) -> None:
    result = decode(a_request(a_message(1, span_id=b"\1" * length), a_message(2)))
    assert ([span.name for span in result.spans], result.rejected) == (["span 2"], 1)


def test_C1_S17_zero_ids_reject_the_span(decode: Decode) -> None:
    assert decode(a_request(a_message(1, trace_id=bytes(16)), a_message(1, span_id=bytes(8)))).rejected == 2


@pytest.mark.parametrize(("parent", "kept", "repairs"), [(b"", None, 0), (bytes(8), None, 0), (b"\1" * 8, "01" * 8, 0)])
def test_C2_an_empty_or_zero_parent_is_none(decode: Decode, parent: bytes, kept: str | None, repairs: int) -> None:
    result = decode(a_request(a_message(parent_span_id=parent)))
    assert (only(result).parent_span_id, result.repaired) == (kept, repairs)


@pytest.mark.parametrize("length", [1, 7, 9, 16])
def test_C2_a_parent_of_another_length_keeps_the_span_and_is_counted(decode: Decode, length: int) -> None:
    result = decode(a_request(a_message(parent_span_id=b"\1" * length)))
    assert (only(result).parent_span_id, result.repaired) == (None, 1)


def test_C2_a_link_with_a_bad_id_is_dropped_and_counted(decode: Decode) -> None:
    good, bad = SpanMessage.Link(trace_id=b"\1" * 16, span_id=b"\2" * 8), SpanMessage.Link(trace_id=b"\1")
    result = decode(a_request(a_message(links=[bad, good])))
    assert ([link.span_id for link in only(result).links], result.repaired) == (["02" * 8], 1)


def test_C3_all_32_flag_bits_are_kept(decode: Decode) -> None:
    link = SpanMessage.Link(trace_id=b"\1" * 16, span_id=b"\2" * 8, flags=0xFFFFFFFF)
    span = only(decode(a_request(a_message(flags=0xFFFFFFFF, links=[link]))))
    assert (span.flags, span.links[0].flags) == (0xFFFFFFFF, 0xFFFFFFFF)


def test_C4_values_of_any_kind_and_nesting_are_kept(decode: Decode) -> None:
    inner = KeyValueList(values=[text("t", "x"), KeyValue(key="b", value=AnyValue(bytes_value=b"\0\xff"))])
    mixed = ArrayValue(values=[AnyValue(int_value=1), AnyValue(), AnyValue(kvlist_value=inner)])
    span = only(decode(a_request(a_message(attributes=[KeyValue(key="k", value=AnyValue(array_value=mixed))]))))
    assert span.attributes == {"k": (1, None, {"t": "x", "b": b"\0\xff"})}


def test_C5_of_a_repeated_key_the_last_value_counts(decode: Decode) -> None:
    result = decode(a_request(a_message(attributes=[text("k", "1"), text("other", "x"), text("k", "2")])))
    assert (only(result).attributes, result.repaired) == ({"k": "2", "other": "x"}, 1)


def test_C6_string_table_indexes_are_read_as_absent_and_said(decode: Decode) -> None:
    by_key = KeyValue(key_strindex=3, value=AnyValue(string_value="lost"))
    by_value = KeyValue(key="k", value=AnyValue(string_value_strindex=4))
    result = decode(a_request(a_message(attributes=[by_key, by_value])))
    assert (only(result).attributes, result.repaired) == ({"k": None}, 2)


def test_C7_a_missing_resource_and_scope_are_unknown_and_no_error(decode: Decode) -> None:
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.append(a_message())
    span = only(decode(request))
    assert (span.resource.attributes, span.resource.scope_name) == ({}, "")


@pytest.mark.parametrize("instant", [0, 1, 2**63 - 1, 2**63, 2**64 - 1])
def test_C8_S29_instants_of_the_whole_range_are_kept_and_the_end_may_come_first(decode: Decode, instant: int) -> None:
    event = SpanMessage.Event(time_unix_nano=instant)
    span = only(decode(a_request(a_message(start_time_unix_nano=START, end_time_unix_nano=instant, events=[event]))))
    assert (span.end_unix_nano, span.events[0].time_unix_nano) == (instant, instant)


def test_C9_dropped_counts_are_kept_at_every_level(decode: Decode) -> None:
    link = SpanMessage.Link(trace_id=b"\1" * 16, span_id=b"\2" * 8, dropped_attributes_count=1)
    message = a_message(
        dropped_attributes_count=2,
        dropped_events_count=3,
        dropped_links_count=4,
        links=[link],
        events=[SpanMessage.Event(dropped_attributes_count=5)],
    )
    request = a_request(message)
    request.resource_spans[0].resource.dropped_attributes_count = 6
    request.resource_spans[0].scope_spans[0].scope.dropped_attributes_count = 7
    span = only(decode(request))
    assert (
        span.links[0].dropped_attributes_count,
        span.dropped_attributes_count,
        span.dropped_events_count,
        span.dropped_links_count,
        span.events[0].dropped_attributes_count,
        span.resource.dropped_attributes_count,
        span.resource.scope_dropped_attributes_count,
    ) == (1, 2, 3, 4, 5, 6, 7)


def test_C10_trace_state_is_verbatim_and_an_empty_name_stays_empty(decode: Decode) -> None:
    span = only(decode(a_request(a_message(trace_state=" a=1, b=2,,", name=""))))
    assert (span.trace_state, span.name) == (" a=1, b=2,,", "")


def test_C11_unknown_protobuf_fields_are_ignored() -> None:
    span = a_message().SerializeToString() + b"\xfa\x3e\x03abc" + b"\xf8\x3e\x07"
    scope_spans = b"\x12" + bytes([len(span)]) + span
    resource_spans = b"\x12" + bytes([len(scope_spans)]) + scope_spans
    body = b"\x0a" + bytes([len(resource_spans)]) + resource_spans + b"\xf8\x3e\x07"
    assert only(decode_protobuf(body)).name == "span 1"


@given(requests)
@settings(max_examples=40, deadline=None)
def test_what_is_encoded_again_decodes_to_the_same_spans(request) -> None:
    spans = decode_protobuf(request.SerializeToString()).spans
    assert repr(decode_protobuf(encode_protobuf(spans)).spans) == repr(spans)


@pytest.mark.parametrize("field", ["name", "key", "value", "service", "trace_state", "event", "scope"])
def test_S9_invalid_utf8_costs_only_the_bad_bytes(field: str) -> None:
    """The marker stands in one text field after another, and its bytes are then broken on the wire."""
    marker = "MARKER"
    message = a_message(1, attributes=[text(marker if field == "key" else "k", marker if field == "value" else "v")])
    if field in ("name", "trace_state"):
        setattr(message, field, marker)
    if field == "event":
        message.events.add().name = marker
    request = a_request(message, a_message(2), service=marker if field == "service" else "checkout")
    if field == "scope":
        request.resource_spans[0].scope_spans[0].scope.name = marker
    result = decode_protobuf(request.SerializeToString().replace(b"MARKER", b"MA\xff\xc3ER"))
    assert (len(result.spans), result.rejected, result.repaired) == (2, 0, 1)
    assert "MA\ufffd\ufffdER" in repr(result.spans[0])
    assert repr(result.spans[1]) == repr(decode_protobuf(request.SerializeToString()).spans[1]).replace(
        marker, "MA\ufffd\ufffdER"
    )


@pytest.mark.parametrize("depth", [33, 48, 2000])
def test_S8_deep_values_are_refused_and_never_crash(depth: int) -> None:
    value = AnyValue(int_value=1).SerializeToString()
    for _ in range(depth):
        array = b"\x0a" + _length(value) + value
        value = b"\x2a" + _length(array) + array
    pair = b"\x0a\x01k\x12" + _length(value) + value
    span = a_message().SerializeToString() + b"\x4a" + _length(pair) + pair
    scope_spans = b"\x12" + _length(span) + span
    resource_spans = b"\x12" + _length(scope_spans) + scope_spans
    with pytest.raises(DecodeError, match="nests"):
        decode_protobuf(b"\x0a" + _length(resource_spans) + resource_spans)


@pytest.mark.parametrize(("depth", "kept"), [(31, True), (32, False)])
def test_S8_the_limit_is_the_same_for_text_in_maps_and_on_both_encodings(
    decode: Decode, depth: int, kept: bool
) -> None:
    value = AnyValue(string_value="deep")
    for _ in range(depth):
        value = AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key="k", value=value)]))
    request = a_request(a_message(attributes=[KeyValue(key="k", value=value)]))
    if kept:
        assert only(decode(request)).attributes
    else:
        with pytest.raises(DecodeError, match="nests"):
            decode(request)


def _length(content: bytes) -> bytes:
    out, rest = b"", len(content)
    while rest > 0x7F:
        out, rest = out + bytes([rest & 0x7F | 0x80]), rest >> 7
    return out + bytes([rest])


@given(st.binary(max_size=60))
def test_S7_random_bytes_decode_or_are_refused(body: bytes) -> None:
    with suppress(DecodeError):
        decode_protobuf(body)


@given(requests, st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_S7_damaged_requests_decode_or_are_refused(request, seed: int) -> None:
    body = bytearray(request.SerializeToString())
    chance = random.Random(seed)
    for _ in range(chance.randint(1, 4)):
        if body:
            body[chance.randrange(len(body))] = chance.randrange(256)
    with suppress(DecodeError):
        decode_protobuf(bytes(body[: chance.randint(0, len(body))]))
