"""A wait ends the moment the verdict is certain, and says no before a consumer had its time."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.spans import Traces
from tracecheck.chains import load, refresh
from tracecheck.check import check_store
from tracecheck.expect import Expectation, expect_chain, process, send
from tracecheck.model import Cause, CheckReport, Span, Verdict
from tracecheck.scenario.wait import wait_for
from tracecheck.store import Store, open_store

RUN = "run-1"
LONG_S = 60.0
"""A deadline no test of a working wait comes near."""


@pytest.fixture
def store() -> Iterator[Store]:
    with_spans = open_store(":memory:")
    yield with_spans
    with_spans.close()


def order(*, within: str | None = None, settle: str = "10ms") -> Expectation:
    charged = process("orders", group="billing", after="placed", within=within)
    return expect_chain("order", steps={"placed": send("orders"), "charged": charged}, settle=settle)


def placed_now() -> tuple[Traces, Span]:
    traces = Traces(run_id=RUN, start_unix_nano=time.time_ns())
    return traces, traces.send("checkout", "orders")


def unawaited(store: Store) -> Store:
    """The store, on which nobody may wait."""

    class Unawaited:
        def __getattr__(self, name: str) -> object:
            assert name not in ("wait", "listen")
            return getattr(store, name)

    found: Store = Unawaited()  # type: ignore[assignment]
    return found


@contextmanager
def appended_once_awaited(store: Store, span: Span) -> Iterator[Store]:
    """The store, into which the span comes as soon as somebody waits on it."""
    awaited = threading.Event()

    class Watched:
        def __getattr__(self, name: str) -> object:
            if name == "wait":
                awaited.set()
            return getattr(store, name)

    def append() -> None:
        assert awaited.wait(LONG_S)
        store.append([span])

    appending = threading.Thread(target=append)
    appending.start()
    watched: Store = Watched()  # type: ignore[assignment]
    yield watched
    appending.join()


def codes(report: CheckReport) -> list[Cause]:
    return [finding.code for result in report.results for finding in result.findings]


def test_an_arriving_span_wakes_the_wait(store: Store):
    traces, placed = placed_now()
    store.append([placed])
    with appended_once_awaited(store, traces.process("billing", "orders", of=placed, group="billing")) as watched:
        report = wait_for(watched, [order()], run_id=RUN, timeout_s=LONG_S)
    assert report.verdict is Verdict.PASS


def test_silence_is_no_verdict_while_the_system_runs(store: Store):
    store.append([placed_now()[1]])
    report = wait_for(store, [order()], run_id=RUN, timeout_s=0.3)
    assert report.as_of_unix_nano - report.results[0].steps[0].matched[0].end_unix_nano > 250_000_000
    assert codes(report) == [Cause.NOT_CONSUMED]


def test_silence_is_a_verdict_once_the_system_has_ended(store: Store):
    store.append([placed_now()[1]])
    report = wait_for(store, [order()], run_id=RUN, timeout_s=LONG_S, may_still_come=False)
    assert (report.verdict, codes(report)) == (Verdict.FAIL, [Cause.NOT_CONSUMED])


def test_a_budget_that_is_over_is_a_verdict_at_once(store: Store):
    store.append([placed_now()[1]])
    report = wait_for(store, [order(within="200ms")], run_id=RUN, timeout_s=LONG_S)
    assert (report.verdict, codes(report)) == (Verdict.FAIL, [Cause.NOT_CONSUMED])


def test_a_step_behind_others_that_are_not_named_has_its_whole_budget(store: Store):
    traces, placed = placed_now()
    store.append([placed, traces.process("billing", "orders", of=placed, group="billing")])
    charged = process("orders", group="billing", after="placed")
    shipped = send("shipments", after="charged", within="300ms")
    steps = {"placed": send("orders"), "charged": charged, "shipped": shipped}
    report = wait_for(store, [expect_chain("order", steps=steps, settle="10ms")], run_id=RUN, timeout_s=LONG_S)
    (finding,) = (finding for result in report.results for finding in result.findings)
    assert (finding.code, finding.verdict) == (Cause.NOT_SENT, Verdict.FAIL)
    assert (finding.waited_ns or 0) >= 300_000_000


def test_a_wait_for_nothing_ends_at_its_deadline_and_matched_nothing(store: Store):
    report = wait_for(store, [order()], run_id=RUN, timeout_s=0.05)
    assert not report.matched
    assert report.verdict is not Verdict.PASS


def test_a_settled_chain_is_answered_from_the_tables_without_waiting(store: Store):
    traces, placed = placed_now()
    charged = traces.process("billing", "orders", of=placed, group="billing")
    store.append([placed, charged])
    refresh(store)

    for name in (":".join(placed.key), placed.trace_id):
        report = wait_for(unawaited(store), [order()], needle=name, timeout_s=LONG_S)
        assert (report.verdict, len(report.results)) == (Verdict.PASS, 1)


def test_a_settled_chain_is_followed_across_a_batch(store: Store):
    placed = [Traces(start_unix_nano=time.time_ns()).send("checkout", "orders") for _ in range(2)]
    batch = Traces(start_unix_nano=time.time_ns())
    polled = batch.process("billing", "orders", links=placed, group="billing", batch_count=2)
    paid = batch.send("billing", "payments", under=polled)
    store.append([*placed, polled, paid])
    refresh(store)
    steps = {"placed": send("orders"), "paid": send("payments", after="placed")}
    needle = ":".join(placed[0].key)
    assert paid.key not in {span.key for span in load(store, needle).spans}
    report = wait_for(unawaited(store), [expect_chain("order", steps=steps)], needle=needle, timeout_s=LONG_S)
    expected = check_store(store, [expect_chain("order", steps=steps)], needle=needle)
    assert report.verdict is expected.verdict is Verdict.PASS
    assert len(report.results) == 1


def test_a_stored_chain_that_proves_nothing_yet_is_waited_for(store: Store):
    traces, placed = placed_now()
    store.append([placed])
    refresh(store)
    with appended_once_awaited(store, traces.process("billing", "orders", of=placed, group="billing")) as watched:
        report = wait_for(watched, [order()], needle=":".join(placed.key), timeout_s=LONG_S)
    assert report.verdict is Verdict.PASS


def test_a_store_that_is_asked_passes_no_message_that_was_only_received(store: Store):
    traces, placed = placed_now()
    received = traces.receive("billing", "orders", of=placed, group="billing")
    handled = traces.process("billing", "orders", under=received, links=[placed], took_ms=2_000)
    store.append([placed, received])

    class Asked:
        """A store that tells nobody what comes in, as one behind the read API; the handling comes during the wait."""

        def __getattr__(self, name: str) -> object:
            if name == "listen":
                raise AttributeError(name)
            return getattr(store, name)

        def wait(self, after: int, timeout_s: float) -> int:
            assert timeout_s > 1
            store.append([handled])
            return store.wait(after, timeout_s)

    asked: Store = Asked()  # type: ignore[assignment]
    report = wait_for(asked, [order(within="1s", settle="30s")], run_id=RUN, timeout_s=LONG_S)
    assert (report.verdict, codes(report)) == (Verdict.FAIL, [Cause.LATE])


def test_what_was_received_and_never_told_of_again_passes_after_silence(store: Store):
    traces, placed = placed_now()
    store.append([placed, traces.receive("billing", "orders", of=placed, group="billing")])
    assert wait_for(store, [order()], run_id=RUN, timeout_s=LONG_S).verdict is Verdict.PASS
