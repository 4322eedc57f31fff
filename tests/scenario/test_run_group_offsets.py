"""`run` asks the broker it was told of how far each group has come, and so tells three kinds of absence apart."""

import json
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run, orders, tracecheck

__all__ = ["orders", "tracecheck"]  # fixtures

EMITTER = str(Path(__file__).with_name("emit_groups.py"))
TOGETHER = (("lagging", "silent"), ("passed-by",), ("unseen",))


def test_a_lagging_a_silent_and_a_passed_by_group_are_told_apart_by_their_offsets(
    tracecheck: Run, embedded_broker: str, unique_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    from kafka import KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
    from kafka.admin import KafkaAdminClient, NewTopic

    admin = KafkaAdminClient(bootstrap_servers=embedded_broker)
    admin.create_topics([NewTopic(unique_name, 1, 1)])
    producer = KafkaProducer(bootstrap_servers=embedded_broker)
    for number in range(5):
        producer.send(unique_name, b"%d" % number, partition=0).get(20)
    for group, committed in {"lagging": 1, "silent": 1, "passed-by": 5, "unseen": 5}.items():
        place = TopicPartition(unique_name, 0)
        consumer = KafkaConsumer(
            bootstrap_servers=embedded_broker, group_id=f"{group}-{unique_name}", enable_auto_commit=False
        )
        consumer.assign([place])
        consumer.commit({place: OffsetAndMetadata(committed, "", -1)})
        consumer.close()
    producer.close()
    admin.close()
    said = [f"lagging-{unique_name}:0:after", f"silent-{unique_name}:0:before", f"passed-by-{unique_name}:4:after"]
    found = {}
    for number, groups in enumerate(TOGETHER):  # what is certain at once would not wait for what silence has to prove
        steps = "".join(
            f"  {group}: {{process: {unique_name}, group: {group}-{unique_name}, after: placed}}\n" for group in groups
        )
        spec = tmp_path / "order.yaml"
        spec.write_text(f"chain: order\nsteps:\n  placed: {{send: {unique_name}}}\n{steps}")
        ended = tracecheck(
            "run", str(spec), "--store", f"{{tmp}}/{number}.duckdb", "--bootstrap-servers", embedded_broker,
            "--output", "json", "--", sys.executable, EMITTER, unique_name, "2", *said,
        )  # fmt: skip
        (result,) = json.loads(ended.out)["results"]
        assert ended.status == 1
        found |= {finding["step"]: finding for finding in result["findings"]}
    at, of = f"{unique_name}[0]@", "of 5"
    assert {step: finding["code"] for step, finding in found.items()} == {
        "lagging": "not_consumed",
        "silent": "not_consumed",
        "passed-by": "not_consumed",
        "unseen": "consumer_span_missing",
    }
    said_of = {step: " ".join(finding["evidence"]).replace(f"-{unique_name}", "") for step, finding in found.items()}
    assert f"has handled nothing past {at}2 the broker has lagging at {at}1 {of}, 4 waiting" in said_of["lagging"]
    assert "group silent silent since" in said_of["silent"]
    assert f"the broker has silent at {at}1 {of}, 4 waiting" in said_of["silent"]
    assert f"group passed-by handled {at}4, past it" in said_of["passed-by"]
    assert f"the broker has unseen at {at}5 {of}, nothing waiting" in said_of["unseen"]
    assert ended.status == 1
