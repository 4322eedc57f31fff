"""Each rule about edges, deliveries and chains, told by the smallest story that needs it."""

import pytest

from tests.support.spans import Traces, absent, link
from tests.support.stored import analysed, rebuilt
from tracecheck.model import Evidence, SpanKind


def test_a_chain_runs_across_traces_from_its_origin() -> None:
    story = Traces(correlation_id="o-1", run_id="r-1")
    root = story.span("checkout", "POST /orders", kind=SpanKind.SERVER)
    placed = story.send("checkout", "orders", under=root)
    charged = story.process("billing", "orders", of=placed, style="link")
    story.send("billing", "payments", under=charged)
    (chain,) = analysed(story).chains
    assert chain.chain_id == f"{root.trace_id}:{root.span_id}"
    assert chain.summary.trace_ids == (root.trace_id, charged.trace_id)
    assert (chain.summary.correlation_id, chain.summary.run_id) == ("o-1", "r-1")
    assert chain.summary.findings == ()
    assert [span.name for span in chain.spans] == ["POST /orders", "send orders", "process orders", "send payments"]


def test_a_join_link_to_another_message_is_no_second_delivery() -> None:
    story = Traces()
    root = story.span("checkout", "root")
    reserved = story.send("inventory", "reserved", under=root)
    charged = story.send("billing", "charged", under=root)
    story.process("shipping", "reserved", of=reserved, partition="0", offset=1)
    both = story.process("shipping", "charged", of=charged, style="both", links=[reserved], partition="0", offset=1)
    found = analysed(story)
    assert found.lines == [
        "billing > charged > shipping: delivered, by parent",
        "inventory > reserved > shipping: delivered, by parent",
    ]
    (chain,) = found.chains
    joins = [edge for edge in chain.edges if edge.effect == both.key and not edge.is_message]
    assert [(edge.cause, edge.via) for edge in joins] == [(reserved.key, "link")]


@pytest.mark.parametrize("way", ["in SQL", "in memory"])
def test_what_a_join_of_one_chain_sends_follows_from_its_parent_alone(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rebuilt(way, monkeypatch)
    story = Traces(correlation_id="o-1")
    root = story.span("checkout", "root")
    reserved, charged = (story.send("checkout", name, under=root) for name in ("reserved", "charged"))
    stock = story.process("stock", "reserved", of=reserved, partition="0", offset=1)
    both = story.process("shipping", "charged", of=charged, style="both", links=[stock], partition="0", offset=1)
    shipped = story.send("shipping", "shipped", under=both)
    (chain,) = analysed(story).chains
    assert {edge.evidence for edge in chain.edges} == {Evidence.CONTEXT}
    assert [edge.cause for edge in chain.edges if edge.effect == shipped.key] == [both.key]


def test_a_join_link_of_a_link_style_consumer_is_told_by_its_destination() -> None:
    story = Traces()
    root = story.span("checkout", "root")
    reserved = story.send("inventory", "reserved", under=root)
    charged = story.send("billing", "charged", under=root)
    story.process("shipping", "charged", links=[reserved, charged], partition="0", offset=1)
    assert analysed(story).lines == [
        "billing > charged > shipping: delivered, by link",
        "inventory > reserved > ?: undelivered",
    ]


def test_joining_unrelated_chains_begins_a_new_one_and_keeps_its_feeds() -> None:
    story = Traces()
    one, other = story.send("a", "left"), story.send("b", "right")
    left = story.process("c", "left", of=one)
    both = story.process("c", "right", of=other, style="both", links=[left])
    story.send("c", "out", under=both)
    found = analysed(story)
    assert found.chain_of(both).feeds == tuple(sorted([":".join(one.key), ":".join(other.key)]))
    assert found.hop("right").chain_id == ":".join(other.key)
    assert found.hop("right").findings == ("batch_fan_in",)


def test_two_batched_hops_do_not_fuse_unrelated_orders() -> None:
    orders = [Traces(correlation_id=f"o-{number}") for number in range(8)]
    sent = [order.send("checkout", "orders") for order in orders]
    story = Traces()
    for half in (sent[:4], sent[4:]):
        batch = story.process("billing", "orders", links=half, batch_count=4)
        for each in half:
            story.send("billing", "payments", under=batch, correlation_id=each.correlation_id)
    paid = [span for span in story.spans if span.name == "send payments"]
    mixed = story.process("mailer", "payments", links=paid[2:6], batch_count=4)
    found = analysed(*orders, story)
    for first, second in zip(sent, paid, strict=True):
        assert found.chain_of(first).chain_id == found.chain_of(second).chain_id
    assert len(found.chain_of(mixed).feeds) == 4
    assert len(found.chains) == 8 + 3


def test_a_batch_of_one_chain_stays_in_it() -> None:
    story = Traces()
    root = story.span("checkout", "root")
    items = [story.send("checkout", "items", under=root) for _ in range(3)]
    batch = story.process("stock", "items", links=items, batch_count=3)
    found = analysed(story)
    assert len(found.chains) == 1
    assert found.chain_of(batch).feeds == ()


def test_a_worker_loop_trace_does_not_fuse_the_messages_it_handles() -> None:
    story = Traces()
    loop = story.span("worker", "main loop", took_ms=1000)
    sent = [story.send("checkout", "orders") for _ in range(3)]
    handled = [story.process("worker", "orders", under=loop, links=[each]) for each in sent]
    after = [story.send("worker", "done", under=each) for each in handled]
    found = analysed(story)
    for first, last in zip(sent, after, strict=True):
        assert found.chain_of(first).chain_id == found.chain_of(last).chain_id
    assert len(found.chains) == 4


def test_forwarded_stale_context_yields_to_identity() -> None:
    story = Traces()
    placed = story.send("checkout", "orders", message_id="e-1")
    handled = story.process("billing", "orders", of=placed, message_id="e-1")
    story.send("billing", "enriched", under=handled, message_id="e-2")
    story.process("mailer", "enriched", of=placed, message_id="e-2")
    found = analysed(story)
    assert found.lines == [
        "billing > enriched > mailer: delivered, by identity [stale_context]",
        "checkout > orders > billing: delivered, by parent",
    ]


def test_lost_context_is_found_again_by_position() -> None:
    story = Traces()
    sent = story.send("checkout", "orders", partition="0", offset=41)
    story.process("billing", "orders", partition="0", offset=41)
    found = analysed(story)
    assert found.lines == ["checkout > orders > billing: delivered, by identity [context_lost]"]
    assert found.chains[0].chain_id == ":".join(sent.key)


def test_lost_context_is_found_again_by_correlation_in_time_order() -> None:
    story = Traces(correlation_id="o-1")
    story.process("early", "orders")
    story.send("checkout", "orders")
    story.process("billing", "orders")
    assert analysed(story).lines == [
        "? > orders > early: origin_unknown",
        "checkout > orders > billing: delivered, by correlation [context_lost]",
    ]


def test_several_open_sends_under_one_correlation_id_are_ambiguous() -> None:
    story = Traces(correlation_id="o-1")
    story.send("checkout", "orders")
    story.send("checkout", "orders")
    story.process("billing", "orders")
    assert analysed(story).lines == [
        "checkout > orders > ?: undelivered",
        "checkout > orders > billing: delivered, by correlation [ambiguous context_lost]",
    ]


def test_a_send_that_the_service_has_handled_already_is_not_open() -> None:
    story = Traces(correlation_id="o-1")
    first = story.send("checkout", "orders")
    second = story.send("checkout", "orders")
    story.process("billing", "orders", of=second)
    story.process("billing", "orders")
    found = analysed(story)
    assert found.lines == [
        "checkout > orders > billing: delivered, by correlation [context_lost]",
        "checkout > orders > billing: delivered, by parent",
    ]
    assert {hop.producer.span_id for hop in found.hops if hop.producer} == {first.span_id, second.span_id}


def test_a_retry_after_failure_is_an_attempt_and_after_success_a_duplicate() -> None:
    story = Traces()
    sent = story.send("checkout", "orders")
    story.process("billing", "orders", of=sent, error=True)
    story.process("billing", "orders", of=sent)
    story.process("inventory", "orders", of=sent)
    story.process("inventory", "orders", of=sent)
    story.process("audit", "orders", of=sent, error="boom")
    assert analysed(story).lines == [
        "checkout > orders > audit: failed, by parent [processing_failed]",
        "checkout > orders > billing: delivered, 2 attempts, by parent",
        "checkout > orders > inventory: delivered, 2 attempts, by parent [duplicate_delivery]",
    ]


def test_a_killed_attempt_leaves_orphans_and_counts() -> None:
    story = Traces()
    sent = story.send("checkout", "orders")
    killed = story.process("billing", "orders", of=sent, took_ms=5)
    story.span("billing", "charge card", under=killed)
    story.lose(killed)
    story.process("billing", "orders", of=sent)
    found = analysed(story)
    (hop,) = found.hops
    assert (hop.outcome, hop.attempts) == ("delivered", 2)
    assert (hop.attempt_spans[0].span_id, hop.attempt_spans[0].error) == (killed.span_id, "span never arrived")
    assert len(found.chains) == 1


def test_a_handled_message_without_its_process_span_is_unobserved() -> None:
    story = Traces()
    sent = story.send("checkout", "orders")
    lost = story.process("billing", "orders", of=sent)
    paid = story.send("billing", "payments", under=lost)
    story.process("mailer", "payments", of=paid)
    story.lose(lost)
    found = analysed(story)
    assert found.lines == ["billing > payments > mailer: delivered, by parent", "checkout > orders > ?: unobserved"]
    assert len(found.chains) == 1
    assert found.chains[0].summary.findings == ("orphan",)


def test_a_service_that_exported_nothing_is_unobserved_by_what_follows_it() -> None:
    story = Traces()
    sent = story.send("checkout", "orders")
    lost = story.process("billing", "orders", of=sent)
    paid = story.send("billing", "payments", under=lost)
    story.process("mailer", "payments", of=paid)
    story.lose(lost, paid)
    found = analysed(story)
    assert found.lines == ["? > payments > mailer: origin_unknown [orphan]", "checkout > orders > ?: unobserved"]
    assert len(found.chains) == 1


def test_orphans_of_one_absent_root_are_one_chain() -> None:
    story = Traces()
    root = absent()
    first = story.send("checkout", "orders", under=root)
    second = story.send("checkout", "audit", under=root)
    found = analysed(story)
    (chain,) = found.chains
    assert chain.chain_id == ":".join(first.key)
    assert chain.summary.origin.cause_absent
    assert second in chain.spans


def test_two_sends_of_one_event_id_are_a_duplicate_send() -> None:
    story = Traces()
    for _ in range(2):
        story.send("checkout", "orders", event_id="e-1")
    story.send("checkout", "orders")
    story.send("checkout", "orders")
    assert analysed(story).lines == ["checkout > orders > ?: undelivered"] * 3 + [
        "checkout > orders > ?: undelivered [duplicate_send]"
    ]


def test_a_send_again_after_a_failed_one_is_no_duplicate() -> None:
    story = Traces()
    story.send("checkout", "orders", event_id="e-1", error="broker down")
    story.send("checkout", "orders", event_id="e-1")
    assert analysed(story).lines == [
        "checkout > orders > ?: undelivered",
        "checkout > orders > ?: undelivered [send_failed]",
    ]


def test_a_retry_topic_carries_a_new_message() -> None:
    story = Traces()
    sent = story.send("checkout", "orders", event_id="e-1")
    failed = story.process("billing", "orders", of=sent, error="boom")
    again = story.send("billing", "orders.retry", under=failed, event_id="e-1", retry_of="e-1")
    story.process("billing", "orders.retry", of=again)
    found = analysed(story)
    assert found.lines == [
        "billing > orders.retry > billing: delivered, by parent",
        "checkout > orders > billing: failed, by parent [processing_failed]",
    ]
    assert len(found.chains) == 1


def test_request_and_reply_are_two_hops_of_one_chain() -> None:
    story = Traces()
    asked = story.send("front", "requests")
    answered = story.process("back", "requests", of=asked)
    reply = story.send("back", "replies", under=answered)
    story.process("front", "replies", of=reply)
    found = analysed(story)
    assert found.lines == [
        "back > replies > front: delivered, by parent",
        "front > requests > back: delivered, by parent",
    ]
    assert len(found.chains) == 1


def test_an_effect_twice_under_one_key_is_a_duplicate_effect() -> None:
    story = Traces()
    sent = story.send("checkout", "orders")
    story.process("billing", "orders", of=sent, effects=["charge:1"], error=True)
    story.process("billing", "orders", of=sent, effects=["charge:1"])
    assert analysed(story).chains[0].summary.findings == ("duplicate_effect",)


def test_one_effect_under_each_key_is_none() -> None:
    story = Traces()
    sent = story.send("checkout", "orders")
    story.process("billing", "orders", of=sent, effects=["charge:1", "mail:1"])
    story.process("mailer", "orders", of=sent, effects=["charge:1"])
    assert analysed(story).chains[0].summary.findings == ()


def test_skew_is_a_process_span_before_its_send_began_and_a_negative_transit_alone_is_not() -> None:
    story = Traces()
    slow = story.send("checkout", "orders", at_ms=10, took_ms=20)
    story.process("billing", "orders", of=slow, at_ms=15)
    story.process("skewed", "orders", of=slow, at_ms=5)
    found = analysed(story)
    assert (found.hop("orders", "billing").transit_ns, found.hop("orders", "billing").findings) == (-15_000_000, ())
    assert (found.hop("orders", "skewed").transit_ns, found.hop("orders", "skewed").findings) == (
        -25_000_000,
        ("clock_skew",),
    )


def test_a_poll_stands_in_with_its_end_and_a_receive_with_its_start() -> None:
    story = Traces()
    sent = story.send("checkout", "orders", at_ms=0, took_ms=1)
    story.poll("a", "orders", links=[sent], at_ms=0, took_ms=5)
    story.receive("b", "orders", of=sent, at_ms=3)
    found = analysed(story)
    assert [(hop.consumer_instant, hop.transit_ns) for hop in (found.hop("orders", "a"), found.hop("orders", "b"))] == [
        ("poll_end", 4_000_000),
        ("receive_start", 2_000_000),
    ]


def test_a_parent_cycle_ends_and_is_reported() -> None:
    story = Traces()
    root = story.span("a", "root")
    first = story.span("a", "first", under=(root.trace_id, "a" * 16), span_id="b" * 16)
    story.span("a", "second", under=first, span_id="a" * 16)
    (chain,) = analysed(story).chains
    assert chain.summary.findings == ("cycle",)
    assert chain.summary.origin.span_id == root.span_id


def test_conflicting_spans_are_one_span_and_a_doubt() -> None:
    story = Traces()
    sent = story.send("checkout", "orders", at_ms=0)
    story.send("checkout", "orders", at_ms=5, trace_id=sent.trace_id, span_id=sent.span_id)
    (chain,) = analysed(story).chains
    assert [span.start_unix_nano for span in chain.spans] == [sent.start_unix_nano]
    assert chain.summary.findings == ("conflicting_span",)


def test_positions_on_batch_links_name_each_hop() -> None:
    story = Traces()
    first, second = story.send("a", "T"), story.send("a", "T")
    poll = story.receive("b", "T", links=[link(first, partition="0", offset=1), link(second, partition="0", offset=2)])
    story.process("b", "T", under=poll, partition="0", offset=2)
    found = analysed(story)
    assert [(hop.offset, hop.consumer.name) for hop in found.hops if hop.consumer] == [
        (1, "receive T"),
        (2, "process T"),
    ]
