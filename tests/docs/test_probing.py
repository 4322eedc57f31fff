"""The pages on probing and on brokers run as printed."""

import os
from pathlib import Path

import pytest
from kafka import KafkaAdminClient
from kafka.admin import NewTopic

from tests.support.documents import run_document

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_on_probing_works_as_printed(tmp_path: Path, broker_of_its_own: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=broker_of_its_own)
    admin.create_topics([NewTopic("orders", 1, 1)])
    admin.close()
    run_document(DOCS / "probing.md", tmp_path, {"KAFKA": broker_of_its_own, "RABBITMQ": ""})


@pytest.mark.service("rabbitmq")
def test_the_page_on_brokers_works_as_printed(tmp_path: Path, rabbitmq: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(os.environ, "KAFKA", raising=False)
    run_document(DOCS / "brokers.md", tmp_path, {"RABBITMQ": rabbitmq})
