"""Each client's page, and the page of the outbox, run as printed; and what they run is one chain."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
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
KAFKA_PAGES = ("clients/kafka-python", "clients/aiokafka", "clients/confluent-kafka", "outbox")


@pytest.fixture(scope="module")
def on_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Sink]]]:
    """What arrives from each page: all run at once, each on a broker of its own, since they mostly wait for groups."""

    def run(page: str) -> Sink:
        with embedded_broker() as servers, sink("http/protobuf") as received:
            create_topics(servers)
            folder = tmp_path_factory.mktemp(Path(page).name)
            run_document(DOCS / f"{page}.md", folder, {"KAFKA": servers, **received.environment})
        return received

    with ThreadPoolExecutor(len(KAFKA_PAGES)) as pool:
        yield {page: pool.submit(run, page) for page in KAFKA_PAGES}


@pytest.mark.parametrize("client", ["kafka-python", "aiokafka", "confluent-kafka"])
def test_the_page_of_a_kafka_client_works_as_printed(client: str, on_kafka: dict[str, Future[Sink]]) -> None:
    assert_one_chain(on_kafka[f"clients/{client}"].result())


@pytest.mark.service("rabbitmq")
@pytest.mark.parametrize("client", ["pika", "aio-pika"])
def test_the_page_of_a_rabbitmq_client_works_as_printed(client: str, tmp_path: Path, rabbitmq: str) -> None:
    with sink("http/protobuf") as received:
        run_document(DOCS / "clients" / f"{client}.md", tmp_path, {"RABBITMQ": rabbitmq, **received.environment})
    assert_one_chain(received)


def test_an_outbox_continues_the_chain_and_its_event_is_handled_once(on_kafka: dict[str, Future[Sink]]) -> None:
    received = on_kafka["outbox"].result()
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
