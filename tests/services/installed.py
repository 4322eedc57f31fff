"""Where the services' programs are, once `make services` has installed them, and what to say of one that is absent."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path


def absent(service: str) -> str | None:
    """Say why a service cannot be used on this machine; None if it can. Raises `KeyError` for an unknown service."""
    missing = NEEDED[service]()
    return f"{service} is not installed: no {missing}; run `make services`" if missing else None


def cache() -> Path:
    """The folder that `.ci/services/` installs into."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tracecheck-ci"


def kafka_jars() -> str:
    """Apache Kafka as a Java class path."""
    return str(cache() / "kafka" / "libs" / "*")


def collector() -> Path:
    """The OpenTelemetry Collector that `.ci/services/collector.yaml` describes."""
    return cache() / "collector" / "otelcol-tracecheck"


def telemetrygen() -> Path:
    """The Collector project's load generator."""
    return cache() / "collector" / "telemetrygen"


def node_modules() -> Path:
    """The OpenTelemetry SDK for Node and its exporters, as `NODE_PATH` takes it."""
    return cache() / "node" / "node_modules"


def postgres_programs() -> Path:
    """The newest folder with `initdb` and `postgres`; where Debian puts them, no search path leads."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda file: int(file.parts[-3]))
    on_path = shutil.which("postgres")
    return found[-1].parent if found else Path(on_path or "/nowhere").parent


def rabbitmq_server() -> Path:
    """The server itself, not the system's wrapper around it, which insists on the system's user and folders."""
    return Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


def chromium() -> Path:
    """The browser."""
    return Path(shutil.which("chromium") or "chromium")


def _file(path: Callable[[], Path]) -> Callable[[], str | None]:
    return lambda: None if path().is_file() else str(path())


def _kafka() -> str | None:
    if not shutil.which("java"):
        return "java"
    libraries = Path(kafka_jars()).parent
    return None if any(libraries.glob("kafka_*.jar")) else str(libraries)


def _node() -> str | None:
    if not shutil.which("node"):
        return "node"
    return None if node_modules().is_dir() else str(node_modules())


def _postgres() -> str | None:
    return None if (postgres_programs() / "initdb").is_file() else "initdb of PostgreSQL"


NEEDED: dict[str, Callable[[], str | None]] = {
    "kafka": _kafka,
    "rabbitmq": _file(rabbitmq_server),
    "postgres": _postgres,
    "collector": _file(collector),
    "telemetrygen": _file(telemetrygen),
    "node": _node,
    "chromium": _file(chromium),
}
