"""The message shapes of the messaging conventions and of the Java agent give the hops that the conventions mean."""

from tests.support.spans import Traces, link
from tests.support.stored import analysed
from tracecheck.model import SpanKind


def test_a_topic_with_two_consumers_is_one_message_and_two_hops() -> None:
    story = Traces()
    sent = story.send("P", "T", message_id="a1")
    story.process("A", "T", of=sent, style="both", message_id="a1", group=None)
    story.process("B", "T", of=sent, style="both", message_id="a1", group=None)
    found = analysed(story)
    assert found.lines == ["P > T > A(): delivered, by parent", "P > T > B(): delivered, by parent"]
    assert len(found.chains) == 1


def test_a_batch_receive_is_two_hops_into_one_span() -> None:
    story = Traces()
    first = story.send("P", "Q", message_id="a1")
    second = story.send("P", "Q", message_id="a2")
    poll = story.poll("C", "Q", links=[link(first, message_id="a1"), link(second, message_id="a2")], batch_count=2)
    found = analysed(story)
    assert found.lines == ["P > Q > C(): delivered, by link [batch_fan_in]"] * 2
    assert {hop.consumer.span_id for hop in found.hops if hop.consumer} == {poll.span_id}
    assert [hop.message_id for hop in found.hops] == ["a1", "a2"]


def test_a_batch_publish_with_create_spans_loses_no_message_to_its_send_span() -> None:
    story = Traces()
    root = story.span("P", "publish batch")
    first = story.create("P", "Q", under=root, message_id="a1")
    second = story.create("P", "Q", under=root, message_id="a2")
    story.send("P", "Q", under=root, kind=SpanKind.CLIENT, links=[first, second], batch_count=2)
    story.poll("C", "Q", links=[link(first, message_id="a1")])
    story.poll("C", "Q", links=[link(second, message_id="a2")])
    found = analysed(story)
    assert found.lines == ["P > Q > C(): delivered, by link"] * 2
    assert len(found.chains) == 1


def test_a_batch_publish_without_create_spans_is_two_messages_through_one_span() -> None:
    story = Traces()
    sent = story.send("P", "Q", batch_count=2)
    story.poll("C", "Q", links=[link(sent, message_id="a1")])
    story.poll("C", "Q", links=[link(sent, message_id="a2")])
    found = analysed(story)
    assert found.lines == ["P > Q > C(): delivered, by link"] * 2
    assert [hop.message_id for hop in found.hops] == ["a1", "a2"]


def test_two_anonymous_polls_of_one_batch_send_are_two_messages_too() -> None:
    story = Traces()
    sent = story.send("P", "Q", batch_count=2)
    story.poll("C", "Q", links=[sent])
    story.poll("C", "Q", links=[sent])
    assert analysed(story).lines == ["P > Q > C(): delivered, by link"] * 2


def test_java_old_convention_folds_the_receive_root_into_the_delivery() -> None:
    story = Traces()
    sent = story.send("P", "T")
    receive = story.receive("C", "T")
    story.process("C", "T", under=receive, links=[sent], group=None)
    found = analysed(story)
    assert found.lines == ["P > T > C(): delivered, by link"]
    assert len(found.chains) == 1
    assert found.chains[0].summary.origin.span_id == sent.span_id


def test_java_new_convention_folds_the_poll_trace_into_the_delivery() -> None:
    story = Traces()
    sent = story.send("P", "T")
    process = story.process("C", "T", of=sent, style="both", group="g", partition="0", offset=0)
    story.poll("C", "T", links=[link(sent, partition="0", offset=0)], group="g")
    found = analysed(story)
    assert found.lines == ["P > T > g: delivered, by parent"]
    assert found.hops[0].consumer is not None
    assert found.hops[0].consumer.span_id == process.span_id
    assert found.hops[0].offset == 0


def test_three_process_spans_in_one_poll_are_three_attempts_of_one_delivery() -> None:
    story = Traces()
    sent = story.send("P", "T", took_ms=1)
    receive = story.receive("C", "T", at_ms=5, took_ms=90)
    first = story.process("C", "T", under=receive, links=[sent], group="g", at_ms=10, took_ms=10, error="boom")
    story.process("C", "T", under=receive, links=[sent], group="g", at_ms=30, took_ms=10, error="boom")
    third = story.process("C", "T", under=receive, links=[sent], group="g", at_ms=50, took_ms=10)
    (hop,) = analysed(story).hops
    assert (hop.outcome, hop.attempts, hop.findings) == ("delivered", 3, ())
    assert hop.consumer is not None
    assert hop.consumer.span_id == third.span_id
    assert hop.attempt_spans[0].span_id == first.span_id
    assert hop.transit_ns == first.start_unix_nano - sent.end_unix_nano
    assert hop.succeeded_after_ns == third.end_unix_nano - sent.end_unix_nano
    assert hop.processing_ns == 10_000_000


def test_three_receives_with_one_process_each_are_three_attempts_of_one_delivery() -> None:
    story = Traces()
    sent = story.send("P", "T")
    for error in ("boom", "boom", None):
        receive = story.receive("C", "T", took_ms=3)
        story.process("C", "T", under=receive, links=[sent], group="g", error=error)
    found = analysed(story)
    assert found.lines == ["P > T > g: delivered, 3 attempts, by link"]
    assert len(found.chains) == 1


def test_a_batch_process_span_is_a_hop_of_each_of_its_messages() -> None:
    story = Traces()
    first, second = story.send("P", "T"), story.send("P", "T")
    receive = story.receive("C", "T", links=[first, second])
    story.process("C", "T", under=receive, links=[first, second], group="g")
    found = analysed(story)
    assert found.lines == ["P > T > g: delivered, by link [batch_fan_in]"] * 2


def test_switched_off_propagation_leaves_two_half_hops() -> None:
    story = Traces()
    story.send("P", "T")
    story.process("C", "T", group="g")
    found = analysed(story)
    assert found.lines == [
        "? > T > g: origin_unknown [context_lost]",
        "P > T > ?: undelivered [context_lost]",
    ]
    assert len(found.chains) == 2
