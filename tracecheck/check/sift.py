"""Plain passes in bulk: what `sql/sift.sql` proves of all chains at once, so that `evaluate` sees only the rest.

What happened is decided once for each shape that chains have (`chains.steps_of`), and when, for every chain. The sift
knows which expectations it can decide, and of those only the plainest way to pass: one message or delivery per step,
one attempt each, each handed on directly by the steps before. It never fails a chain; whatever it does not pass is
evaluated. A property test holds that whatever it passes, `evaluate` passes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

from tracecheck.chains import steps_of
from tracecheck.expect import Expectation, Pattern, Role, Step, in_causal_order
from tracecheck.expect.model import Join
from tracecheck.model import Basis
from tracecheck.store import Reader

REPRESENTATIVES = "in (select chain_number from shape)"

IS_ANCHOR = {
    Role.SEND: "is_message and destination = $anchor",
    Role.PROCESS: "not is_message and destination = $anchor and outcome <> 'undelivered'",
}
"""As `anchors.OF_ROLE` says it of rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sifted:
    """How many chains with the anchor pass, and the ids of all others, by start."""

    passed: int
    others: tuple[str, ...]


def sift(
    store: Reader,
    expectation: Expectation,
    *,
    basis: Basis,
    run_id: str | None = None,
    among: Sequence[str] | None = None,
) -> Sifted | None:
    """Sifts the chains that hold the anchor: of one run, among the given ones, or all.

    None where the expectation's shape is not the sift's to decide. `basis` is how complete the evidence is; a pass that
    claims what did not happen rests on it.
    """
    if not decidable(expectation) or (expectation.negative and basis.rank > expectation.completeness.rank):
        return None
    query = _Query(expectation)
    text = query.text()
    parameters = {**query.parameters, "run_id": run_id, "among": None if among is None else list(among)}
    row = store.query(text, parameters).to_pylist()[0]
    return Sifted(passed=row["passed"], others=tuple(row["others"]))


def decidable(expectation: Expectation) -> bool:
    """Whether all of it is a matter of messages and deliveries, each named so that no two steps can mean the same one,
    and each directly after the steps it names."""
    steps = expectation.steps
    patterns = [*(step.pattern for step in steps), *expectation.never]
    if expectation.closed or any(not _is_plain(pattern) for pattern in patterns):
        return False
    if any(step.times.at_least > 1 or step.times.at_most == 0 or step.budgets for step in steps):
        return False
    named = {step.name: step for step in steps}
    return not _overlapping([step.pattern for step in steps]) and all(
        _are_direct([named[name].pattern.role for name in step.after.steps], step, [named[n] for n in step.after.steps])
        for step in steps
        if step.after is not None
    )


def _is_plain(pattern: Pattern) -> bool:
    if pattern.where or pattern.role not in (Role.SEND, Role.PROCESS):
        return False
    return pattern.role is Role.PROCESS or pattern.group is None


def _overlapping(patterns: Sequence[Pattern]) -> bool:
    """Two steps that could be met by one delivery, or by deliveries of one group, need more than counts."""
    for place, one in enumerate(patterns):
        for other in patterns[place + 1 :]:
            if (one.role, one.target) == (other.role, other.target) and (
                one.role is Role.SEND or one.group is None or other.group is None or one.group == other.group
            ):
                return True
    return False


def _are_direct(roles: Sequence[Role], step: Step, before: Sequence[Step]) -> bool:
    """A delivery follows its message's send, or the delivery in which that was sent; a send follows a delivery."""
    if step.pattern.role is Role.SEND:
        return all(role is Role.PROCESS for role in roles)
    return all(one.pattern.role is Role.PROCESS or one.pattern.target == step.pattern.target for one in before)


@dataclass(slots=True)
class _Query:
    """The figures of each step by shape, and the conditions over them; `timely` are those over a chain's instants.

    Names go in as parameters only.
    """

    expectation: Expectation
    parameters: dict[str, object] = field(default_factory=dict)
    _sent: dict[str, int] = field(default_factory=dict)
    _figures: dict[str, list[str]] = field(default_factory=lambda: {"sent": [], "handled": []})
    _conditions: list[str] = field(default_factory=list)
    _timely: list[str] = field(default_factory=list)
    _messages: list[str] = field(default_factory=list)
    _handlings: list[str] = field(default_factory=list)

    def text(self) -> str:
        """The statement; `parameters` are complete after it."""
        named = {step.name: place for place, step in enumerate(self.expectation.steps)}
        for place, step in enumerate(self.expectation.steps):
            self._count(place, step.pattern)
        for step in in_causal_order(self.expectation):
            if step.after is not None:
                self._follows(named[step.name], step, [named[name] for name in step.after.steps])
        if self.expectation.within_ns is not None:
            self._within_whole(named)
        for number, pattern in enumerate(self.expectation.never):
            self._never(number, pattern)
        anchor = self.expectation.anchor.pattern
        self.parameters["anchor"] = anchor.target
        return _template().format(
            steps=steps_of(REPRESENTATIVES),
            is_anchor=IS_ANCHOR[anchor.role],
            sent="".join(f", {figure}" for figure in self._figures["sent"]),
            handled="".join(f", {figure}" for figure in self._figures["handled"]),
            messages=" ".join(self._messages),
            handlings=" ".join(self._handlings) or "when false then 0",
            conditions=" and ".join(f"({each})" for each in self._conditions),
            timely=" and ".join(f"({each})" for each in self._timely) or "true",
        )

    def _message(self, destination: str) -> str:
        """The one message to a destination, as the prefix of its figures."""
        if destination not in self._sent:
            number = self._sent[destination] = len(self._sent)
            self.parameters[f"m{number}"] = destination
            self._messages.append(f"when destination = $m{number} then {number}")
            here = f"filter (what_message = {number})"
            self._figures["sent"] += [f"count(*) {here} as m{number}_count", f"any_value(it) {here} as m{number}"]
            self._conditions.append(f"m{number}_count = 1")
        return f"m{self._sent[destination]}"

    def _count(self, place: int, pattern: Pattern) -> None:
        """One message, or one delivery at the first attempt, and of the service named."""
        message = self._message(pattern.target)
        if pattern.service is not None:
            self.parameters[f"s{place}"] = pattern.service
        if pattern.role is Role.SEND:
            if pattern.service is not None:
                self._conditions.append(f"{message}.service = $s{place}")
            return
        named = f"destination = ${message}"
        if pattern.group is not None:
            self.parameters[f"g{place}"] = pattern.group
            named += f" and consumer_group = $g{place}"
        elif pattern.service is not None:
            named += f" and service = $s{place}"
        self._handlings.append(f"when {named} then {place}")
        here = f"what_step = {place}"
        self._figures["handled"] += [
            f"count(*) filter ({here}) as h{place}_count",
            f"count(*) filter ({here} and is_good) as h{place}_good",
            f"max(attempts) filter (what_message = {message[1:]}) as h{place}_attempts",
            f"any_value(it) filter ({here}) as h{place}",
        ]
        if pattern.service is not None:
            self._conditions.append(f"h{place}.service = $s{place}")
        self._conditions.append(f"h{place}_count = 1 and h{place}_good = 1 and h{place}_attempts = 1")

    def _follows(self, place: int, step: Step, before: Sequence[int]) -> None:
        assert step.after is not None
        paths = [f"({self._path(place, other)})" for other in before]
        self._conditions.append((" or " if step.after.join is Join.ANY else " and ").join(paths))
        if step.within_ns is not None:
            self.parameters[f"w{place}"] = step.within_ns
            latest = ", ".join(self._at(other) for other in before)
            self._timely.append(f"{self._at(place)} - greatest({latest}) <= $w{place}")

    def _path(self, place: int, before: int) -> str:
        """That the step's message or delivery comes from that of the step before."""
        pattern, earlier = self.expectation.steps[place].pattern, self.expectation.steps[before].pattern
        message = self._message(pattern.target)
        taken = f"h{place}.message = {message}.message"
        sent = f"{message}.handler = h{before}.handler"
        if pattern.role is Role.SEND:
            return sent
        return taken if earlier.role is Role.SEND else f"{taken} and {sent}"

    def _at(self, place: int) -> str:
        pattern = self.expectation.steps[place].pattern
        of = self._message(pattern.target) if pattern.role is Role.SEND else f"h{place}"
        return f"s.instants[d.{of}.place]"

    def _within_whole(self, named: dict[str, int]) -> None:
        self.parameters["whole"] = self.expectation.within_ns
        last = ", ".join(self._at(place) for place in self._required())
        self._timely.append(f"greatest({last}) - {self._at(named[self.expectation.anchor.name])} <= $whole")

    def _required(self) -> Iterator[int]:
        return (place for place, step in enumerate(self.expectation.steps) if not step.optional)

    def _never(self, number: int, pattern: Pattern) -> None:
        self.parameters[f"n{number}"] = pattern.target
        side = "sent" if pattern.role is Role.SEND else "handled"
        self._figures[side].append(f"count(*) filter (destination = $n{number}) as n{number}_count")
        self._conditions.append(f"coalesce(n{number}_count, 0) = 0")


@cache
def _template() -> str:
    return resources.files("tracecheck.check").joinpath("sql", "sift.sql").read_text("utf-8")
