"""What instrumentation costs a service per message: `python -m tests.benchmarks.bench_instrumentation_cost [CLIENT]`.

Three sides take turns in one process: the client alone, with the stock OpenTelemetry instrumentation, with ours; and
this for a receiver that is up, slow (each answer takes 2 s) and down. CPU time of the sending or handling thread is
measured; that of the exporter's thread is not. The transport is a stub (see `stub_clients`), so no broker's share
flatters a ratio, which is one of medians over all rounds, and beside it of each side's least round. Stock makes a
receive span that ends before the handler (pika and aio-pika: around it); ours makes the process span around it.
"""

# ruff: noqa: T201 - a benchmark prints

import gc
import http.server
import logging
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection

from opentelemetry import propagate
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from tracecheck_instrumentation import attempts, propagation
from tracecheck_instrumentation.adapters import load
from tracecheck_instrumentation.processors import KeepsMarks
from tracecheck_instrumentation.sdk import Pipeline

from tests.benchmarks.stub_clients import AIOKafka, AioPika, Client, ConfluentKafka, KafkaPython, Pika
from tracecheck.demo.broker import embedded_broker

ROUNDS, MESSAGES = 9, 300
SIDES = ("alone", "stock", "ours")
LIMIT = 1.5


def main(chosen: list[str]) -> None:
    """Prints microseconds of CPU per message, and ours as a multiple of stock."""
    logging.disable(logging.CRITICAL)  # an exporter that cannot export says so, which is not what is measured
    print(f"{ROUNDS} rounds of {MESSAGES} messages, median CPU us per message; ratio = ours / stock, limit {LIMIT}")
    print(
        f"{'client':<16}{'receiver':<9}{'operation':<9}"
        + "".join(f"{side:>8}" for side in SIDES)
        + f"{'ratio':>8}{'least':>8}"
    )
    with ExitStack() as stack:
        receivers = {
            "up": stack.enter_context(receiver(0.0)),
            "slow": stack.enter_context(receiver(2.0)),
            "down": "http://127.0.0.1:9/v1/traces",
        }
        makers: dict[str, Callable[[], Client]] = {
            "kafka-python": KafkaPython,
            "aiokafka": AIOKafka,
            "confluent-kafka": lambda: ConfluentKafka(stack.enter_context(embedded_broker())),
            "pika": Pika,
            "aio-pika": AioPika,
        }
        for name in chosen or makers:
            client = makers[name]()
            for state, endpoint in receivers.items():
                show(name, state, measured(client, endpoint))


def show(name: str, state: str, taken: dict[str, list[tuple[float, float]]]) -> None:
    """Prints three lines: send, process, and both together."""
    parts: dict[str, Callable[[tuple[float, float]], float]] = {
        "send": lambda pair: pair[0],
        "process": lambda pair: pair[1],
        "both": sum,
    }
    for operation, part in parts.items():
        median = {side: statistics.median(map(part, taken[side])) for side in SIDES}
        least = {side: min(map(part, taken[side])) for side in SIDES}
        figures = "".join(f"{median[side]:>8.1f}" for side in SIDES)
        figures += "".join(f"{of['ours'] / of['stock']:>8.2f}" for of in (median, least))
        print(f"{name:<16}{state:<9}{operation:<9}{figures}", flush=True)


def measured(client: Client, endpoint: str) -> dict[str, list[tuple[float, float]]]:
    """Takes rounds of all sides in turn; per side and round: microseconds per send, and per message handled."""
    providers = {side: provider(endpoint, ours=side == "ours") for side in SIDES[1:]}
    taken: dict[str, list[tuple[float, float]]] = {side: [] for side in SIDES}
    for number in range(ROUNDS + 1):
        for side in SIDES:
            with client.stubbed(), instrumented(client, side, providers.get(side)), client.ready():
                pair = timed(client.send), timed(client.process)
            client.sent.clear()
            if number:  # the first round warms up
                taken[side].append(pair)
    for each in providers.values():
        each.shutdown()
    return taken


def timed(work: Callable[[int], None]) -> float:
    """Returns microseconds of this thread's CPU time per message."""
    gc.collect()
    started_ns = time.thread_time_ns()
    work(MESSAGES)
    return (time.thread_time_ns() - started_ns) / MESSAGES / 1_000


@contextmanager
def instrumented(client: Client, side: str, provided: TracerProvider | None) -> Iterator[None]:
    """Switches one side on, and off again."""
    if provided is None:
        yield
        return
    client.provider = provided
    instrumentor = client.stock() if side == "stock" else load(client.ours).instrumentor()
    instrumentor.instrument(tracer_provider=provided, skip_dep_check=True)
    stock_propagator = propagate.get_global_textmap()
    if side == "ours":
        attempts.forget_all()
        propagation.use_unless_chosen()
    yield
    instrumentor.uninstrument()
    propagate.set_global_textmap(stock_propagator)


def provider(endpoint: str, *, ours: bool) -> TracerProvider:
    """Returns the SDK as either side has it; ours as `configure` sets it up."""
    made = TracerProvider(shutdown_on_exit=False)
    exporter = OTLPSpanExporter(endpoint=endpoint, timeout=3)
    if ours:
        made.sampler = sampler = KeepsMarks(made.sampler)
        Pipeline(made, sampler, [exporter])
    else:
        made.add_span_processor(BatchSpanProcessor(exporter))
    return made


@contextmanager
def receiver(seconds: float) -> Iterator[str]:
    """Runs an OTLP/HTTP receiver in a process of its own, which takes so long for an answer."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_receive, args=(there, seconds), daemon=True)
    process.start()
    yield f"http://127.0.0.1:{here.recv()}/v1/traces"
    process.terminate()
    process.join()


def _receive(port: Connection, seconds: float) -> None:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(seconds)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    port.send(server.server_address[1])
    server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
