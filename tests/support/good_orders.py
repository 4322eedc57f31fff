"""Chains that went well: the same few steps, some of them rarer, at slightly different paces."""

from random import Random

from tests.support.spans import Traces
from tracecheck.model import Span


def orders(count: int, *, seed: int = 1, stuck: bool = False, slow_ms: float = 0, start_s: int = 0) -> list[Span]:
    """Orders: reserved and charged, then shipped after both (joined by a link); every fourth customer is mailed."""
    random, spans = Random(seed), []
    for number in range(count):
        story = Traces(correlation_id=f"o-{start_s + number}")
        at = (start_s + number) * 1000.0
        placed = story.send("checkout", "orders", at_ms=at)
        reserved = story.process("inventory", "orders", of=placed, at_ms=at + 10 + random.random() * 5, took_ms=8)
        done = story.send("inventory", "reserved", under=reserved, at_ms=at + 20)
        if not stuck:
            charged = story.process("billing", "orders", of=placed, at_ms=at + 12, took_ms=20 + slow_ms)
            ready = story.send("billing", "charged", under=charged, at_ms=at + 25)
            story.process("shipping", "charged", of=ready, at_ms=at + 60 + slow_ms, took_ms=5, links=[done])
            if number % 4 == 0:
                story.process("mailer", "charged", of=ready, at_ms=at + 70 + slow_ms, took_ms=5)
        story.process("shipping", "reserved", of=done, at_ms=at + 40, took_ms=4)
        spans += story.spans
    return spans
