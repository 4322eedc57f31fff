"""What `diagnose` says of doubts about the evidence: clocks by host pair, lost parents by side, constants as ids, and
each doubt told as such."""

from dataclasses import replace

import pytest

from tests.support.spans import Traces, absent
from tracecheck.chains import refresh
from tracecheck.chains.refresh import CORRELATION_TRACE_CAP
from tracecheck.check import diagnose
from tracecheck.model import Cause, Event, Finding, Span, SpanKind, Verdict
from tracecheck.report.sentences import open_first
from tracecheck.store import Store, open_store

REMOTE, LOCAL, SILENT = 0x300, 0x100, 0x000


BEFORE = "its parent was remote: the span of the service before it was lost"


def stored_spans(*spans: Span) -> Store:
    store = open_store(":memory:")
    store.append(spans)
    return store


def stored(story: Traces) -> Store:
    return stored_spans(*story.spans)


def only(store: Store, code: Cause) -> Finding:
    (found,) = [finding for finding in diagnose(store) if finding.code is code]
    return found


def test_clocks_that_disagree_are_told_once_per_pair_of_hosts() -> None:
    story = Traces()
    for number, early_ms in enumerate((30, 250, 10)):
        sent = story.send("checkout", "orders", at_ms=number * 1000 + 300, host="web-1")
        story.process("billing", "orders", of=sent, at_ms=number * 1000 + 300 - early_ms, host="db-1")
    sent = story.send("checkout", "orders", at_ms=5000, host="web-2")
    story.process("billing", "orders", of=sent, at_ms=4960)
    found = [finding for finding in diagnose(stored(story)) if finding.code is Cause.CLOCK_SKEW]
    assert [(finding.count, finding.measured_ns, finding.evidence[0]) for finding in found] == [
        (3, -250_000_000, "the clock of web-1 is at least 250 ms ahead of db-1's"),
        (1, -40_000_000, "the clock of web-2 is at least 40 ms ahead of billing's"),
    ]
    assert {finding.verdict for finding in found} == {Verdict.INCONCLUSIVE}
    assert found[0].detail["producer_host"] == "web-1"


@pytest.mark.parametrize(
    ("flags", "kind", "told", "first"),
    [
        (REMOTE, SpanKind.INTERNAL, BEFORE, "open what calls billing first"),
        (LOCAL, SpanKind.INTERNAL, "its parent was local: a span of the same process was lost", "open billing first"),
        (LOCAL, SpanKind.SERVER, "its parent was local: a span of the same process was lost", "open billing first"),
        (SILENT, SpanKind.SERVER, BEFORE, "open what calls billing first"),
        (SILENT, SpanKind.INTERNAL, None, "open billing first"),
    ],
)
def test_flags_or_kind_of_an_orphan_say_on_which_side_its_parent_was_lost(
    flags: int, kind: SpanKind, told: str | None, first: str
) -> None:
    story = Traces()
    story.span("billing", "charge", under=absent(), flags=flags, kind=kind)
    finding = only(stored(story), Cause.ORPHAN)
    assert open_first(finding) == first
    finding = only(stored(story), Cause.ORPHAN)
    assert (finding.evidence[0] if len(finding.evidence) > 1 else None) == told


def test_a_doubt_is_told_of_the_span_that_proves_it_and_of_its_service() -> None:
    story = Traces()
    root = story.span("web", "GET /", kind=SpanKind.SERVER)
    sent = story.send("web", "orders", under=root)
    charged = story.process("billing", "orders", of=sent, effects=["e-1"])
    again = story.span("billing", "charge again", under=charged, effects=["e-1", "e-2"])
    lost = story.span("ledger", "book", under=(root.trace_id, "00000000000000ff"))
    twin = story.span("stock", "pack", under=root)
    store = open_store(":memory:")
    store.append([*story.spans, replace(twin, name="pack again", start_unix_nano=twin.start_unix_nano + 1)])
    told = {
        code: (found.service, found.span and found.span.span_id)
        for code in (Cause.ORPHAN, Cause.DUPLICATE_EFFECT, Cause.CONFLICTING_SPAN)
        for found in [only(store, code)]
    }
    assert told == {
        Cause.ORPHAN: ("ledger", lost.span_id),
        Cause.DUPLICATE_EFFECT: ("billing", again.span_id),
        Cause.CONFLICTING_SPAN: ("stock", twin.span_id),
    }


def test_effects_without_a_key_are_not_one_effect() -> None:
    story = Traces()
    effect = Event(name="tracecheck.effect", time_unix_nano=story.now_unix_nano)
    span = story.span("billing", "charge")
    assert diagnose(stored_spans(replace(span, events=(effect, effect)))) == []


def test_a_correlation_id_over_the_cap_joins_nothing_and_is_reported() -> None:
    story = Traces(correlation_id="constant")
    for _ in range(CORRELATION_TRACE_CAP + 1):
        story.span("billing", "work")
    finding = only(stored(story), Cause.AMBIGUOUS)
    assert (finding.correlation_id, finding.verdict) == ("constant", Verdict.PASS)
    assert finding.evidence == (
        f"correlation id constant is on {CORRELATION_TRACE_CAP + 1} traces, over the cap of {CORRELATION_TRACE_CAP}: "
        "it joins nothing",
    )


def test_a_correlation_id_on_as_many_traces_as_the_cap_is_an_id() -> None:
    story = Traces(correlation_id="busy")
    for _ in range(CORRELATION_TRACE_CAP):
        story.span("billing", "work")
    assert diagnose(stored(story)) == []


def test_several_open_sends_under_one_id_are_ambiguous_and_name_the_consumer() -> None:
    story = Traces(correlation_id="o-1")
    for _ in range(2):
        story.send("checkout", "orders")
    story.process("billing", "orders")
    finding = only(stored(story), Cause.AMBIGUOUS)
    assert (finding.service, finding.consumer_group, finding.verdict) == ("billing", "billing", Verdict.INCONCLUSIVE)


def test_a_forwarded_header_is_a_stale_context_and_the_position_decides() -> None:
    story = Traces()
    first = story.send("checkout", "orders", partition="0", offset=1)
    story.process("billing", "orders", of=first, partition="0", offset=1)
    second = story.send("billing", "payments", partition="0", offset=7)
    story.process("mailer", "payments", of=first, partition="0", offset=7)
    store = stored(story)
    finding = only(store, Cause.STALE_CONTEXT)
    assert (finding.service, finding.destination, finding.verdict) == ("mailer", "payments", Verdict.PASS)
    assert finding.last_good is not None
    assert finding.last_good.span_id == second.span_id


def test_spans_that_name_each_other_end_and_are_a_cycle() -> None:
    story = Traces()
    first = story.span("a", "one")
    second = story.span("b", "two", under=first)
    story.change(first, parent_span_id=second.span_id)
    store = stored(story)
    refresh(store)
    assert only(store, Cause.CYCLE).verdict is Verdict.INCONCLUSIVE


def test_a_message_that_several_handlers_took_is_told_from_one_of_several_messages() -> None:
    story = Traces()
    sent = story.send("checkout", "orders")
    for name in ("archive", "notify", "notify"):
        story.span("hub", name, under=story.receive("hub", "orders", of=sent))
    other = Traces(correlation_id="o-1")
    for _ in range(2):
        other.send("checkout", "returns")
    other.process("hub", "returns", group=None)
    found = [one for one in diagnose(stored_spans(*story.spans, *other.spans)) if one.code is Cause.AMBIGUOUS]
    assert {(one.destination, one.evidence[0]) for one in found} == {
        ("orders", "handlers of different names took it, 3 times in all"),
        ("returns", "at 2023-11-14T22:13:20Z"),
    }
