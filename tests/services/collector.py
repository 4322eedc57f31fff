"""The OpenTelemetry Collector, run on a configuration of the caller's, whatever ports that names."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.services import installed
from tests.services.process import Launch, clean_environment, provided
from tracecheck.demo.broker import HOST, accepts_connections, free_port


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningCollector:
    """Where a Collector takes spans: an OTLP/HTTP base address and an OTLP/gRPC one, both with their scheme."""

    http_endpoint: str
    grpc_endpoint: str


@contextmanager
def run_collector(config: Path, environment: Mapping[str, str] = {}) -> Iterator[RunningCollector]:
    """Run a Collector for the length of a `with` block; leaving it lets the Collector send on what it still holds.

    `config` must name its receiver `otlp`; the endpoints of that and of the extension `health_check` are replaced by
    free loopback ports, and the Collector's own metrics, which have a fixed port, are off. Everything else stays as it
    is written. `environment` fills the configuration's `${env:...}`. Raises `ServiceFailed` if the Collector does not
    come up.
    """
    http, grpc, health = free_port(), free_port(), free_port()

    def prepare(_: Path) -> Launch:
        return Launch(
            name="OpenTelemetry Collector",
            command=[
                str(installed.collector()),
                f"--config={config.resolve()}",
                f"--config=yaml:receivers::otlp::protocols::http::endpoint: {HOST}:{http}",
                f"--config=yaml:receivers::otlp::protocols::grpc::endpoint: {HOST}:{grpc}",
                f"--config=yaml:extensions::health_check::endpoint: {HOST}:{health}",
                "--config=yaml:service::telemetry::metrics::level: none",
            ],
            address=f"http://{HOST}:{http}",
            environment=environment,
            ready=lambda _: accepts_connections(http) and accepts_connections(grpc),
            timeout_s=30.0,
            grace_s=15.0,
        )

    with provided(prepare) as http_endpoint:
        yield RunningCollector(http_endpoint=http_endpoint, grpc_endpoint=f"http://{HOST}:{grpc}")


def validate(config: Path, environment: Mapping[str, str] = {}) -> str:
    """Let the Collector check a configuration without running it; give what it objects to, empty if nothing."""
    checked = subprocess.run(
        [str(installed.collector()), "validate", f"--config={config.resolve()}"],
        env=clean_environment(environment),
        capture_output=True,
        text=True,
        timeout=30,
    )
    return "" if checked.returncode == 0 else checked.stderr or f"status {checked.returncode}"
