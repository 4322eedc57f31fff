"""Samples what must be true outside the spans, in databases and read models, until it is."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tracecheck.errors import StateUnavailable
from tracecheck.probe.equality import same
from tracecheck.probe.http_state import http_probe
from tracecheck.probe.samples import Sample, shown, store_samples
from tracecheck.probe.sql_state import sql_probe
from tracecheck.probe.wait import SYSTEM, Clock, FailedFast, NotReached, await_until
from tracecheck.probe.waiting import Ignored
from tracecheck.store.protocol import Store

__all__ = ["Sample", "StateOutcome", "StateProbe", "await_state", "http_probe", "sql_probe"]


class StateProbe(Protocol):
    """Something that can be asked for its state."""

    name: str
    """What a person calls it; the `name` of its samples."""

    query: str
    """What is asked, as text."""

    def sample(self) -> object:
        """The state now. Raises `StateUnavailable` when it cannot be asked."""
        ...

    def close(self) -> None:
        """Disconnects. Idempotent."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StateOutcome:
    """How a wait for a state ended. `samples` are the changes seen, first to last; `failure` is None if it was met.

    `reached_unix_nano` is when the look that first saw the lasting state began, `took_ns` how long after the wait's
    beginning that was.
    """

    met: bool
    value: object
    samples: tuple[Sample, ...]
    reached_unix_nano: int | None
    took_ns: int | None
    failure: NotReached | None = None


def await_state(
    probe: StateProbe,
    expected: object,
    within_s: float,
    hold_s: float = 0.0,
    *,
    store: Store | None = None,
    run_id: str | None = None,
    case_id: str | None = None,
    fail_fast: Callable[[], str | bool | None] | None = None,
    clock: Clock = SYSTEM,
) -> StateOutcome:
    """Samples `probe` until its state meets `expected` and has done so for `hold_s`, or `within_s` is over.

    `expected` is a value (equal, types counting), a compiled pattern (matches the whole text) or a function. Changes
    are written to the table `state_samples` of `store`. A state that is not met is an outcome, not an error; what
    raises is a source that could not be asked at the end: `StateUnavailable`.
    """
    kept: list[Sample] = []
    meets = criterion(expected)
    wish = described(expected)

    def look() -> object:
        sampled_unix_nano, began = time.time_ns(), time.monotonic_ns()
        value: object = None
        error: StateUnavailable | None = None
        try:
            value = probe.sample()
        except StateUnavailable as fault:
            error = fault
        sample = Sample(
            name=probe.name,
            query=probe.query,
            expected=wish,
            actual=None if error else shown(value),
            met=error is None and meets(value),
            error=str(error) if error else None,
            sampled_unix_nano=sampled_unix_nano,
            took_ns=time.monotonic_ns() - began,
        )
        if not kept or kept[-1].differs(sample):
            kept.append(sample)
        if error is not None:
            raise error
        return value

    ignoring: tuple[Ignored, ...] = (StateUnavailable,)
    value, failure, began_unix_nano = None, None, time.time_ns()
    try:
        value = await_until(
            look,
            at_most_s=within_s,
            until=meets,
            hold_s=hold_s,
            ignoring=ignoring,
            fail_fast=fail_fast,
            alias=f"{probe.name} {wish}",
            clock=clock,
        )
    except NotReached as unmet:
        failure = unmet
    finally:
        if store is not None:
            store_samples(store, kept, run_id=run_id, case_id=case_id)
    if failure is None:
        reached = kept[-1].sampled_unix_nano
        return StateOutcome(
            met=True,
            value=value,
            samples=tuple(kept),
            reached_unix_nano=reached,
            took_ns=max(reached - began_unix_nano, 0),
        )
    if not isinstance(failure, FailedFast) and (not kept or kept[-1].error is not None):
        raise StateUnavailable(str(failure)) from failure
    return StateOutcome(
        met=False, value=None, samples=tuple(kept), reached_unix_nano=None, took_ns=None, failure=failure
    )


def criterion(expected: object) -> Callable[[object], bool]:
    """What decides whether a value is the one expected. The text "42" is not the number 42, and true is no number."""
    if isinstance(expected, re.Pattern):
        return lambda value: isinstance(value, str) and expected.fullmatch(value) is not None
    if callable(expected):
        return lambda value: bool(expected(value))
    return lambda value: same(value, expected)


def described(expected: object) -> str:
    """What is expected, in words."""
    if isinstance(expected, re.Pattern):
        return f"matches {expected.pattern!r}"
    if callable(expected):
        return str(expected.__doc__ or getattr(expected, "__name__", "as asked")).strip()
    return f"equals {shown(expected)}"
