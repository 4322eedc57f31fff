"""How many messages of a kind there must be, and what to say when there are not."""

from collections.abc import Sequence
from dataclasses import dataclass

from tracecheck.errors import ExpectationUnmet, UsageError
from tracecheck.probe.brokers.protocol import Seen
from tracecheck.probe.match import Match

MISSES_SHOWN = 3


class NotObserved(ExpectationUnmet):
    """Too few or too many messages. `found` are those meant, `misses` others with what was wrong with each."""

    def __init__(self, text: str, *, found: tuple[Seen, ...], misses: tuple[tuple[Seen, str], ...]) -> None:
        super().__init__(text)
        self.found = found
        self.misses = misses


class Unsure(ExpectationUnmet):
    """Nothing contradicts the claim, but absence cannot be told: no evidence is never a pass."""

    exit_code = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """`least` to `most` (None: any number of) messages that match."""

    match: Match
    least: int = 1
    most: int | None = None

    @staticmethod
    def of(match: Match, *, exactly: int | None, at_least: int | None, none: bool) -> "Claim":
        """At least one unless told otherwise. Raises `UsageError` for contradictory or negative numbers."""
        given = [number for number in (exactly, at_least, 0 if none else None) if number is not None]
        if len(given) > 1 or any(number < 0 for number in given):
            raise UsageError("expected one of exactly=, at_least= (not negative) and none=True")
        if none or exactly is not None:
            return Claim(match=match, least=exactly or 0, most=exactly or 0)
        return Claim(match=match, least=1 if at_least is None else at_least)

    def enough(self, found: Sequence[Seen]) -> bool:
        """True if there are at least as many as claimed."""
        return len(found) >= self.least

    def too_many(self, found: Sequence[Seen]) -> bool:
        """True if there are more than claimed, which no waiting mends."""
        return self.most is not None and len(found) > self.most

    def unmet(
        self, found: tuple[Seen, ...], seen: Sequence[Seen], missing: Sequence[str], within_s: float
    ) -> NotObserved:
        """What to raise: how many there were, which came nearest, and destinations that do not exist."""
        number = (
            "no" if self.most == 0 else f"exactly {self.most}" if self.most is not None else f"{self.least} or more"
        )
        meant = self.match.describe().removeprefix("a ")
        lines = [f"expected {number} of: {meant}; saw {len(found)} within {within_s:g} s, of {len(seen)} in all"]
        if self.too_many(found):
            misses: tuple[tuple[Seen, str], ...] = ()
            lines += [f"  one too many: {place_of(one)}" for one in found[self.most : (self.most or 0) + MISSES_SHOWN]]
        else:
            misses = tuple((one, why) for one in seen if (why := self.match.difference(one)) is not None)
            near = sorted(misses, key=lambda miss: miss[1].startswith("destination"))
            lines += [f"  nearest: {place_of(one)}: {why}" for one, why in near[:MISSES_SHOWN]]
        lines += [f"  {name} does not exist on the broker" for name in missing]
        return NotObserved("\n".join(lines), found=found, misses=misses)


def place_of(seen: Seen) -> str:
    """Where a message is, for people: `orders[0]@41`, or its message id where there are no offsets."""
    if seen.offset is not None:
        return f"{seen.destination}[{seen.partition}]@{seen.offset}"
    return f"{seen.destination} {seen.message_id or '(without id)'}"
