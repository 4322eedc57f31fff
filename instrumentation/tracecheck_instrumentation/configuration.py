"""`configure`: the one line a service adds. Everything else is imported only when it is called."""

import atexit
import logging
import os
import signal
import threading
import time
from multiprocessing.util import Finalize, register_after_fork
from types import FrameType
from typing import TYPE_CHECKING

from tracecheck_instrumentation import logs, propagation, sending
from tracecheck_instrumentation.adapters import installed, load
from tracecheck_instrumentation.health import harmless, ignored

if TYPE_CHECKING:
    from tracecheck_instrumentation.sdk import Pipeline

_logger = logging.getLogger("tracecheck_instrumentation")

EXIT_FLUSH_SECONDS = 5.0
"""How long an exporter may hold up the end of the process (`TRACECHECK_EXIT_FLUSH_SECONDS`)."""


@harmless
def configure(
    service_name: str,
    *,
    correlation_header: bool = False,
    handle_sigterm: bool = True,
    log_correlation: bool | None = None,
) -> None:
    """Send this service's spans by OTLP and keep its message chains whole. Call once, before clients are made.

    Sets up the OpenTelemetry SDK as the `OTEL_*` variables say, patches the messaging clients that are installed, and
    flushes with a mark when the process ends. A second call, and a call with `OTEL_SDK_DISABLED=true`, sets up nothing
    (context still travels through messages). Never raises; what went wrong is logged and counted in `health()`.

    Args:
        service_name: Name of the service; `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` win over it.
        correlation_header: Also write the correlation id into a `correlation-id` message header.
        handle_sigterm: Flush when SIGTERM comes and the service has no handler of its own; it then ends as ever.
        log_correlation: Give every log record `correlation_id`, `run_id`, `trace_id` and `span_id`; None leaves it to
            `OTEL_PYTHON_LOG_CORRELATION`.
    """
    global _configured, _pipeline
    with _lock:
        if _configured:
            return
        _configured = True
        sending.write_correlation_header = correlation_header
        propagation.use_unless_chosen()
        if logs.wanted(log_correlation):
            logs.add_to_all_loggers()
        if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() != "true":
            from tracecheck_instrumentation.sdk import set_up

            _pipeline = set_up(service_name)
            _pipeline.start()
            atexit.register(_at_exit)
            register_after_fork(_pipeline, _flush_at_the_end_of_a_worker)
            if handle_sigterm:
                _flush_on_sigterm()
        instrument()


def instrument() -> list[str]:
    """Patch the installed messaging clients and return their names.

    `OTEL_PYTHON_DISABLED_INSTRUMENTATIONS` names those to leave alone.
    """
    disabled = {name.strip() for name in os.environ.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "").split(",")}
    patched = []
    for client, name in installed().items():
        try:
            adapter = load(name)
            instrumentor = adapter.instrumentor()
            if disabled.isdisjoint((*adapter.NAMES, "*")) and not instrumentor.is_instrumented_by_opentelemetry:
                instrumentor.instrument()
                patched.append(client)
        except ImportError as error:
            _logger.warning(
                "%s is installed but not instrumented: %s; install tracecheck-instrumentation[%s]",
                client,
                error,
                client,
            )
        except Exception as error:  # noqa: BLE001 - a client we cannot patch must not stop the service
            ignored(f"error:instrument {client}", error)
    return patched


def flush(timeout_seconds: float = EXIT_FLUSH_SECONDS) -> bool:
    """Emit a flush mark and export everything now; return False if that did not end in time, or nothing is set up."""
    return _flush(timeout_seconds) or False


@harmless
def _flush(timeout_seconds: float) -> bool:
    if _pipeline is None:
        return False
    _pipeline.mark()
    return _pipeline.flush(timeout_seconds)


@harmless
def _at_exit() -> None:
    _last_flush()
    if _pipeline is not None:
        _pipeline.close()


def _flush_at_the_end_of_a_worker(_: object) -> None:
    # A process that multiprocessing forked ends without running what atexit holds.
    Finalize(None, _at_exit, exitpriority=0)


def _last_flush() -> None:
    sending.end_open_sends()
    flush(_exit_seconds())


def _flush_on_sigterm() -> None:
    in_main = threading.current_thread() is threading.main_thread()
    if in_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _on_sigterm)


def _on_sigterm(signum: int, _frame: FrameType | None) -> None:
    # In a thread, because the interrupted code may hold a lock that exporting needs: then this gives up in time.
    worker = threading.Thread(target=_last_flush, name="tracecheck-sigterm", daemon=True)
    worker.start()
    worker.join(_exit_seconds() + 1.0)
    signal.signal(signum, signal.SIG_DFL)
    os.kill(os.getpid(), signum)
    time.sleep(1.0)


def _exit_seconds() -> float:
    try:
        return float(os.environ.get("TRACECHECK_EXIT_FLUSH_SECONDS", EXIT_FLUSH_SECONDS))
    except ValueError:
        return EXIT_FLUSH_SECONDS


_pipeline: "Pipeline | None" = None
_configured = False
_lock = threading.Lock()
