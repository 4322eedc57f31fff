"""Messages: which producer spans say the same one, and what they know of it together (`30_folding`, `32_messages`)."""

from collections import defaultdict
from dataclasses import replace

from tracecheck.chains.assembly.facts import Facts, Said


def messages_of(facts: Facts) -> tuple[dict[int, int], dict[int, Said]]:
    """Producer span -> its message (the outermost span of it), and every message with all that is known of it."""
    folded = _folded(facts)
    carried = _carried(facts, folded)
    message_of = {n: folded.get(n, n) for n in facts.producers if n not in carried}
    inner: dict[int, list[tuple[Said, bool]]] = defaultdict(list)
    for n, message in folded.items():
        inner[message].append((facts.producers[n], True))
    for n, creates in carried.items():
        for create in creates:
            inner[folded.get(create, create)].append((facts.producers[n], len(creates) == 1))
    return message_of, {
        message: _together(facts.producers[message], inner[message]) if message in inner else facts.producers[message]
        for message in sorted(set(message_of.values()))
    }


def _folded(facts: Facts) -> dict[int, int]:
    """A send directly inside a create, or inside an earlier send to the same destination, is the same message."""
    folded: dict[int, int] = {}
    for n, said in facts.producers.items():
        outer = facts.parent[n]
        if said.role != "send" or outer is None or outer >= n:
            continue
        handler = facts.consumers.get(outer)
        if handler is not None and (message := _put_back(facts, said, handler)) is not None:
            folded[n] = folded.get(message, message)
            handler.is_put_back = handler.is_put_back or not handler.failed
            handler.failed = True
        if outer not in facts.producers:
            continue
        around = facts.producers[outer]
        if around.role == "create" or said.destination is None or said.destination == around.destination:
            folded[n] = folded.get(outer, outer)
    return folded


def _put_back(facts: Facts, sent: Said, handler: Said) -> int | None:
    """The message that its own handler sends again, by the same id to the same place and without a position of its own,
    as Celery does for a retry: it is put back to be tried again."""
    same = (sent.system, sent.destination, sent.message_id)
    if None in same or handler.role != "process" or (sent.offset, handler.offset) != (None, None):
        return None
    causes = {facts.parent[handler.n], *(target for _, target in facts.links.get(handler.n, ()))}
    sends = (facts.producers[n] for n in causes if n in facts.producers and n < handler.n)
    if (handler.system, handler.destination, handler.message_id) != same:
        return None
    return min((one.n for one in sends if (one.system, one.destination, one.message_id) == same), default=None)


def _carried(facts: Facts, folded: dict[int, int]) -> dict[int, set[int]]:
    """Sends that only carry the creates they link to, unless a consumer points at them."""
    pointed_at = {facts.parent[n] for n in facts.consumers}
    pointed_at |= {target for n in facts.consumers for _, target in facts.links.get(n, ())}
    carried: dict[int, set[int]] = {}
    for n in facts.links:
        said = facts.producers.get(n)
        if said is None or said.role != "send" or n in folded or n in pointed_at:
            continue
        creates = {
            target
            for _, target in facts.links[n]
            if target in facts.producers and facts.producers[target].role == "create"
        }
        if creates:
            carried[n] = creates
    return carried


def _together(own: Said, inner: list[tuple[Said, bool]]) -> Said:
    alone = [said for said, is_alone in inner if is_alone]

    def known(value: object, name: str, among: list[Said]) -> object:
        if value is not None:
            return value
        return max((each for said in among if (each := getattr(said, name)) is not None), default=None)

    return replace(
        own,
        destination=known(own.destination, "destination", [said for said, _ in inner]),  # type: ignore[arg-type]
        partition=known(own.partition, "partition", alone),  # type: ignore[arg-type]
        offset=known(own.offset, "offset", alone),  # type: ignore[arg-type]
        message_id=known(own.message_id, "message_id", alone),  # type: ignore[arg-type]
        event_id=known(own.event_id, "event_id", alone),  # type: ignore[arg-type]
        failed=own.failed or any(said.failed for said, _ in inner),
    )
