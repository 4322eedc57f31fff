"""What of one run shows up in another is named: its spans, its messages, its rows."""

import time

import pytest

from tests.support.spans import Traces
from tracecheck.probe.brokers.protocol import Seen
from tracecheck.probe.records import store_records
from tracecheck.scenario.leaks import Leak, find_leaks, foreign_rows
from tracecheck.store import Store, open_store


@pytest.fixture
def mixed_up() -> Store:
    """A service handled a message of run a and answered it under run b, on the bus too."""
    store = open_store(":memory:")
    traces = Traces(run_id="a", start_unix_nano=time.time_ns())
    sent = traces.send("checkout", "orders")
    handled = traces.process("billing", "orders", of=sent)
    answered = traces.send("billing", "payments", under=handled, run_id="b")
    store.append(traces.spans)
    traceparent = f"00-{answered.trace_id}-{answered.span_id}-01".encode()
    headers = (("traceparent", traceparent), ("baggage", b"tracecheck.run.id=b"))
    seen = Seen(system="kafka", destination="payments", partition="0", offset=7, headers=headers, seen_unix_nano=1)
    store_records(store, [seen], run_id="a")
    return store


def test_spans_and_records_of_a_foreign_run_are_named(mixed_up: Store) -> None:
    leaks = find_leaks(mixed_up, "a")
    assert [(leak.kind, leak.foreign_run) for leak in leaks] == [("span", "b"), ("record", "b")]
    assert leaks[0].shown == "billing: send payments"
    assert leaks[1].what == "payments[0]@7"


def test_a_run_that_is_known_to_be_there_is_no_leak(mixed_up: Store) -> None:
    assert find_leaks(mixed_up, "a", known=["b"]) == ()


def test_a_run_by_itself_leaks_nothing() -> None:
    store = open_store(":memory:")
    for run in ("a", "b"):
        traces = Traces(run_id=run, start_unix_nano=time.time_ns())
        traces.process("billing", "orders", of=traces.send("checkout", "orders"))
        store.append(traces.spans)
    assert find_leaks(store, "a") == find_leaks(store, "b") == ()


def test_rows_that_do_not_name_the_run_are_foreign() -> None:
    rows = [{"id": "o-run-1-1", "total": 3}, {"id": "o-run-2-1", "total": 4}, "o-run-1-2"]
    assert foreign_rows(rows, "run-1") == (
        Leak(kind="row", what="o-run-2-1, 4", shown="a row without this run's id", foreign_run=None),
    )
    assert foreign_rows(rows, "run-1", known=["run-2"]) == ()
