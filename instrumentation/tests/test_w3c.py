"""The W3C cases for trace context, against a service behind our propagator; and which propagator is in use."""

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from tracecheck_instrumentation.propagation import StrictTraceState

from instrumentation.tests.child import run
from instrumentation.tests.w3c_service import PARENT_ID, PROPAGATOR, by_ingress, by_propagator, running_service

TRACE_ID = "12345678901234567890123456789012"
BASE = f"00-{TRACE_ID}-{PARENT_ID}-01"
NEXT = f"cc-{TRACE_ID}-{PARENT_ID}-01"


@pytest.fixture(scope="module", params=[by_propagator, by_ingress])
def service(request: pytest.FixtureRequest) -> Iterator[Any]:
    with running_service(request.param) as called:
        yield called


# --- traceparent ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("traceparent", BASE),
        ("TraceParent", BASE),
        ("TrAcEpArEnT", BASE),
        ("TRACEPARENT", BASE),
        ("traceparent", f"{BASE} "),
        ("traceparent", f" {BASE}"),
        ("traceparent", f"{BASE}\t"),
        ("traceparent", f"\t{BASE}"),
        ("traceparent", f"\t {BASE} \t"),
        ("traceparent", NEXT),
        ("traceparent", f"{NEXT}-more"),
        ("traceparent", f"00-{TRACE_ID}-{PARENT_ID}-00"),
    ],
)
def test_a_valid_parent_keeps_its_trace_and_gets_a_new_parent_id(service: Any, name: str, value: str) -> None:
    assert service((name, value)).trace_id == TRACE_ID


def test_the_random_flag_is_kept(service: Any) -> None:
    call = service(("traceparent", f"00-{TRACE_ID}-{PARENT_ID}-02"))
    assert call.trace_id == TRACE_ID
    assert int(call.traceparent[-2:], 16) & 2


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([("traceparent", BASE), ("traceparent", BASE)], id="twice the same"),
        pytest.param([("traceparent", BASE), ("traceparent", BASE.replace("-1", "-2"))], id="two"),
        pytest.param([("traceparent", BASE), ("TraceParent", BASE)], id="two in different case"),
        ("trace-parent", BASE),
        ("trace.parent", BASE),
        ("traceparent", f"{BASE}."),
        ("traceparent", f"{BASE}-"),
        ("traceparent", f"{BASE}-more"),
        ("traceparent", f"{NEXT}.more"),
        ("traceparent", f"ff{BASE[2:]}"),
        ("traceparent", f"{BASE[1:]}"),
        ("traceparent", f"0{BASE}"),
        ("traceparent", f"00{BASE}"),
        ("traceparent", f".0{BASE[2:]}"),
        ("traceparent", f"0.{BASE[2:]}"),
        ("traceparent", f"x0{BASE[2:]}"),
        ("traceparent", BASE.replace(TRACE_ID, "0" * 32)),
        ("traceparent", BASE.replace(TRACE_ID, TRACE_ID[1:])),
        ("traceparent", BASE.replace(TRACE_ID, f"{TRACE_ID}3")),
        ("traceparent", BASE.replace(TRACE_ID, f".{TRACE_ID[1:]}")),
        ("traceparent", BASE.replace(TRACE_ID, f"{TRACE_ID[:-1]}.")),
        ("traceparent", BASE.replace(TRACE_ID, f"A{TRACE_ID[1:]}")),
        ("traceparent", BASE.replace(f"-{PARENT_ID}-", f"-{'0' * 16}-")),
        ("traceparent", BASE.replace(f"-{PARENT_ID}-", f"-{PARENT_ID[1:]}-")),
        ("traceparent", BASE.replace(f"-{PARENT_ID}-", f"-{PARENT_ID}7-")),
        ("traceparent", BASE.replace(f"-{PARENT_ID}-", f"-.{PARENT_ID[1:]}-")),
        ("traceparent", BASE.replace(f"-{PARENT_ID}-", f"-{PARENT_ID[:-1]}g-")),
        ("traceparent", f"{BASE[:-2]}1"),
        ("traceparent", f"{BASE[:-2]}001"),
        ("traceparent", f"{BASE[:-2]}.0"),
        ("traceparent", f"{BASE[:-2]}0."),
        ("traceparent", f"{BASE[:-2]}0G"),
        ("traceparent", ""),
        pytest.param([], id="none"),
    ],
)
def test_anything_else_begins_a_new_trace(service: Any, headers: Any) -> None:
    given_headers = headers if isinstance(headers, list) else [headers]
    call = service(*given_headers, ("tracestate", "foo=1"))
    assert not [value for _, value in given_headers if call.trace_id in value]
    assert call.tracestate is None, "a tracestate does not stand without its traceparent"


def test_three_calls_from_one_request_share_the_trace_and_differ_in_parent(service: Any) -> None:
    calls = service(("traceparent", BASE), times=3)
    assert [call.trace_id for call in calls] == [TRACE_ID] * 3
    assert len({call.traceparent for call in calls}) == 3


# --- tracestate -------------------------------------------------------------------------------------------------------

VALUE_CHARACTERS = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) not in ",=")


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (["foo=1,bar=2"], "foo=1,bar=2"),
        (["foo=1,bar=2", "rojo=1,congo=2", "baz=3"], "foo=1,bar=2,rojo=1,congo=2,baz=3"),
        (["foo=1", ""], "foo=1"),
        (["", "foo=1"], "foo=1"),
        ([""], None),
        (["foo=1 \t , \t bar=2, \t baz=3"], "foo=1,bar=2,baz=3"),
        (["foo=1\t \t,\t \tbar=2,\t \tbaz=3"], "foo=1,bar=2,baz=3"),
        ([" foo=1"], "foo=1"),
        (["\tfoo=1"], "foo=1"),
        (["foo=1 "], "foo=1"),
        (["foo=1\t"], "foo=1"),
        ([","], None),
        (["foo@=1,bar=2"], "foo@=1,bar=2"),
        (["foo@@bar=1,bar=2"], "foo@@bar=1,bar=2"),
        (["foo@bar@baz=1,bar=2"], "foo@bar@baz=1,bar=2"),
        (["a@b@c=1"], "a@b@c=1"),
        (["0foo=1,1a@b=2"], "0foo=1,1a@b=2"),
        (["a-b_c*d/e=1"], "a-b_c*d/e=1"),
        ([f"{'z' * 256}=1"], f"{'z' * 256}=1"),
        ([f"foo=1,{'9' * 256}=1"], f"foo=1,{'9' * 256}=1"),
        ([f"{'t' * 241}@{'v' * 14}=1"], f"{'t' * 241}@{'v' * 14}=1"),
        ([f"{'t' * 240}@{'v' * 15}=1"], f"{'t' * 240}@{'v' * 15}=1"),
        ([f"foo=1,{'z' * 257}=1"], None),
        ([f"foo=1,{'t' * 242}@{'v' * 14}=1"], None),
        ([f"foo={'v' * 256}"], f"foo={'v' * 256}"),
        ([f"bar=1,foo={'v' * 257}"], None),
        (["foo =1"], None),
        (["foo bar=1,baz=2"], None),
        (["FOO=1"], None),
        (["bar=2,Foo=1"], None),
        (["foo.bar=1,bar=2"], None),
        (["@foo=1,bar=2"], None),
        (["@=1,bar=2"], None),
        (["foo"], None),
        (["foo=1,bar"], None),
        (["foo@bar=1=2"], None),
        (["foo=1=2,bar=1"], None),
        (["foo=,bar=3"], None),
        (["=1,bar=3"], None),
        (["foo=1,foo=2"], "foo=1"),
        (["foo=1", "foo=2"], "foo=1"),
        (["foo=1,foo=1"], "foo=1"),
        ([f"foo={VALUE_CHARACTERS[1:]}"], f"foo={VALUE_CHARACTERS[1:]}"),
        (["foo=a b c"], "foo=a b c"),
        ([",".join(f"bar{n:02}=01" for n in range(32))], ",".join(f"bar{n:02}=01" for n in range(32))),
        ([",".join(f"bar{n:02}=01" for n in range(33))], None),
        ([",".join(f"bar{n:02}=01" for n in range(16))] * 2 + ["x=1"], None),
    ],
)
def test_a_tracestate_goes_on_whole_or_not_at_all(service: Any, states: list[str], expected: str | None) -> None:
    call = service(("traceparent", BASE), *(("tracestate", state) for state in states))
    assert call.trace_id == TRACE_ID
    assert call.tracestate == expected


@pytest.mark.parametrize("name", ["trace-state", "trace.state"])
def test_a_header_of_another_name_is_no_tracestate(service: Any, name: str) -> None:
    assert service(("traceparent", BASE), (name, "foo=1")).tracestate is None


@pytest.mark.parametrize("name", ["tracestate", "TraceState", "TRACESTATE"])
def test_a_tracestate_is_known_in_any_case(service: Any, name: str) -> None:
    assert service(("traceparent", BASE), (name, "foo=1")).tracestate == "foo=1"


def test_a_changed_tracestate_keeps_what_only_level_two_allows() -> None:
    state = StrictTraceState.from_header(["a@b@c=1,foo=2"])
    assert state.add("ot", "p:1").to_header() == "ot=p:1,a@b@c=1,foo=2"
    assert state.add("foo", "9") is state
    assert state.update("foo", "3").to_header() == "foo=3,a@b@c=1"
    assert state.delete("foo").to_header() == "a@b@c=1"
    assert state.add("Bad", "1") is state
    full = StrictTraceState([(f"k{n}", "1") for n in range(32)])
    assert full.add("one-more", "1") is full
    assert len(full.update("k7", "2")) == 32


# --- where OpenTelemetry's own propagator falls short -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("parents", "states", "stock", "ours"),
    [
        pytest.param([BASE, BASE], ["foo=1"], (True, "foo=1"), (False, ""), id="two traceparent headers"),
        pytest.param([BASE], ["foo=1,foo=2"], (True, ""), (True, "foo=1"), id="duplicate keys"),
        pytest.param([BASE], ["foo@=1,bar=2"], (True, ""), (True, "foo@=1,bar=2"), id="@ in other places"),
        pytest.param([BASE], [f"{'t' * 240}@{'v' * 15}=1"], (True, ""), (True, f"{'t' * 240}@{'v' * 15}=1"), id="256"),
    ],
)
def test_the_four_cases_that_the_stock_propagator_fails_are_closed(
    parents: list[str], states: list[str], stock: tuple[bool, str], ours: tuple[bool, str]
) -> None:
    def read(propagator: TextMapPropagator) -> tuple[bool, str]:
        context = propagator.extract({"traceparent": parents, "tracestate": states}, Context())
        sender = trace.get_current_span(context).get_span_context()
        return f"{sender.trace_id:032x}" == TRACE_ID, sender.trace_state.to_header()

    assert read(TraceContextTextMapPropagator()) == stock
    assert read(PROPAGATOR) == ours


# --- which propagator is in use ---------------------------------------------------------------------------------------

WHICH = """
    from opentelemetry import propagate
    from tracecheck_instrumentation import configure
    configure("billing")
    print(*(type(each).__name__ for each in propagate.get_global_textmap()._propagators))
"""


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({}, "StrictTraceContext StrictBaggage"),
        ({"OTEL_SDK_DISABLED": "true"}, "StrictTraceContext StrictBaggage"),
        ({"OTEL_PROPAGATORS": "tracecheck"}, "TracecheckPropagator"),
        ({"OTEL_PROPAGATORS": "tracecontext,baggage"}, "TraceContextTextMapPropagator W3CBaggagePropagator"),
        ({"OTEL_PROPAGATORS": "baggage"}, "W3CBaggagePropagator"),
    ],
)
def test_the_environment_chooses_and_configure_is_strict_without_it(chosen: dict[str, str], expected: str) -> None:
    result = run(WHICH, {"OTEL_TRACES_EXPORTER": "none"}, chosen)
    assert (result.stdout.strip(), result.stderr) == (expected, "")


def test_a_propagator_that_the_service_set_itself_stays() -> None:
    own = """
    from opentelemetry import propagate
    from opentelemetry.baggage.propagation import W3CBaggagePropagator
    from opentelemetry.propagators.composite import CompositePropagator
    propagate.set_global_textmap(CompositePropagator([W3CBaggagePropagator()]))
    """
    assert run(own + WHICH, {"OTEL_TRACES_EXPORTER": "none"}).stdout.strip() == "W3CBaggagePropagator"
