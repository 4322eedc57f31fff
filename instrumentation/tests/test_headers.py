"""Headers come from strangers: whatever they hold, reading is quiet and writing is single."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import propagate, trace
from opentelemetry.context import Context
from tracecheck_instrumentation import adapters, attempts, health, kafka_records
from tracecheck_instrumentation.handling import Handling
from tracecheck_instrumentation.headers import context_fields, event_id, extract, identifier, outgoing, read_fields
from tracecheck_instrumentation.messages import Endpoint, Message, first_server, key_text
from tracecheck_instrumentation.propagation import TracecheckPropagator
from tracecheck_instrumentation.testing import CapturedSpans

header_names = st.sampled_from(
    ["traceparent", "TraceParent", "tracestate", "baggage", "tracecheck-event-id", "correlation-id", "ce_id", "app"]
)
anything = st.none() | st.integers() | st.binary(max_size=80) | st.text(max_size=80) | st.lists(st.integers())
carriers = st.lists(
    st.tuples(header_names | anything.filter(lambda x: not isinstance(x, list)), anything) | anything, max_size=8
)


@given(carriers)
def test_reading_and_extracting_any_headers_never_raises(carrier: list[Any]) -> None:
    fields = read_fields(carrier)
    extract(fields, onto=Context())
    event_id(fields)
    assert all(isinstance(value, str) for value in fields.values())


@given(st.lists(st.tuples(header_names, st.binary(max_size=20)), max_size=8))
def test_what_goes_out_has_none_of_the_replaced_names_and_all_others_in_order(pairs: list[tuple[str, bytes]]) -> None:
    kept = outgoing(pairs, context_fields())
    assert [pair for pair in pairs if pair[0].lower() not in context_fields()] == kept


def test_a_mapping_is_read_like_a_list() -> None:
    assert read_fields({"Correlation-Id": "c", "other": 1}) == {"correlation-id": "c"}


def test_a_valid_context_is_read_from_bytes() -> None:
    fields = read_fields([("traceparent", b"00-" + b"1" * 32 + b"-" + b"2" * 16 + b"-01")])
    context, found = extract(fields, onto=Context())
    assert found == trace.get_current_span(context).get_span_context()
    assert (int("1" * 32, 16), int("2" * 16, 16)) == (found.trace_id, found.span_id)


@pytest.mark.parametrize(
    ("value", "reason"),
    [(b"\xff", "header_malformed"), (b"x" * 9_000, "header_oversized"), (7, "header_malformed")],
)
def test_what_is_ignored_is_counted(value: object, reason: str) -> None:
    before = health().get(reason, 0)
    assert read_fields([("baggage", value)]) == {}
    assert before + 1 == health()[reason]


@pytest.fixture(params=["stock", "ours"])
def propagator(request: pytest.FixtureRequest) -> Iterator[None]:
    stock = propagate.get_global_textmap()
    propagate.set_global_textmap(stock if request.param == "stock" else TracecheckPropagator())
    yield
    propagate.set_global_textmap(stock)


BASE = f"00-{'1' * 32}-{'2' * 16}-01"


@pytest.mark.usefixtures("propagator")
@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        pytest.param([("traceparent", f"00-{'A' * 32}-{'2' * 16}-01")], "header_malformed", id="upper case"),
        pytest.param([("traceparent", f"ff{BASE[2:]}")], "header_malformed", id="version ff"),
        pytest.param([("traceparent", BASE.replace("1", "0"))], "header_malformed", id="zero trace id"),
        pytest.param([("traceparent", BASE.replace("2", "0"))], "header_malformed", id="zero span id"),
        pytest.param([("traceparent", b"\xff\xfe\x00")], "header_malformed", id="no text"),
        pytest.param([("traceparent", b"0" * 10_000_000)], "header_oversized", id="10 MB"),
        pytest.param([("tracestate", b"a=" + b"1" * 1_000_000)], "header_oversized", id="tracestate of 1 MB"),
        pytest.param([("baggage", b"a=" + b"1" * 1_000_000)], "header_oversized", id="baggage of 1 MB"),
        pytest.param([("correlation-id", b"x" * 1_000)], "header_oversized", id="long correlation id"),
        pytest.param([("correlation-id", b"x" * 5_000_000)], "header_oversized", id="correlation id of 5 MB"),
        pytest.param([("correlation-id", "a\x00\x1b[31m")], "header_malformed", id="control characters"),
        pytest.param([("baggage", "correlation.id=a%0Ab")], "header_malformed", id="encoded control characters"),
        pytest.param([("baggage", f"correlation.id={'x' * 1_000}")], "header_oversized", id="long id in baggage"),
        pytest.param([("tracecheck-retry-of", b"\r\n")], "header_malformed", id="retry of nothing"),
        pytest.param([("traceparent",)], "header_malformed", id="no pair"),
    ],
)
def test_a_hostile_header_is_counted_and_the_message_handled_without_it(
    spans: CapturedSpans, headers: Any, reason: str
) -> None:
    before = health().get(reason, 0)
    with Handling(Endpoint(system="kafka"), [Message("orders", headers)]):
        pass
    processed = spans.wait_for("process orders")
    assert (processed.parent, processed.links, health()[reason] > before) == (None, (), True)
    assert not processed.attributes.keys() & {"correlation.id", "tracecheck.retry_of"}


@pytest.mark.parametrize("value", [None, "", 7, "a\nb", "x" * 257, b"bytes"])
def test_what_cannot_be_an_id_is_none(value: object) -> None:
    assert identifier(value) is None


def test_our_event_id_header_wins_over_a_cloud_event() -> None:
    assert event_id({"tracecheck-event-id": "mine", "ce_id": "theirs"}) == "mine"
    assert event_id({"ce_id": "theirs"}) == "theirs"
    assert event_id(read_fields({"cloudEvents:id": "theirs"})) == "theirs"


@pytest.mark.parametrize(
    ("key", "text"),
    [(None, None), ("k", "k"), (b"k", "k"), (b"\xff", "ff"), (7, "7"), (True, None), (object(), None), (b"", "")],
)
def test_a_key_is_shown_in_a_plain_form_or_not_at_all(key: object, text: str | None) -> None:
    assert text == key_text(key)


@pytest.mark.parametrize(
    ("servers", "expected"),
    [
        ("a:1,b:2", ("a", 1)),
        (["a:1", "b:2"], ("a", 1)),
        ("a", ("a", 9092)),
        ("SASL://a:1", ("a", 1)),
        ("[::1]:9", ("::1", 9)),
        ("::1", ("::1", 9092)),
        (None, (None, None)),
        ([], (None, None)),
        (7, (None, None)),
    ],
)
def test_the_first_server_is_named(servers: object, expected: tuple[str | None, int | None]) -> None:
    assert expected == first_server(servers, 9092)


def test_who_fetched_from_a_partition_is_remembered_within_bounds() -> None:
    endpoint = Endpoint(system="kafka", group="billing")
    for number in range(kafka_records.MAX_PARTITIONS + 10):
        kafka_records.remember(endpoint, Message("replies", partition=number))
        assert kafka_records.endpoint_of(Message("replies", partition=number), None) is endpoint
    assert len(kafka_records._fetched_by) <= kafka_records.MAX_PARTITIONS


def test_types_are_remembered_within_bounds() -> None:
    for number in range(adapters.MAX_TYPES + 10):
        assert adapters.adapter_of(type(f"Made{number}", (), {})()) is None
    assert len(adapters._by_type) <= adapters.MAX_TYPES


def test_attempts_are_remembered_within_bounds() -> None:
    attempts.forget_all()
    assert [attempts.begin("first"), attempts.begin("first")] == [1, 2]
    for number in range(attempts.MAX_REMEMBERED):
        attempts.begin(number)
    assert attempts.begin("first") == 1, "the oldest is forgotten"
