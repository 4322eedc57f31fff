"""Log records say to which chain they belong."""

import logging
from collections.abc import Callable, Iterator

import pytest
from opentelemetry import trace
from tracecheck_instrumentation import LogIds, correlation, logs
from tracecheck_instrumentation.testing import CapturedSpans, FakeBroker

from instrumentation.tests.child import run


class Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def kept() -> Iterator[Kept]:
    logger, handler = logging.getLogger("app"), Kept()
    handler.addFilter(LogIds())
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


def test_a_record_made_in_a_handler_names_its_message(
    kept: Kept, spans: CapturedSpans, belong_to_run: Callable[[str | None], None]
) -> None:
    belong_to_run("run-1")
    broker = FakeBroker()
    with correlation("order-7"):
        broker.producer().send("orders", b"1")
    for _ in broker.consumer("orders", group="billing"):
        logging.getLogger("app").warning("low stock")

    (record,), processed = kept.records, spans.wait_for("process orders")
    assert (record.correlation_id, record.run_id) == ("order-7", "run-1")
    assert record.trace_id == f"{processed.context.trace_id:032x}"
    assert record.span_id == f"{processed.context.span_id:016x}"


def test_outside_of_everything_the_fields_are_there_and_empty(kept: Kept) -> None:
    assert not trace.get_current_span().get_span_context().is_valid
    logging.getLogger("app").warning("starting")
    (record,) = kept.records
    assert [record.correlation_id, record.run_id, record.trace_id, record.span_id] == [""] * 4


def test_a_field_the_service_sets_itself_stays(kept: Kept) -> None:
    with correlation("ours"):
        logging.getLogger("app").warning("x", extra={"correlation_id": "theirs"})
    assert kept.records[0].correlation_id == "theirs"


CODE = """
    import logging
    from tracecheck_instrumentation import configure, correlation
    configure("billing"{argument})
    logging.basicConfig(format="%(correlation_id)s|%(message)s")
    with correlation("order-7"):
        logging.getLogger("any.module").warning("charged")
        logging.getLogger("any.module").warning("mine", extra={{"correlation_id": "theirs"}})
"""
QUIET = {"OTEL_TRACES_EXPORTER": "none"}


@pytest.mark.parametrize(
    ("argument", "environment"),
    [(", log_correlation=True", {}), ("", {"OTEL_PYTHON_LOG_CORRELATION": "true"})],
    ids=["argument", "environment"],
)
def test_configure_serves_every_logger(argument: str, environment: dict[str, str]) -> None:
    result = run(CODE.format(argument=argument), QUIET, environment)
    assert result.stderr == "order-7|charged\ntheirs|mine\n"


@pytest.mark.parametrize(
    ("argument", "environment", "expected"),
    [
        (None, "true", True),
        (None, "TRUE ", True),
        (None, "", False),
        (None, "false", False),
        (False, "true", False),
        (True, "", True),
    ],
)
def test_the_argument_wins_over_the_environment(
    monkeypatch: pytest.MonkeyPatch, argument: bool | None, environment: str, expected: bool
) -> None:
    monkeypatch.setenv("OTEL_PYTHON_LOG_CORRELATION", environment)
    assert logs.wanted(argument) is expected
