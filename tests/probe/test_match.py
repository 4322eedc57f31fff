"""A message is told from others by key, headers, identities and fields of its value."""

import pytest

from tests.support.seen import message
from tracecheck.errors import UsageError
from tracecheck.probe.carried import carried
from tracecheck.probe.json_path import MISSING, document_of, find
from tracecheck.probe.match import Match

ORDER = message(
    "orders",
    key=b"o-1",
    value=b'{"id": "o-1", "total": 42, "lines": [{"sku": "a"}, {"sku": "b"}], "paid": true, "note": null}',
    headers={
        "Tenant": "blue",
        "baggage": "correlation.id=c%201,tracecheck.run.id=r-1;p=1",
        "tracecheck-event-id": "e-1",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    },
)


@pytest.mark.parametrize(
    "match",
    [
        Match(),
        Match(destination="orders", key="o-1"),
        Match(destination="ord*", key=b"o-1"),
        Match(headers={"tenant": "blue"}),
        Match(headers={"absent": lambda value: value is MISSING}),
        Match(where={"id": "o-1", "total": 42, "paid": True, "note": None}),
        Match(where={"total": 42.0, "$.lines[0].sku": "a", "lines[*].sku": ["a", "b"]}),
        Match(where={"total": lambda total: isinstance(total, int) and total > 40}),
        Match(where={"absent.field": lambda value: value is MISSING}),
        Match(where={"lines[0]": {"sku": "a"}}),
        Match(run_id="r-1", correlation_id="c 1", event_id="e-1"),
    ],
)
def test_what_is_meant_is_found(match: Match) -> None:
    assert match.difference(ORDER) is None


@pytest.mark.parametrize(
    ("match", "difference"),
    [
        (Match(destination="refunds"), "destination is 'orders', not 'refunds'"),
        (Match(key="o-2"), "key is b'o-1', not 'o-2'"),
        (Match(headers={"tenant": "red"}), "header tenant is 'blue', not 'red'"),
        (Match(headers={"x": "y"}), "header x is (nothing there), not 'y'"),
        (Match(where={"total": "42"}), "total is 42, not '42'"),
        (Match(where={"paid": 1}), "paid is True, not 1"),
        (Match(where={"absent": None}), "absent is (nothing there), not None"),
        (Match(where={"lines[9].sku": "a"}), "lines[9].sku is (nothing there), not 'a'"),
        (Match(run_id="r-2"), "run_id is 'r-1', not 'r-2'"),
    ],
)
def test_what_is_not_meant_says_in_what_it_differs(match: Match, difference: str) -> None:
    assert match.difference(ORDER) == difference


@pytest.mark.parametrize("body", [None, b"", b"text", b"\xff", b"[" * 100_000])
def test_a_value_that_is_no_json_has_no_fields(body: bytes | None) -> None:
    assert Match(where={"id": "o-1"}).difference(message("orders", value=body)) == "value is no JSON"


@pytest.mark.parametrize("value", [b"42", b'"text"', b"null"])
def test_a_json_value_without_fields_is_itself(value: bytes) -> None:
    document = document_of(value)
    assert find(document, "$") == document
    assert find(document, "id") is MISSING


def test_what_is_no_path_is_refused() -> None:
    with pytest.raises(UsageError, match="is no JSON path"):
        find({}, "items[")


@pytest.mark.parametrize(
    "headers",
    [{}, {"traceparent": "nonsense", "baggage": "=,;,a"}, {"baggage": "tracecheck.run.id="}],
)
def test_malformed_headers_carry_nothing(headers: dict[str, str]) -> None:
    said = carried(message("orders", headers=headers))
    assert (said.trace_id, said.run_id, said.correlation_id, said.event_id) == (None, None, None, None)


def test_identities_are_read_from_the_headers() -> None:
    said = carried(ORDER)
    assert (said.trace_id, said.span_id) == ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")
    assert (said.correlation_id, said.run_id, said.event_id) == ("c 1", "r-1", "e-1")


@pytest.mark.parametrize("name", ["ce_id", "ce-id", "cloudEvents:id"])
def test_the_id_of_a_cloud_event_is_its_event_id(name: str) -> None:
    assert carried(message("orders", headers={name: "e-9"})).event_id == "e-9"
