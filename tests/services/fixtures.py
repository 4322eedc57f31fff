"""The services as pytest fixtures, and what the mark `service` does where one of them is absent.

A service is started when the first test asks for it and ends with the session. Workers of pytest-xdist share the heavy
ones (Kafka, RabbitMQ, PostgreSQL), so a test uses topics, queues and tables under names of its own; see `unique_name`.
"""

import os
import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.services import installed
from tests.services.chromium import Browser
from tests.services.collector import RunningCollector, run_collector
from tests.services.kafka import kafka_doors as run_kafka
from tests.services.postgres import postgres as run_postgres
from tests.services.rabbitmq import rabbitmq_doors as run_rabbitmq
from tests.services.secured import Doors
from tracecheck.demo import broker

REQUIRE_SERVICES = "TRACECHECK_REQUIRE_SERVICES"
# By fixture, the service that it needs.
FIXTURES = {
    "kafka_broker": "kafka",
    "kafka_doors": "kafka",
    "rabbitmq": "rabbitmq",
    "rabbitmq_doors": "rabbitmq",
    "postgres": "postgres",
    "collector": "collector",
    "chromium": "chromium",
}


@pytest.fixture(scope="session")
def embedded_broker() -> Iterator[str]:
    """The bootstrap address of the embedded broker. It comes with the development set-up, so it is never absent."""
    with broker.embedded_broker() as bootstrap:
        yield bootstrap


@pytest.fixture
def broker_of_its_own() -> Iterator[str]:
    """The bootstrap address of an embedded broker for one test: for examples, whose topics have plain names."""
    with broker.embedded_broker() as bootstrap:
        yield bootstrap


@pytest.fixture(scope="session")
def kafka_doors(services_folder: Path | None) -> Iterator[Doors]:
    """Apache Kafka's addresses, the open and the secured one."""
    with run_kafka(services_folder and services_folder / "kafka") as doors:
        yield doors


@pytest.fixture(scope="session")
def kafka_broker(kafka_doors: Doors) -> str:
    """The bootstrap address of Apache Kafka."""
    return kafka_doors.plain


@pytest.fixture(scope="session")
def rabbitmq_doors(services_folder: Path | None) -> Iterator[Doors]:
    """RabbitMQ's addresses, the open and the secured one."""
    with run_rabbitmq(services_folder and services_folder / "rabbitmq") as doors:
        yield doors


@pytest.fixture(scope="session")
def rabbitmq(rabbitmq_doors: Doors) -> str:
    """The AMQP address of RabbitMQ."""
    return rabbitmq_doors.plain


@pytest.fixture(scope="session")
def postgres(services_folder: Path | None) -> Iterator[str]:
    """The address of a PostgreSQL database, as libpq and psycopg take it."""
    with run_postgres(services_folder and services_folder / "postgres") as url:
        yield url


@pytest.fixture(scope="session")
def collector() -> Callable[..., AbstractContextManager[RunningCollector]]:
    """`run_collector`: a Collector for the length of a `with` block, on a configuration of the test's."""
    return run_collector


@pytest.fixture(scope="session")
def chromium() -> Browser:
    """A headless browser that renders pages of this machine."""
    return Browser(program=installed.chromium())


@pytest.fixture
def unique_name() -> str:
    """A name that no other test uses, good for a topic, a queue, a group, a table."""
    return f"t{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def services_folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path | None:
    """Where workers meet to share services; None when there is but one process."""
    return None if worker_id == "master" else tmp_path_factory.getbasetemp().parent / "services"


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose service is absent before anything is set up for it."""
    for service in _needed(item):
        if reason := installed.absent(service):
            pytest.skip(reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn the skip of a test with a service into a failure where services are required, whatever skipped it."""
    report = yield
    required = os.environ.get(REQUIRE_SERVICES) == "1"
    if required and report.skipped and not hasattr(report, "wasxfail") and _needed(item):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: skipped, but {REQUIRE_SERVICES}=1 lets no test with a service be: {reason}"
    return report


def _needed(item: pytest.Item) -> set[str]:
    marked = {name for mark in item.iter_markers("service") for name in mark.args}
    return marked | {FIXTURES[name] for name in getattr(item, "fixturenames", ()) if name in FIXTURES}
