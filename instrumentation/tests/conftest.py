"""A Kafka broker for the whole run, spans in memory for each test, nothing left patched."""

from collections.abc import Callable, Iterator

import pytest
from tracecheck_instrumentation import conventions, health
from tracecheck_instrumentation.testing import CapturedSpans, captured_spans

from instrumentation.tests.otlp_sink import Sink, sink


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


@pytest.fixture(params=["grpc", "http/protobuf"])
def receiver(request: pytest.FixtureRequest) -> Iterator[Sink]:
    """An OTLP receiver of each protocol in turn."""
    with sink(request.param) as received:
        yield received


@pytest.fixture
def http_receiver() -> Iterator[Sink]:
    """An OTLP receiver."""
    with sink("http/protobuf") as received:
        yield received


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


@pytest.fixture
def belong_to_run() -> Iterator[Callable[[str | None], None]]:
    """Call it with a run id, or None, to be from then on as a process that was started with it, or without."""

    def be_started_with(run_id: str | None) -> None:
        if run_id is None:
            environment.delenv("TRACECHECK_RUN_ID", raising=False)
        else:
            environment.setenv("TRACECHECK_RUN_ID", run_id)
        conventions.read_environment()

    with pytest.MonkeyPatch.context() as environment:
        yield be_started_with
    conventions.read_environment()


def pytest_configure(config: pytest.Config) -> None:
    """Declare the one marker of this folder."""
    config.addinivalue_line("markers", "provokes_faults: makes the library ignore a fault of its own on purpose")
