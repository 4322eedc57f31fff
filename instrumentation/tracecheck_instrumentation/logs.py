"""Ids in log records: `correlation_id`, `run_id`, `trace_id`, `span_id`, each a string, empty where there is none."""

import logging
import os
from collections.abc import Callable
from typing import Any

from opentelemetry import trace

from tracecheck_instrumentation.correlation import correlation_id, run_id
from tracecheck_instrumentation.health import harmless

_FIELDS = ("correlation_id", "run_id", "trace_id", "span_id")


class LogIds(logging.Filter):
    """A filter that lets everything pass and adds the ids; put it on a handler, or let `configure` serve every logger.

    A field the service has set itself (`extra={"correlation_id": ...}`) stays as it is.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the ids in force where the record is made."""
        add_ids(record)
        return True


def add_to_all_loggers() -> None:
    """Give every record of every logger the ids, once its own fields are set."""
    # A record factory would be the usual way, but a field it sets makes `extra` with the same name raise.
    from wrapt import wrap_function_wrapper

    if not hasattr(logging.Logger.makeRecord, "__wrapped__"):
        wrap_function_wrapper(logging.Logger, "makeRecord", _make_record)


def wanted(argument: bool | None) -> bool:
    """Return whether records should have ids: the argument, else what `OTEL_PYTHON_LOG_CORRELATION` says."""
    if argument is not None:
        return argument
    return os.environ.get("OTEL_PYTHON_LOG_CORRELATION", "").strip().lower() == "true"


@harmless
def add_ids(record: logging.LogRecord) -> None:
    """Set those of the four fields that `record` does not have."""
    context = trace.get_current_span().get_span_context()
    ids = (
        correlation_id() or "",
        run_id() or "",
        f"{context.trace_id:032x}" if context.is_valid else "",
        f"{context.span_id:016x}" if context.is_valid else "",
    )
    for name, value in zip(_FIELDS, ids, strict=True):
        record.__dict__.setdefault(name, value)


def _make_record(
    wrapped: Callable[..., logging.LogRecord], _logger: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> logging.LogRecord:
    record = wrapped(*args, **kwargs)
    add_ids(record)
    return record
