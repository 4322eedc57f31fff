"""A service started by `opentelemetry-instrument`, without a line of ours."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from instrumentation.tests.otlp_sink import attributes, sink

SERVICE = """
    from opentelemetry import baggage, context, propagate, trace
    context.attach(baggage.set_baggage("tracecheck.run.id", "run-1", baggage.set_baggage("correlation.id", "order-7")))
    trace.get_tracer("app").start_span("reserve stock").end()
    print(*(type(each).__name__ for each in propagate.get_global_textmap()._propagators))
"""


@pytest.mark.parametrize("configured", [False, True], ids=["without code", "and configure() on top"])
def test_every_span_has_the_ids_and_propagation_is_strict(tmp_path: Path, configured: bool) -> None:
    service = tmp_path / "service.py"
    first = 'from tracecheck_instrumentation import configure\nconfigure("billing")\n' if configured else ""
    service.write_text(first + textwrap.dedent(SERVICE))
    program = Path(sys.executable).with_name("opentelemetry-instrument")
    quiet = {"OTEL_SERVICE_NAME": "no-code", "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}

    with sink("http/protobuf") as received:
        result = subprocess.run(
            [program, sys.executable, service],
            env={**os.environ, **received.environment, **quiet},
            text=True,
            capture_output=True,
            timeout=60,
            check=False,
        )

    assert (result.returncode, result.stdout.strip()) == (0, "StrictTraceContext StrictBaggage"), result.stderr
    ((resource, span),) = received.spans("reserve stock")
    assert resource["service.name"] == "no-code"
    assert attributes(span) == {"correlation.id": "order-7", "tracecheck.run.id": "run-1"}
    assert len(received.marks()) == configured
