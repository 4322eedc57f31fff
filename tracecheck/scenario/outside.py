"""What a scenario claims outside the spans, made ready to be asked, and what to say when it did not hold."""

from collections.abc import Callable
from dataclasses import dataclass

from tracecheck.errors import UsageError
from tracecheck.expect.model import Comparison, Observe, Predicate, StateProbe, Times
from tracecheck.expect.predicates import ABSENT, describe, holds
from tracecheck.model import Basis, Cause, Completeness, Finding, Verdict
from tracecheck.probe import state as states
from tracecheck.probe.brokers.protocol import Seen
from tracecheck.probe.claim import NotObserved, Unsure, place_of
from tracecheck.probe.json_path import MISSING
from tracecheck.probe.match import Match
from tracecheck.scenario.ground import Places

NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What came of one entry of `observe`: the messages that match, and what is wrong with them, if anything."""

    asked: Observe
    seen: tuple[Seen, ...] = ()
    finding: Finding | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """What came of one entry of `state`; `outcome` is None where it could not be asked."""

    asked: StateProbe
    outcome: states.StateOutcome | None = None
    finding: Finding | None = None


def matching(asked: Observe, run_id: str) -> Match:
    """The messages meant: by what the entry says of them, else those of the run."""
    said = bool(asked.where or asked.headers or asked.key is not None)
    return Match(
        destination=asked.destination,
        key=None if asked.key is None else str(asked.key),
        headers={name: str(value) for name, value in asked.headers.items()},
        where={each.attribute: _wanted(each) for each in asked.where},
        run_id=None if said else run_id,
    )


def probe_of(asked: StateProbe, places: Places, name: str) -> states.StateProbe:
    """The probe of one entry. Raises `UsageError` where no address is known, or it is none."""
    if asked.http is not None:
        url = asked.http if "://" in asked.http else (places.http or "").rstrip("/") + asked.http
        if "://" not in url:
            raise UsageError(f"{name}: http: {asked.http!r} has no host; write http://host:port/path, or give --http")
        return states.http_probe(url, asked.path, name=name)
    assert asked.sql is not None
    url = asked.database or places.database or ""
    if not url:
        raise UsageError(f"{name}: no database is known; write `database:`, or give --database or $TRACECHECK_DATABASE")
    return states.sql_probe(url, asked.sql, asked.params, name=name)


def wanted(asked: StateProbe) -> object:
    """What the state must equal, or the function that says whether it meets the comparison."""
    return asked.equals if asked.matches is None else _wanted(asked.matches)


def unobserved(
    number: int, asked: Observe, seen: tuple[Seen, ...], why: NotObserved | Unsure, within_s: float
) -> Finding:
    """The finding for messages that were too few, too many, or about which nothing is sure."""
    lines = str(why).splitlines()
    unsure = isinstance(why, Unsure)
    times = asked.times
    excess = times.at_most is not None and len(seen) > times.at_most
    code = Cause.FORBIDDEN if excess and times.at_most == 0 else Cause.TOO_MANY if excess else Cause.TOO_FEW
    return Finding(
        code=Cause.INCOMPLETE if unsure else code,
        verdict=Verdict.INCONCLUSIVE if unsure else Verdict.FAIL,
        step=f"observe[{number}]",
        destination=asked.destination,
        expected=f"{_number(times)} on the bus, {asked.system} {asked.destination}{_narrowed(asked)}",
        looked_in="the records seen since before the injection",
        waited_ns=round(within_s * NS_PER_S),
        limit_ns=asked.within_ns,
        evidence=(*(line.strip() for line in lines[:4]), *(f"seen: {place_of(one)}" for one in seen[:3])),
        completeness=Completeness(basis=Basis.UNKNOWN, reasons=(lines[0],)) if unsure else None,
        detail={"seen": len(seen)},
    )


def unreached(number: int, asked: StateProbe, outcome: states.StateOutcome, within_s: float) -> Finding:
    """The finding for a state that was not reached, or not kept."""
    last = outcome.samples[-1] if outcome.samples else None
    query = asked.sql or asked.http
    return Finding(
        code=Cause.STATE_NOT_REACHED,
        verdict=Verdict.FAIL,
        step=f"state[{number}]",
        expected=f"{states.described(wanted(asked))} from {query}",
        looked_in="the database" if asked.sql else "the read model",
        waited_ns=round(within_s * NS_PER_S),
        limit_ns=asked.within_ns,
        evidence=tuple(
            f"{'last seen' if one is last else 'before'}: {one.actual or one.error}"
            for one in outcome.samples[-3:][::-1]
        ),
        detail={"samples": len(outcome.samples)},
    )


def _wanted(predicate: Predicate) -> object:
    if predicate.comparison is Comparison.EQUALS:
        return predicate.value

    def meets(value: object) -> bool:
        return holds(predicate, ABSENT if value is MISSING else value)

    meets.__doc__ = describe(predicate).removeprefix(f"{predicate.attribute} ")
    return meets


def _number(times: Times) -> str:
    if times.at_most == 0:
        return "none"
    if times.at_most is None:
        return f"{times.at_least} or more"
    return f"{times.at_least}" if times.at_most == times.at_least else f"{times.at_least} to {times.at_most}"


def _narrowed(asked: Observe) -> str:
    parts = [
        *(describe(each) for each in asked.where),
        *(f"header {name} {value!r}" for name, value in asked.headers.items()),
    ]
    parts += [f"key {asked.key!r}"] if asked.key is not None else []
    return f" with {', '.join(parts)}" if parts else ""


Meets = Callable[[object], bool]
