"""Where a scenario did not pass: what its spans, the bus and the states say that the others deny."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

from tracecheck.chains import load, refresh
from tracecheck.check.witnesses import BusWitness, StateWitness, disagreements
from tracecheck.errors import TracecheckError, UsageError
from tracecheck.expect import Expectation
from tracecheck.model import Chain, Finding, Result, Verdict
from tracecheck.probe.inject import Injected
from tracecheck.probe.observe import Observer
from tracecheck.scenario.awaited import Witnessed
from tracecheck.scenario.ground import Ground


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
    chain = _chain_of(result, ground)
    after_seed = tuple(step.name for step in expectation.steps if step.after is not None)
    states = [
        StateWitness(name=f"state[{number}]", outcome=one.outcome, steps=after_seed)
        for number, one in enumerate(witnessed.sampled)
        if one.outcome is not None and one.outcome.met
    ]
    found = list(disagreements(chain, result.steps, states=states))
    since = min(one.span.start_unix_nano for one in injected)
    matched = tuple(seen for one in witnessed.observed for seen in one.seen)

    def said(observer: Observer, watched: tuple[str, ...], *, caught_up: bool) -> tuple[Finding, ...]:
        seen = observer.seen if chain is not None else matched
        bus = BusWitness(watched=watched, since_unix_nano=since, seen=seen, caught_up=caught_up)
        return disagreements(chain, result.steps, bus)

    for system, observer in observers.items():
        watched = tuple(one.asked.destination for one in witnessed.observed if one.asked.system == system)
        if said(observer, watched, caught_up=True):  # only then is it worth to read the bus to its end
            found += said(observer, watched, caught_up=_caught_up(observer))
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
