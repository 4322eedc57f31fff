"""A Kafka broker for the whole run, spans in memory for each test, nothing left patched."""

from collections.abc import Iterator

import pytest
from tracecheck_instrumentation import health
from tracecheck_instrumentation.testing import CapturedSpans, captured_spans

from tracecheck.demo.broker import embedded_broker


@pytest.fixture(scope="session")
def kafka_address() -> Iterator[str]:
    """The embedded broker's bootstrap address."""
    with embedded_broker() as address:
        yield address


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
