"""The pytest fixture: an in-process receiver on free ports, and a run id of its own for each test.

Costs nothing when unused: importing this module imports pytest alone, and the receiver starts with the first test that
asks for the fixture (one per pytest-xdist worker). What a test does with it is in `tracecheck.kit`.
"""

import os
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

if TYPE_CHECKING:
    from tracecheck.kit import Tracecheck
    from tracecheck.service import Service

MARKER = (
    "tracecheck(kafka=None, rabbitmq=None, database=None, http=None, timeout_s=30, settle=None): where the system "
    "under test is, and how long the fixture `tracecheck` waits for certainty"
)
PLACES = {"kafka": "KAFKA", "rabbitmq": "RABBITMQ", "database": "TRACECHECK_DATABASE", "http": "TRACECHECK_HTTP"}
KIT = pytest.StashKey["Tracecheck"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Settings of a project: where the system under test is."""
    for name, variable in PLACES.items():
        parser.addini(f"tracecheck_{name}", f"address for the fixture `tracecheck`, unless ${variable} is set")


def pytest_configure(config: pytest.Config) -> None:
    """Makes the marker known."""
    config.addinivalue_line("markers", MARKER)


@pytest.fixture(scope="session")
def tracecheck_service() -> "Iterator[Service]":
    """The receiver, store and read API of this test process, in memory, on free loopback ports."""
    from tracecheck.config import Listen
    from tracecheck.service import Service

    with Service(":memory:", Listen(grpc_port=0, http_port=0, api_port=0)) as service:
        yield service


@pytest.fixture
def tracecheck(
    request: pytest.FixtureRequest,
    tracecheck_service: "Service",
    monkeypatch: pytest.MonkeyPatch,
    record_property: Any,
) -> "Iterator[Tracecheck]":
    """Injects, observes and asserts under a run of its own; see `tracecheck.kit.Tracecheck`.

    Spans of this test's services arrive in `store` under `run_id`; the exporter variables are set for the test.
    """
    from tracecheck.kit import Tracecheck
    from tracecheck.scenario.child import child_environment

    run_id = f"test-{uuid4().hex[:12]}"
    environment = child_environment(tracecheck_service.endpoints, run_id, os.environ)
    for name, value in environment.items():
        if os.environ.get(name) != value:
            monkeypatch.setenv(name, value)
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", raising=False)
    record_property("tracecheck.run.id", run_id)
    with Tracecheck.opened(tracecheck_service, run_id, environment, **_settings(request)) as kit:
        request.node.stash[KIT] = kit
        yield kit


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Adds to a failed test's report what its run did: what was injected, and the chains that followed."""
    report = yield
    kit = item.stash.get(KIT, None)
    if kit is not None and report.when == "call" and report.failed:
        report.sections.append((f"tracecheck run {kit.run_id}", kit.told()))
    return report


def _settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The nearest marker's settings; for a place it does not give, the environment, then the project's file."""
    settings: dict[str, Any] = {}
    for name, variable in PLACES.items():
        settings[name] = os.environ.get(variable) or request.config.getini(f"tracecheck_{name}") or None
    for marker in reversed(list(request.node.iter_markers("tracecheck"))):
        unknown = [
            *map(str, marker.args),
            *(name for name in marker.kwargs if name not in (*PLACES, "timeout_s", "settle")),
        ]
        if unknown:
            raise pytest.UsageError(
                f"@pytest.mark.tracecheck({', '.join(unknown)}): expected {MARKER.partition(':')[0]}"
            )
        settings |= marker.kwargs
    return settings
