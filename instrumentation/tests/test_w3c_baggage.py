"""The W3C cases for baggage, against a service behind our propagator, and against the propagator alone."""

import string
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry import baggage
from opentelemetry.context import Context
from tracecheck_instrumentation.propagation import BaggageValue

from instrumentation.tests.w3c_service import PROPAGATOR, running_service


@pytest.fixture(scope="module")
def service() -> Iterator[Any]:
    with running_service() as called:
        yield called


SPECIAL = "\t \"';=asdf!@#$%^&*()"
SPECIAL_CODED = "%09%20%22%27%3B%3Dasdf%21%40%23%24%25%5E%26%2A%28%29"


def read(*headers: str) -> dict[str, object]:
    return dict(baggage.get_all(PROPAGATOR.extract({"baggage": list(headers)}, Context())))


def written(context: Context) -> str | None:
    fields: dict[str, str] = {}
    PROPAGATOR.inject(fields, context)
    return fields.get("baggage")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("SomeKey=SomeValue", "SomeKey=SomeValue"),
        ("a=1,b=2", "a=1,b=2"),
        ("a \t=\t 1 \t,\t b = 2 ", "a=1,b=2"),
        ("a=1;p,b=2;q=v", "a=1;p,b=2;q=v"),
        ("a \t= 1 \t;\t p \t,\tb = 2 ; q \t= v ", "a=1;p,b=2;q=v"),
        ("a=1;p=1;p=2;p", "a=1;p=1;p=2;p"),
        ("a=1;p%3D=v", "a=1;p%3D=v"),
        ("a=b=c", "a=b%3Dc"),
        ("a=", "a="),
        ("a=1,,b=2", "a=1,b=2"),
        ("a=1+1", "a=1%2B1"),
        (f"a={SPECIAL_CODED}", f"a={SPECIAL_CODED}"),
        ("no-value,b=2", "b=2"),
        ("a b=1,b=2", "b=2"),
        ("=1,b=2", "b=2"),
        ("a=1;b c,b=2", "a=1,b=2"),
        ("a=x y,b=2", "b=2"),
        ('a="1",b=2', "b=2"),
    ],
)
def test_baggage_goes_on_as_its_recommendation_says(service: Any, header: str, expected: str) -> None:
    assert service(("baggage", header)).baggage == expected


def test_properties_belong_to_their_value_and_a_name_alone_has_none() -> None:
    found = read("K=V;P,K2=V2;P2=PV")
    assert found == {"K": "V", "K2": "V2"}
    assert isinstance(found["K"], BaggageValue)
    assert isinstance(found["K2"], BaggageValue)
    assert (found["K"].properties, found["K2"].properties) == ((("P", None),), (("P2", "PV"),))


def test_values_are_decoded_on_read_and_encoded_on_write() -> None:
    assert read(f"k={SPECIAL_CODED}") == {"k": SPECIAL}
    assert written(baggage.set_baggage("k", SPECIAL, Context())) == f"k={SPECIAL_CODED}"


def test_several_headers_are_one_list(service: Any) -> None:
    assert service(("baggage", "a=1"), ("Baggage", "b=2")).baggage == "a=1,b=2"


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(",".join(f"k{n}=v" for n in range(64)), id="64 entries"),
        pytest.param("k=" + "v" * 8190, id="one of 8192 bytes"),
        pytest.param(",".join(f"{n:03}=0123456789a" for n in range(511)) + ",511=0123456789ab", id="512 of 15 bytes"),
    ],
)
def test_what_must_go_through_goes_through(service: Any, header: str) -> None:
    assert len(header) <= 8192
    assert service(("baggage", header)).baggage == header


def test_the_largest_case_is_exactly_at_the_limit() -> None:
    header = ",".join(f"{n:03}=0123456789a" for n in range(511)) + ",511=0123456789ab"
    assert (len(header), header.count(",")) == (8192, 511)
    assert len(read(header)) == 512


def test_more_than_the_limit_is_ignored_when_read_and_cut_when_written() -> None:
    assert read("k=" + "v" * 8191) == {}
    context = Context()
    for number in range(3):
        context = baggage.set_baggage(f"k{number}", "v" * 4000, context)
    context = baggage.set_baggage("correlation.id", "order-7", context)
    found = written(context)
    assert found is not None
    assert [entry.partition("=")[0] for entry in found.split(",")] == ["correlation.id", "k0", "k1"]


@settings(max_examples=200)
@given(st.dictionaries(st.text(string.ascii_letters + "!#$%&'*+-.^_`|~", min_size=1, max_size=8), st.text(max_size=20)))
def test_whatever_is_written_is_read_again(entries: dict[str, str]) -> None:
    context = Context()
    for key, value in entries.items():
        context = baggage.set_baggage(key, value.encode("utf-8", "replace").decode(), context)
    header = written(context)
    assert (header is None) is (not entries)
    if header is not None:
        assert read(header) == dict(baggage.get_all(context))


@given(st.text(max_size=200))
def test_reading_anything_never_raises(header: str) -> None:
    PROPAGATOR.extract({name: [header] for name in ("traceparent", "tracestate", "baggage")}, Context())
