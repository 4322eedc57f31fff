"""The README's service runs as printed."""

import re
import signal
from contextlib import suppress
from pathlib import Path

import tracecheck_instrumentation
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewTopic
from kafka.errors import TopicAlreadyExistsError

from instrumentation.tests.child import start
from instrumentation.tests.otlp_sink import attributes, sink
from tests.support.polling import until

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_the_readmes_service_handles_an_order_in_one_chain(broker_of_its_own: str) -> None:
    (service,) = [block for block in re.findall(r"```python\n(.*?)```", README, re.S) if "configure(" in block]
    service = service.replace("localhost:9092", broker_of_its_own)
    admin = KafkaAdminClient(bootstrap_servers=broker_of_its_own)
    for topic in ("orders", "payments"):  # the names of every example; another test on this broker may have made one
        with suppress(TopicAlreadyExistsError):
            admin.create_topics([NewTopic(topic, 1, 1)])
    admin.close()
    with KafkaProducer(bootstrap_servers=broker_of_its_own) as producer:
        producer.send("orders", key=b"7", value=b"{}").get(timeout=10)

    with sink("http/protobuf") as received:
        process = start(service, received.environment, {"OTEL_BSP_SCHEDULE_DELAY": "100"})
        until(lambda: received.spans("send payments"))
        process.send_signal(signal.SIGTERM)
        _, complaint = process.communicate(timeout=20)

    assert "Traceback" not in complaint
    ((_, processed),), ((_, sent),) = received.spans("process orders"), received.spans("send payments")
    assert processed.span_id == sent.parent_span_id
    assert attributes(processed)["messaging.consumer.group.name"] == "billing"
    assert [attributes(event)["tracecheck.effect.key"] for event in processed.events] == ["charge-7"]
    assert received.marks() == received.counts()


def test_the_readme_names_every_public_function() -> None:
    assert [
        name for name in tracecheck_instrumentation.__all__ if f"`{name}(" not in README and f"{name}(" not in README
    ] == []
