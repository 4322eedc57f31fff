"""The same costs as machine instructions per message, which a busy machine does not change: `python -m
tests.benchmarks.instrumentation_instructions`. Needs valgrind, and a minute.

Instructions are no time: ours runs more code that differs, and so waits more for the caches. They tell two versions of
the code apart, and they add up: behind the clients come the pieces of a message, each alone.
"""

# ruff: noqa: T201 - a benchmark prints

import gc
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from opentelemetry import context, propagate, trace
from opentelemetry.sdk.trace.export import SpanExporter
from opentelemetry.trace import Link, SpanKind, Tracer
from tracecheck_instrumentation import propagation

from tests.benchmarks import bench_instrumentation_cost as bench
from tests.benchmarks.stub_clients import AIOKafka, AioPika, Client, KafkaPython, Pika

WARM, COUNTED = 20, 60
CLIENTS: dict[str, type[Client]] = {
    "kafka-python": KafkaPython,
    "aiokafka": AIOKafka,
    "pika": Pika,
    "aio-pika": AioPika,
}
SIDES = ("stock", "ours")


def main() -> None:
    """Runs this module under valgrind, which writes down its count at each call of `getppid`, and prints the counts."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["valgrind", "--tool=callgrind", "--dump-before=os_getppid", f"--callgrind-out-file={folder}/out"]
        counted = [*command, sys.executable, "-m", __spec__.name if __spec__ else __name__, "counted"]
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        run = subprocess.run(counted, env=environment, check=True, capture_output=True, text=True)
        dumps = sorted(Path(folder).glob("out.*"), key=lambda path: int(path.suffix[1:]))
        totals = [_total(path) / COUNTED / 1_000 for path in dumps]
    names = [line.removeprefix("counted ") for line in run.stdout.splitlines() if line.startswith("counted ")]
    for name, total in zip(names, totals[1::2], strict=False):
        print(f"{total:8.1f} thousand instructions  {name}")


def _total(dump: Path) -> int:
    return next(int(line.split()[1]) for line in dump.read_text().splitlines() if line.startswith("totals:"))


class Dropped(SpanExporter):
    """An exporter that costs nothing."""

    def export(self, _spans: object) -> None:  # type: ignore[override]
        """Drop them."""


def counted() -> None:
    """Does the work to be counted, and names each part of it."""
    bench.OTLPSpanExporter = lambda **_: Dropped()  # type: ignore[assignment,misc]
    for name, kind in CLIENTS.items():
        client = kind()
        for side in SIDES:
            provided = bench.provider("", ours=side == "ours")
            with client.stubbed(), bench.instrumented(client, side, provided), client.ready():
                for operation in (client.send, client.process):
                    operation(WARM)
                part(f"{name}, {side}: send", client.send)
                part(f"{name}, {side}: process", client.process)
            client.sent.clear()
            provided.shutdown()
    pieces()


def pieces() -> None:
    """The parts of a message that are the SDK's and the propagators'."""
    stock, ours = (bench.provider("", ours=own).get_tracer("pieces") for own in (False, True))
    attributes = {f"messaging.attribute.{number}": "value" for number in range(13)}
    parent = stock.start_span("parent")
    here = trace.set_span_in_context(parent)
    few = dict(list(attributes.items())[:5])

    def one_by_one() -> None:
        span = stock.start_span("x", here, SpanKind.PRODUCER)
        for key, value in few.items():
            span.set_attribute(key, value)
        span.end()

    def at_once(tracer: Tracer, count: int, *, linked: bool = False) -> Callable[[], None]:
        given, links = dict(list(attributes.items())[:count]), [Link(parent.get_span_context())] if linked else []
        return lambda: tracer.start_span("x", here, SpanKind.PRODUCER, given, links).end()

    each("a span of the SDK", at_once(stock, 0))
    each("with our processor and sampler", at_once(ours, 0))
    each("with 5 attributes, one by one (as stock sets them)", one_by_one)
    each("with 11 attributes at its start (as our send)", at_once(stock, 11))
    each("with 13 and a link (as our process)", at_once(stock, 13, linked=True))
    with_baggage = propagation.baggage.set_baggage("correlation.id", "0af7651916cd43dd8448eb211c80319c", here)
    for name, propagator, sent in (
        ("stock's propagators, without baggage", propagate.get_global_textmap(), here),
        ("stock's propagators, with one entry of baggage", propagate.get_global_textmap(), with_baggage),
        ("ours, with one entry of baggage", propagation.TracecheckPropagator(), with_baggage),
    ):
        fields: dict[str, str] = {}
        propagator.inject(fields, sent)
        each(f"writing with {name}", lambda used=propagator, of=sent: used.inject({}, of))
        each(f"reading with {name}", lambda used=propagator, of=fields: used.extract(of, context.Context()))


def each(name: str, work: Callable[[], object]) -> None:
    """Counts `work`."""

    def repeated(times: int) -> None:
        for _ in range(times):
            work()

    repeated(WARM)
    part(name, repeated)


def part(name: str, work: Callable[[int], None]) -> None:
    """Counts `work(COUNTED)`."""
    gc.disable()
    os.getppid()
    work(COUNTED)
    os.getppid()
    gc.enable()
    print(f"counted {name}")


if __name__ == "__main__":
    counted() if "counted" in sys.argv else main()
