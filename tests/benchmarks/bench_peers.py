"""What a received span costs here and in two peers: `python -m tests.benchmarks.bench_peers [SPANS] [ROUNDS]`.

All sides take the same recorded, varied bodies over the same connections, one side after the other in each round, and
their own CPU time counts, from the first request to their orderly end: ours has stored every span in its database by
then. `tracecheck serve` compares, journals, acknowledges when durable and stores; the Collector writes a file or throws
away, without any processor; rotel throws away. The load generator only replays bytes, as an exporter without a pause:
one row group of traffic, again and again with other ids and later.
"""

# ruff: noqa: T201 - a benchmark prints

import http.client
import statistics
import sys
import threading
import time
from collections.abc import Callable, Sequence

import grpc

from tests.benchmarks.bench_intake import verdict
from tests.benchmarks.peers import Cost, Peer, Ports, collector, cost_of, ours, rotel
from tests.benchmarks.replayed import record, repeat
from tests.benchmarks.traffic import bodies
from tracecheck.demo.broker import HOST

RECORDED_SPANS = 122_880
SPANS = 4 * RECORDED_SPANS
ROUNDS = 3
CONNECTIONS = 4
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
TRY_AGAIN = {grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE}


def main(spans: int = SPANS, rounds: int = ROUNDS) -> None:
    """Prints spans per CPU second, memory and disk of every side, and the ratios to their goals."""
    recorded = record(bodies(min(spans, RECORDED_SPANS)))
    load = [body for number in range(1, max(spans // RECORDED_SPANS, 1) + 1) for body in repeat(recorded, number)]
    spans = sum(each.spans for each in recorded) * max(spans // RECORDED_SPANS, 1)
    wire = sum(map(len, load))
    ready = [ours(), ours(chains=True), collector("nop"), collector("file", "{path: spans.json}"), rotel()]
    for peer in ready:
        if peer.absent:
            print(f"left out: {peer.name}: {peer.absent}")
    sides = [peer for peer in ready if not peer.absent]
    for protocol, send in (("OTLP/HTTP", over_http), ("OTLP/gRPC", over_grpc)):
        print(
            f"\n{protocol}, {CONNECTIONS} connections: {len(load)} requests, {spans} spans of {wire / spans:.0f} bytes"
        )
        compare(sides, lambda ports, send=send: send(ports, load), spans, wire, rounds)


def compare(sides: Sequence[Peer], load: Callable[[Ports], None], spans: int, wire: int, rounds: int) -> None:
    """Runs all sides alternately and prints what they cost."""
    costs: dict[str, list[Cost]] = {peer.name: [] for peer in sides}
    for _ in range(rounds):
        for peer in sides:
            costs[peer.name].append(cost_of(peer, load))
    rates = {name: spans / statistics.median(cost.cpu_s for cost in taken) for name, taken in costs.items()}
    for name, taken in costs.items():
        idle, peak = taken[-1].idle_bytes / 2**20, max(cost.peak_bytes for cost in taken) / 2**20
        print(
            f"{name:<47} {rates[name]:>9,.0f} spans per CPU second, {spans / min(c.wall_s for c in taken):>9,.0f} per "
            f"second; memory {idle:.0f}, at most {peak:.0f} MiB; on disk {taken[-1].disk_bytes / wire:.1%} of the wire"
        )
    mine = rates[sides[0].name]
    for name, rate in rates.items():
        if not name.startswith("tracecheck"):
            goal = 1.5 if name.startswith("rotel") else 3.0
            verdict(f"per core, over {name}", f"{mine / rate:.2f} x", f">= {goal} x", mine >= goal * rate)


def over_http(ports: Ports, load: list[bytes]) -> None:
    """Sends all bodies; one that is turned away is sent again."""

    def work(mine: list[bytes]) -> None:
        connection = http.client.HTTPConnection(HOST, ports.http, timeout=60)
        for body in mine:
            while True:
                connection.request("POST", "/v1/traces", body, {"Content-Type": "application/x-protobuf"})
                answer = connection.getresponse()
                said = answer.read()
                if answer.status == 200:
                    break
                if answer.status not in (429, 503):
                    raise RuntimeError(f"refused with {answer.status}: {said[:200]!r}")
                time.sleep(0.05)
        connection.close()

    _share(work, load)


def over_grpc(ports: Ports, load: list[bytes]) -> None:
    """Sends all bodies, each connection one at a time; one that is turned away is sent again."""

    def work(mine: list[bytes]) -> None:
        own = [("grpc.use_local_subchannel_pool", 1)]
        with grpc.insecure_channel(f"{HOST}:{ports.grpc}", options=own) as channel:
            export = channel.unary_unary(EXPORT)
            for body in mine:
                while True:
                    try:
                        export(body, timeout=60)
                        break
                    except grpc.RpcError as error:
                        if error.code() not in TRY_AGAIN:
                            raise
                        time.sleep(0.05)

    _share(work, load)


def _share(work: Callable[[list[bytes]], None], load: list[bytes]) -> None:
    failures: list[Exception] = []

    def guarded(mine: list[bytes]) -> None:
        try:
            work(mine)
        except Exception as error:  # noqa: BLE001 - raised again below
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(load[n::CONNECTIONS],)) for n in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
