"""How soon a verdict comes after the deciding span was acknowledged: `python -m tests.benchmarks.bench_verdict`.

Arguments: SPANS stored beforehand (default 100,000) or the path of a store (such as `bench_analysis --keep` leaves),
ROUNDS (default 60). The whole way: an OTLP/HTTP request with the chain's last span goes to a running receiver with its
journal; the clock starts when its answer is back and stops when `wait_for` returns the pass. Other chains' spans come
in all the while from another process, up to 100 requests a second. Then, without traffic, how long `wait_for` takes by
the id of a chain that is stored, settled and passes.
"""

# ruff: noqa: T201 - a benchmark prints

import http.client
import multiprocessing
import random
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import replace
from multiprocessing.synchronize import Event
from pathlib import Path
from urllib.parse import urlsplit

from tests.benchmarks.many_orders import SPANS_PER_ORDER, YAML, fill
from tests.support.spans import Traces
from tracecheck.chains import refresh
from tracecheck.config import Listen
from tracecheck.expect import load_expectations
from tracecheck.model import Span, Verdict
from tracecheck.receiver.encode_protobuf import encode_protobuf
from tracecheck.scenario.wait import wait_for
from tracecheck.service import Service
from tracecheck.store import Store, open_store

GIVE_UP_S = 60.0

MOST_SETTLED = 20
SETTLED = "select chain_id from chains where spans = $spans order by hash(chain_id) limit $most"


def main(stored_before: str, rounds: int) -> None:
    """Prints the median, the 99th percentile and the longest of the rounds."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(stored_before)
        if stored_before.isdigit():
            path = Path(folder) / "store.duckdb"
            with open_store(str(path)) as store:  # type: ignore[attr-defined]
                fill(store, int(stored_before) // SPANS_PER_ORDER)
                refresh(store)
        spec = Path(folder) / "order.yaml"
        spec.write_text(YAML)
        with Service(str(path), Listen(grpc_port=0, http_port=0, api_port=0)) as service:
            stored = service.store.query("select count(*) as n from span_rows")["n"][0].as_py()
            processes = multiprocessing.get_context("spawn")
            ended = processes.Event()
            traffic = processes.Process(target=_traffic, args=(service.endpoints.http, ended))
            traffic.start()
            try:
                took = [_round(service, spec, number) for number in range(rounds)]
            finally:
                ended.set()
                traffic.join()
            settled = _settled(service, spec, min(rounds, MOST_SETTLED))
    ms = sorted(1_000 * wall for wall, _ in took)
    cpu_ms = sorted(1_000 * cpu for _, cpu in took)
    print(f"{stored:,} spans stored, {rounds} chains awaited, other traffic aboard; after the acknowledgement, in ms:")
    print(f"median {statistics.median(ms):.1f}, p90 {_at(ms, 0.9):.1f}, p99 {_at(ms, 0.99):.1f}, longest {ms[-1]:.1f}")
    print(f"of which CPU of the waiting thread: median {statistics.median(cpu_ms):.1f}, p99 {_at(cpu_ms, 0.99):.1f}")
    ms = sorted(1_000 * wall for wall, _ in settled)
    cpu_ms = sorted(1_000 * cpu for _, cpu in settled)
    print(f"{len(ms)} settled chains by their id, from the call to the verdict, in ms:")
    print(f"median {statistics.median(ms):.1f}, p90 {_at(ms, 0.9):.1f}, longest {ms[-1]:.1f}")
    print(f"of which CPU, all threads: median {statistics.median(cpu_ms):.1f}, longest {cpu_ms[-1]:.1f}")


def _at(values: list[float], share: float) -> float:
    return values[min(len(values) - 1, int(share * len(values)))]


def _round(service: Service, spec: Path, number: int) -> tuple[float, float]:
    """One chain, of which all but its last span are there when the wait begins: seconds on the clock, and of CPU."""
    run_id = f"bench-{time.time_ns()}-{number}"
    spans = an_order(run_id)
    connection = _connect(service.endpoints.http)
    _post(connection, spans[:-1])
    connection.close()
    asleep = threading.Event()
    came: list[float] = []
    slept_at: list[float] = []
    worked: list[float] = []

    class Watched:
        """The store, telling when the wait has gone to sleep."""

        def __getattr__(self, name: str) -> object:
            if name == "wait":
                slept_at.append(time.thread_time())
                asleep.set()
            return getattr(service.store, name)

    def wait() -> None:
        watched: Store = Watched()  # type: ignore[assignment]
        report = wait_for(watched, load_expectations(spec), run_id=run_id, timeout_s=GIVE_UP_S)
        came.append(time.perf_counter())
        worked.append(time.thread_time() - slept_at[-1])
        assert report.verdict is Verdict.PASS, report

    waiter = threading.Thread(target=wait)
    waiter.start()
    assert asleep.wait(GIVE_UP_S)
    time.sleep(random.uniform(0.02, 0.05))  # so that rounds do not fall in step with the traffic
    connection = _connect(service.endpoints.http)
    _post(connection, spans[-1:])
    acknowledged = time.perf_counter()
    waiter.join()
    connection.close()
    return max(came[0] - acknowledged, 0), worked[0]


def _settled(service: Service, spec: Path, rounds: int) -> list[tuple[float, float]]:
    """Waits for chains that have all their spans: seconds on the clock, and of CPU."""
    refresh(service.store)
    found = service.store.query(SETTLED, {"spans": SPANS_PER_ORDER, "most": rounds})
    expectations = load_expectations(spec)
    took: list[tuple[float, float]] = []
    for chain_id in found["chain_id"].to_pylist():
        wall, cpu = time.perf_counter(), time.process_time()
        report = wait_for(service.store, expectations, needle=chain_id, timeout_s=GIVE_UP_S)
        took.append((time.perf_counter() - wall, time.process_time() - cpu))
        assert report.verdict is not Verdict.INCONCLUSIVE, report
    return took


def an_order(run_id: str) -> list[Span]:
    """A chain that meets the expectation once its last span is there."""
    story = Traces(run_id=run_id, correlation_id=run_id, start_unix_nano=time.time_ns())
    root = story.span("checkout", "POST /orders")
    placed = story.send("checkout", "orders", under=root)
    reserved = story.process("inventory", "orders", of=placed)
    story.span("inventory", "UPDATE stock", under=reserved)
    held = story.send("inventory", "reservations", under=reserved)
    packed = story.process("shipping", "reservations", of=held)
    shipped = story.send("shipping", "shipments", under=packed)
    charged = story.process("billing", "orders", of=placed, style="link")
    story.span("billing", "POST /charges", under=charged)
    paid = story.send("billing", "payments", under=charged)
    story.process("mailer", "shipments", of=shipped)
    story.process("ledger", "payments", of=paid, style="link")
    own = f"{random.getrandbits(64):016x}"
    return [_as_emitted(span, own) for span in story.spans]


def _as_emitted(span: Span, own: str) -> Span:
    """With the attributes from which its canonical values are read again, in traces that nothing else is in."""
    attributes = {"tracecheck.run.id": str(span.run_id), "correlation.id": str(span.correlation_id)}
    if (said := span.messaging) is not None:
        named = {
            "messaging.system": said.system,
            "messaging.operation.type": said.operation,
            "messaging.destination.name": said.destination,
            "messaging.consumer.group.name": said.consumer_group,
        }
        attributes |= {name: str(value) for name, value in named.items() if value is not None}
    links = tuple(replace(link, trace_id=own + link.trace_id[16:]) for link in span.links)
    return replace(span, attributes=attributes, trace_id=own + span.trace_id[16:], links=links)


def _traffic(endpoint: str, ended: Event) -> None:
    connection = _connect(endpoint)
    while not ended.wait(0.01):
        _post(connection, an_order(f"other-{time.time_ns()}"))
    connection.close()


def _connect(endpoint: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(endpoint).netloc, timeout=GIVE_UP_S)


def _post(connection: http.client.HTTPConnection, spans: list[Span]) -> None:
    connection.request("POST", "/v1/traces", encode_protobuf(spans), {"Content-Type": "application/x-protobuf"})
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 200, answer.status


if __name__ == "__main__":
    given = sys.argv[1:]
    main(given[0] if given else "100000", int(given[1]) if len(given) > 1 else 60)
