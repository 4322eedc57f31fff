"""By what a message can be known again on the other side: its position, its own id, its event id."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

from tracecheck.chains.assembly.facts import Said
from tracecheck.model import MessageIdentity

EXACT = ("kafka", "aws_sqs")
"""Systems in which both sides name the same place."""

SEPARATOR = "\x1f"

Name = tuple[str, str]


def named(said: Said, identity: MessageIdentity) -> Said:
    """A consumer as if it handled that one message alone, which one of its links names."""
    return replace(
        said,
        partition=identity.partition,
        offset=identity.offset,
        message_id=identity.message_id,
        event_id=None,
    )


def names_of(said: Said) -> list[Name]:
    """The keys of a message, best first."""
    found = []
    if said.offset is not None and said.partition is not None and said.destination is not None:
        found.append(("p", _joined(said.system, said.destination, said.partition, str(said.offset))))
    place = said.destination if said.system in EXACT else ""
    names = (name for name in (said.message_id, said.event_id) if name is not None)
    return found + [("i", _joined(said.system or "", place, name)) for name in names]


def offered_by(messages: Mapping[int, Said], wanted: set[Name]) -> dict[Name, list[int]]:
    """The messages that have each of the wanted keys, by order."""
    offered: dict[Name, list[int]] = defaultdict(list)
    for n, message in messages.items():
        for key in set(names_of(message)) & wanted:
            offered[key].append(n)
    return offered


def last_before(messages: list[int], n: int) -> int:
    """The last of them before a consumer; where all are later, its clock is behind, and it is the first."""
    return messages[max(bisect_left(messages, n) - 1, 0)]


def _joined(*parts: str | None) -> str:
    return SEPARATOR.join(part for part in parts if part is not None)
