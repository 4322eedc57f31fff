"""Programs that take OTLP, each run as a process of its own, and what one costs: CPU seconds, memory, disk."""

import http.client
import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from tests.services import installed
from tracecheck.demo.broker import HOST, accepts_connections, free_port

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
START_S = 60.0
START_QUIET_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Where a program takes spans on loopback."""

    http: int
    grpc: int
    api: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a load cost a program, up to its orderly end, without its start: `idle_bytes` is its memory before."""

    cpu_s: float
    wall_s: float
    idle_bytes: int
    peak_bytes: int
    disk_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A program: how to run it in a folder, or why it cannot be run. `then` is asked of it once it has the load."""

    name: str
    command: Callable[[Ports, Path], list[str]]
    absent: str | None = None
    then: Callable[[Ports], None] = lambda _: None


def cost_of(peer: Peer, load: Callable[[Ports], None]) -> Cost:
    """Runs the program, lets `load` send to it, ends it by SIGTERM and waits until it has written all it holds."""
    ports = Ports(http=free_port(), grpc=free_port(), api=free_port())
    with tempfile.TemporaryDirectory(prefix="tracecheck-peer-") as name:
        folder = Path(name)
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(peer.command(ports, folder), cwd=folder, stdout=log, stderr=log)
            try:
                _await_ports(peer, process, ports, folder / "log")
                before, began = _started_cpu_s(process.pid), time.monotonic()
                idle = _memory_bytes(process.pid, "VmRSS")
                load(ports)
                peer.then(ports)
                peak = _memory_bytes(process.pid, "VmHWM")
                process.send_signal(signal.SIGTERM)
                while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
                    peak = max(peak, _memory_bytes(process.pid, "VmHWM"))
                    time.sleep(0.02)
                process.returncode = os.waitstatus_to_exitcode(ended[1])
                used = ended[2]
            finally:
                if process.returncode is None:
                    process.kill()
                    process.wait()
        return Cost(
            cpu_s=used.ru_utime + used.ru_stime - before,
            wall_s=time.monotonic() - began,
            idle_bytes=idle,
            peak_bytes=peak,
            disk_bytes=sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and path.name != "log"),
        )


def ours(*, chains: bool = False) -> Peer:
    """tracecheck, storing; with `chains`, every chain is rebuilt from the load as well."""
    return Peer(
        name="tracecheck serve, storing" + (" and rebuilding chains" if chains else ""),
        command=lambda ports, folder: [
            str(Path(sys.executable).with_name("tracecheck")),
            *("serve", "--store", str(folder / "spans.duckdb"), "--api-port", str(ports.api)),
            *("--http-port", str(ports.http), "--grpc-port", str(ports.grpc)),
        ],
        then=_rebuild_chains if chains else lambda _: None,
    )


def _rebuild_chains(ports: Ports) -> None:
    connection = http.client.HTTPConnection(HOST, ports.api, timeout=600)
    connection.request("POST", "/v1/refresh", "{}", {"Content-Type": "application/json"})
    answer = connection.getresponse()
    if answer.status != HTTPStatus.OK:
        raise RuntimeError(f"chains were not rebuilt: {answer.status} {answer.read()[:200]!r}")
    connection.close()


def collector(exporter: str, settings: str = "{}") -> Peer:
    """The OpenTelemetry Collector, from the receiver straight to one exporter."""

    def command(ports: Ports, folder: Path) -> list[str]:
        (folder / "collector.yaml").write_text(
            f"""
receivers:
  otlp:
    protocols: {{http: {{endpoint: "{HOST}:{ports.http}"}}, grpc: {{endpoint: "{HOST}:{ports.grpc}"}}}}
exporters: {{{exporter}: {settings}}}
service:
  telemetry: {{metrics: {{level: none}}, logs: {{level: error}}}}
  pipelines: {{traces: {{receivers: [otlp], exporters: [{exporter}]}}}}
"""
        )
        return [str(installed.collector()), f"--config={folder / 'collector.yaml'}"]

    return Peer(name=f"Collector, {exporter} {settings}", command=command, absent=installed.absent("collector"))


def rotel() -> Peer:
    """The agent in rotel's wheel, discarding."""
    spec = importlib.util.find_spec("rotel")
    agent = "" if spec is None or spec.origin is None else str(Path(spec.origin).with_name("rotel-agent"))
    return Peer(
        name="rotel, blackhole",
        command=lambda ports, _: [
            agent,
            *("start", "--exporter", "blackhole"),
            *("--otlp-http-endpoint", f"{HOST}:{ports.http}", "--otlp-grpc-endpoint", f"{HOST}:{ports.grpc}"),
        ],
        absent=None if agent else "rotel is not installed: pip install --pre rotel",
    )


def _await_ports(peer: Peer, process: subprocess.Popen[bytes], ports: Ports, log: Path) -> None:
    deadline = time.monotonic() + START_S
    while not (accepts_connections(ports.http) and accepts_connections(ports.grpc)):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{peer.name} did not come up:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.02)


def _memory_bytes(pid: int, which: str) -> int:
    """Memory of a running process, now (`VmRSS`) or at its most (`VmHWM`); of one that has just ended 0. (What `wait4`
    says begins with the memory of the process that forked it.)"""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(which + ":"):
            return int(line.split()[1]) * 1024
    return 0


def _started_cpu_s(pid: int) -> float:
    """CPU seconds of its start, which is over when it has done nothing for a while: a port may open before."""
    seen, now = -1.0, _cpu_s(pid)
    while now != seen:
        time.sleep(START_QUIET_S)
        seen, now = now, _cpu_s(pid)
    return now


def _cpu_s(pid: int) -> float:
    """CPU seconds so far of a running process, all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S
