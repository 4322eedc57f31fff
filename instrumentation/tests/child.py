"""Runs a few lines of a service in a process of its own, with no `OTEL_` or `TRACECHECK_` variable but those given."""

import os
import subprocess
import sys
import textwrap

THREE_SPANS = """
    from tracecheck_instrumentation import configure
    configure("billing")
    from opentelemetry import trace
    for number in range(3):
        with trace.get_tracer("app").start_as_current_span(f"span {number}"):
            pass
"""
"""A service that makes three spans and ends."""


def start(code: str, *environments: dict[str, str]) -> "subprocess.Popen[str]":
    """Start `code`; later environments win over earlier ones."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "TRACECHECK_"))}
    for each in environments:
        kept |= each
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        env=kept,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def run(code: str, *environments: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run `code` to its end."""
    process = start(code, *environments)
    out, err = process.communicate(timeout=180)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)
