"""A receiver that is killed again and again under load loses no acknowledged span and stores none twice.

`python -m tests.receiver.test_kills 100` prints the counts by themselves; `make soak` runs the same as a test.
"""

import json
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import pytest

from tests.receiver.conftest import JSON, TRACES, post
from tests.support.otlp import a_request, json_of, numbered, text
from tests.support.ports import free_ports
from tracecheck.receiver import replay
from tracecheck.store import open_store

PROTOCOLS = ("grpc", "http", "http-json", "grpc", "http")
SPANS_PER_REQUEST = 40
CLIENT_SPANS = 100_000_000
ROOT = Path(__file__).parents[2]


@dataclass
class Load:
    """Clients that send numbered spans, each request until it is acknowledged, whatever happens to the receiver."""

    grpc_port: int
    http_port: int
    acknowledged: set[int] = field(default_factory=set)
    failed_sends: int = 0
    stopping: threading.Event = field(default_factory=threading.Event)

    def run(self, client: int, protocol: str) -> None:
        """One client, until told to stop; its last request may stay unacknowledged."""
        first = 1 + client * CLIENT_SPANS
        while not self.stopping.is_set():
            request = a_request(*numbered(SPANS_PER_REQUEST, first=first))
            request.resource_spans[0].resource.attributes.append(text("client", protocol))
            body = json.dumps(json_of(request)).encode() if protocol == "http-json" else request.SerializeToString()
            with grpc.insecure_channel(f"127.0.0.1:{self.grpc_port}") as channel:
                while not self.stopping.is_set():
                    if self._is_taken(protocol, body, channel):
                        self.acknowledged.update(range(first, first + SPANS_PER_REQUEST))
                        break
                    self.failed_sends += 1
                    time.sleep(0.02)
            first += SPANS_PER_REQUEST

    def _is_taken(self, protocol: str, body: bytes, channel: grpc.Channel) -> bool:
        try:
            if protocol == "grpc":
                channel.unary_unary(f"/{TRACES}/Export")(body, timeout=10)
                return True
            receiver: Any = SimpleNamespace(http_endpoint=f"http://127.0.0.1:{self.http_port}")
            return post(receiver, body, *([JSON] if protocol == "http-json" else [])).ok
        except (OSError, grpc.RpcError):
            return False
        except Exception as error:  # a connection cut in the middle of an answer
            if type(error).__module__ == "http.client":
                return False
            raise


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What came of it, in spans unless the name says otherwise."""

    kills: int
    acknowledged: int
    stored: int
    missing: int
    doubled: int
    replayed: int
    failed_sends: int
    peak_memory_mib: int
    seconds: float


def kill_again_and_again(path: Path, kills: int, *, under_load_s: tuple[float, float] = (0.2, 1.0)) -> Counts:
    """Kills `tracecheck serve` so often, each time at a random moment under load, and counts what is stored."""
    began = time.monotonic()
    chance = random.Random(kills)
    grpc_port, http_port, api_port = free_ports(3)
    ports = ["--grpc-port", str(grpc_port), "--http-port", str(http_port), "--api-port", str(api_port)]
    command = [sys.executable, "-m", "tracecheck", "serve", "--store", str(path), *ports]
    load = Load(grpc_port, http_port)
    clients = [threading.Thread(target=load.run, args=each) for each in enumerate(PROTOCOLS)]
    errors = path.with_suffix(".log").open("w")
    replayed = peak_memory_mib = 0
    for client in clients:
        client.start()
    try:
        for round_ in range(kills + 1):
            process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True)
            assert process.stdout is not None
            assert process.stdout.readline(), Path(errors.name).read_text()
            replayed += _metric(api_port, "replayed")
            before = len(load.acknowledged)
            deadline = time.monotonic() + 30
            while len(load.acknowledged) == before and time.monotonic() < deadline:
                time.sleep(0.005)
            if round_ < kills:
                time.sleep(chance.uniform(*under_load_s))
                peak_memory_mib = max(peak_memory_mib, _peak_memory_mib(process.pid))
                process.send_signal(signal.SIGKILL)
            else:
                load.stopping.set()
                process.send_signal(signal.SIGTERM)
            process.wait(60)
            process.stdout.close()
    finally:
        load.stopping.set()
        process.kill()
        for client in clients:
            client.join()
        errors.close()
    with open_store(str(path)) as store:
        replay(store)
        stored = [int(key) for key in store.query("select span_id from span_rows")["span_id"].to_pylist()]
    return Counts(
        kills=kills,
        acknowledged=len(load.acknowledged),
        stored=len(stored),
        missing=len(load.acknowledged - set(stored)),
        doubled=len(stored) - len(set(stored)),
        replayed=replayed,
        failed_sends=load.failed_sends,
        peak_memory_mib=peak_memory_mib,
        seconds=time.monotonic() - began,
    )


def _peak_memory_mib(pid: int) -> int:
    """What the kernel says the process took at most; 0 where it does not say it."""
    status = Path(f"/proc/{pid}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM")), 0)


def _metric(api_port: int, name: str) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{api_port}/metrics", timeout=10) as answer:
        for line in answer.read().decode().splitlines():
            if name in line and not line.startswith("#"):
                return int(float(line.rpartition(" ")[2]))
    raise AssertionError(f"no counter of {name} spans in /metrics")


def assert_sound(counts: Counts) -> None:
    sys.stdout.write(f"\n{counts}\n")
    assert counts.acknowledged > counts.kills * SPANS_PER_REQUEST
    assert (counts.missing, counts.doubled) == (0, 0)


def test_A30_S39_three_kills_under_load_lose_and_double_nothing(tmp_path: Path) -> None:
    assert_sound(kill_again_and_again(tmp_path / "t.duckdb", 3, under_load_s=(0.1, 0.4)))


@pytest.mark.soak
def test_A30_S39_a_hundred_kills_under_load_lose_and_double_nothing(tmp_path: Path) -> None:
    assert_sound(kill_again_and_again(tmp_path / "t.duckdb", 100))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        assert_sound(kill_again_and_again(Path(folder) / "t.duckdb", int(sys.argv[1])))
