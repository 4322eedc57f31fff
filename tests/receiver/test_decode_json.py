"""Rows B1 to B10: what OTLP/JSON means, where it differs from the runtime's own JSON mapping."""

import base64
import json
import math
from typing import Any

import pytest
from hypothesis import given, settings

from tests.support.any_request import requests
from tests.support.otlp import START, a_message, a_request, json_of
from tracecheck.errors import DecodeError
from tracecheck.model import Span, SpanKind, StatusCode
from tracecheck.receiver import Decoded, decode_json, decode_protobuf

TRACE_ID, SPAN_ID = "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174"


def document(**span: Any) -> dict[str, Any]:
    given = {"traceId": TRACE_ID, "spanId": SPAN_ID, "name": "n"}
    return {"resourceSpans": [{"scopeSpans": [{"spans": [given | span]}]}]}


def decoded(**span: Any) -> Decoded:
    return decode_json(json.dumps(document(**span)))


def only(result: Decoded) -> Span:
    assert result.rejected == 0, result.reasons
    (span,) = result.spans
    return span


def value_of(**any_value: Any) -> Any:
    return only(decoded(attributes=[{"key": "k", "value": any_value}])).attributes["k"]


@pytest.mark.parametrize("spell", [str.lower, str.upper, str.title])
def test_B1_ids_are_hex_in_any_letter_case(spell) -> None:
    link = {"traceId": spell(TRACE_ID), "spanId": spell(SPAN_ID)}
    span = only(decoded(traceId=spell(TRACE_ID), spanId=spell(SPAN_ID), parentSpanId=spell(SPAN_ID), links=[link]))
    assert (span.trace_id, span.span_id, span.parent_span_id) == (TRACE_ID, SPAN_ID, SPAN_ID)
    assert (span.links[0].trace_id, span.links[0].span_id) == (TRACE_ID, SPAN_ID)


@pytest.mark.parametrize(
    "trace_id",
    [base64.b64encode(bytes.fromhex(TRACE_ID)).decode(), f"0x{TRACE_ID[2:]}", f" {TRACE_ID[1:]}", TRACE_ID[1:], 7, []],
)
def test_B1_anything_but_hex_is_refused_on_the_wire(trace_id: Any) -> None:
    result = decoded(traceId=trace_id)
    assert (len(result.spans), result.rejected) == (0, 1)


def test_B2_enums_are_numbers_and_known_names_pass_with_a_warning() -> None:
    assert only(decoded(kind=5)).kind is SpanKind.CONSUMER
    named = decoded(kind="SPAN_KIND_CONSUMER", status={"code": "STATUS_CODE_ERROR"})
    assert (only(named).kind, only(named).status) == (SpanKind.CONSUMER, StatusCode.ERROR)
    assert named.repaired == 2
    assert decoded(kind="SPAN_KIND_INVALID_TYPE").rejected == 1


def test_B3_unknown_fields_are_ignored_at_every_depth() -> None:
    request = a_request(
        a_message(1, attributes=[], links=[{"trace_id": b"\1" * 16, "span_id": b"\1" * 8}], events=[{"name": "e"}])
    )
    request.resource_spans[0].scope_spans[0].spans[0].status.code = 2
    plain = json_of(request)

    def pollute(value: Any) -> Any:
        if isinstance(value, dict):
            noise = {
                "unknownScalar": 1,
                "unknownObject": {"x": [1]},
                "unknownArray": [{"y": None}],
                "unknownNull": None,
            }
            return {key: pollute(item) for key, item in value.items()} | noise
        return [pollute(item) for item in value] if isinstance(value, list) else value

    assert decode_json(json.dumps(pollute(plain))) == decode_json(json.dumps(plain))


def test_B4_snake_case_keys_are_unknown_so_the_span_has_no_id_and_is_rejected() -> None:
    text = json.dumps(document()).replace("traceId", "trace_id")
    assert decode_json(text).rejected == 1


@pytest.mark.parametrize("given", [0, 1, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1])
def test_B5_unsigned_64_bit_integers_come_as_number_or_text(given: int) -> None:
    assert only(decoded(startTimeUnixNano=given)).start_unix_nano == given
    assert only(decoded(startTimeUnixNano=str(given))).start_unix_nano == given


@pytest.mark.parametrize(
    "given", [-1, 2**64, "-1", str(2**64), "1.5", 1.5, "", " 1", "1_0", "١", True, [], {}, "9" * 99]
)
def test_B5_what_is_no_unsigned_64_bit_integer_rejects_that_span_alone(given: Any) -> None:
    both = document(startTimeUnixNano=given)
    both["resourceSpans"][0]["scopeSpans"][0]["spans"].append(
        document()["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    )
    result = decode_json(json.dumps(both))
    assert (len(result.spans), result.rejected) == (1, 1)


@pytest.mark.parametrize(("literal", "value"), [("1e18", 10**18), ("1640000000000000001.0", 1640000000000000001)])
def test_B5_whole_numbers_with_point_or_exponent_are_exact(literal: str, value: int) -> None:
    text = json.dumps(document(startTimeUnixNano="?")).replace('"?"', literal)
    assert only(decode_json(text)).start_unix_nano == value


def test_B5_a_gigantic_exponent_costs_nothing_and_is_refused() -> None:
    text = json.dumps(document(startTimeUnixNano="?")).replace('"?"', "1e999999999")
    assert decode_json(text).rejected == 1


def test_B5_signed_integers_keep_their_whole_range() -> None:
    assert value_of(intValue=str(-(2**63))) == -(2**63)
    assert value_of(intValue=2**63 - 1) == 2**63 - 1
    assert decoded(attributes=[{"key": "k", "value": {"intValue": 2**63}}]).rejected == 1


def test_B6_unknown_enum_numbers_do_not_fail_the_batch() -> None:
    result = decoded(kind=99, status={"code": 77})
    assert (only(result).kind, only(result).status, result.repaired) == (SpanKind.UNSPECIFIED, StatusCode.UNSET, 2)


@pytest.mark.parametrize("spelled", ["+/8=", "-_8=", "+/8", "-_8"])
def test_B7_bytes_are_base64_of_either_alphabet_padded_or_not(spelled: str) -> None:
    assert value_of(bytesValue=spelled) == b"\xfb\xff"


def test_B7_doubles_may_be_named() -> None:
    assert math.isnan(value_of(doubleValue="NaN"))
    assert value_of(doubleValue="-Infinity") == -math.inf
    assert value_of(doubleValue="1.25") == value_of(doubleValue=1.25) == 1.25
    assert type(value_of(doubleValue=3)) is float


@pytest.mark.parametrize(
    "any_value", [{"bytesValue": "?"}, {"doubleValue": "much"}, {"doubleValue": 10**400}, {"boolValue": 1}]
)
def test_B7_values_that_cannot_be_meant_reject_the_span(any_value: Any) -> None:
    assert decoded(attributes=[{"key": "k", "value": any_value}]).rejected == 1


def test_B8_null_means_absent() -> None:
    nulls = dict.fromkeys(
        ["parentSpanId", "name", "kind", "startTimeUnixNano", "attributes", "links", "events", "status", "flags"]
    )
    span = only(decoded(**nulls))
    assert (span.parent_span_id, span.name, span.kind, span.links) == (None, "", SpanKind.UNSPECIFIED, ())
    assert value_of(stringValue=None) is None


@pytest.mark.parametrize("body", ["[]", "null", '"x"', "7", "", "{", '{"resourceSpans": 1}', '{"resourceSpans": [1]}'])
def test_B8_the_top_level_must_be_an_object_with_a_sound_envelope(body: str) -> None:
    with pytest.raises(DecodeError):
        decode_json(body)


@pytest.mark.parametrize("depth", [33, 500, 20_000])
def test_B9_S8_deep_values_are_refused_and_never_crash(depth: int) -> None:
    deep = '{"arrayValue":{"values":[' * depth + '{"intValue":1}' + "]}}" * depth
    text = json.dumps(document(attributes=[{"key": "k", "value": "?"}])).replace('"?"', deep)
    with pytest.raises(DecodeError, match="nests"):
        decode_json(text)


def test_B9_deep_unknown_fields_are_refused_and_never_crash() -> None:
    with pytest.raises(DecodeError, match="nests"):
        decode_json('{"x":' + "[" * 100_000 + "]" * 100_000 + "}")


@given(requests)
@settings(max_examples=40, deadline=None)
def test_B10_equal_data_in_json_and_protobuf_gives_equal_rows(request) -> None:
    from_json = decode_json(json.dumps(json_of(request)))
    from_protobuf = decode_protobuf(request.SerializeToString())
    assert repr(from_json) == repr(from_protobuf), "by repr, so that NaN equals NaN and -0.0 does not equal 0.0"


def test_S10_lone_surrogates_and_bad_utf8_become_replacement_characters_and_nul_stays() -> None:
    text = json.dumps(document(name="a\ud800b\0c"))
    result = decode_json(text)
    assert only(result).name == "a\ufffdb\0c"
    assert result.repaired == 1
    raw = json.dumps(document(name="?")).encode().replace(b"?", b"\xff\xfe")
    assert only(decode_json(raw)).name == "\ufffd\ufffd"
    assert decode_json(raw).repaired == 1


def test_S11_long_numbers_and_nan_literals_are_refused_and_of_repeated_keys_the_last_counts() -> None:
    for literal in ("9" * 5000, "NaN", "Infinity"):
        with pytest.raises(DecodeError):
            decode_json(json.dumps(document(startTimeUnixNano="?")).replace('"?"', literal))
    assert only(decode_json(json.dumps(document()).replace('"name"', '"name":"first","name"'))).name == "n"


def test_a_malformed_resource_rejects_its_spans_and_no_others() -> None:
    bad = document()["resourceSpans"][0] | {"resource": {"attributes": [{"key": 5}]}}
    result = decode_json(json.dumps({"resourceSpans": [bad, *document()["resourceSpans"]]}))
    assert (len(result.spans), result.rejected) == (1, 1)


def test_instants_and_defaults_read_as_sent() -> None:
    span = only(decoded(startTimeUnixNano=START, events=[{"timeUnixNano": str(START), "name": "e"}]))
    assert (span.start_unix_nano, span.events[0].time_unix_nano, span.end_unix_nano) == (START, START, 0)
