"""Where a scenario did not pass: what its spans, the bus and the states say that the others deny."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from tracecheck.chains import load, refresh
from tracecheck.check.witnesses import BusWitness, StateWitness, disagreements
from tracecheck.errors import TracecheckError, UsageError
from tracecheck.expect import Expectation
from tracecheck.model import Chain, Finding, Result, Verdict
from tracecheck.probe.brokers.protocol import Seen
from tracecheck.probe.inject import Injected
from tracecheck.probe.observe import Observer
from tracecheck.scenario.awaited import Witnessed
from tracecheck.scenario.ground import Ground


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What one observer watches, and from when on. `own` are the messages that are the run's: all that can be told of
    the bus where no chain is stored."""

    observer: Observer
    watched: tuple[str, ...]
    since_unix_nano: int
    own: tuple[Seen, ...]


def contradictions(
    expectation: Expectation,
    result: Result,
    witnessed: Witnessed,
    ground: Ground,
    observers: Mapping[str, Observer],
    injected: Sequence[Injected],
) -> tuple[Finding, ...]:
    """The disagreements of the witnesses of one result; none for one that passed, whose witnesses agreed.

    Observers must still be watching, since the bus is read to its end before a loss is claimed. A state that was not
    reached is told by the scenario itself, so it is not told again here.
    """
    if result.verdict is Verdict.PASS or not injected:
        return ()
    after_seed = tuple(step.name for step in expectation.steps if step.after is not None)
    states = [
        StateWitness(name=f"state[{number}]", outcome=one.outcome, steps=after_seed)
        for number, one in enumerate(witnessed.sampled)
        if one.outcome is not None and one.outcome.met
    ]
    since = min(one.span.start_unix_nano for one in injected)
    own = tuple(seen for one in witnessed.observed for seen in one.seen)
    watches = [
        Watch(
            observer=observer,
            watched=tuple(one.asked.destination for one in witnessed.observed if one.asked.system == system),
            since_unix_nano=since,
            own=own,
        )
        for system, observer in observers.items()
    ]
    return confronted(result, ground, watches, states)


def confronted(
    result: Result, ground: Ground, watches: Sequence[Watch], states: Sequence[StateWitness] = ()
) -> tuple[Finding, ...]:
    """The disagreements of one result's chain with what was watched and with states that were reached."""
    chain = _chain_of(result, ground)
    found = list(disagreements(chain, result.steps, states=states))

    def said(watch: Watch, *, caught_up: bool) -> tuple[Finding, ...]:
        seen = watch.observer.seen if chain is not None else watch.own
        bus = BusWitness(watched=watch.watched, since_unix_nano=watch.since_unix_nano, seen=seen, caught_up=caught_up)
        return disagreements(chain, result.steps, bus)

    for watch in watches:
        if said(watch, caught_up=True):  # only then is it worth to read the bus to its end
            found += said(watch, caught_up=_caught_up(watch.observer))
    return tuple(found)


def _chain_of(result: Result, ground: Ground) -> Chain | None:
    if result.chain_id is None:
        return None
    with suppress(UsageError):
        refresh(ground.store)
        return load(ground.store, result.chain_id)
    return None


def _caught_up(observer: Observer) -> bool:
    with suppress(TracecheckError):
        return observer.catch_up()
    return False
