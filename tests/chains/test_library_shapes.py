"""What each library's instrumentation really emits gives one hop per message and group, and one chain per message."""

from typing import Any

import pytest

from tests.check.ordering import QUIET
from tests.support.spans import Style, Traces, link
from tests.support.stored import analysed
from tracecheck.check import evaluate
from tracecheck.expect import expect_chain, process, send
from tracecheck.model import Operation, SpanKind, Verdict


def test_kafka_python_goes_on_by_correlation_where_its_receive_span_ends_early() -> None:
    story = Traces(correlation_id="o-1")
    sent = story.send("checkout", "orders", partition="0")
    story.receive("billing", "orders", of=sent, partition="0")
    paid = story.send("billing", "payments")  # a new trace: the handler has no context
    found = analysed(story)
    assert found.lines == ["billing > payments > ?: undelivered", "checkout > orders > billing(): delivered, by parent"]
    assert found.chain_of(paid).chain_id == found.chain_of(sent).chain_id
    (edge,) = [edge for edge in found.chains[0].edges if edge.effect == paid.key]
    assert edge.evidence == "inferred"


def test_kafka_python_without_correlation_starts_a_new_chain_at_the_next_send() -> None:
    story = Traces()
    sent = story.send("checkout", "orders")
    story.receive("billing", "orders", of=sent)
    paid = story.send("billing", "payments", trace_id="f" * 32)
    found = analysed(story)
    assert found.chain_of(paid).chain_id != found.chain_of(sent).chain_id


def test_kafka_python_with_our_process_span_is_one_delivery() -> None:
    story = Traces()
    sent = story.send("checkout", "orders")
    receive = story.receive("billing", "orders", of=sent, partition="0", took_ms=0.01)
    process = story.process("billing", "orders", of=sent, style="both", links=[receive], partition="0", offset=7)
    story.send("billing", "payments", under=process)
    found = analysed(story)
    assert found.lines == [
        "billing > payments > ?: undelivered",
        "checkout > orders > billing: delivered, by parent",
    ]
    assert len(found.chains) == 1


def test_aiokafka_getone_is_one_hop() -> None:
    story = Traces()
    sent = story.send("P", "T", key="k", operation=Operation.SEND)
    story.receive("C", "T", of=sent, group="g", partition="0", offset=4, message_id="T.0.4")
    assert analysed(story).lines == ["P > T > g: delivered, by parent"]


def test_aiokafka_getmany_counts_its_three_levels_of_receive_once() -> None:
    story = Traces()
    first, second = story.send("P", "T"), story.send("P", "T")
    poll = story.receive("C", "T", batch_count=2, took_ms=9)
    records = [
        story.receive("C", "T", of=sent, group="g", partition="0", offset=offset)
        for offset, sent in enumerate((first, second))
    ]
    partition = story.receive("C", "T", under=poll, links=records, partition="0", batch_count=2)
    found = analysed(story)
    assert found.lines == ["P > T > g: delivered, by parent"] * 2
    assert found.chain_of(partition).feeds == tuple(sorted(found.chain_of(sent).chain_id for sent in (first, second)))


def test_aiokafka_getmany_of_one_record_stays_in_its_chain() -> None:
    story = Traces()
    sent = story.send("P", "T")
    poll = story.receive("C", "T", batch_count=1, took_ms=9)
    record = story.receive("C", "T", of=sent, group="g", partition="0", offset=0)
    story.receive("C", "T", under=poll, links=[record], partition="0", batch_count=1)
    found = analysed(story)
    assert found.lines == ["P > T > g: delivered, by parent"]
    assert len(found.chains) == 1


def test_confluent_poll_links_below_a_bare_recv_root() -> None:
    story = Traces()
    sent = story.send("P", "T")
    recv = story.receive("C", None, system=None, took_ms=0, name="recv")
    process = story.process("C", "T", under=recv, links=[sent], group=None, partition="0", offset=3, message_id="T.0.3")
    after = story.send("C", "U", under=process)
    found = analysed(story)
    assert found.lines == ["C > U > ?: undelivered", "P > T > C(): delivered, by link"]
    assert found.chain_of(after).chain_id == found.chain_of(sent).chain_id
    assert len(found.chains) == 1


def test_confluent_consume_is_a_hop_of_each_record_of_its_batch() -> None:
    story = Traces()
    first, second = story.send("P", "T"), story.send("P", "U")
    recv = story.receive("C", None, system=None, took_ms=0, name="recv")
    story.process("C", "T", under=recv, links=[first, second], group=None)
    assert analysed(story).lines == [
        "P > T > C(): delivered, by link [batch_fan_in]",
        "P > U > C(): delivered, by link [batch_fan_in]",
    ]


def test_pika_callback_wraps_the_handler_so_the_chain_goes_on() -> None:
    story = Traces()
    sent = story.send("P", "orders", system="rabbitmq")
    receive = story.receive("C", "orders", of=sent, system="rabbitmq", at_ms=10, took_ms=20)
    story.send("C", "payments", system="rabbitmq", under=receive, at_ms=15)
    found = analysed(story)
    assert found.lines == ["C > payments > ?: undelivered", "P > orders > C(): delivered, by parent"]
    assert found.hop("orders").processing_ns == 20_000_000
    assert len(found.chains) == 1


def test_aio_pika_names_differ_between_the_sides_and_context_still_joins_them() -> None:
    story = Traces()
    sent = story.send("P", "exchange", system="rabbitmq")
    story.receive("C", "routing.key", of=sent, system="rabbitmq")
    assert analysed(story).lines == ["P > exchange > C(): delivered, by parent"]


def test_celery_is_one_hop_per_task_by_parent_and_by_link() -> None:
    story = Traces()
    for style in ("parent", "link"):
        sent = story.send("web", "celery", system="celery", message_id=f"task-{style}", name="apply_async/add")
        story.process("worker", "celery", system="celery", of=sent, style=style, message_id=f"task-{style}", group=None)
    assert analysed(story).lines == [
        "web > celery > worker(): delivered, by link",
        "web > celery > worker(): delivered, by parent",
    ]


@pytest.mark.parametrize("style", ["parent", "link"])
def test_celery_retries_are_attempts_of_one_delivery(style: Style) -> None:
    story = Traces()
    task: dict[str, Any] = {"system": "celery", "message_id": "task-1"}
    story.send("web", "celery", **task)
    for _ in range(3):
        run = story.process("worker", "celery", of=story.spans[-1], style=style, group=None, took_ms=5, **task)
        sent = story.send("worker", "celery", under=run, **task)
    story.lose(sent)  # the third time all went well
    found = analysed(story)
    assert found.lines == [f"web > celery > worker(): delivered, 3 attempts, by {style}"]
    assert [brief.error for brief in found.hops[0].attempt_spans] == ["put back to be tried again"] * 2 + [None]
    steps = {"asked": send("celery"), "ran": process("celery", after="asked", times=1)}
    (result,) = evaluate(found.chains[0], expect_chain("task", steps=steps), QUIET, settle_ns=0)
    assert (result.verdict, result.findings) == (Verdict.PASS, ())


@pytest.mark.parametrize("other", [{"message_id": "task-2"}, {"system": "kafka", "offset": 7}, {"system": "rabbitmq"}])
def test_a_handler_that_sends_another_message_to_where_its_own_came_from_puts_nothing_back(
    other: dict[str, Any],
) -> None:
    story = Traces()
    task: dict[str, Any] = {"system": "celery", "message_id": "task-1"}
    run = story.process("worker", "celery", of=story.send("web", "celery", **task), group=None, **task)
    story.send("worker", "celery", under=run, **(task | other))
    assert analysed(story).lines == [
        "web > celery > worker(): delivered, by parent",
        "worker > celery > ?: undelivered",
    ]


def test_celery_over_an_instrumented_broker_client_is_one_message() -> None:
    story = Traces()
    outer = story.send("web", "celery", system="celery", message_id="task-1", took_ms=5)
    story.send("web", "celery", system="rabbitmq", under=outer)
    story.process("worker", "celery", system="celery", of=outer, message_id="task-1", group=None)
    assert analysed(story).lines == ["web > celery > worker(): delivered, by parent"]


def test_boto3sqs_empty_receives_are_no_hops_and_messages_are() -> None:
    story = Traces()
    sent = story.send("P", "queue", system="aws_sqs", message_id="m1")
    story.receive("C", "queue", system="aws_sqs")
    receive = story.receive("C", "queue", system="aws_sqs")
    story.process("C", "queue", system="aws_sqs", under=receive, links=[sent], message_id="m1", group=None)
    found = analysed(story)
    assert found.lines == ["P > queue > C(): delivered, by link"]
    assert found.chain_of(receive).chain_id == found.chain_of(sent).chain_id


def test_faststream_create_and_publish_are_one_message() -> None:
    story = Traces()
    create = story.create("P", "orders", at_ms=0, took_ms=5)
    story.send("P", "orders", under=create, at_ms=1, took_ms=3, partition="0", offset=9)
    story.process("C", "orders", of=create, group=None, partition="0", offset=9)
    found = analysed(story)
    assert found.lines == ["P > orders > C(): delivered, by parent"]
    assert found.hops[0].producer is not None
    assert found.hops[0].producer.span_id == create.span_id


def test_faststream_publisher_passes_the_incoming_context_on_and_correlation_finds_the_sender() -> None:
    story = Traces(correlation_id="o-1")
    placed = story.send("checkout", "orders")
    story.process("billing", "orders", of=placed, group=None)
    story.send("billing", "payments", under=placed)
    story.process("mailer", "payments", of=placed, group=None)
    found = analysed(story)
    assert found.lines == [
        "billing > payments > mailer(): delivered, by correlation [stale_context]",
        "checkout > orders > billing(): delivered, by parent",
    ]
    assert len(found.chains) == 1


def test_faststream_batch_opens_with_a_consumer_span_named_create() -> None:
    story = Traces()
    first, second = story.create("P", "T"), story.create("P", "T")
    opened = story.create("C", "T", kind=SpanKind.CONSUMER, links=[first, second], took_ms=9)
    story.process("C", "T", under=opened, group=None, batch_count=2)
    assert analysed(story).lines == ["P > T > C(): delivered, by link [batch_fan_in]"] * 2


def test_kafkajs_each_message_is_one_hop() -> None:
    story = Traces()
    sent = story.send("P", "T")
    story.process("C", "T", of=sent, group=None, partition="0", offset=1)
    assert analysed(story).lines == ["P > T > C(): delivered, by parent"]


def test_kafkajs_each_batch_gives_every_message_back_to_its_own_chain() -> None:
    story = Traces()
    first = story.send("P", "T", correlation_id="o-1")
    second = story.send("P", "T", correlation_id="o-2")
    poll = story.poll("C", "T", batch_count=2, took_ms=9)
    for offset, sent in enumerate((first, second)):
        story.process("C", "T", under=poll, links=[sent], group=None, partition="0", offset=offset)
    handler = story.span("C", "handle", under=poll)
    after_first = story.send("C", "U", under=handler, correlation_id="o-1")
    after_nobody = story.send("C", "U", under=handler, correlation_id="o-3")
    found = analysed(story)
    assert [line for line in found.lines if line.startswith("P")] == ["P > T > C(): delivered, by link"] * 2
    assert found.chain_of(after_first).chain_id == found.chain_of(first).chain_id
    batch = found.chain_of(handler)
    assert found.chain_of(after_nobody) == batch
    assert "batch_fan_in" in batch.summary.findings
    assert batch.feeds == tuple(sorted([found.chain_of(first).chain_id, found.chain_of(second).chain_id]))


def test_dotnet_confluent_links_only() -> None:
    story = Traces()
    sent = story.send("P", "T")
    story.process("C", "T", of=sent, style="link", group="g", partition="2", offset=10)
    found = analysed(story)
    assert found.lines == ["P > T > g: delivered, by link"]
    assert len(found.chains) == 1


def test_a_spring_batch_listener_keeps_positions_from_its_links() -> None:
    story = Traces()
    first, second = story.send("P", "T"), story.send("P", "T")
    story.process(
        "C", "T", group="g", links=[link(first, partition="0", offset=5), link(second, partition="1", offset=8)]
    )
    assert [(hop.partition, hop.offset) for hop in analysed(story).hops] == [("0", 5), ("1", 8)]
