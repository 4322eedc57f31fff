"""The spans of real instrumentations, made by running them here, give the hops a reader would expect, and `doctor` says
what each of them leaves out."""

from collections.abc import Callable
from functools import partial

import pytest

from tests.support.real_libraries import STORIES, aio_pika, pika
from tests.support.stored import analysed
from tracecheck.check.doctor import doctor
from tracecheck.model import Span
from tracecheck.store import open_store

TAKEN = "shop > orders > {}: delivered, by {}"
LEFT = "shop > payments > ?: undelivered"

Expected = tuple[list[str], int, tuple[str, str], list[str]]

EXPECTED: dict[str, Expected] = {
    "kafka-python": (
        [TAKEN.format("shop()", "parent"), LEFT],
        2,
        ("kafka-python", "old"),
        ["send_is_not_delivery", "handler_detached", "no_identity", "no_flush_mark"],
    ),
    "aiokafka": (
        [TAKEN.format("billing", "parent"), LEFT],
        2,
        ("aiokafka", "mixed"),
        ["send_is_not_delivery", "handler_detached", "no_flush_mark"],
    ),
    "aiokafka getmany": (
        [TAKEN.format("billing", "parent")] * 2 + [LEFT],
        5,  # two messages, the poll, its partition, and the send without cause
        ("aiokafka", "mixed"),
        ["send_is_not_delivery", "handler_detached", "no_flush_mark"],
    ),
    "confluent-kafka": (
        [TAKEN.format("shop()", "link"), LEFT],
        1,
        ("confluent-kafka", "old"),
        [
            "send_is_not_delivery",
            "no_identity",
            "idle_time_counted",
            "no_tombstones",
            "batch_is_one_span",
            "no_flush_mark",
        ],
    ),
    "confluent-kafka consume": (
        [TAKEN.format("shop()", "link") + " [batch_fan_in]"] * 2 + [LEFT],
        4,
        ("confluent-kafka", "old"),
        [
            "send_is_not_delivery",
            "no_identity",
            "idle_time_counted",
            "no_tombstones",
            "batch_is_one_span",
            "sends_without_cause",
            "no_flush_mark",
        ],
    ),
    "celery": (
        ["shop > celery > shop(): delivered, by parent", LEFT],
        1,
        ("celery", "old"),
        ["links_lose_baggage", "no_group", "no_flush_mark"],
    ),
    "celery links": (
        ["shop > celery > shop(): delivered, by link", LEFT],
        1,
        ("celery", "old"),
        ["links_lose_baggage", "no_group", "no_flush_mark"],
    ),
    "FastStream": (
        [TAKEN.format("shop()", "parent"), LEFT],
        1,
        ("FastStream", "mixed"),
        ["no_group", "stale_context", "no_flush_mark"],
    ),
    "boto3 SQS": (
        [TAKEN.format("shop()", "link"), LEFT],
        1,
        ("boto3 SQS", "old"),
        ["undeleted_unseen", "no_group", "no_flush_mark"],
    ),
}


OVER_RABBITMQ: dict[str, tuple[Callable[..., list[Span]], Expected]] = {
    "pika": (
        pika,
        (
            ["shop > orders-{0} > shop(): delivered, by parent", "shop > payments-{0} > ?: undelivered"],
            1,
            ("pika", "old"),
            ["no_routing_key", "generator_loses_baggage", "no_group", "no_flush_mark"],
        ),
    ),
    "pika through an exchange": (
        partial(pika, exchange="tracecheck-real-pika"),
        (
            ["shop > tracecheck-real-pika > shop(): delivered, by parent", "shop > payments-{0} > ?: undelivered"],
            1,
            ("pika", "old"),
            ["no_routing_key", "generator_loses_baggage", "no_group", "no_flush_mark"],
        ),
    ),
    "aio-pika": (
        aio_pika,
        (
            ["shop > orders-{0} > shop(): delivered, by parent", "shop > payments-{0} > ?: undelivered"],
            1,
            ("aio-pika", "old"),
            ["names_differ", "iterator_detached", "no_group", "no_flush_mark"],
        ),
    ),
    "aio-pika iterator": (
        partial(aio_pika, iterate=True),
        (
            ["shop > orders-{0} > shop(): delivered, by parent", "shop > payments-{0} > ?: undelivered"],
            2,  # the handler has no context
            ("aio-pika", "old"),
            [
                "names_differ",
                "iterator_detached",
                "no_group",
                "no_process_span",
                "sends_without_cause",
                "no_flush_mark",
            ],
        ),
    ),
}


@pytest.mark.parametrize("name", STORIES)
def test_a_real_library_gives_its_hops_and_its_holes(name: str) -> None:
    has_hops_and_holes(STORIES[name](), *EXPECTED[name])


@pytest.mark.service("rabbitmq")
@pytest.mark.parametrize("name", OVER_RABBITMQ)
def test_a_real_library_over_rabbitmq_gives_its_hops_and_its_holes(name: str, rabbitmq: str, unique_name: str) -> None:
    story, expected = OVER_RABBITMQ[name]
    spans = story(rabbitmq, f"orders-{unique_name}", f"payments-{unique_name}")
    lines, *others = expected
    has_hops_and_holes(spans, [line.format(unique_name) for line in lines], *others)


def has_hops_and_holes(
    spans: list[Span], lines: list[str], chains: int, told: tuple[str, str], holes: list[str]
) -> None:
    library, vocabulary = told
    found = analysed(spans)
    assert found.lines == sorted(lines)
    assert len(found.chains) == chains

    store = open_store(":memory:")
    store.append(spans)
    (service,) = doctor(store).services
    assert [(scope.library, scope.vocabulary) for scope in service.scopes] == [(library, vocabulary)]
    assert service.sdk is not None
    assert service.sdk.startswith("python opentelemetry 1.")
    assert [advice.code for advice in service.advice] == holes
