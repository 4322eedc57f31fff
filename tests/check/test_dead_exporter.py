"""One service's exporter is cut off in the middle of a run: nothing it touched is green, and nothing is its fault."""

import pytest

from tests.check.ordering import ORDER, Order
from tests.support.spans import MS, START, Traces
from tracecheck.check import check_store
from tracecheck.model import Cause, CheckReport, Span, Verdict
from tracecheck.store import open_store

ORDERS = 4
SERVICES = ("checkout", "inventory", "billing", "shipping", "mailer")


def run() -> list[Span]:
    """Some orders, a minute apart, each with its own messages."""
    spans: list[Span] = []
    for number in range(ORDERS):
        story = Order(correlation_id=f"o-{number}", run_id="run-1", start_unix_nano=START + number * 60_000 * MS)
        story.shift = number
        spans += story.whole().spans
    return spans


def flush_mark(service: str, spans: list[Span]) -> Span:
    """What a service sends when it ends."""
    own = [one for one in spans if one.service == service]
    return Traces(start_unix_nano=START + ORDERS * 60_000 * MS).span(
        service,
        "tracecheck.flush",
        instance=own[0].instance,
        attributes={"tracecheck.flush.span_count": len(own)},
    )


def checked_after_cut(service: str, kept: int) -> tuple[set[str | None], CheckReport]:
    """The orders of which spans were lost when a service exported only its first `kept`, and the report."""
    spans = run()
    own = sorted((one for one in spans if one.service == service), key=lambda one: one.end_unix_nano)
    lost = {one.key for one in own[kept:]}
    marks = [flush_mark(other, spans) for other in SERVICES if other != service]
    with open_store(":memory:") as store:  # type: ignore[attr-defined]
        store.append([one for one in spans if one.key not in lost] + marks)
        report = check_store(store, [ORDER], settle_ns=0)
    return {one.correlation_id for one in own[kept:]}, report


def test_a_run_in_which_all_flushed_is_proven_and_green() -> None:
    spans = run()
    with open_store(":memory:") as store:  # type: ignore[attr-defined]
        store.append(spans + [flush_mark(service, spans) for service in SERVICES])
        report = check_store(store, [ORDER], run_id="run-1")
    assert report.verdict is Verdict.PASS
    assert {result.completeness.basis.value for result in report.results} == {"proven"}


@pytest.mark.parametrize("service", SERVICES)
def test_an_exporter_cut_off_is_never_green_and_never_blamed_on_its_service(service: str) -> None:
    affected, report = checked_after_cut(service, kept={"checkout": 4, "mailer": 3}.get(service, 5))
    assert affected
    assert report.verdict is Verdict.INCONCLUSIVE
    by_order = {result.correlation_id: result for result in report.results}
    for order in affected:
        assert by_order[order].verdict is Verdict.INCONCLUSIVE
        assert {one.code for one in by_order[order].findings} <= {Cause.CONSUMER_SPAN_MISSING, Cause.INCOMPLETE}
        assert all(one.service == service for one in by_order[order].findings)
    for order in by_order.keys() - affected:
        assert by_order[order].verdict is Verdict.PASS
