"""What speaks against taking absence for a fact is printed with the basis of completeness."""

import time
from dataclasses import replace
from typing import Any

import pytest

from tests.support.spans import Traces
from tracecheck.chains.caveats import Caveats, caveats
from tracecheck.check import check_store
from tracecheck.expect import expect_chain, process, send
from tracecheck.model import Basis, Span
from tracecheck.store import open_store

S = 1_000_000_000
ORDER = expect_chain(
    "order", steps={"placed": send("orders"), "charged": process("orders", group="billing", after="placed")}
)


def caveats_of(*spans: Span) -> Caveats:
    with open_store(":memory:") as store:  # type: ignore[attr-defined]
        store.append(spans)
        return caveats(store)


@pytest.mark.parametrize(
    ("changed", "sampled"),
    [
        ({"trace_state": "ot=th:c"}, ("checkout",)),
        ({"trace_state": "a=b,ot=rv:0fa4;th:08"}, ("checkout",)),
        ({"attributes": {"sampler.type": "probabilistic", "sampler.param": 0.1}}, ("checkout",)),
        ({"trace_state": "ot=th:0"}, ()),
        ({"trace_state": "other=th:c"}, ()),
        ({"attributes": {"sampler.type": "const"}}, ()),
        ({}, ()),
    ],
)
def test_a_service_that_samples_is_told_by_its_trace_state_or_its_samplers_tags(
    changed: dict[str, Any], sampled: tuple[str, ...]
) -> None:
    span = replace(Traces().send("checkout", "orders"), **changed)
    assert caveats_of(span).sampled == sampled


def test_links_dropped_over_a_limit_are_counted_by_service() -> None:
    story = Traces()
    spans = [replace(story.process("billing", "orders"), dropped_links_count=2) for _ in range(2)]
    assert caveats_of(*spans, story.send("shop", "orders")).links_dropped == (("billing", 4),)


def test_the_slowest_export_is_told_of_spans_that_came_live_and_not_of_imported_ones() -> None:
    now = Traces(start_unix_nano=time.time_ns() - 20 * S)
    early, late = now.span("billing", at_ms=0, took_ms=1), now.span("billing", at_ms=19_000, took_ms=1)
    found = caveats_of(early, late).slowest_export
    assert found is not None
    assert found[0] == "billing"
    assert 19 * S < found[1] < 600 * S
    assert caveats_of(Traces().span("billing")).slowest_export is None


def test_an_export_is_a_caveat_only_beyond_the_quiet_time_that_was_waited_for() -> None:
    slow = Caveats(slowest_export=("billing", 8 * S))
    assert slow.reasons(6 * S) == ("a span of billing came in 8 s after its end, settle 6 s",)
    assert slow.reasons(9 * S) == slow.reasons(0) == ()


@pytest.mark.parametrize(("flushed", "told"), [(True, False), (False, True)])
def test_a_slow_export_takes_nothing_from_what_is_proven(flushed: bool, told: bool) -> None:
    now = Traces(start_unix_nano=time.time_ns() - 20 * S)
    for at_ms in (0, 19_900):
        now.send("checkout", "orders", at_ms=at_ms, instance="c1")
    if flushed:
        mark = {"tracecheck.flush.span_count": 2}
        now.span("checkout", "tracecheck.flush", at_ms=19_950, instance="c1", attributes=mark)
    with open_store(":memory:") as store:  # type: ignore[attr-defined]
        store.append(now.spans)
        results = check_store(store, [ORDER], settle_ns=S, now_unix_nano=time.time_ns() + 60 * S).results
    assert {one.completeness.basis is Basis.PROVEN for one in results} == {flushed}
    assert {any("after its end" in reason for reason in one.completeness.reasons) for one in results} == {told}


def test_caveats_stand_beside_the_basis_of_every_verdict() -> None:
    story = Traces()
    story.spans = [replace(story.send("checkout", "orders"), trace_state="ot=th:c", dropped_links_count=3)]
    with open_store(":memory:") as store:  # type: ignore[attr-defined]
        store.append(story.spans)
        (result,) = check_store(store, [ORDER], settle_ns=0).results
    expected = (
        "checkout sampled: what is absent may have been left out",
        "3 links of checkout were dropped over a limit: paths may be missing",
    )
    assert result.completeness.reasons[-2:] == expected
    (finding,) = result.findings
    assert finding.completeness is not None
    assert finding.completeness.reasons[-2:] == expected
