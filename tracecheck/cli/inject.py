"""`inject`: puts synthetic events onto the bus."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tracecheck.cli.bus import broker_options, connected
from tracecheck.cli.options import output_option, store_option
from tracecheck.cli.output import emit, say
from tracecheck.cli.reading import opened
from tracecheck.cli.receivers import inject_endpoint
from tracecheck.config import RUN_ID_VARIABLE, is_url
from tracecheck.errors import UsageError

if TYPE_CHECKING:
    from tracecheck.model import Span
    from tracecheck.probe.brokers import Broker
    from tracecheck.probe.events import Paced
    from tracecheck.probe.inject import Injection

NS_PER_MS = 1_000_000


@click.command()
@click.argument("destination")
@broker_options
@click.option("--key", help="Message key.")
@click.option("--value", help="Message value; @FILE reads a file, - standard input.")
@click.option("--header", "headers", metavar="NAME=VALUE", multiple=True, help="Message header. Repeatable.")
@click.option("--content-type", help="As application/json or text/plain; written where the system has it.")
@click.option("--correlation-id", help="[default: a new one]")
@click.option("--event-id", help="Idempotency key.  [default: a new one]")
@click.option("--run", "run_id", metavar="ID", envvar=RUN_ID_VARIABLE, help=f"[${RUN_ID_VARIABLE}]")
@click.option(
    "--events", type=click.Path(), help="JSON lines: objects with key, value, headers, ...; - standard input."
)
@click.option(
    "--cases", type=click.Path(path_type=Path), help="CSV table: an event for each row, its columns as {name}."
)
@click.option("--count", type=click.IntRange(1), help="How many events.  [default: 1, or all of --events and --cases]")
@click.option("--rate", type=click.FloatRange(0, min_open=True), metavar="PER_SECOND", help="Due times of the events.")
@click.option("--twice", is_flag=True, help="Each event twice with one event id, to see that it takes effect once.")
@click.option(
    "--endpoint",
    metavar="URL",
    help="OTLP/HTTP receiver of the injection's span.  [default: that of `run`, else OTEL_*, else local port 4318]",
)
@store_option
@output_option("text", "json")
def inject(
    destination: str,
    broker: str | None,
    bootstrap_servers: str | None,
    endpoint: str | None,
    store: str | None,
    output: str,
    **given: Any,
) -> None:
    """Put synthetic events onto the bus.

    Each carries trace context, correlation id, run id and event id, so that its chain can be found and awaited. Its own
    span goes to a running receiver, or with --store FILE straight into that file.

    DESTINATION is a topic, for RabbitMQ EXCHANGE:ROUTING_KEY or a queue's name. DESTINATION, key, value, headers and
    ids may hold {run}, {n} (from 0), {now}, {now_ms}, {uuid} and the columns of --cases; {{run}} stands for {run}.
    """
    messages = _messages(destination, given)
    with _sink(store, endpoint) as sink, connected(broker, bootstrap_servers) as connection:
        late = _inject(
            messages, connection, sink, given["rate"], given["twice"], _Shown(output, single=_is_single(given))
        )
    if late >= NS_PER_MS:
        say(f"the broker did not keep up with the rate: the latest event was {late / NS_PER_MS:.0f} ms late")


def _inject(
    messages: "Iterator[Injection]",
    broker: "Broker",
    sink: "Callable[[Span], None]",
    rate: float | None,
    twice: bool,
    shown: "_Shown",
) -> int:
    from tracecheck.probe.events import inject_all

    late = 0
    try:
        for paced in inject_all(messages, broker, sink, rate_per_s=rate, twice=twice):
            late = max(late, paced.late_ns)
            shown.one(paced)
    finally:
        shown.end()
    return late


def _messages(destination: str, given: dict[str, Any]) -> "Iterator[Injection]":
    from tracecheck.probe.events import Event, injections, read_cases, read_events

    event = Event(
        destination=destination,
        value=_value(given["value"]),
        headers=dict(_header(header) for header in given["headers"]),
        **{name: given[name] for name in ("key", "content_type", "correlation_id", "event_id", "run_id")},
    )
    events = None
    if given["events"] == "-":
        events = read_events(sys.stdin, "standard input", event)
    elif given["events"] is not None:
        try:
            with Path(given["events"]).open(encoding="utf-8") as lines:
                events = read_events(lines, given["events"], event)
        except OSError as error:
            raise UsageError(f"{given['events']} cannot be read ({error.strerror}); expected JSON lines") from error
        except UnicodeDecodeError as error:
            raise UsageError(f"{given['events']} is no UTF-8 text; expected JSON lines") from error
    cases = read_cases(given["cases"]) if given["cases"] is not None else None
    if not cases and not events and (cases, events) != (None, None):
        raise UsageError("there is no event in what was given with --events or --cases")
    messages = injections(event, events=events, cases=cases, count=given["count"])
    # The first is made at once, so that a mistake in a template is said before anything is connected or sent.
    first = list(islice(messages, 1))
    return _chained(first, messages)


def _chained(first: "list[Injection]", others: "Iterator[Injection]") -> "Iterator[Injection]":
    yield from first
    yield from others


def _is_single(given: dict[str, Any]) -> bool:
    return not given["twice"] and all(given[name] is None for name in ("events", "cases", "count"))


@contextmanager
def _sink(store: str | None, endpoint: str | None) -> "Iterator[Callable[[Span], None]]":
    from functools import partial

    from tracecheck.probe.otlp_out import send_span

    if store is None or is_url(store):
        yield partial(send_span, endpoint=endpoint or inject_endpoint())
        return
    with opened(store, create=True) as held:

        def keep(span: "Span") -> None:
            held.append([span])

        yield keep


class _Shown:
    """Prints each event when it is on the bus; as JSON, all of them at the end in one document."""

    def __init__(self, output: str, *, single: bool) -> None:
        self._output, self._single = output, single
        self._documents: list[Any] = []

    def one(self, paced: "Paced") -> None:
        from tracecheck.report import documents
        from tracecheck.report.sanitise import terminal

        document = documents.injected(paced.injected)
        if self._output == "json":
            self._documents.append(document)
            return
        done = paced.injected
        place = done.destination if done.offset is None else f"{done.destination}[{done.partition}]@{done.offset}"
        emit(f"injected {terminal(place)}  correlation {terminal(done.correlation_id)}  chain {document['chain_id']}")

    def end(self) -> None:
        from tracecheck.report import documents

        if self._output != "json" or not self._documents:
            return
        if self._single:
            emit(documents.dump(self._documents[0]))
            return
        events = [{name: one for name, one in each.items() if name != "schema"} for each in self._documents]
        emit(documents.dump({"schema": "tracecheck/inject/v1", "events": events}))


def _value(given: str | None) -> str | bytes | None:
    if given is None:
        return None
    if given == "-":
        return sys.stdin.buffer.read()
    if not given.startswith("@"):
        return given
    try:
        return Path(given[1:]).read_bytes()
    except OSError as error:
        raise UsageError(f"{given[1:]} cannot be read ({error.strerror}); --value @FILE expects a file") from error


def _header(given: str) -> tuple[str, str]:
    name, separator, value = given.partition("=")
    if not separator or not name:
        raise click.BadParameter(f"expected NAME=VALUE, got {given!r}", param_hint="--header")
    return name, value
