"""A Kafka broker for the whole run, spans in memory for each test, nothing left patched."""

from collections.abc import Iterator

import pytest
from tracecheck_instrumentation import health
from tracecheck_instrumentation.testing import CapturedSpans, captured_spans


@pytest.fixture(scope="session")
def kafka_address(embedded_broker: str) -> str:
    """The embedded broker's bootstrap address."""
    return embedded_broker


@pytest.fixture(
    scope="session", params=["embedded_broker", pytest.param("kafka_broker", marks=pytest.mark.service("kafka"))]
)
def any_kafka(request: pytest.FixtureRequest) -> str:
    """The bootstrap address of each kind of Kafka in turn: the embedded broker and Apache's."""
    address: str = request.getfixturevalue(request.param)
    return address


@pytest.fixture
def spans(request: pytest.FixtureRequest) -> Iterator[CapturedSpans]:
    """Everything instrumented, into memory. A test that made the library ignore a fault of its own fails."""
    before = health()
    with captured_spans() as captured:
        yield captured
    if request.node.get_closest_marker("provokes_faults"):
        return
    faults = {what: n for what, n in health().items() if what.startswith("error:") and n > before.get(what, 0)}
    assert not faults


def pytest_configure(config: pytest.Config) -> None:
    """Declare the one marker of this folder."""
    config.addinivalue_line("markers", "provokes_faults: makes the library ignore a fault of its own on purpose")
