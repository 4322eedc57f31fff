"""Each client's page, and the page of the outbox, run as printed; and what they run is one chain."""

from pathlib import Path

import pytest
from kafka import KafkaAdminClient
from kafka.admin import NewTopic

from instrumentation.tests.otlp_sink import Sink, attributes, sink
from tests.support.documents import run_document
from tracecheck.demo.broker import embedded_broker

DOCS = Path(__file__).parents[2] / "docs"
README = Path(__file__).parents[2] / "instrumentation" / "README.md"
TOPICS = ("orders", "payments")


@pytest.mark.parametrize("client", ["kafka-python", "aiokafka", "confluent-kafka"])
def test_the_page_of_a_kafka_client_works_as_printed(client: str, tmp_path: Path) -> None:
    with embedded_broker() as servers, sink("http/protobuf") as received:
        create_topics(servers)
        run_document(DOCS / "clients" / f"{client}.md", tmp_path, {"KAFKA": servers, **received.environment})
    assert_one_chain(received)


@pytest.mark.service("rabbitmq")
@pytest.mark.parametrize("client", ["pika", "aio-pika"])
def test_the_page_of_a_rabbitmq_client_works_as_printed(client: str, tmp_path: Path, rabbitmq: str) -> None:
    with sink("http/protobuf") as received:
        run_document(DOCS / "clients" / f"{client}.md", tmp_path, {"RABBITMQ": rabbitmq, **received.environment})
    assert_one_chain(received)


def test_an_outbox_continues_the_chain_and_its_event_is_handled_once(tmp_path: Path) -> None:
    with embedded_broker() as servers, sink("http/protobuf") as received:
        create_topics(servers)
        run_document(DOCS / "outbox.md", tmp_path, {"KAFKA": servers, **received.environment})

    ((_, placed),) = received.spans("place order")
    sent, processed = received.spans("send orders"), received.spans("process orders")
    assert [span.parent_span_id for _, span in sent] == [placed.span_id] * 2
    assert [span.parent_span_id for _, span in processed] == [span.span_id for _, span in sent]
    assert len({attributes(span)["messaging.message.id"] for _, span in sent + processed}) == 1
    effects = [[attributes(event)["tracecheck.effect.key"] for event in span.events] for _, span in processed]
    assert effects == [["charge-7"], []]


def test_the_readme_leads_to_every_page() -> None:
    pages = [*(DOCS / "clients").glob("*.md"), DOCS / "outbox.md"]
    assert len(pages) == 6
    for page in pages:
        assert f"../docs/{page.relative_to(DOCS)}" in README.read_text()


def create_topics(servers: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=servers)
    admin.create_topics([NewTopic(topic, 1, 1) for topic in TOPICS])
    admin.close()


def assert_one_chain(received: Sink) -> None:
    ((_, origin),), ((_, onward),) = received.spans("send orders"), received.spans("send payments")
    ((_, processed),) = received.spans("process orders")
    assert not origin.parent_span_id
    assert processed.parent_span_id == origin.span_id
    assert onward.parent_span_id == processed.span_id
    for span in (origin, processed, onward):
        assert attributes(span)["correlation.id"] == "order-7"
    assert [attributes(event)["tracecheck.effect.key"] for event in processed.events] == ["charge-7"]
    assert received.marks() == received.counts()
