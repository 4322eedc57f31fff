"""Events to inject: one from a template, many from a file of events or a table of cases, numbered and at a rate."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count as numbers
from pathlib import Path
from typing import IO

from tracecheck.errors import InvalidFile, UsageError
from tracecheck.probe.brokers import Broker
from tracecheck.probe.inject import Injected, Injection, SpanSink, inject, inject_twice
from tracecheck.probe.templates import fill, variables
from tracecheck.probe.wait import NEVER, SYSTEM, Clock

JSON = "application/json"
FIELDS = ("destination", "key", "value", "headers", "content_type", "correlation_id", "event_id", "run_id")
NS_PER_S = 1_000_000_000
Case = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event as it is written: `key`, `value`, headers and ids may hold templates. See `injection`.

    A `value` that is no text and no bytes is sent as JSON.
    """

    destination: str
    key: str | None = None
    value: object = None
    headers: Mapping[str, str] | None = None
    content_type: str | None = None
    correlation_id: str | None = None
    event_id: str | None = None
    run_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Paced:
    """An injection, and how long after it was due it began (0 without a rate): lateness is ours, not the system's."""

    injected: Injected
    late_ns: int


def injection(event: Event, *, n: int = 0, case: Case | None = None) -> Injection:
    """The message of an event, its templates filled (see `templates.variables`). Raises `UsageError`."""
    known = variables(run_id=event.run_id, n=n, case=case)
    value = fill(event.value, known)
    key = fill(event.key, known)
    is_json = not isinstance(value, str | bytes | None)
    return Injection(
        destination=str(fill(event.destination, known)),
        key=None if key is None else str(key).encode(),
        value=_body(value),
        headers=tuple((name, str(text).encode()) for name, text in fill(event.headers or {}, known).items()),
        content_type=event.content_type or (JSON if is_json else None),
        correlation_id=_text(fill(event.correlation_id, known)),
        event_id=_text(fill(event.event_id, known)),
        run_id=event.run_id,
    )


def injections(
    event: Event,
    *,
    events: Iterable[Event] | None = None,
    cases: Sequence[Case] | None = None,
    count: int | None = None,
) -> Iterator[Injection]:
    """The messages of an event: `count` times (1), for each case, or in place of it each of `events`.

    `count` repeats a table or file from its beginning until there are so many. `{n}` counts them all from 0.
    """
    bodies = [event] if events is None else list(events)
    pairs = [(body, case) for body in bodies for case in (cases if cases is not None else [None])]
    if not pairs:
        return
    for n in range(count if count is not None else len(pairs)):
        body, case = pairs[n % len(pairs)]
        yield injection(body, n=n, case=case)


def inject_all(
    messages: Iterable[Injection],
    broker: Broker,
    sink: SpanSink,
    *,
    rate_per_s: float | None = None,
    twice: bool = False,
    clock: Clock = SYSTEM,
) -> Iterator[Paced]:
    """Injects one after the other; at a rate, each when it is due, whatever became of those before it (open model).

    What a slow broker delays is sent at once when it can be, and says how late it was: the schedule does not give way.
    """
    began = clock.now_ns()
    for n, message in zip(numbers(), messages, strict=False):
        due = began + int(n * NS_PER_S / rate_per_s) if rate_per_s else clock.now_ns()
        if (early_ns := due - clock.now_ns()) > 0:
            clock.wait(NEVER, early_ns / NS_PER_S)
        late_ns = max(clock.now_ns() - due, 0)
        for injected in inject_twice(message, broker, sink) if twice else (inject(message, broker, sink),):
            yield Paced(injected=injected, late_ns=late_ns)


def read_events(lines: IO[str], name: str, template: Event) -> list[Event]:
    """Events of a file of JSON lines: objects with any of the fields of `Event`, else as the template has them.

    Raises `InvalidFile` with every line that is none.
    """
    events, problems = [], []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            events.append(_event(json.loads(line), template))
        except (ValueError, RecursionError) as error:
            problems.append(f"{name}:{number}:1: {error}; expected a JSON object with fields of: {', '.join(FIELDS)}")
    if problems:
        raise InvalidFile(problems)
    return events


def read_cases(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV table by column name. Raises `InvalidFile` for rows of another length or a nameless column."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.reader(file, strict=True))
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}); expected a CSV table of cases") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise InvalidFile([f"{path}:1:1: {error}; expected a CSV table in UTF-8"]) from error
    if not rows or not all(rows[0]) or len(set(rows[0])) != len(rows[0]):
        raise InvalidFile([f"{path}:1:1: the first row must name each column, once"])
    header, *cases = rows
    problems = [
        f"{path}:{number}:1: {len(row)} values for {len(header)} columns"
        for number, row in enumerate(cases, 2)
        if row and len(row) != len(header)
    ]
    if problems:
        raise InvalidFile(problems)
    return [dict(zip(header, row, strict=True)) for row in cases if row]


def _event(document: object, template: Event) -> Event:
    if not isinstance(document, dict):
        raise ValueError("this is no object")
    if unknown := sorted(document.keys() - set(FIELDS)):
        raise ValueError(f"unknown field {unknown[0]!r}")
    if not isinstance(document.get("headers", {}), dict):
        raise ValueError("headers are no object")
    for name in FIELDS:
        if name not in ("value", "headers") and not isinstance(document.get(name), str | int | None):
            raise ValueError(f"{name} is no text")
    texts = {name: str(one) for name, one in document.items() if name not in ("value", "headers") and one is not None}
    return replace(template, **{**document, **texts})


def _body(value: object) -> bytes | None:
    if isinstance(value, bytes | None):
        return value
    return (value if isinstance(value, str) else json.dumps(value)).encode()


def _text(value: object) -> str | None:
    return None if value is None else str(value)
