"""Templates name the run, the event and the columns of a case, and leave every other brace alone."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracecheck.errors import UsageError
from tracecheck.probe.templates import fill, variables

KNOWN = {"run": "r-1", "n": 7, "total": 42}


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("o-{run}-{n}", "o-r-1-7"),
        ("{total}", 42),
        (" {total}", " 42"),
        ("{{run}}", "{run}"),
        ('{"id":"o-{n}","at":{"x":{}}}', '{"id":"o-7","at":{"x":{}}}'),
        ('{"total":{total}}', '{"total":42}'),
        ({"id": "{run}", "{n}": [1, "{total}", None]}, {"id": "r-1", "7": [1, 42, None]}),
        (b'{"n":{n}}', b'{"n":7}'),
        (b"\xff{n}", b"\xff{n}"),
        (None, None),
    ],
)
def test_what_is_named_is_filled_in_and_nothing_else(template: object, filled: object) -> None:
    assert fill(template, KNOWN) == filled


def test_a_name_that_is_not_known_is_refused_with_those_that_are() -> None:
    with pytest.raises(UsageError, match=r"\{runn\} is not known; expected one of n, run, total"):
        fill("o-{runn}", KNOWN)


@given(st.recursive(st.none() | st.integers() | st.text(alphabet="ab1:,\"[] }'"), st.lists, max_leaves=8))
def test_what_holds_no_opening_brace_stays_as_it_is(value: object) -> None:
    assert fill(value, {}) == value


def test_every_event_has_its_number_its_instant_and_an_id_of_its_own() -> None:
    now = datetime(2026, 1, 2, 3, 4, 5, 678_901, UTC)
    first, second = (variables(run_id="r", n=n, now=now) for n in range(2))
    assert (first["run"], first["n"], second["n"]) == ("r", 0, 1)
    assert (first["now"], first["now_ms"], first["now_ns"]) == (
        "2026-01-02T03:04:05.678Z",
        1767323045678,
        1767323045678901000,
    )
    assert first["uuid"] != second["uuid"]


def test_a_column_of_the_case_goes_before_ours() -> None:
    assert variables(n=3, case={"n": "three"})["n"] == "three"
