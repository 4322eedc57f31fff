"""A scenario made ready for one run: its texts filled in, and its injected message as the anchor of its steps."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from tracecheck.expect import Expectation, Pattern, Role, Step
from tracecheck.expect.model import After, CleanUp, Observe, Predicate, Seed, StateProbe
from tracecheck.probe.inject import SERVICE
from tracecheck.probe.templates import fill

SEED_STEP = "seed"

T = TypeVar("T")


def filled(expectation: Expectation, variables: Mapping[str, object]) -> Expectation:
    """The expectation with `{run}` and the other variables filled into every text that is data.

    SQL statements and destinations stay as written: values reach a statement as parameters only. Raises `UsageError`
    for a variable that there is none of.
    """

    def full(value: T) -> T:
        return fill(value, variables)

    def predicates(given: tuple[Predicate, ...]) -> tuple[Predicate, ...]:
        return tuple(replace(each, value=full(each.value)) for each in given)

    def pattern(given: Pattern) -> Pattern:
        return replace(given, where=predicates(given.where))

    def seed(given: Seed) -> Seed:
        return replace(given, value=full(given.value), key=full(given.key), headers=full(given.headers))

    def observe(given: Observe) -> Observe:
        return replace(given, where=predicates(given.where), key=full(given.key), headers=full(given.headers))

    def state(given: StateProbe) -> StateProbe:
        matches = None if given.matches is None else predicates((given.matches,))[0]
        http, equals = full(given.http), full(given.equals)
        return replace(given, http=http, equals=equals, matches=matches, params=full(given.params))

    def clean_up(given: CleanUp) -> CleanUp:
        return replace(given, params=full(given.params))

    return replace(
        expectation,
        steps=tuple(replace(step, pattern=pattern(step.pattern)) for step in expectation.steps),
        never=tuple(map(pattern, expectation.never)),
        seed=None if expectation.seed is None else seed(expectation.seed),
        observe=tuple(map(observe, expectation.observe)),
        state=tuple(map(state, expectation.state)),
        clean_up=tuple(map(clean_up, expectation.clean_up)),
    )


def anchored(expectation: Expectation) -> Expectation:
    """The expectation with the message of its seed as the anchor, so that a missing first step is `not_sent`.

    Where the anchor is a send to the seed's destination, the injected message stands for it, whichever service is
    named there. Any other anchor follows from the injected message, which becomes a step `seed` before it.
    """
    if expectation.seed is None:
        return expectation
    anchor, destination = expectation.anchor, expectation.seed.destination
    if anchor.pattern.role is Role.SEND and anchor.pattern.target == destination:
        stands_in = replace(anchor, pattern=Pattern(role=Role.SEND, target=destination, service=SERVICE))
        return replace(expectation, steps=tuple(stands_in if step is anchor else step for step in expectation.steps))
    name = SEED_STEP
    while any(step.name == name for step in expectation.steps):
        name += "_"
    first = Step(name=name, pattern=Pattern(role=Role.SEND, target=destination, service=SERVICE))
    follows = replace(anchor, after=After(steps=(name,)))
    return replace(expectation, steps=(first, *(follows if step is anchor else step for step in expectation.steps)))
