"""The pages on scenarios and load, run as printed."""

import os
import subprocess
import sys
from pathlib import Path

from kafka import KafkaAdminClient
from kafka.admin import NewTopic

from tests.support.documents import File, blocks, run_document

DOCS = Path(__file__).parents[2] / "docs"


def test_every_command_about_scenarios_does_what_it_says(tmp_path: Path, broker_of_its_own: str) -> None:
    run_document(DOCS / "scenarios.md", tmp_path, {"KAFKA": broker_of_its_own})


def test_every_command_about_load_does_what_it_says(tmp_path: Path, broker_of_its_own: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=broker_of_its_own)
    admin.create_topics([NewTopic(name, 1, 1) for name in ("orders", "payments")])
    admin.close()
    (billing,) = (
        each for each in blocks(DOCS / "scenarios.md") if isinstance(each, File) and each.name == "billing.py"
    )
    (tmp_path / "billing.py").write_text(billing.text)
    addresses = {"KAFKA": broker_of_its_own, "TRACECHECK_DATABASE": f"sqlite:///{tmp_path}/billing.db"}
    exporting = {
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318",
        "OTEL_BSP_SCHEDULE_DELAY": "200",
    }
    with subprocess.Popen(
        [sys.executable, "billing.py"], cwd=tmp_path, env=os.environ | addresses | exporting, stdout=subprocess.PIPE
    ) as service:
        try:
            assert service.stdout is not None
            assert b"ready" in service.stdout.readline()
            run_document(DOCS / "load.md", tmp_path, addresses)
        finally:
            service.kill()
    assert (tmp_path / "load.svg").read_text().startswith("<svg")
