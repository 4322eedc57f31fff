"""Expectations from chains that went well: which steps they share, in which order, and how long each may take.

What a step means is asked of `evaluate` itself: a first draft without budgets is held against every chain, and the
times it measures become the budgets. So `check` reads what `learn` wrote as it was meant.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from tracecheck.chains import Surroundings, load_many, refresh, summaries, surroundings
from tracecheck.check.across import widened
from tracecheck.check.evaluate import evaluate
from tracecheck.check.index import Index, Key, Unit, reach
from tracecheck.check.sample import sampled
from tracecheck.errors import UsageError
from tracecheck.expect import Expectation, Pattern, Role, Step, Times
from tracecheck.expect.model import After, Join
from tracecheck.model import Cause, Chain, ChainSummary, Result, Verdict
from tracecheck.store import Store

LEAST_INSTANCES = 20
"""Fewer say too little: even of twenty chains alike, one in seven of all others may still differ (see `sure_share`)."""

LEAST_SHARE = 0.05
"""Steps seen in fewer instances are left out, and named."""

MARGIN = 2.0
"""A budget is this many times what ninety-nine in a hundred instances needed, and never below `LEAST_BUDGET_NS`."""

LEAST_BUDGET_NS = 100_000_000
QUANTILE = 0.99
CONFIDENCE = 0.95

MOST_CHAINS = 2_000
"""Chains read of each kind of origin: of more, as many chosen by chance say as much (`sure_share` is 99.8 %)."""

BLEMISHES = frozenset(Cause) - {Cause.CONTEXT_LOST, Cause.BATCH_FAN_IN, Cause.STALE_CONTEXT, Cause.DUPLICATE_SEND}
"""What the spans themselves prove of a chain that makes it no good example."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedStep:
    """What was seen of one step: in how many instances, how often in each, and how long it took (nanoseconds)."""

    name: str
    seen_in: int
    times: tuple[int, int]
    p50_ns: int | None = None
    p99_ns: int | None = None
    longest_ns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """An expectation and how well it is founded.

    `instances` were learned from; `passing` of them pass it. `skipped` counts chains by the code for which they were no
    good example; `left_out` are steps too rare to be written. With 95 % confidence at least `sure_share` of all
    instances have every required step. `sampled_of` says of how many good chains they are a choice, if they are.
    """

    expectation: Expectation
    steps: tuple[LearnedStep, ...]
    instances: int
    passing: int
    skipped: tuple[tuple[str, int], ...]
    left_out: tuple[str, ...]
    sampled_of: int | None = None

    @property
    def sure_share(self) -> float:
        """The lower bound of a binomial proportion after `instances` successes out of as many."""
        return float((1 - CONFIDENCE) ** (1 / self.instances))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Instance:
    """One anchor match: its units by pattern, and by pattern the patterns directly before it."""

    counts: Counter[Pattern]
    before: dict[Pattern, frozenset[Pattern]]
    order: tuple[Pattern, ...]


def learn(
    store: Store,
    *,
    name: str | None = None,
    anchor: str | None = None,
    run_id: str | None = None,
    since_unix_nano: int | None = None,
    least: int = LEAST_INSTANCES,
    margin: float = MARGIN,
    most: int = MOST_CHAINS,
) -> list[Learned]:
    """One expectation per kind of first step, the most frequent first: of `anchor` (a destination), or of all.

    Of the good chains of one kind of origin at most `most` are read, chosen by chance and always the same.
    Raises `UsageError` where no kind has at least `least` good instances.
    """
    refresh(store)
    good: list[ChainSummary] = []
    skipped: Counter[str] = Counter()
    for summary in summaries(store, run_id=run_id, since_unix_nano=since_unix_nano):
        if summary.hops and (blemish := min(BLEMISHES.intersection(summary.findings), default=None)):
            skipped[blemish] += 1
        elif summary.hops:
            good.append(summary)
    chosen = sampled(good, most)
    by_anchor: dict[Pattern, list[tuple[Chain, frozenset[Key], _Instance]]] = defaultdict(list)
    chains = list(load_many(store, [summary.chain_id for summary in chosen]))
    for own, chain in zip(chains, widened(store, chains), strict=True):
        keys = frozenset(span.key for span in own.spans)
        for first, instance in _instances(chain, keys, anchor):
            by_anchor[first].append((chain, keys, instance))
    kinds = sorted(by_anchor.items(), key=lambda kind: -len(kind[1]))
    enough = [(first, found) for first, found in kinds if len(found) >= least]
    if not enough:
        largest = f"{len(kinds[0][1])} that begin with {_named(kinds[0][0])}" if kinds else "none"
        what = f" ({_told(skipped)})" if skipped else ""
        raise UsageError(
            f"there are too few good chains to learn from: {largest}, {sum(skipped.values())} left out{what}; "
            f"expected at least {least} of one kind"
        )
    around = surroundings(store, run_id)
    named = tuple(sorted(skipped.items()))
    of = len(good) if len(chosen) < len(good) else None
    learned = (_learned(name if len(enough) == 1 else None, found, around, margin, named) for _, found in enough)
    return [replace(each, sampled_of=of) for each in learned]


def _instances(chain: Chain, own: frozenset[Key], anchor: str | None) -> Iterable[tuple[Pattern, _Instance]]:
    """The chain's instances: everything that follows from each of its first messages (or of the one asked for)."""
    index = Index(chain)
    units = sorted((*index.messages, *index.deliveries), key=lambda unit: unit.start_unix_nano)
    unit_of = {key: unit for unit in units for key in unit.keys}
    before = {unit.keys: _before(index, unit, unit_of) for unit in units}
    for unit in units:
        is_first = not before[unit.keys] if anchor is None else unit.destination == anchor and unit.role is Role.SEND
        if not is_first or unit.keys[0] not in own:
            continue
        reached = reach(index, unit.keys)
        inside = [unit, *(other for other in units if other is not unit and _follows(other, reached))]
        yield _pattern(unit), _instance(inside, before)


def _follows(unit: Unit, reached: dict[Key, int]) -> bool:
    sent = unit.producer
    return any(key in reached for key in unit.keys) or (sent is not None and (sent.trace_id, sent.span_id) in reached)


def _instance(inside: Sequence[Unit], before: dict[tuple[Key, ...], tuple[Unit, ...]]) -> _Instance:
    first = _pattern(inside[0])
    there = {unit.keys for unit in inside}
    preceding: dict[Pattern, set[Pattern]] = defaultdict(set)
    for unit in inside[1:]:
        preceding[_pattern(unit)] |= {_pattern(other) for other in before[unit.keys] if other.keys in there}
    return _Instance(
        counts=Counter(_pattern(unit) for unit in inside),
        before={pattern: frozenset(others - {pattern}) or frozenset({first}) for pattern, others in preceding.items()},
        order=tuple(dict.fromkeys(_pattern(unit) for unit in inside)),
    )


def _before(index: Index, unit: Unit, unit_of: dict[Key, Unit]) -> tuple[Unit, ...]:
    """The units directly before one: its message, else the nearest on each way up."""
    if unit.producer is not None:
        sent = unit_of.get((unit.producer.trace_id, unit.producer.span_id))
        return (sent,) if sent is not None else ()
    found: dict[tuple[Key, ...], Unit] = {}
    seen, waiting = set(unit.keys), list(unit.keys)
    while waiting:
        for edge in index.causes.get(waiting.pop(), ()):
            if edge.cause in seen:
                continue
            seen.add(edge.cause)
            above = unit_of.get(edge.cause)
            if above is None or above is unit:
                waiting.append(edge.cause)
            else:
                found[above.keys] = above
    return tuple(found.values())


def _pattern(unit: Unit) -> Pattern:
    if unit.role is Role.SEND:
        return Pattern(role=Role.SEND, target=unit.destination or "", service=unit.service)
    service = None if unit.group else unit.service
    return Pattern(role=Role.PROCESS, target=unit.destination or "", group=unit.group, service=service)


def _learned(
    name: str | None,
    found: Sequence[tuple[Chain, frozenset[Key], _Instance]],
    around: Surroundings,
    margin: float,
    skipped: tuple[tuple[str, int], ...],
) -> Learned:
    instances = [instance for _, _, instance in found]
    draft, left_out = _draft(name, instances)
    results = _evaluated(found, draft, around)
    steps = tuple(_step_seen(step, instances, results) for step in draft.steps)
    budgets = {step.name: _budget(step.p99_ns, margin) for step in steps if step.p99_ns is not None}
    whole = _budget(_quantile([_length(result) for result in results]), margin)
    final = replace(
        draft,
        steps=tuple(replace(step, within_ns=budgets.get(step.name)) for step in draft.steps),
        within_ns=whole if len(draft.steps) > 1 else None,
    )
    passing = sum(result.verdict is Verdict.PASS for result in _evaluated(found, final, around))
    return Learned(
        expectation=final,
        steps=steps,
        instances=len(instances),
        passing=passing,
        skipped=skipped,
        left_out=left_out,
    )


def _draft(name: str | None, instances: Sequence[_Instance]) -> tuple[Expectation, tuple[str, ...]]:
    """Steps, their order and their cardinality, without budgets."""
    seen = Counter(pattern for instance in instances for pattern in instance.counts)
    kept = {pattern for pattern, count in seen.items() if count >= LEAST_SHARE * len(instances) and pattern.target}
    first = instances[0].order[0]
    ordered = [first, *(pattern for pattern in _in_order(instances) if pattern in kept and pattern != first)]
    names = _names(ordered)
    steps = [Step(name=names[first], pattern=first)]
    done = {first}
    for pattern in ordered[1:]:
        after = _after(pattern, instances, done)
        counts = [instance.counts[pattern] for instance in instances if pattern in instance.counts]
        steps.append(
            Step(
                name=names[pattern],
                pattern=pattern,
                after=After(steps=tuple(names[one] for one in after[0]), join=after[1]),
                times=Times(at_least=min(counts)),
                optional=seen[pattern] < len(instances),
            )
        )
        done.add(pattern)
    rare = tuple(f"{_named(pattern)} ({count})" for pattern, count in seen.items() if pattern not in kept)
    return Expectation(name=name or f"{first.target}-by-{first.service or first.group}", steps=tuple(steps)), rare


def _in_order(instances: Sequence[_Instance]) -> list[Pattern]:
    """All patterns, each after those that came before it: by the mean place at which it first appeared."""
    places: dict[Pattern, list[float]] = defaultdict(list)
    for instance in instances:
        for place, pattern in enumerate(instance.order):
            places[pattern].append(place)
    return sorted(places, key=lambda pattern: sum(places[pattern]) / len(places[pattern]))


def _after(pattern: Pattern, instances: Sequence[_Instance], done: set[Pattern]) -> tuple[tuple[Pattern, ...], Join]:
    """What always came before, together; else whatever did in some instance."""
    sets = [instance.before[pattern] & done for instance in instances if pattern in instance.before]
    sets = [one for one in sets if one] or [frozenset({instances[0].order[0]})]
    always = frozenset.intersection(*sets)
    key = _in_order(instances).index
    if always:
        return tuple(sorted(always, key=key)), Join.ALL
    return tuple(sorted(frozenset.union(*sets), key=key)), Join.ANY


def _evaluated(
    found: Sequence[tuple[Chain, frozenset[Key], _Instance]], expectation: Expectation, around: Surroundings
) -> list[Result]:
    once = {chain.chain_id: (chain, own) for chain, own, _ in found}
    return [
        result
        for chain, own in once.values()
        for result in evaluate(chain, expectation, around, settle_ns=0, among=own)
    ]


def _step_seen(step: Step, instances: Sequence[_Instance], results: Sequence[Result]) -> LearnedStep:
    counts = [instance.counts[step.pattern] for instance in instances if step.pattern in instance.counts]
    outcomes = (outcome for result in results for outcome in result.steps if outcome.name == step.name)
    took = sorted(outcome.took_ns for outcome in outcomes if outcome.took_ns is not None)
    return LearnedStep(
        name=step.name,
        seen_in=len(counts),
        times=(min(counts), max(counts)),
        p50_ns=took[(len(took) - 1) // 2] if took else None,
        p99_ns=_quantile(took),
        longest_ns=took[-1] if took else None,
    )


def _length(result: Result) -> int:
    instants = [step.instant_unix_nano for step in result.steps if step.instant_unix_nano is not None]
    return max(instants, default=0) - (result.steps[0].instant_unix_nano or 0)


def _quantile(values: Sequence[int]) -> int | None:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(QUANTILE * len(ordered)))] if ordered else None


def _budget(taken_ns: int | None, margin: float) -> int | None:
    """The margin applied, rounded up to two digits."""
    if taken_ns is None:
        return None
    wanted = max(LEAST_BUDGET_NS, round(taken_ns * margin))
    step: int = 10 ** max(0, len(str(wanted)) - 2)
    return -(-wanted // step) * step


def _names(patterns: Sequence[Pattern]) -> dict[Pattern, str]:
    names: dict[Pattern, str] = {}
    for pattern in patterns:
        doer = pattern.group or pattern.service or "anyone"
        words = f"{pattern.target}-sent" if pattern.role is Role.SEND else f"{pattern.target}-by-{doer}"
        plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", words).strip("-.")[:100]
        plain = plain if re.match(r"[A-Za-z_]", plain) else f"step-{plain}"
        taken = set(names.values())
        names[pattern] = next(
            option for option in (plain, *(f"{plain}-{n}" for n in range(2, len(patterns) + 2))) if option not in taken
        )
    return names


def _named(pattern: Pattern) -> str:
    return f"{pattern.role.value} {pattern.target} by {pattern.group or pattern.service}"


def _told(skipped: Counter[str]) -> str:
    return ", ".join(f"{count} {code}" for code, count in sorted(skipped.items()))
