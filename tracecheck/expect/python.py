"""Expectations in Python, for tests and notebooks. They go through the same validation as YAML and give equal values.

order = expect_chain(
    "order",
    within="10s",
    steps={
        "placed": send("orders", service="checkout"),
        "charged": process("orders", group="billing", after="placed", within="3s"),
        "shipped": send("shipments", after=all_of("reserved", "charged")),
    },
    never=[process("orders.dlq")],
)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from tracecheck.errors import InvalidFile
from tracecheck.expect.durations import UNITS_NS, duration_ns
from tracecheck.expect.model import After, Expectation, Join, PlainValue
from tracecheck.expect.problems import build

Duration = str | timedelta
Where = Mapping[str, PlainValue | Mapping[str, object]]
SegmentName = Literal["transit", "queue", "processing", "forwarding"]
PolicyName = Literal["allow", "report", "forbid"]


@dataclass(frozen=True, slots=True)
class WrittenStep:
    """A step as written, before it has a name. Made by `send`, `process`, `span` and `call`."""

    fields: Mapping[str, object]


def send(
    destination: str,
    *,
    service: str | None = None,
    where: Where | None = None,
    after: str | After | None = None,
    within: Duration | None = None,
    times: int | Mapping[str, int] | None = None,
    optional: bool = False,
) -> WrittenStep:
    """A message sent to a destination; its instant is the start of the send."""
    return _step("send", destination, service, None, where, after, within, times, optional)


def process(
    destination: str,
    *,
    group: str | None = None,
    service: str | None = None,
    where: Where | None = None,
    after: str | After | None = None,
    within: Duration | None = None,
    times: int | Mapping[str, int] | None = None,
    optional: bool = False,
    budgets: Mapping[SegmentName, Duration] | None = None,
) -> WrittenStep:
    """A message processed by a consumer group; its instant is the end of the first successful attempt.

    `budgets` bound parts of its time, e.g. `{"transit": "200ms"}`.
    """
    step = _step("process", destination, service, group, where, after, within, times, optional)
    written = {name: _written(limit) for name, limit in (budgets or {}).items()}
    return WrittenStep({**step.fields, "budgets": written}) if written else step


def span(
    name: str,
    *,
    service: str | None = None,
    where: Where | None = None,
    after: str | After | None = None,
    within: Duration | None = None,
    times: int | Mapping[str, int] | None = None,
    optional: bool = False,
) -> WrittenStep:
    """Any span by its name; its instant is its end."""
    return _step("span", name, service, None, where, after, within, times, optional)


def call(
    callee: str,
    *,
    service: str | None = None,
    where: Where | None = None,
    after: str | After | None = None,
    within: Duration | None = None,
    times: int | Mapping[str, int] | None = None,
    optional: bool = False,
) -> WrittenStep:
    """A call to another service or server, made by `service`; its instant is its end."""
    return _step("call", callee, service, None, where, after, within, times, optional)


def all_of(*steps: str) -> After:
    """A join: every one of the steps must have come before."""
    return After(steps=steps, join=Join.ALL)


def any_of(*steps: str) -> After:
    """An alternative: at least one of the steps must have come before."""
    return After(steps=steps, join=Join.ANY)


def expect_chain(
    name: str,
    *,
    steps: Mapping[str, WrittenStep],
    at_least: int = 1,
    within: Duration | None = None,
    evidence: Literal["context", "identity", "correlation", "inferred"] = "correlation",
    completeness: Literal["proven", "assumed", "unknown"] = "assumed",
    never: Sequence[WrittenStep] = (),
    closed: bool = False,
    duplicates: Mapping[str, PolicyName] | None = None,
    settle: Duration | None = None,
    cases: str | None = None,
    seed: Mapping[str, object] | None = None,
    observe: Sequence[Mapping[str, object]] = (),
    state: Sequence[Mapping[str, object]] = (),
    clean_up: Sequence[Mapping[str, object]] = (),
    tags: Sequence[str] = (),
) -> Expectation:
    """An expectation of the steps by name. Raises `InvalidFile` with every problem at once."""
    optional = {
        "within": _written(within),
        "duplicates": duplicates,
        "settle": _written(settle),
        "cases": cases,
        "seed": seed,
    }
    raw: dict[str, object] = {
        "chain": name,
        "chains": {"at_least": at_least},
        "steps": {key: dict(step.fields) for key, step in steps.items()},
        "evidence": evidence,
        "completeness": completeness,
        "never": [dict(one.fields) for one in never],
        "closed": closed,
        "observe": list(observe),
        "state": list(state),
        "clean_up": list(clean_up),
        "tags": list(tags),
        **{key: value for key, value in optional.items() if value is not None},
    }
    expectation, problems = build(raw)
    if expectation is None:
        raise InvalidFile([f"expect_chain({name!r}): {'.'.join(map(str, path))}: {text}" for path, text in problems])
    return expectation


def _step(
    role: str,
    target: str,
    service: str | None,
    group: str | None,
    where: Where | None,
    after: str | After | None,
    within: Duration | None,
    times: int | Mapping[str, int] | None,
    optional: bool,
) -> WrittenStep:
    fields = {
        role: target,
        "service": service,
        "group": group,
        "where": dict(where) if where else None,
        "after": after,
        "within": _written(within),
        "times": times,
        "optional": optional or None,
    }
    return WrittenStep({key: value for key, value in fields.items() if value is not None})


def _written(duration: Duration | None) -> str | None:
    """A duration in its written form; a `timedelta` becomes the equal number of the smallest unit that holds it."""
    if not isinstance(duration, timedelta):
        return duration
    nanoseconds = duration_ns(duration)
    unit = next((unit for unit in ("s", "ms", "us") if nanoseconds % UNITS_NS[unit] == 0), "ns")
    return f"{nanoseconds // UNITS_NS[unit]}{unit}"
