"""A receiver with durable acknowledgement, its load generator on the same cores, beside decoding and appending alone.

The yardstick decodes the same bodies and inserts them with DuckDB's own insert on two threads, without network, journal
or comparison with stored rows. The receiver is a process of its own; eight clients send 512 spans at a time over kept
connections (`tests.benchmarks.senders`; their own cost is printed), and every request counts from its first byte to its
acknowledgement. Rates are wall time, the receiver's
until all is in the closed database: both use all the cores there are. `python -m tests.benchmarks.bench_receiver
[SPANS] [CLIENTS] [JOINED] [BUDGET]`: with JOINED, so many requests are sent as one, which with many clients is a flood
beyond the budget (MiB of requests in flight, and half as many again of decoded rows).
"""

# ruff: noqa: T201 - a benchmark prints

import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.benchmarks.senders import GrpcSender, HttpSender
from tests.benchmarks.traffic import bodies
from tracecheck.config import Listen
from tracecheck.receiver import ReceiverOptions, decoder_form, start_receiver
from tracecheck.receiver.decode_columns import Batch
from tracecheck.receiver.options import MIB
from tracecheck.store import open_store
from tracecheck.store.conflicts import AS_STORED
from tracecheck.store.files import connect, create

ROW_GROUP = 122_880
SPANS = 8 * ROW_GROUP
CLIENTS = 8
BUDGET_MIB = ReceiverOptions().inflight_bytes // MIB
BASE_SPANS = 24 * 512
GOAL = 0.5
INSERT = f"""
    insert into span_rows by name
    select {AS_STORED}, 1::bigint as ingest_number, 1::bigint as ingested_unix_nano, false as conflicting from batch"""


def main() -> None:
    """Prints the rates, their ratio to the yardstick, latencies, and memory."""
    if sys.argv[1:2] == ["--receive"]:
        receive(Path(sys.argv[2]), int(sys.argv[3]))
        return
    given = [int(each) for each in sys.argv[1:]]
    spans, clients, joined, budget_mib = (*given, *(SPANS, CLIENTS, 1, BUDGET_MIB)[len(given) :])
    sent = distinct_bodies(spans)
    wire = sum(map(len, sent))
    print(f"{spans:,} spans in {len(sent):,} requests, {wire / spans:.0f} bytes a span; decoder: {decoder_form()}")
    before = time.process_time()
    rate = spans / decode_and_insert(sent)
    cpu_us = (time.process_time() - before) / spans * 1e6
    print(f"two threads decode and insert alone      {rate:>9,.0f} spans/s 100%; {cpu_us:.1f} us of CPU a span")
    requests = [b"".join(sent[first : first + joined]) for first in range(0, len(sent), joined)]
    for protocol, connect_to in {"HTTP": HttpSender, "gRPC": GrpcSender}.items():
        measure(protocol, connect_to, requests, spans, clients, budget_mib, rate, cpu_us)
    for location in ("a file", ":memory:"):
        seen_after(location)


def measure(
    protocol: str,
    connect_to: "Connect",
    sent: Sequence[bytes],
    spans: int,
    clients: int,
    budget_mib: int,
    yardstick: float,
    yardstick_cpu_us: float,
) -> None:
    """Sends everything to a receiver of its own, and prints what came of it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.duckdb"
        command = [sys.executable, "-m", "tests.benchmarks.bench_receiver", "--receive", str(path), str(budget_mib)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        endpoints = dict(zip(("gRPC", "HTTP"), process.stdout.readline().split(), strict=True))
        address = urlsplit(endpoints[protocol]).netloc
        began, cpu_began = time.monotonic(), time.process_time()
        latencies, refused = send_all(lambda take: replay(connect_to, address, take), sent, clients)
        acknowledged_s, cpu_s = time.monotonic() - began, time.process_time() - cpu_began
        said, _ = process.communicate()
        stored_s = time.monotonic() - began
        disk = path.stat().st_size
        with open_store(str(path)) as store:
            stored = store.query("select count(*) as n from span_rows")["n"][0].as_py()
    assert stored == spans, (stored, spans)
    rate = spans / stored_s
    cpu_us, _, said = said.strip().partition(" ")
    cuts = statistics.quantiles(latencies, n=100)
    verdict = "keeps" if rate >= GOAL * yardstick else "MISSES"
    print(
        f"receiver over {protocol}, durable              {rate:>9,.0f} spans/s {rate / yardstick:>5.0%} "
        f"({verdict} {GOAL:.0%}) until all is stored and closed; "
        f"{spans / acknowledged_s:,.0f} spans/s acknowledged\n"
        f"    {cpu_us} us of CPU a span, the yardstick takes {yardstick_cpu_us / float(cpu_us):.0%} of that; "
        f"{cpu_s / len(sent) * 1e3:.2f} ms a request of the load generator\n"
        f"    acknowledged after p50 {cuts[49] * 1e3:.1f} ms, p99 {cuts[98] * 1e3:.1f} ms, at most "
        f"{max(latencies) * 1e3:.0f} ms; {refused} requests sent again; {disk / sum(map(len, sent)):.1%} of the wire "
        f"on disk; {said}"
    )


def seen_after(location: str) -> None:
    """Prints how long one span takes on a quiet system, until it is acknowledged and until a query has returned it."""
    acknowledged, seen = [], []
    with tempfile.TemporaryDirectory() as folder:
        path = location if location == ":memory:" else str(Path(folder) / "t.duckdb")
        with open_store(path) as store, start_receiver(store, Listen(grpc_port=0, http_port=0, api_port=0)) as receiver:
            address = urlsplit(receiver.http_endpoint).netloc
            for body in distinct_bodies(51 * 512)[1:]:
                latencies, _ = replay(HttpSender, address, iter([_one_span(body), None]).__next__)
                began = time.monotonic()
                store.query("select count(*) from span_rows")
                acknowledged += latencies
                seen.append(time.monotonic() - began)
    print(
        f"one span into {location:<9} acknowledged after {statistics.median(acknowledged) * 1e3:.1f} ms, "
        f"then seen by a query that takes {statistics.median(seen) * 1e3:.1f} ms"
    )


def _one_span(body: bytes) -> bytes:
    request = ExportTraceServiceRequest.FromString(body)
    del request.resource_spans[1:]
    del request.resource_spans[0].scope_spans[1:]
    del request.resource_spans[0].scope_spans[0].spans[1:]
    return bytes(request.SerializeToString())


def distinct_bodies(spans: int) -> list[bytes]:
    """So many spans: the same traffic again and again, each time with other trace ids and later."""
    base = [ExportTraceServiceRequest.FromString(body) for body in bodies(min(spans, BASE_SPANS))]
    made: list[bytes] = []
    step_ns = 600_000_000
    for copy in count(1):
        mark = copy.to_bytes(4, "big")
        for request in base:
            if len(made) * 512 >= spans:
                return made
            for service in request.resource_spans:
                for scope in service.scope_spans:
                    for span in scope.spans:
                        span.trace_id = mark + span.trace_id[4:]
                        span.start_time_unix_nano += step_ns
                        span.end_time_unix_nano += step_ns
                        for link in span.links:
                            link.trace_id = mark + link.trace_id[4:]
            made.append(request.SerializeToString())
    raise AssertionError


def decode_and_insert(sent: Sequence[bytes]) -> float:
    """Seconds that two threads take, each with its own connection and a row group at a time."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.duckdb"
        create(path)
        database = connect(str(path), read_only=False)

        def work(part: Sequence[bytes]) -> None:
            connection = database.cursor()
            batch = Batch()
            for first in range(0, len(part), ROW_GROUP // 512):
                batch.reset()
                for body in part[first : first + ROW_GROUP // 512]:
                    batch.take(body)
                connection.register("batch", batch.table())
                connection.execute(INSERT)
                connection.unregister("batch")
            connection.close()

        half = len(sent) // 2
        threads = [threading.Thread(target=work, args=(part,)) for part in (sent[:half], sent[half:])]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        database.close()
        return time.monotonic() - began


Take = Callable[[], bytes | None]
Sender = HttpSender | GrpcSender
Connect = Callable[[str], Sender]


def send_all(
    client: Callable[[Take], tuple[list[float], int]], sent: Sequence[bytes], clients: int
) -> tuple[list[float], int]:
    """Seconds until each acknowledgement, and how often a request was refused and sent again."""
    left, lock = iter(sent), threading.Lock()
    latencies: list[float] = []
    refused: list[int] = []

    def take() -> bytes | None:
        with lock:
            return next(left, None)

    def run() -> None:
        seconds, again = client(take)
        latencies.extend(seconds)
        refused.append(again)

    threads = [threading.Thread(target=run) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return latencies, sum(refused)


def replay(connect_to: Connect, address: str, take: Take) -> tuple[list[float], int]:
    """One kept connection, made anew where it broke. A refused request is sent again after a tenth of a second."""
    seconds, again = [], 0
    sender: Sender | None = None
    while (body := take()) is not None:
        began = time.monotonic()
        while True:
            try:
                sender = sender or connect_to(address)
                if sender.send(body):
                    break
            except OSError:
                sender = None
            again += 1
            time.sleep(0.1)
        seconds.append(time.monotonic() - began)
    if sender is not None:
        sender.close()
    return seconds, again


def receive(path: Path, budget_mib: int) -> None:
    """The receiver's process: until its standard input ends, then stores everything and says what it took."""
    options = ReceiverOptions(inflight_bytes=budget_mib * MIB, hot_bytes=budget_mib * MIB * 3 // 2)
    with open_store(str(path)) as store:
        with start_receiver(store, Listen(grpc_port=0, http_port=0, api_port=0), options=options) as receiver:
            print(urlsplit(receiver.grpc_endpoint).geturl(), receiver.http_endpoint, flush=True)
            started = resource.getrusage(resource.RUSAGE_SELF)
            before = started.ru_utime + started.ru_stime
            sys.stdin.read()
        taken = receiver.counters
    used = resource.getrusage(resource.RUSAGE_SELF)
    syncs_ms = taken.journal_sync_seconds / max(taken.journal_syncs, 1) * 1e3
    cpu_us = (used.ru_utime + used.ru_stime - before) / max(taken.stored, 1) * 1e6
    print(
        f"{cpu_us:.1f} {taken.commits} commits of "
        f"{taken.commit_seconds / max(taken.commits, 1):.2f} s, "
        f"{taken.journal_syncs} syncs of {syncs_ms:.1f} ms; memory at most {peak_bytes() / 2**20:,.0f} MiB"
    )


def peak_bytes() -> int:
    """Largest memory so far of this process. (`ru_maxrss` begins with that of the process that started it.)"""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


if __name__ == "__main__":
    main()
